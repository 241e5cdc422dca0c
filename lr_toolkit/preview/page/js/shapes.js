// The shapes: the signature of each builder, and the formula of its curve at update `i` of a phase of `n` updates.

const START = "start: level = None, start_lr: level = None";

/** Registers the builder of a shape. `bind` returns the curve: the factor `at` an update, and the `end` that holds afterwards. */
function shape(name, signature, { check, ...rules }) {
  const parameters = readSignature(signature);
  const names = parameters.map((parameter) => parameter.name);
  const levels = names.filter((each) => names.includes(`${each}_lr`));
  const builder = { name, parameters, levels, ...rules };
  builder.build = (values) => {
    for (const level of levels) {
      const missing = parameters.find((each) => each.name === level).fallback;
      if (values[`${level}_lr`] !== null && argumentText(values[level]) !== argumentText(missing)) {
        refuse(`${name}(...): ${level} is either a factor of the base value or an LR. Write only one of ${level} and ${level}_lr.`);
      }
    }
    check?.(values);
    return new Schedule([new Shape(builder, values)]);
  };
  BUILDERS.set(name, builder);
}

/** Registers a shape that moves from the level reached, or from `start`, to `end`; `curve` returns its formula. */
function decay(name, required, own, { check, curve }) {
  const first = required ? `${required}, *, end: level = 0.0` : "end: level = 0.0, *";
  shape(name, `${first}, end_lr: level = None, ${own ? `${own}, ` : ""}${START}, over: duration = None`, {
    check,
    bind(shape, context) {
      const [start, end, n] = [shape.level("start") ?? context.level, shape.level("end"), context.length];
      if (start === end && n && context.base === null) refuseIdle(shape, start, " and ends there");
      return { end, at: curve({ ...shape.values, start, end, n, context, shape }) };
    },
  });
}

/** A decay of which `left(i)` is the share of the way that is left: exact near its end, if `left` is exact near 0. */
function decayBy(left) {
  return (values) => {
    const share = left(values);
    return (i) => {
      const rest = share(i);
      return values.start * rest + values.end * (1 - rest);
    };
  };
}

/** Registers a shape that begins at the level reached, or at `start`, and multiplies it by `curve(i)`. */
function starting(name, own, { check, curve, end }) {
  shape(name, `${own}, ${START}, over: duration = None`, {
    check,
    bind(shape, context) {
      const start = shape.level("start") ?? context.level;
      if (start === 0 && context.length) refuseIdle(shape, start, ", which no factor changes");
      const factor = curve({ ...shape.values, start, n: context.length, context, shape });
      return { at: (i) => start * factor(i), end: start * factor(end(context.length)) };
    },
  });
}

function refuseIdle(shape, level, why) {
  const restart = level === 1 ? "" : ", or start=1.0 to start again from the base value";
  refuse(`${shape.text}: begins at ${level} times the base value${why}, so it would do nothing. Write hold() to stay there${restart}.`);
}

const LARGEST_LOG = 700; // of a factor; beyond it the largest float is near
const AT_END = (n) => n;
const AT_LAST_UPDATE = (n) => Math.max(n - 1, 0);

// --- climbs and levels ----------------------------------------------------------------------------------------------------

const CLIMBS = {
  linear: (j, m) => j / m,
  cosine: (j, m) => Math.sin((Math.PI / 2) * (j / m)) ** 2,
  quadratic: (j, m) => (j / m) ** 2,
  log: (j, m) => Math.log1p(j) / Math.log1p(m),
  exponential: (j, m) => Math.expm1(-5 * (j / m)) / Math.expm1(-5),
  constant: () => 0,
};

