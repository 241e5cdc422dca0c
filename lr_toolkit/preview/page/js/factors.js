// The shapes that multiply the level reached.

const LARGEST_LOG = 700; // of a factor; beyond it the largest float is near

const AT_END = (n) => n;
const AT_LAST_UPDATE = (n) => Math.max(n - 1, 0);

/** Registers a shape that begins at the level reached, or at `start`, and multiplies it by `curve(i)`. */
function starting(name, own, { check, curve, end }) {
  shape(name, `${own}, ${START}, over: duration = None`, {
    check,
    bind(shape, context) {
      const start = shape.level("start") ?? context.level;
      if (start === 0 && context.length) refuseIdle(shape, start, context, ", which no factor changes");
      const factor = curve({ ...shape.values, start, n: context.length, context, shape });
      return { value: (i) => start * factor(i), end: start * factor(end(context.length)) };
    },
  });
}

starting("inverse_time", "timescale: duration, *, power: positive = 1.0, rate: positive = 1.0", {
  curve({ power, rate, timescale, context }) {
    const speed = rate / context.stepsOf(timescale);
    return (i) => (1 + i * speed) ** -power;
  },
  end: AT_END,
});

starting("power_cool", "power: positive = 1.2, *, scale: from1 = 2.0, beyond: from1 = 1.0", {
  curve:
    ({ power, scale, beyond, n }) =>
    (i) =>
      n ? Math.min(1, scale * (((n - i) / n + (beyond - 1)) / beyond) ** power) : 1,
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
    const passed = edges.map(
      (edge) =>
        horizon
          .epochAt(Fraction.of(BigInt(context.start + edge)))
          .minus(first)
          .over(every.amount).number,
    );
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
      const offset = begun
        .minus(BigInt(epoch))
        .times(-1n)
        .times(BigInt(length))
        .minus(BigInt(begins[epoch]))
        .plus(new Fraction(1n, 2n));
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
  check({ at: durations }) {
    if (!durations.length)
      refuse("multistep(at=[]): without a milestone nothing happens. Write hold() or multistep(at=['50%', '75%']).");
    checkRising("multistep", durations);
  },
  curve({ at: durations, gamma, n, context, start }) {
    const milestones = placeMilestones("multistep", durations, context);
    if (milestones.at(-1) >= n)
      refuse(
        `multistep(...): milestone ${milestones.at(-1)} comes after the last of the ${n} steps that this phase takes, so it would never act. Write milestones as shares of the run: at=['50%', '75%'].`,
      );
    return powers(gamma, (i) => countUpTo(milestones, i), n, start);
  },
  end: AT_LAST_UPDATE,
});

/** gamma ** exponent(i) */
function powers(gamma, exponent, n, start) {
  const growth = exponent(n) * Math.log(gamma);
  if (growth > 0 && growth + Math.log(Math.max(start, 1)) > LARGEST_LOG)
    refuse(
      `gamma=${numberText(gamma)}: grows beyond every float within the ${n} steps of its phase. Write a gamma below 1: gamma=0.9.`,
    );
  return (i) => gamma ** exponent(i);
}

/** Whether a duration is equally long everywhere: epochs may differ. */
function hasOneLength({ unit }, horizon) {
  return unit !== "epochs" || (horizon.epochLengths ?? []).length <= 1;
}

/** How often an interval has passed `i` updates after an offset: floor((i + offset) / interval), just below each whole number. */
function division(offset, interval) {
  const scale = offset.denominator * interval.denominator;
  return { scale, first: offset.times(scale).floor - 1n, width: interval.times(scale).floor };
}
