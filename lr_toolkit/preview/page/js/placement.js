// Places phases in a run: exact boundaries, rounded once, and the level at which each phase begins.

const MOST_PARTS = 50; // within a phase that are listed one by one

/** What a phase does: a builder of one shape, and the arguments of its call, as they are written and with factors for its LRs. */
class Shape {
  constructor(builder, values, written = values) {
    this.builder = builder;
    this.values = values;
    this.written = written;
    this.text = callText(builder, written);
  }

  /** The durations whose sum is the length, each with how often it is taken; `null` if the length is open. */
  get lengths() {
    return this.values.over ? [[this.values.over, ONE]] : (this.builder.lengths?.(this.values) ?? null);
  }

  /** The largest level that is an LR; above zero, the factors depend on the base LR. */
  get largestLR() {
    const lrs = this.builder.levels.flatMap((level) => this.values[`${level}_lr`] ?? []);
    return Math.max(0, ...lrs, this.values.schedule?.largestLR ?? 0);
  }

  /** The factor of a level; `null` if it is not given. An LR of zero is a factor of zero. */
  level(name) {
    return this.values[`${name}_lr`] === 0 ? 0 : this.values[name];
  }

  /** This shape with its LRs as factors of `base`. */
  relativeTo(base) {
    if (!this.largestLR) return this;
    const values = { ...this.values };
    for (const name of this.builder.levels) {
      const lr = values[`${name}_lr`];
      if (Array.isArray(lr) || lr > 0) {
        values[name] = Array.isArray(lr)
          ? lr.map((each) => this.#factor(name, each, base))
          : this.#factor(name, lr, base);
        values[`${name}_lr`] = null;
      }
    }
    if (values.schedule) values.schedule = new Schedule(values.schedule.phases.map((phase) => phase.relativeTo(base)));
    return new Shape(this.builder, values, this.written);
  }

  #factor(name, lr, base) {
    const given = `${this.builder.name}(${name}_lr=${argumentText(lr)})`;
    if (base === 0) refuse(`${given}: the base LR is 0, of which no LR is a multiple.`);
    const isCapped = this.builder.parameters.some(
      (each) => each.name === name && (each.kind === "share" || name === "end"),
    );
    if (isCapped && exactRatio(lr, base) > 1)
      refuse(
        `${given}: lies above the base LR ${argumentText(base)}. Write a lower ${name}_lr, or a factor of the base LR: ${name}=0.1.`,
      );
    return exactRatio(lr, base);
  }

  /** The factors of this shape in its place, update by update of its phase, and the factor that holds afterwards. */
  bind(context) {
    return this.builder.bind(this, context);
  }
}

/** The place of a phase in a run; `level` is the factor at which the phase before ended. */
class Context {
  constructor(horizon, position, until, level, base) {
    Object.assign(this, { horizon, position, until, level, base });
    this.start = position.rounded;
    this.length = until.rounded - this.start;
  }

  /** The first update of the phase that lies `duration` after its beginning. */
  updateAfter(duration) {
    return this.horizon.after(this.position, duration).rounded - this.start;
  }

  /** The length of `duration` from the beginning of the phase on, in steps, not rounded. */
  stepsOf(duration) {
    return this.horizon.after(this.position, duration).minus(this.position).number;
  }
}

/** The phases of a schedule between exact places of a run, and its factor at each update; `base` is needed if a level is an LR. */
function resolve(schedule, horizon, base = null) {
  if (schedule.isAbsolute && base === null)
    refuse(`${schedule.text} has an absolute LR, so its factors depend on the base LR. Fill in the base LR.`);
  const places = phasePlaces(schedule.phases, horizon, ZERO, Fraction.of(BigInt(horizon.steps)));
  let phases = [];
  // A schedule with an LR has to fit for any base LR: the first one here equals no factor by chance.
  for (const each of schedule.isAbsolute ? [Math.PI * (1 + schedule.largestLR), base] : [null]) {
    const shapes = each === null ? schedule.phases : schedule.phases.map((phase) => phase.relativeTo(each));
    phases = bindPhases(shapes, places, horizon, 1, each === base ? base : null);
  }
  return sequence(phases, 0, phases.at(-1).end, 1);
}