shape(
  "warmup",
  `over: durationOrZero, *, shape: 'linear'|'cosine'|'quadratic'|'log'|'exponential'|'constant' = 'linear', peak: 'after'|'last' = 'after', start: share = None, start_lr: level = None`,
  {
    check({ shape, start, start_lr: startLR }) {
      if (shape === "constant" && start === null && startLR === null) refuse("warmup(..., shape='constant'): a constant warmup needs its level. Write start=0.1.");
    },
    bind(shape, { length }) {
      const start = shape.level("start");
      const { shape: climb, peak } = shape.values;
      const early = Number(start === null);
      const low = start ?? 0;
      const m = length + early - Number(peak === "last");
      return {
        end: 1,
        at(i) {
          if (m === 0) return 1;
          const j = i + early;
          if (peak === "after" && climb === "linear") return (low * (m - j) + j) / m;
          const share = Math.min(CLIMBS[climb](Math.min(j, m), m), 1);
          return low * (1 - share) + share;
        },
      };
    },
  },
);

shape("hold", "over: duration = None, *, level: level = None, level_lr: level = None", {
  bind(shape, context) {
    const level = shape.level("level") ?? context.level;
    return { at: () => level, end: level };
  },
});

shape("piecewise", "at: durations, *, levels: levels = None, levels_lr: levels = None, shape: 'constant'|'linear'|'cosine' = 'constant', over: duration = None", {
  check({ at, levels, levels_lr: lrs }) {
    if ((levels === null) === (lrs === null)) refuse("piecewise(...): the levels are given either as factors, levels=[...], or as LRs, levels_lr=[...].");
    if (!at.length || (levels ?? lrs).length !== at.length + 1) {
      refuse(`piecewise(...): at has ${at.length} milestones and ${(levels ?? lrs).length} levels; there is one level more, because the first holds before the first milestone.`);
    }
    checkRising("piecewise", at);
  },
  bind({ values }, context) {
    const path = values.shape;
    const levels = values.levels ?? values.levels_lr.map(() => 0);
    const milestones = placeMilestones("piecewise", values.at, context);
    if (milestones.at(-1) + Number(path === "constant") > context.length) refuse(`piecewise(...): milestone ${milestones.at(-1)} comes after the last of the ${context.length} steps that this phase takes.`);
    const places = [0, ...milestones];
    return {
      end: levels.at(-1),
      at(i) {
        if (path === "constant") return levels[countUpTo(milestones, i)];
        const left = countUpTo(places, i) - 1;
        if (left === levels.length - 1) return levels[left];
        const width = places[left + 1] - places[left];
        const [passed, rest] = [(i - places[left]) / width, (places[left + 1] - i) / width].map((share) => (path === "cosine" ? CLIMBS.cosine(share, 1) : share));
        return levels[left] * rest + levels[left + 1] * passed;
      },
    };
  },
});

// --- decays of a given length ---------------------------------------------------------------------------------------------

const POWERS = "power: positive = 1.0, k: positive = 1.0";

/** 1 - (i / n) ** k: what is left of the way, exact near its end. */
function remaining({ n, k }) {
  if (k === 1) return (i) => (n - i) / n;
  return (i) => -Math.expm1(k * (i / n < 0.5 ? Math.log(i / n) : Math.log1p(-(n - i) / n)));
}

decay("linear", "", "", { curve: ({ start, end, n }) => (i) => start * ((n - i) / n) + end * (i / n) });

decay("cosine", "", POWERS, {
  curve: decayBy((values) => {
    const left = remaining(values);
    return (i) => Math.sin((Math.PI / 2) * left(i)) ** (2 * values.power);
  }),
});

decay("polynomial", "power: positive", "k: positive = 1.0", {
  curve: decayBy((values) => {
    const left = remaining(values);
    return (i) => left(i) ** values.power;
  }),
});

decay("one_minus_sqrt", "", "", { curve: decayBy(({ n }) => (i) => (n - i) / n / (1 + Math.sqrt(i / n))) });

decay("rex", "", "beta: positive = 0.5", { curve: decayBy(({ n, beta }) => (i) => (n - i) / n / (beta * (i / n) + (n - i) / n)) });

