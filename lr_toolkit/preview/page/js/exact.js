// Exact numbers. As in the text of a schedule, a whole number is a bigint and any other a number.

class ScheduleError extends Error {}

function refuse(message) {
  throw new ScheduleError(message);
}

const LARGEST_REDUCED = 2n ** 128n;

/** A fraction of bigints, in lowest terms unless its denominator is so large that finding them would take long. */
class Fraction {
  constructor(numerator, denominator = 1n) {
    let [a, b] = [numerator < 0n ? -numerator : numerator, denominator < 0n ? -denominator : denominator];
    if (b > LARGEST_REDUCED) a = 1n;
    else while (b) [a, b] = [b, a % b];
    const common = denominator < 0n ? -a : a;
    this.numerator = numerator / common;
    this.denominator = denominator / common;
  }

  /** The fraction that a whole number or the digits of a decimal number say. */
  static of(value) {
    if (value instanceof Fraction) return value;
    if (typeof value === "bigint") return new Fraction(value);
    const [digits, exponent = "0"] = String(value).toLowerCase().split("e");
    const [whole, decimals = ""] = digits.split(".");
    const power = Number(exponent) - decimals.length;
    const scale = 10n ** BigInt(Math.abs(power));
    return power < 0 ? new Fraction(BigInt(whole + decimals), scale) : new Fraction(BigInt(whole + decimals) * scale);
  }

  plus(other) {
    const { numerator, denominator } = Fraction.of(other);
    // The smaller denominator mostly divides the other.
    const [small, large] =
      denominator < this.denominator ? [denominator, this.denominator] : [this.denominator, denominator];
    const common = large % small ? large * small : large;
    return new Fraction(this.numerator * (common / this.denominator) + numerator * (common / denominator), common);
  }

  times(other) {
    const { numerator, denominator } = Fraction.of(other);
    return new Fraction(this.numerator * numerator, this.denominator * denominator);
  }

  minus(other) {
    return this.plus(Fraction.of(other).times(-1n));
  }

  over(other) {
    const { numerator, denominator } = Fraction.of(other);
    return this.times(new Fraction(denominator, numerator));
  }

  power(exponent) {
    return new Fraction(this.numerator ** BigInt(exponent), this.denominator ** BigInt(exponent));
  }

  /** Negative, zero or positive, as this is below, equal to or above the other. */
  compare(other) {
    const { numerator } = this.minus(other);
    return numerator < 0n ? -1 : Number(numerator > 0n);
  }

  get floor() {
    const whole = this.numerator / this.denominator;
    return this.numerator < 0n && whole * this.denominator !== this.numerator ? whole - 1n : whole;
  }

  /** The whole update at which an exact position falls; a half goes up. */
  get rounded() {
    return Number(this.plus(new Fraction(1n, 2n)).floor);
  }

  get number() {
    const rest = this.numerator - this.floor * this.denominator;
    return Number(this.floor) + Number(rest) / Number(this.denominator);
  }
}

const ZERO = new Fraction(0n);
const ONE = new Fraction(1n);

/** The factor that gives `value` when multiplied by `base`: to the last digit if there is such a factor. */
function exactRatio(value, base) {
  const ratio = value / base;
  const ulp = ratio * 2 ** -52;
  return (
    [ratio, ratio + ulp / 2, ratio + ulp, ratio - ulp / 2, ratio - ulp].find((factor) => base * factor === value) ??
    ratio
  );
}

/** A number as Python prints it: a float always has a point or an exponent. */
function numberText(value) {
  if (typeof value === "bigint" || !Number.isFinite(value))
    return String(value).replace("Infinity", "inf").replace("NaN", "nan");
  const [digits, exponent] = value.toExponential().split("e");
  const power = Number(exponent);
  if (value === 0 || (power >= -4 && power < 16)) {
    const text =
      power < 0
        ? value.toFixed(Math.max(0, digits.replace("-", "").replace(".", "").length - 1 - power))
        : String(value);
    return text.includes(".") ? text : `${text}.0`;
  }
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** A number with six digits, as Python's format `g` writes it below a million. */
function shortText(value) {
  return numberText(Number(value.toPrecision(6))).replace(/\.0$/, "");
}

/** At most four decimals, without zeros at the end. */
function decimal(value) {
  return value.toFixed(4).replace(/\.?0+$/, "");
}

/** How many of the rising `edges` lie at or before `value`. */
function countUpTo(edges, value) {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
