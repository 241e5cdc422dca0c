// The parameters of a builder, written as in Python with the kind of each value, and what a call gives for them.

/** The parameters in a signature such as "over: duration, *, start: level = None". */
function readSignature(signature) {
  let isKeyword = false;
  const parameters = [];
  for (const part of signature.split(", ").filter(Boolean)) {
    if (part === "*") isKeyword = true;
    else {
      const [, name, kind, fallback] = /^(\w+): (.+?)(?: = (.+))?$/.exec(part);
      const value = fallback === undefined ? undefined : new Reader(fallback).value(0);
      parameters.push({ name, kind, isKeyword, isRequired: fallback === undefined, fallback: value });
    }
  }
  return parameters.map((each) => ({
    ...each,
    fallback: each.isRequired ? undefined : readValue(each, each.fallback, ""),
  }));
}

/** The value of each parameter, by name. */
function readArguments({ name: call, parameters }, positional, named) {
  const names = parameters.map(({ name }) => name);
  const listed = `Its arguments are ${call}(${names.join(", ")}).`;
  const end = names.includes("over") ? names.indexOf("end") : -1;
  if (end >= 0 && positional[end] > 1) {
    const level = argumentText(positional[end]);
    refuse(
      `${call}(${positional.map(argumentText).join(", ")}): ${level} would be end, a factor of the base value, and above 1 the curve climbs. Write over=${level} for a length, or end=${level} to climb.`,
    );
  }
  const values = {};
  positional.forEach((value, index) => {
    if (index >= names.length || parameters[index].isKeyword)
      refuse(`${call}(...): too many positional arguments. ${listed}`);
    if (named.has(names[index])) refuse(`${call}(...): ${names[index]} is given twice. ${listed}`);
    values[names[index]] = value;
  });
  for (const [name, value] of named) {
    if (!names.includes(name)) refuse(`${call}(...): there is no argument '${name}'. ${listed}`);
    values[name] = value;
  }
  for (const parameter of parameters) {
    const { name, isRequired, fallback } = parameter;
    if (!(name in values) && isRequired) refuse(`${call}(...): missing a required argument: '${name}'. ${listed}`);
    values[name] = name in values ? readValue(parameter, values[name], call) : fallback;
  }
  return values;
}

function readValue({ name, kind, fallback }, value, call) {
  if (value === null && fallback === null) return null;
  return (READERS[kind] ?? oneOf(kind.split("|")))(value, call, name);
}

const READERS = {
  level: numberWhere((number) => number >= 0, "zero or more"),
  share: numberWhere((number) => number >= 0 && number <= 1, "from 0 to 1"),
  positive: numberWhere((number) => number > 0, "above zero"),
  from1: numberWhere((number) => number >= 1, "1 or more"),
  above1: numberWhere((number) => number > 1, "above 1"),
  within100: numberWhere((number) => Math.abs(number) <= 100, "from -100 to 100"),
  duration: (value, call, name) => Duration.of(value, call, name),
  durationOrZero: (value, call, name) => Duration.of(value, call, name, true),
  durations(value, call, name) {
    if (!Array.isArray(value))
      refuse(`${call}(${name}=${argumentText(value)}): the milestones are a list. Write ${name}=['50%', '75%'].`);
    return value.map((milestone) => Duration.of(milestone, call, name));
  },
  levels(value, call, name) {
    if (!Array.isArray(value))
      refuse(`${call}(${name}=${argumentText(value)}): the levels are a list. Write ${name}=[1.0, 0.1].`);
    return value.map((level) => READERS.level(level, call, name));
  },
  times(value, call, name) {
    if (typeof value !== "bigint" || value < 1n || value > MOST_CYCLES)
      refuse(`${call}(${name}=${argumentText(value)}): must be a whole number from 1 to ${MOST_CYCLES}.`);
    return value;
  },
  schedule(value, call, name) {
    const schedule = typeof value === "string" ? parse(value) : value;
    if (!(schedule instanceof Schedule))
      refuse(`${call}(${name}=${argumentText(value)}): is no schedule. Write ${call}(cosine(), ...).`);
    return schedule;
  },
  by(value, call, name) {
    if (typeof value === "string" || value instanceof Schedule) return READERS.schedule(value, call, name);
    return numberWhere((number) => number > 0, "above zero, or a schedule")(value, call, name);
  },
};

function numberWhere(fits, bound) {
  return (value, call, name) => {
    const number = typeof value === "bigint" || typeof value === "number" ? Number(value) + 0 : NaN;
    if (!Number.isFinite(number) || !fits(number))
      refuse(`${call}(${name}=${argumentText(value)}): must be a finite number, ${bound}.`);
    return number;
  };
}

function oneOf(choices) {
  const values = choices.map((choice) => new Reader(choice).value(0));
  return (value, call, name) => {
    if (!values.includes(value))
      refuse(`${call}(${name}=${argumentText(value)}): must be one of ${choices.join(", ")}.`);
    return value;
  };
}