decay("hyperbolic", "limit: duration", "", {
  curve: decayBy(({ n, limit, context }) => {
    const steps = context.stepsOf(limit);
    if (steps < n) refuse(`hyperbolic(${limit.text}): the limit is shorter than the phase, which takes ${n} steps. Write hyperbolic(${2 * n}).`);
    const far = 2 * steps;
    return (i) => Math.sqrt(((n - i) / n) * ((far - n - i) / (far - n)));
  }),
});

decay("tanh", "", "lower: within100 = -7.0, upper: within100 = 3.0", {
  check({ lower, upper }) {
    if (lower >= upper) refuse("tanh(...): lower must lie below upper. Write tanh(lower=-7.0, upper=3.0).");
  },
  curve({ start, end, n, lower, upper }) {
    const width = upper - lower;
    return (i) => {
      const [left, progress] = [(n - i) / n, i / n];
      const whole = Math.sinh(width) * Math.cosh(lower * left + upper * progress);
      const rest = i === 0 ? 1 : (Math.sinh(width * left) * Math.cosh(lower)) / whole;
      const passed = (Math.sinh(width * progress) * Math.cosh(upper)) / whole;
      return start * rest + end * passed;
    };
  },
});

decay("exponential_to", "", "ratio: positive = None", {
  check({ ratio, end, end_lr: endLR }) {
    if (ratio === 1) refuse("exponential_to(ratio=1.0): would be a straight line. Write linear(), or a ratio such as ratio=0.1.");
    if (ratio === null && (endLR ?? end) === 0) refuse("exponential_to(...): ends at zero, which no factor leads to or from. Write end=0.01, or ratio=0.1 for a curve that bends as if it fell to a tenth.");
  },
  curve({ start, end, n, ratio }) {
    if (ratio === null && start === 0) refuse("exponential_to(...): begins at zero, which no factor leads to or from. Write start=0.01, or ratio=0.1.");
    const logarithm = Math.log(ratio ?? end / start);
    if (logarithm === 0) return (i) => start * ((n - i) / n) + end * (1 - (n - i) / n);
    return (i) => {
      const [left, progress] = [(n - i) / n, i / n];
      const passed = Math.expm1(logarithm * progress) / Math.expm1(logarithm);
      const rest = Math.exp(logarithm * progress) * (Math.expm1(logarithm * left) / Math.expm1(logarithm));
      return start * (i === 0 ? 1 : rest) + end * passed;
    };
  },
});

// --- decays that multiply the level reached -------------------------------------------------------------------------------

starting("inverse_time", "timescale: duration, *, power: positive = 1.0, rate: positive = 1.0", {
  curve({ power, rate, timescale, context }) {
    const speed = rate / context.stepsOf(timescale);
    return (i) => (1 + i * speed) ** -power;
  },
  end: AT_END,
});

starting("power_cool", "power: positive = 1.2, *, scale: from1 = 2.0, beyond: from1 = 1.0", {
  curve: ({ power, scale, beyond, n }) => (i) => (n ? Math.min(1, scale * (((n - i) / n + (beyond - 1)) / beyond) ** power) : 1),
  end: AT_END,
});

starting("exponential", "gamma: positive, *, every: duration = '1 epoch'", {
  curve({ gamma, every, n, context, start }) {
    const { horizon } = context;
    if (hasOneLength(every, horizon)) {
      const { numerator, denominator } = horizon.after(ZERO, every);
      return powers(gamma, (i) => (i * Number(denominator)) / Number(numerator), n, start);
    }
    // In each epoch the clock runs evenly.
    const edges = [0, ...horizon.epochEnds.map((end) => end - context.start).filter((end) => end > 0 && end < n), n];
    const first = horizon.epochAt(Fraction.of(BigInt(context.start)));
    const passed = edges.map((edge) => horizon.epochAt(Fraction.of(BigInt(context.start + edge))).minus(first).over(every.amount).number);
    const exponent = (i) => {
      const left = Math.min(countUpTo(edges, i), edges.length - 1) - 1;
      return passed[left] + ((passed[left + 1] - passed[left]) / (edges[left + 1] - edges[left])) * (i - edges[left]);
    };
    return powers(gamma, n ? exponent : () => 0, n, start);
  },
  end: AT_END,
});

