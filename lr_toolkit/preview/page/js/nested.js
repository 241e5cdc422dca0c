// The shapes that change a whole schedule, whose first phase begins at the level reached.

const MOST_CYCLES = 10_000;
const MOST_STAIRS = 10_000;

/** The lengths of all phases of a schedule; `null` if one of them is open. */
function joinedLengths({ schedule }) {
  const lengths = schedule.phases.map((phase) => phase.lengths);
  return lengths.includes(null) ? null : lengths.flat();
}

/** A curve whose factors are changed one by one; its phases stay those of the other. */
function wrapped(curve, change) {
  return { value: (i) => change(curve.value(i)), end: change(curve.end), phases: curve.phases };
}

/** factor * by, with the distance to `floor` in the place of the factor. */
function scale(factor, by, floor) {
  return floor === 0 ? factor * by : Math.max(factor * by + floor * (1 - by), 0);
}

shape("scaled", "schedule: schedule, by: by, *, floor: level = 0.0, floor_lr: level = None, over: duration = None", {
  lengths: joinedLengths,
  check({ by }) {
    if (by instanceof Schedule && by.isAbsolute)
      refuse("scaled(by=...): is a factor, so it has no LRs. Write its levels as factors.");
  },
  bind(shape, context) {
    const { schedule, by } = shape.values;
    const floor = shape.level("floor");
    const factors = by instanceof Schedule ? bindWithin(by, context, 1) : { value: () => by, end: by };
    const curve = bindWithin(schedule, context);
    return {
      value: (i) => scale(curve.value(i), factors.value(i), floor),
      end: scale(curve.end, factors.end, floor),
      phases: curve.phases,
    };
  },
});

shape(
  "clipped",
  "schedule: schedule, *, min: level = None, min_lr: level = None, max: level = None, max_lr: level = None, over: duration = None",
  {
    lengths: joinedLengths,
    check({ min, min_lr: minLR, max, max_lr: maxLR }) {
      if ([min, minLR, max, maxLR].every((limit) => limit === null))
        refuse("clipped(...): has no limit. Write min=0.1, or min_lr=1e-5.");
      if ((min !== null && max !== null && min > max) || (minLR !== null && maxLR !== null && minLR > maxLR)) {
        refuse("clipped(...): the floor lies above the ceiling. Write the lower one as the floor.");
      }
    },
    bind(shape, context) {
      const [low, high] = [shape.level("min") ?? 0, shape.level("max") ?? Infinity];
      if (low > high && context.base !== null)
        refuse(
          `clipped(...): the floor lies above the ceiling for the base LR ${numberText(context.base)}. Write both as factors, or both as LRs.`,
        );
      return wrapped(bindWithin(shape.values.schedule, context), (factor) => Math.min(Math.max(factor, low), high));
    },
  },
);

shape("stairs", "schedule: schedule, every: duration, *, over: duration = None", {
  lengths: joinedLengths,
  bind({ values: { schedule, every } }, context) {
    const begins = [0];
    for (;;) {
      const begin =
        context.horizon.after(context.position, every, Fraction.of(BigInt(begins.length))).rounded - context.start;
      if (begin >= context.length) break;
      begins.push(begin);
      if (begins.length > MOST_STAIRS)
        refuse(
          `stairs(every=${every.text}): are more than ${MOST_STAIRS} in the ${context.length} steps of the phase. Write a longer interval, such as every='1%'.`,
        );
    }
    const curve = bindWithin(schedule, context);
    return {
      value: (i) => curve.value(begins[countUpTo(begins, i) - 1]),
      end: curve.value(begins.at(-1)),
      phases: curve.phases,
    };
  },
});

shape(
  "repeat",
  "schedule: schedule, times: times = None, *, growth: positive = 1.0, gamma: positive = 1.0, floor: level = 0.0, floor_lr: level = None, rest: 'stretch'|'cut' = 'stretch', over: duration = None",
  {
    lengths({ schedule, times, growth }) {
      const once = joinedLengths({ schedule });
      if (times === null || !once) return null;
      return cycleScales(times, growth).flatMap((scale) =>
        once.map(([duration, often]) => [duration, often.times(scale)]),
      );
    },
    check({ schedule, times, growth }) {
      if (times !== null) return;
      if (!joinedLengths({ schedule }))
        refuse(
          "repeat(...): the schedule leaves its length open, so any number of cycles would fit. Write times=3, or give the cycle a length: repeat(cosine(over='10 epochs')).",
        );
      if (growth < 1) refuse("repeat(...): cycles that become shorter never fill the run. Write times=3.");
    },
    bind(shape, context) {
      const { schedule, gamma } = shape.values;
      const floor = shape.level("floor");
      const cycles = joinedLengths(shape.values)
        ? measuredCycles(shape.values, context)
        : sharedCycles(shape.values, context);
      if ((cycles.length - 1) * Math.log(gamma) > LARGEST_LOG)
        refuse(`${shape.text}: grows beyond every float within its ${cycles.length} cycles. Write gamma=0.5.`);
      const phases = cycles.flatMap((places, cycle) => {
        const by = gamma ** cycle;
        const bound = bindPhases(schedule.phases, places, context.horizon, context.level, context.base);
        return bound.map((phase) => ({ ...phase, curve: wrapped(phase.curve, (factor) => scale(factor, by, floor)) }));
      });
      return sequence(phases, context.start, context.start + context.length, context.level);
    },
  },
);

/** How much longer than the first each cycle is, exactly. */
function cycleScales(times, growth) {
  return Array.from({ length: Number(times) }, (_, cycle) => cycleScale(growth, cycle));
}

function cycleScale(growth, cycle) {
  return growth === 1 ? ONE : Fraction.of(growth).power(cycle);
}

/** The places of the phases of each cycle, if the cycles share the phase. */
function sharedCycles({ schedule, times, growth }, { horizon, position, until }) {
  const scales = cycleScales(times, growth);
  const unit = until.minus(position).over(scales.reduce((sum, scale) => sum.plus(scale), ZERO));
  let place = position;
  return scales.map((scale) => {
    const begin = place;
    place = place.plus(scale.times(unit));
    return phasePlaces(schedule.phases, horizon, begin, place, scale);
  });
}

/** The places of the phases of each cycle, if a cycle has a length: `times` of them, or as many as fit. */
function measuredCycles({ schedule, times, growth, rest }, { horizon, position, until, length }) {
  const cycles = [];
  let place = position;
  const most = times === null ? MOST_CYCLES + 1 : Number(times);
  for (let cycle = 0; cycle < most; cycle += 1) {
    const places = phasePlaces(schedule.phases, horizon, place, place.plus(10n ** 12n), cycleScale(growth, cycle));
    const end = places.at(-1).rounded;
    if (end > until.rounded) {
      if (times === null && rest === "cut") {
        if (place.rounded < until.rounded) cycles.push(places);
      } else if (times === null && cycles.length) cycles.at(-1).splice(-1, 1, until);
      else if (cycle)
        refuse(`repeat(...): ${cycle} of ${times} cycles fit into its ${length} steps. Write times=${cycle}.`);
      else
        refuse(
          `repeat(...): a cycle is longer than its ${length} steps. Give the cycle no length and write how many there are: repeat(cosine(), 3).`,
        );
      return cycles;
    }
    if (times === null && (end === place.rounded || cycle === MOST_CYCLES))
      refuse(
        `repeat(...): has more than ${MOST_CYCLES} cycles, or cycles without an update, in its ${length} steps. Write longer cycles.`,
      );
    cycles.push(places);
    place = places.at(-1);
  }
  return cycles;
}
