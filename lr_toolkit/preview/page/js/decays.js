// The shapes that move from the level reached to another, within their own length.

/** Registers a shape that moves from the level reached, or from `start`, to `end`; `curve` returns its formula. */
function decay(name, required, own, { check, curve }) {
  const first = required ? `${required}, *, end: level = 0.0` : "end: level = 0.0, *";
  shape(name, `${first}, end_lr: level = None, ${own ? `${own}, ` : ""}${START}, over: duration = None`, {
    check,
    bind(shape, context) {
      const [start, end, n] = [shape.level("start") ?? context.level, shape.level("end"), context.length];
      if (start === end && n && context.base === null) refuseIdle(shape, start, context, " and ends there");
      return { end, value: curve({ ...shape.values, start, end, n, context, shape }) };
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

const POWERS = "power: positive = 1.0, k: positive = 1.0";

/** 1 - (i / n) ** k: what is left of the way, exact near its end. */
function remaining({ n, k }) {
  if (k === 1) return (i) => (n - i) / n;
  return (i) => -Math.expm1(k * (i / n < 0.5 ? Math.log(i / n) : Math.log1p(-(n - i) / n)));
}

decay("linear", "", "", {
  curve:
    ({ start, end, n }) =>
    (i) =>
      start * ((n - i) / n) + end * (i / n),
});

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

decay("one_minus_sqrt", "", "", {
  curve: decayBy(
    ({ n }) =>
      (i) =>
        (n - i) / n / (1 + Math.sqrt(i / n)),
  ),
});

decay("rex", "", "beta: positive = 0.5", {
  curve: decayBy(
    ({ n, beta }) =>
      (i) =>
        (n - i) / n / (beta * (i / n) + (n - i) / n),
  ),
});

decay("hyperbolic", "limit: duration", "", {
  curve: decayBy(({ n, limit, context }) => {
    const steps = context.stepsOf(limit);
    if (steps < n)
      refuse(
        `hyperbolic(${limit.text}): the limit is shorter than the phase, which takes ${n} steps. Write hyperbolic(${2 * n}).`,
      );
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
    if (ratio === 1)
      refuse("exponential_to(ratio=1.0): would be a straight line. Write linear(), or a ratio such as ratio=0.1.");
    if (ratio === null && (endLR ?? end) === 0)
      refuse(
        "exponential_to(...): ends at zero, which no factor leads to or from. Write end=0.01, or ratio=0.1 for a curve that bends as if it fell to a tenth.",
      );
  },
  curve({ start, end, n, ratio }) {
    if (ratio === null && start === 0)
      refuse("exponential_to(...): begins at zero, which no factor leads to or from. Write start=0.01, or ratio=0.1.");
    const logarithm = Math.log(ratio ?? end / start);
    if (!Number.isFinite(logarithm))
      refuse(
        "exponential_to(...): ends so far from its start that no float holds the factor between them. Write ratio=0.1.",
      );
    if (logarithm === 0) return (i) => start * ((n - i) / n) + end * (1 - (n - i) / n);
    return (i) => {
      const [left, progress] = [(n - i) / n, i / n];
      const passed = Math.expm1(logarithm * progress) / Math.expm1(logarithm);
      const rest = Math.exp(logarithm * progress) * (Math.expm1(logarithm * left) / Math.expm1(logarithm));
      return start * (i === 0 ? 1 : rest) + end * passed;
    };
  },
});
