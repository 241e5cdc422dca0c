// How long something lasts (Duration), and how long a run is (Horizon).

const ENDLESS = 10n ** 11n; // no run is so long
const UNITS = { "": "steps", step: "steps", steps: "steps", epoch: "epochs", epochs: "epochs", "%": "%" };

/** A length of training: updates, epochs, or a share of the run. */
class Duration {
  constructor(amount, unit) {
    this.amount = amount;
    this.unit = unit;
  }

  /** Reads `value`, the argument `name` of `call`. */
  static of(value, call, name, mayBeZero = false) {
    const fail = (why) =>
      refuse(
        `${call}(${name}=${argumentText(value)}): ${why}. Write ${name}='5%' for a share of the run, ` +
          `${name}=500 for updates, or ${name}='3 epochs' for epochs.`,
      );
    if (value instanceof Duration) return value;
    if (typeof value === "number") fail("a bare float has no unit");
    let [amount, unit] = [ZERO, "steps"];
    if (typeof value === "string") {
      const match = /^(-?\d{1,40}(?:\.\d{1,40})?)\s*([a-z%]*)$/.exec(
        value.length <= 100 ? value.trim().toLowerCase() : "",
      );
      if (!match || !Object.hasOwn(UNITS, match[2])) fail("is not a duration");
      [amount, unit] = [Fraction.of(match[1]), UNITS[match[2]]];
    } else if (typeof value === "bigint") amount = Fraction.of(value);
    else fail("is not a duration");
    if (amount.compare(0n) < 0 || (amount.compare(0n) === 0 && !mayBeZero)) {
      fail(mayBeZero ? "must be zero or more" : "must be more than zero");
    }
    if (unit === "steps" && amount.denominator > 1n) fail("a step cannot be divided");
    if (unit === "%" && amount.compare(100n) > 0) fail("is more than the whole run");
    if (amount.compare(ENDLESS) >= 0) fail("is longer than any run");
    if (10_000n % amount.denominator) fail("has more than four decimals");
    return new Duration(amount, unit);
  }

  /** What is written in a call: 500, '3 epochs', '5%'. */
  get text() {
    const number = this.amount.denominator > 1n ? decimal(this.amount.number) : String(this.amount.numerator);
    if (this.unit === "steps") return number;
    if (this.unit === "%") return `'${number}%'`;
    return `'${number} ${this.amount.compare(1n) === 0 ? "epoch" : "epochs"}'`;
  }
}

/** The length of a run, in the steps that its scheduler takes; `perEpoch` lists the updates of each epoch, the last for all that follow. */
class Horizon {
  constructor(steps, perEpoch = null, unit = "step") {
    for (const length of [steps, ...(perEpoch ?? [])]) {
      if (!Number.isSafeInteger(length) || length < 1)
        refuse(`${length} is no length of a run or an epoch: write a whole number above zero.`);
      if (BigInt(length) >= ENDLESS)
        refuse(`${length} is longer than any run or epoch, which has fewer than 10^11 steps.`);
    }
    this.steps = steps;
    this.unit = unit;
    this.epochLengths = unit === "epoch" ? [1] : perEpoch;
    let end = 0;
    this.epochEnds = this.epochLengths?.map((length) => (end += length));
  }

  /** The exact position, in steps, `times` durations after `position`. */
  after(position, duration, times = ONE) {
    const amount = duration.amount.times(times);
    if (duration.unit === "steps") return position.plus(amount);
    if (duration.unit === "%") return position.plus(amount.times(BigInt(this.steps)).over(100n));
    if (!this.epochLengths)
      refuse(`${duration.text} needs the length of an epoch, which is not known. Fill in the updates per epoch.`);
    return this.stepAt(this.epochAt(position).plus(amount));
  }

  /** The exact epoch at `position` steps, counted from 0. */
  epochAt(position) {
    const epoch = countUpTo(this.epochEnds, Number(position.floor));
    const { begin, length } = this.#epoch(epoch);
    return position.minus(begin).over(length).plus(BigInt(epoch));
  }

  /** The exact position, in steps, at which `epoch` begins; it may be a fraction. */
  stepAt(epoch) {
    const whole = Math.min(Math.max(Number(epoch.floor), 0), this.epochEnds.length);
    const { begin, length } = this.#epoch(whole);
    return epoch.minus(BigInt(whole)).times(length).plus(begin);
  }

  #epoch(number) {
    const lengths = this.epochLengths;
    const begin = number ? this.epochEnds[number - 1] : 0;
    return { begin: BigInt(begin), length: BigInt(lengths[Math.min(number, lengths.length - 1)]) };
  }
}
