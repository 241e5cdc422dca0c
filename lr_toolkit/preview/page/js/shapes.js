// The shapes: the signature of each builder, and the formula of its curve at update `i` of a phase of `n` updates. Here are the climbs and the levels.

const START = "start: level = None, start_lr: level = None";

/** Registers the builder of a shape. `bind` returns the curve: the factor as `value(i)`, and as `end` what holds afterwards. */
function shape(name, signature, { check, ...rules }) {
  const parameters = readSignature(signature);
  const names = parameters.map((parameter) => parameter.name);
  const levels = names.filter((each) => names.includes(`${each}_lr`));
  const builder = { name, parameters, levels, ...rules };
  builder.build = (values) => {
    for (const level of levels) {
      const missing = parameters.find((each) => each.name === level).fallback;
      if (values[`${level}_lr`] !== null && argumentText(values[level]) !== argumentText(missing)) {
        refuse(
          `${name}(...): ${level} is either a factor of the base value or an LR. Write only one of ${level} and ${level}_lr.`,
        );
      }
    }
    check?.(values);
    return new Schedule([new Shape(builder, values)]);
  };
  BUILDERS.set(name, builder);
}

/** Refuses a phase that would do nothing, with both spellings of what may be meant. */
function refuseIdle({ text, builder, written }, first, context, why) {
  const { start, start_lr: startLR, end_lr: endLR, over } = written;
  const hold = over ? [over.text] : [];
  if (first !== context.level)
    hold.push(startLR === null ? `level=${argumentText(start)}` : `level_lr=${argumentText(startLR)}`);
  const lr = startLR || endLR;
  const where = lr ? `the LR ${argumentText(lr)}` : `${shortText(first)} times the base value`;
  const again = callText(builder, { ...written, start: 1, start_lr: null });
  const restart = first === 1 ? "" : `, or ${again} to start again from the base value`;
  refuse(
    `${text}: begins at ${where}${why}, so it would do nothing. Write hold(${hold.join(", ")}) to stay there${restart}.`,
  );
}

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
      if (shape === "constant" && start === null && startLR === null)
        refuse("warmup(..., shape='constant'): a constant warmup needs its level. Write start=0.1.");
    },
    bind(shape, { length }) {
      const start = shape.level("start");
      const { shape: climb, peak } = shape.values;
      const early = Number(start === null);
      const low = start ?? 0;
      const m = length + early - Number(peak === "last");
      return {
        end: 1,
        value(i) {
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
    return { value: () => level, end: level };
  },
});

shape(
  "piecewise",
  "at: durations, *, levels: levels = None, levels_lr: levels = None, shape: 'constant'|'linear'|'cosine' = 'constant', over: duration = None",
  {
    check({ at: durations, levels, levels_lr: lrs }) {
      if ((levels === null) === (lrs === null))
        refuse("piecewise(...): the levels are given either as factors, levels=[...], or as LRs, levels_lr=[...].");
      if (!durations.length || (levels ?? lrs).length !== durations.length + 1) {
        refuse(
          `piecewise(...): at has ${durations.length} milestones and ${(levels ?? lrs).length} levels; there is one level more, because the first holds before the first milestone.`,
        );
      }
      checkRising("piecewise", durations);
    },
    bind({ values }, context) {
      const path = values.shape;
      const levels = values.levels ?? values.levels_lr.map(() => 0);
      const milestones = placeMilestones("piecewise", values.at, context);
      if (milestones.at(-1) + Number(path === "constant") > context.length)
        refuse(
          `piecewise(...): milestone ${milestones.at(-1)} comes after the last of the ${context.length} steps that this phase takes.`,
        );
      const places = [0, ...milestones];
      return {
        end: levels.at(-1),
        value(i) {
          if (path === "constant") return levels[countUpTo(milestones, i)];
          const left = countUpTo(places, i) - 1;
          if (left === levels.length - 1) return levels[left];
          const width = places[left + 1] - places[left];
          const [passed, rest] = [(i - places[left]) / width, (places[left + 1] - i) / width].map((share) =>
            path === "cosine" ? CLIMBS.cosine(share, 1) : share,
          );
          return levels[left] * rest + levels[left + 1] * passed;
        },
      };
    },
  },
);

function checkRising(call, durations) {
  const pair = durations
    .slice(1)
    .findIndex(({ unit, amount }, index) => unit === durations[index].unit && durations[index].amount.compare(amount) >= 0);
  if (pair >= 0) refuseOrder(call, durations[pair], durations[pair + 1]);
}

function placeMilestones(call, durations, context) {
  const milestones = durations.map((milestone) => context.updateAfter(milestone));
  const pair = milestones.slice(1).findIndex((later, index) => milestones[index] > later);
  if (pair >= 0) refuseOrder(call, durations[pair], durations[pair + 1]);
  return milestones;
}

function refuseOrder(call, earlier, later) {
  refuse(`${call}(at=[..., ${earlier.text}, ${later.text}, ...]): milestones come in rising order, each once.`);
}
