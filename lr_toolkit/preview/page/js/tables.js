// The tables beneath the chart, which hold the same as the chart for those who do not see it.

function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Fills a table: a caption, a head, and rows whose first cell names the row. */
function fill(table, caption, head, rows) {
  const look = (column) => (head[column].isNumber ? "number" : "");
  const title = ({ text }, column) => html("th", { scope: "col", class: look(column) }, text);
  const cell = (content, column) =>
    column ? html("td", { class: look(column) }, content) : html("th", { scope: "row", class: look(column) }, content);
  table.replaceChildren(
    html("caption", {}, caption),
    html("thead", {}, html("tr", {}, ...head.map(title))),
    html("tbody", {}, ...rows.map((row) => html("tr", {}, ...row.map(cell)))),
  );
}

const words = (text) => ({ text, isNumber: false });
const numbers = (text) => ({ text, isNumber: true });

/** The name of a curve behind a sample of its line. */
function named(curve) {
  const sample = svg("svg", { class: "sample", width: 26, height: 10, "aria-hidden": "true" });
  sample.append(
    svg("line", {
      x1: 1,
      x2: 25,
      y1: 5,
      y2: 5,
      class: `curve c${curve.number % COLOURS}`,
      "stroke-dasharray": DASHES[curve.number % DASHES.length],
    }),
  );
  return html("span", { class: "named" }, sample, html("span", { class: curve.name ? "" : "short" }, curve.label));
}

function epochText(horizon, k) {
  return horizon.epochLengths && horizon.unit === "step"
    ? horizon.epochAt(Fraction.of(BigInt(k))).number.toFixed(2)
    : null;
}

function phaseAt(curve, k) {
  return (
    curve.phases.find(({ start, end }) => k >= start && k < end)?.text ??
    (curve.phases.length ? "the last value holds" : "–")
  );
}

function valueAt(curve, k) {
  const value = k < curve.steps ? curve.value(k) : null;
  return (value !== null && curve.isStored?.(k) === false ? "≈ " : "") + shown(value, 5);
}

/** What a step of the run is. */
function unitOf({ unit }) {
  return unit === "step" ? "update" : unit;
}

/** A text that begins with a capital letter. */
function sentence(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** Where the cursor is, in words. */
function placeText(horizon, k) {
  const epoch = epochText(horizon, k);
  return `${sentence(unitOf(horizon))} ${grouped(k)} of ${grouped(horizon.steps)}${epoch === null ? "" : `, epoch ${epoch}`}`;
}

/** Each curve at the cursor. */
function fillReading(table, curves, horizon, k, quantity) {
  const isCompared = curves.length > 1;
  const read = (curve) => (k < curve.steps ? curve.value(k) : null);
  const difference = (curve) => {
    const isAlike = curve !== curves[0] && curve.key === curves[0].key;
    const [value, first] = [read(curve), read(curves[0])];
    return isAlike && value !== null && first !== null ? signed(value - first) : "";
  };
  const head = [words("Curve"), numbers(quantity), ...(isCompared ? [numbers("Difference")] : []), words("Phase")];
  const rows = curves.map((curve) => [
    named(curve),
    valueAt(curve, k),
    ...(isCompared ? [difference(curve)] : []),
    phaseAt(curve, k),
  ]);
  fill(table, placeText(horizon, k), head, rows);
}

function signed(value) {
  return (value > 0 ? "+" : "") + shown(value).replace(/^-/, "−");
}

/** The numbers in which the curves differ. */
function fillSummary(table, curves, horizon) {
  const head = [
    words("Curve"),
    numbers("Peak"),
    numbers(`at ${unitOf(horizon)}`),
    numbers("Mean"),
    numbers("Mean / first"),
    numbers("Last"),
    numbers("Below 1 % of peak"),
  ];
  const rows = curves.map((curve, index) => {
    const { peak, peakAt, mean, last, low } = curve.summary;
    const isAlike = index > 0 && curve.key === curves[0].key && curves[0].summary.mean > 0;
    return [
      named(curve),
      shown(peak),
      grouped(peakAt),
      shown(mean),
      isAlike ? `${shown(mean / curves[0].summary.mean, 3)} ×` : "",
      shown(last),
      `${(100 * low).toFixed(1)} %`,
    ];
  });
  const isCompared = curves.length > 1;
  const kept = (cells) => (isCompared ? cells : cells.filter((_, index) => index !== 4));
  fill(table, isCompared ? "The curves compared" : "The curve in numbers", kept(head), rows.map(kept));
}

/** Each phase with its place and its first and last value. */
function fillPhases(table, curves, horizon) {
  const knowsEpochs = epochText(horizon, 0) !== null;
  const rows = curves.flatMap((curve) =>
    curve.phases.map(({ start, end, text }) => {
      const last = Math.min(end, curve.steps) - 1;
      return [
        named(curve),
        text,
        grouped(start),
        ...(knowsEpochs ? [epochText(horizon, start)] : []),
        valueAt(curve, start),
        valueAt(curve, last),
      ];
    }),
  );
  const head = [
    words("Curve"),
    words("Phase"),
    numbers(`From ${unitOf(horizon)}`),
    ...(knowsEpochs ? [numbers("Epoch")] : []),
    numbers("First"),
    numbers("Last"),
  ];
  const kept = (cells) => (curves.length > 1 ? cells : cells.slice(1));
  fill(table, "Phases", kept(head), rows.map(kept));
}

/** The values at eleven updates of the run. */
function fillValues(table, curves, horizon) {
  const updates = [
    ...new Set(Array.from({ length: 11 }, (_, i) => Math.min(Math.round((i * horizon.steps) / 10), horizon.steps - 1))),
  ];
  const knowsEpochs = epochText(horizon, 0) !== null;
  const head = [
    numbers(sentence(unitOf(horizon))),
    ...(knowsEpochs ? [numbers("Epoch")] : []),
    ...curves.map((curve) => numbers(curve.label)),
  ];
  fill(
    table,
    "Values along the run",
    head,
    updates.map((k) => [
      grouped(k),
      ...(knowsEpochs ? [epochText(horizon, k)] : []),
      ...curves.map((curve) => valueAt(curve, k)),
    ]),
  );
}

/** The curves in a few sentences. */
function describe(curves, horizon) {
  return curves
    .map((curve) => {
      const { first, last, peak, peakAt } = curve.summary;
      return `${curve.label}: begins at ${shown(first)}, peaks at ${shown(peak)} in ${unitOf(horizon)} ${grouped(peakAt)}, and ends at ${shown(last)} after ${counted(curve.steps, unitOf(horizon))}.`;
    })
    .join(" ");
}
