// Numbers for readers, and the ticks of an axis.

const DECADES = 6; // of a logarithmic axis, at most

/** A number with at most `digits` significant digits. */
function shown(value, digits = 4) {
  if (value === null) return "–";
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  if (rounded === 0 || (size >= 1e-3 && size < 1e6)) return String(rounded);
  return value
    .toExponential(digits - 1)
    .replace(/\.?0*e/, "e")
    .replace("e+", "e");
}

function counted(number, word) {
  return `${grouped(number)} ${word}${number === 1 ? "" : "s"}`;
}

function grouped(number) {
  return number.toLocaleString("en-US");
}

/** Round numbers between two limits, about as many as wanted; whole ones if the limits count something. */
function ticksBetween(low, high, wanted, isCount = false) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 5, 10].map((by) => by * power).find((each) => each >= rough * 0.999 && (!isCount || each >= 1)) ?? 1;
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1)
    ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

/** Powers of ten between two limits, with 2 and 5 times them if they are few. */
function logTicks(low, high) {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const digits = last - first > 3 ? [1] : [1, 2, 5];
  const ticks = [];
  for (let power = first; power <= last; power += 1)
    for (const digit of digits) ticks.push(Number(`${digit}e${power}`));
  return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
}

/** The scale of the values: from a value to a share of the height, and its ticks. */
function valueScale(values, isLog, wanted) {
  const finite = values.filter((value) => value !== null);
  const high = finite.reduce((a, b) => Math.max(a, b), 0);
  if (isLog && high > 0) {
    const top = high * 1.1;
    const lowest = finite.reduce((a, b) => (b > 0 ? Math.min(a, b) : a), high);
    const bottom = Math.max(lowest === high ? high / 10 : lowest, high / 10 ** DECADES);
    const place = (value) => Math.max(Math.log(Math.max(value, 0) / bottom) / Math.log(top / bottom), 0);
    return { place, ticks: logTicks(bottom, top) };
  }
  const low = finite.reduce((a, b) => Math.min(a, b), 0);
  const room = (high - low) * 0.05 || 1;
  const [bottom, top] = [low < 0 ? low - room : 0, high + room];
  return { place: (value) => (value - bottom) / (top - bottom), ticks: ticksBetween(bottom, top, wanted) };
}