/** The exact beginnings of the phases between `begin` and `end`, and the end of the last; the open phase takes what the others leave. */
function phasePlaces(shapes, horizon, begin, end, times = ONE) {
  const walk = (position, lengths, sign) =>
    lengths.reduce(
      (place, [duration, often]) => horizon.after(place, duration, often.times(times).times(sign)),
      position,
    );
  const opening = shapes.findIndex((shape) => !shape.lengths);
  const [before, after] = [[begin], [end]];
  for (const shape of opening < 0 ? shapes : shapes.slice(0, opening))
    before.push(walk(before.at(-1), shape.lengths, 1n));
  if (opening < 0) {
    if (before.at(-1).compare(end) > 0) refuseLength(horizon, before.at(-1).minus(begin), end.minus(begin));
    return before;
  }
  for (const shape of shapes.slice(opening + 1).reverse())
    after.push(walk(after.at(-1), [...shape.lengths].reverse(), -1n));
  if (after.at(-1).rounded <= before.at(-1).rounded) {
    const taken = before.at(-1).minus(begin).plus(end).minus(after.at(-1));
    refuseLength(horizon, taken, end.minus(begin), ` and leave nothing for ${shapes[opening].text}`);
  }
  return [...before, ...after.reverse()];
}

function refuseLength(horizon, taken, there, nothing = "") {
  const whole = there.compare(BigInt(horizon.steps)) ? "the schedule around them" : "the run";
  refuse(
    `The schedule does not fit: its phases take ${decimal(taken.number)} ${horizon.unit}s${nothing}, and ${whole} has ${decimal(there.number)}. Lengthen the run, or shorten a phase, for example to a share of the run: over='5%'.`,
  );
}

/** The phases between exact places, each bound at the level at which the one before it ended. */
function bindPhases(shapes, places, horizon, level, base) {
  return shapes.map((shape, index) => {
    const context = new Context(horizon, places[index], places[index + 1], level, base);
    const curve = shape.bind(context);
    level = curve.end;
    return { start: context.start, end: context.start + context.length, text: shape.text, curve };
  });
}

/** The curve of a schedule within a phase, the first of its phases at `level`. */
function bindWithin(schedule, context, level = context.level) {
  const places = phasePlaces(schedule.phases, context.horizon, context.position, context.until);
  const phases = bindPhases(schedule.phases, places, context.horizon, level, context.base);
  return sequence(phases, context.start, context.start + context.length, level);
}

/** Phases of the run as one curve between two updates of it; afterwards the last factor holds. */
function sequence(phases, first, end, level) {
  const inside = [];
  let last = level;
  for (const phase of phases) {
    // A phase without an update hands on its end too.
    if (phase.start < end || phase.end <= end)
      last = phase.end <= end ? phase.curve.end : phase.curve.value(end - phase.start);
    if (phase.start < Math.min(phase.end, end))
      inside.push({ ...phase, start: phase.start - first, end: Math.min(phase.end, end) - first });
  }
  const starts = inside.map(({ start }) => start);
  return {
    end: last,
    phases: inside,
    value(i) {
      const phase = inside[countUpTo(starts, i) - 1];
      return phase && i < phase.end ? phase.curve.value(i - phase.start) : last;
    },
  };
}

/** The phases of a curve with their updates; those within a phase are in its place, unless they are many. */
function parts(curve) {
  return (curve.phases ?? []).flatMap((phase) => {
    const within = parts(phase.curve);
    const listed =
      within.length && within.length <= MOST_PARTS
        ? within
        : [{ start: 0, end: phase.end - phase.start, text: phase.text }];
    return listed.map(({ start, end, text }) => ({ start: phase.start + start, end: phase.start + end, text }));
  });
}
