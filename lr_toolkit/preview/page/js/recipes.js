// The recipes: names for compositions of shapes. Each is the text of its composition.

/** Registers a recipe: `compose` returns the text for the arguments, which are given as they are written, strings without quotes. */
function recipe(name, signature, compose) {
  const parameters = readSignature(signature);
  const written = (values) =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, typeof value === "string" ? value : argumentText(value)]),
    );
  BUILDERS.set(name, { name, parameters, levels: [], build: (values) => parse(compose(written(values), values)) });
}

const COOLDOWN =
  "shape: 'cosine'|'linear'|'one_minus_sqrt'|'sqrt'|'square'|'one_minus_square' = 'one_minus_sqrt', end: level = 0.0";
const LEVELS = `end: level = 0.0, *, end_lr: level = None, ${START}, over: duration = None`;
const given = ({ end, end_lr: endLR, start, start_lr: startLR, over }) =>
  `end=${end}, end_lr=${endLR}, start=${start}, start_lr=${startLR}, over=${over}`;

recipe("sqrt", LEVELS, (levels) => `polynomial(0.5, ${given(levels)})`);
recipe("square", LEVELS, (levels) => `polynomial(2.0, ${given(levels)})`);
recipe("one_minus_square", LEVELS, (levels) => `polynomial(1.0, k=2.0, ${given(levels)})`);

recipe(
  "inverse_sqrt",
  `timescale: duration, *, ${START}, over: duration = None`,
  ({ timescale, start, start_lr: startLR, over }) =>
    `inverse_time(${timescale}, power=0.5, start=${start}, start_lr=${startLR}, over=${over})`,
);
recipe(
  "power_law",
  "knee: duration, *, power: positive = 0.51",
  ({ knee, power }) => `hold(${knee}) >> inverse_time(${knee}, power=${power})`,
);

recipe(
  "wsd",
  `warmup: durationOrZero, decay: duration, *, ${COOLDOWN}`,
  ({ warmup, decay, shape, end }) => `warmup(${warmup}) >> hold() >> ${shape}(end=${end}, over=${decay})`,
);
recipe(
  "wsd_s",
  `warmup: durationOrZero, decay: duration, *, times: times = 2, growth: positive = 1.0, ${COOLDOWN}`,
  ({ warmup, decay, times, growth, shape, end }) =>
    `warmup(${warmup}) >> repeat(hold() >> ${shape}(end=${end}, over=${decay}), ${times}, growth=${growth})`,
);
recipe(
  "infinite",
  `warmup: durationOrZero, decay: duration, cooldown: duration, *, plateau: level = 0.1, ${COOLDOWN}`,
  ({ warmup, decay, cooldown, plateau, shape, end }) =>
    `warmup(${warmup}) >> cosine(${plateau}, over=${decay}) >> hold() >> ${shape}(end=${end}, over=${cooldown})`,
);
recipe(
  "flat_cosine",
  "decay: duration = '25%', *, end: level = 0.0",
  ({ decay, end }) => `hold() >> cosine(${end}, over=${decay})`,
);

recipe(
  "cosine_restarts",
  "first: duration = None, *, times: times = None, growth: positive = 1.0, gamma: positive = 1.0, warmup: durationOrZero = 0, end: level = 0.0, rest: 'stretch'|'cut' = 'stretch'",
  ({ first, times, growth, gamma, warmup, end, rest }) => {
    if (first === "None" && times === "None")
      refuse(
        "cosine_restarts(first=None, times=None): needs the length of a cycle, or how many there are. Write cosine_restarts(times=3), or cosine_restarts('10 epochs').",
      );
    const climb = warmup === "0" ? "" : `warmup(${warmup}) >> `;
    return `repeat(${climb}cosine(${end}, over=${first}), ${times}, growth=${growth}, gamma=${gamma}, floor=${gamma === "1.0" ? "0.0" : end}, rest='${rest}')`;
  },
);
recipe(
  "triangular",
  "up: duration, down: duration = None, *, low: level = 0.0, low_lr: level = None, gamma: positive = 1.0, rest: 'stretch'|'cut' = 'cut', over: duration = None",
  ({ up, down, low, low_lr: lowLR, gamma, rest, over }) => {
    const level = (name) => (lowLR === "None" ? `${name}=${low}` : `${name}_lr=${lowLR}`);
    const floor = gamma === "1.0" ? "" : `, ${level("floor")}`;
    return `repeat(linear(1.0, over=${up}, ${level("start")}) >> linear(over=${down === "None" ? up : down}, ${level("end")}), gamma=${gamma}, rest='${rest}', over=${over}${floor})`;
  },
);
recipe(
  "one_cycle",
  "up: duration = '30%', *, start: level = 0.04, end: level = 4e-06, shape: 'cosine'|'linear' = 'cosine', phases: 2|3 = 2",
  ({ up, start, end, shape, phases }) => {
    const fall = phases === "3" ? `${shape}(${start}, over=${up}) >> ` : "";
    return `${shape}(1.0, start=${start}, over=${up}) >> ${fall}${shape}(${end})`;
  },
);
recipe("slanted_triangular", "up: duration = '10%', *, ratio: above1 = 32.0", ({ up }, { ratio }) => {
  const low = numberText(1 / ratio);
  return `linear(1.0, start=${low}, over=${up}) >> linear(${low})`;
});