starting("step", "every: duration, *, gamma: positive = 0.1", {
  curve({ gamma, every, n, context, start }) {
    const { horizon, position } = context;
    const isEven = hasOneLength(every, horizon);
    const stride = isEven ? horizon.after(ZERO, every) : every.amount;
    const lengths = isEven ? [1] : horizon.epochLengths;
    const begun = isEven ? position : horizon.epochAt(position);
    const begins = lengths.map((_, epoch) => (epoch && !isEven ? horizon.epochEnds[epoch - 1] : 0) - context.start);
    const pieces = lengths.map((length, epoch) => {
      const offset = begun.minus(BigInt(epoch)).times(-1n).times(BigInt(length)).minus(BigInt(begins[epoch])).plus(new Fraction(1n, 2n));
      return division(offset, stride.times(BigInt(length)));
    });
    const exponent = (i) => {
      const { scale, first, width } = pieces[countUpTo(begins, i) - 1];
      return Number((BigInt(i) * scale + first) / width);
    };
    return powers(gamma, exponent, n, start);
  },
  end: AT_LAST_UPDATE,
});

starting("multistep", "at: durations, *, gamma: positive = 0.1", {
  check({ at }) {
    if (!at.length) refuse("multistep(at=[]): without a milestone nothing happens. Write hold() or multistep(at=['50%', '75%']).");
    checkRising("multistep", at);
  },
  curve({ at, gamma, n, context, start }) {
    const milestones = placeMilestones("multistep", at, context);
    if (milestones.at(-1) >= n) refuse(`multistep(...): milestone ${milestones.at(-1)} comes after the last of the ${n} steps that this phase takes, so it would never act. Write milestones as shares of the run: at=['50%', '75%'].`);
    return powers(gamma, (i) => countUpTo(milestones, i), n, start);
  },
  end: AT_LAST_UPDATE,
});

/** gamma ** exponent(i) */
function powers(gamma, exponent, n, start) {
  const growth = exponent(n) * Math.log(gamma);
  if (growth > 0 && growth + Math.log(Math.max(start, 1)) > LARGEST_LOG) refuse(`gamma=${numberText(gamma)}: grows beyond every float within the ${n} steps of its phase. Write a gamma below 1: gamma=0.9.`);
  return (i) => gamma ** exponent(i);
}

/** Whether a duration is equally long everywhere: epochs may differ. */
function hasOneLength({ unit }, horizon) {
  return unit !== "epochs" || (horizon.epochLengths ?? []).length <= 1;
}

/** How often an interval has passed `i` updates after an offset: floor((i + offset) / interval), just below each whole number. */
function division(offset, interval) {
  const scale = offset.denominator * interval.denominator;
  return { scale, first: offset.times(scale).numerator - 1n, width: interval.times(scale).numerator };
}

function checkRising(call, at) {
  const pair = at.slice(1).findIndex((later, index) => later.unit === at[index].unit && at[index].amount.compare(later.amount) >= 0);
  if (pair >= 0) refuseOrder(call, at[pair], at[pair + 1]);
}

function placeMilestones(call, at, context) {
  const milestones = at.map((milestone) => context.updateAfter(milestone));
  const pair = milestones.slice(1).findIndex((later, index) => milestones[index] > later);
  if (pair >= 0) refuseOrder(call, at[pair], at[pair + 1]);
  return milestones;
}

function refuseOrder(call, earlier, later) {
  refuse(`${call}(at=[..., ${earlier.text}, ${later.text}, ...]): milestones come in rising order, each once.`);
}
