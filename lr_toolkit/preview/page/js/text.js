// The text of a schedule: reading it over a whitelist, and printing it as Python's repr does.

const LONGEST = 20_000;
const DEEPEST = 20; // calls within each other
const EXAMPLE = `"warmup('5%') >> cosine(end=0.1)"`;
const TOKEN =
  />>|[()[\],=+-]|'[^'\\\n]*'|"[^"\\\n]*"|[A-Za-z_]\w*|(?:\d(?:_?\d)*\.?(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?/y;

/** The builders by name: how each reads its arguments, and what it makes of them. */
const BUILDERS = new Map();

/** Phases that run one after another; at most one of them leaves its length open. */
class Schedule {
  constructor(phases) {
    this.phases = phases;
    const open = phases.filter((phase) => !phase.lengths).map((phase) => phase.text);
    if (open.length > 1) {
      refuse(
        `${open[0]} and ${open[1]} both leave their length open, and only one phase can take what the others leave. Give one of them a length: over='50%'.`,
      );
    }
  }

  get text() {
    return this.phases.map((phase) => phase.text).join(" >> ");
  }

  /** The largest level that is an LR. */
  get largestLR() {
    return Math.max(...this.phases.map((phase) => phase.largestLR));
  }

  /** Whether the factors depend on the base LR. */
  get isAbsolute() {
    return this.largestLR > 0;
  }
}

/** Reads the text of a schedule. */
function parse(text) {
  if (text.length > LONGEST) refuse(`a text of ${text.length} characters: at most ${LONGEST} are read.`);
  const reader = new Reader(tidy(text));
  const value = reader.expression(0);
  if (!reader.isDone || !(value instanceof Schedule)) reader.fail();
  return value;
}

/** The text in one line, without comments. */
function tidy(text) {
  return text.replace(/#.*$/gm, "").replace(/\\$/gm, "").trim().replace(/\s+/g, " ");
}

class Reader {
  constructor(text) {
    this.text = text;
    this.tokens = [];
    for (let place = 0; place < text.length; place = TOKEN.lastIndex) {
      while (text[place] === " ") place += 1;
      TOKEN.lastIndex = place;
      const [token] = TOKEN.exec(text) ?? this.fail(text.slice(place));
      this.tokens.push(token);
    }
    this.next = 0;
  }

  fail(part = this.tokens.slice(this.next, this.next + 4).join("")) {
    const why = part ? `cannot read ${part.slice(0, 80)}` : "not the text of a schedule";
    refuse(`${why}. Write calls joined by >>, such as ${EXAMPLE}.`);
  }

  get isDone() {
    return this.next === this.tokens.length;
  }

  /** Takes the next token if it is this one. */
  takes(token) {
    const found = this.tokens[this.next] === token;
    this.next += Number(found);
    return found;
  }

  expects(token) {
    if (!this.takes(token)) this.fail();
  }

  /** A value, or schedules joined by `>>`. */
  expression(depth) {
    if (depth > DEEPEST) refuse(`At most ${DEEPEST} calls can be within each other.`);
    let value = this.value(depth);
    while (this.takes(">>")) {
      const after = this.value(depth);
      if (!(value instanceof Schedule && after instanceof Schedule)) this.fail(this.text);
      value = new Schedule([...value.phases, ...after.phases]);
    }
    return value;
  }

  value(depth) {
    const token = this.tokens[this.next++] ?? this.fail();
    if (token === "(" || token === "[") return this.list(token, depth);
    if (token === "-" || token === "+") {
      const number = this.tokens[this.next++] ?? this.fail();
      if (!/^[\d.]/.test(number)) this.fail(token + number);
      return token === "-" ? -this.number(number) : this.number(number);
    }
    if (/^['"]/.test(token)) return token.slice(1, -1);
    if (/^[\d.]/.test(token)) return this.number(token);
    if (token === "None") return null;
    if (/^\w/.test(token)) return this.call(token, depth);
    return this.fail(token);
  }

  number(token) {
    if (/^0[\d_]*[1-9][\d_]*$/.test(token)) this.fail(token);
    const digits = token.replaceAll("_", "");
    return /^\d+$/.test(digits) ? BigInt(digits) : Number(digits);
  }

  /** A list, a tuple, which is read as a list, or a value in parentheses. */
  list(opening, depth) {
    const closing = opening === "(" ? ")" : "]";
    const values = [];
    let isList = opening === "[";
    while (!this.takes(closing)) {
      values.push(this.expression(depth + 1));
      if (this.tokens[this.next] !== closing) {
        this.expects(",");
        isList = true;
      }
    }
    return isList || !values.length ? values : values[0];
  }

  call(name, depth) {
    const builder = BUILDERS.get(name);
    if (!builder) refuseName(name);
    if (!this.takes("(")) refuse(`cannot read ${name}. Write ${name}(), with its arguments.`);
    const [positional, named] = [[], new Map()];
    while (!this.takes(")")) {
      if (this.tokens[this.next + 1] === "=") {
        const key = this.tokens[this.next];
        this.next += 2;
        if (named.has(key)) refuse(`${name}: ${key} is given twice. Write the arguments out, each once.`);
        named.set(key, this.expression(depth + 1));
      } else if (named.size) this.fail();
      else positional.push(this.expression(depth + 1));
      if (this.tokens[this.next] !== ")") this.expects(",");
    }
    return builder.build(readArguments(builder, positional, named));
  }
}

function refuseName(name) {
  if (name === "custom") refuse("custom(...) holds a Python function, which text cannot carry.");
  if (name === "True" || name === "False")
    refuse(
      `cannot read ${name}. An argument is a number, a string such as '5%', None, a schedule, or a list of these.`,
    );
  const known = [...BUILDERS.keys()].sort();
  const near = known.map((other) => [editDistance(name, other), other]).sort(([a], [b]) => a - b)[0];
  const hint =
    near[0] <= Math.max(1, name.length / 3) ? `Did you mean ${near[1]}(...)?` : `The builders are ${known.join(", ")}.`;
  refuse(`cannot read ${name}. ${hint} A builder that was registered in Python has no formula in this page.`);
}

function editDistance(a, b) {
  let row = [...b, ""].map((_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      row.push(Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + Number(a[i - 1] !== b[j - 1])));
    }
  }
  return row[b.length];
}

// --- printing -----------------------------------------------------------------------------------------------------------

/** An argument as it is written in a call. */
function argumentText(value) {
  if (value === null) return "None";
  if (value instanceof Duration || value instanceof Schedule) return value.text;
  if (Array.isArray(value)) return `[${value.map(argumentText).join(", ")}]`;
  if (typeof value === "string") return value.includes("'") ? `"${value}"` : `'${value}'`;
  return numberText(value);
}

/** The call that makes a shape: required arguments by position, others by name unless they have their default. */
function callText(builder, values) {
  const last = ["start", "start_lr", "over"];
  const isPositional = ({ name, isRequired }) => isRequired || (name === "over" && builder.parameters[0].name === name);
  const rank = (parameter) => (isPositional(parameter) ? -1 : last.indexOf(parameter.name) + 1);
  const written = builder.parameters
    .filter(({ name, isRequired, fallback }) => isRequired || argumentText(values[name]) !== argumentText(fallback))
    .sort((first, second) => rank(first) - rank(second))
    .map((parameter) => (isPositional(parameter) ? "" : `${parameter.name}=`) + argumentText(values[parameter.name]));
  return `${builder.name}(${written.join(", ")})`;
}
