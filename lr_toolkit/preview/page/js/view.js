// The page: what is shown, and what happens when the reader changes it.

const $ = (id) => document.getElementById(id);
const DATA = JSON.parse($("data").textContent);

const state = {
  steps: DATA.run.steps,
  perEpoch: DATA.run.perEpoch,
  base: DATA.base,
  isLog: false,
  showsDifferences: false,
  place: 0.5, // of the cursor, as a share of the run
  entries: DATA.curves.map((entry) => ({ ...entry, readable: entry.text })),
};
let drawn = { curves: [], horizon: null, charts: [] };

// --- drawing --------------------------------------------------------------------------------------------------------------

/** Draws everything anew. */
function update() {
  const horizon = new Horizon(state.steps, state.perEpoch, DATA.run.unit);
  const all = state.entries.map((entry, number) => ({
    ...curveOf(entry, horizon, state.base),
    number,
    label: labelOf(entry, number),
  }));
  all.forEach((curve, number) => {
    rows[number].show(curve);
    if (!curve.error) state.entries[number].readable = curve.text;
  });
  const curves = all.filter((curve) => curve.value).map((curve) => ({ ...curve, summary: summaryOf(curve) }));
  const quantity = state.base === null ? "Factor of the base LR" : "Learning rate";
  const panels = panelsOf(curves, quantity);
  const charts = panels.map((panel, index) => chartAt(index, panel));
  while ($("charts").children.length > panels.length) $("charts").lastElementChild.remove();
  charts.forEach((chart, index) => chart.draw(panels[index].curves, { horizon, ...panels[index] }));
  drawn = { curves, horizon, charts, quantity: curves.every(({ key }) => key === "lr") ? quantity : "Value" };
  fillSummary($("summary"), curves, horizon);
  fillPhases($("phases"), curves, horizon);
  fillValues($("values"), curves, horizon);
  document.title = $("title").textContent = titleOf(all);
  announce(describe(curves, horizon));
  $("difference").disabled = !panels.some((panel) => panel.curves.length > 1);
  readCursor();
}

/** The title that Python gave; without one, the schedule itself, or how many there are. */
function titleOf(curves) {
  return DATA.title || (curves.length === 1 ? (curves[0].written ?? curves[0].text) : `${curves.length} schedules`);
}

/** A panel for the curves of each key; and for their differences from the first, if they are wanted. */
function panelsOf(curves, quantity) {
  const keys = [...new Set(curves.map(({ key }) => key))];
  return keys.flatMap((key) => {
    const same = curves.filter((curve) => curve.key === key);
    const label = key === "lr" ? quantity : sentence(wordsOf(key));
    const [first, ...others] = same;
    const differences = others.map((curve) => ({ ...curve, value: (k) => minus(curve, first, k) }));
    const panels = [{ label, curves: same, isLog: state.isLog }];
    return state.showsDifferences && others.length
      ? [...panels, { label: `${label}: difference from ${first.label}`, curves: differences, isLog: false }]
      : panels;
  });
}

function minus(curve, other, k) {
  const [value, first] = [curve.value(k), k < other.steps ? other.value(k) : null];
  return value === null || first === null ? null : value - first;
}

function chartAt(index, { label }) {
  const known = $("charts").children[index];
  const element =
    known ??
    html("div", { class: "chart", role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-describedby": "keys" });
  element.setAttribute("aria-label", `${label}, read at an update`);
  if (known) return known.chart;
  $("charts").append(element);
  element.chart = new Chart(element, (k) => {
    state.place = k / drawn.horizon.steps;
    readCursor();
  });
  return element.chart;
}

/** Reads the curves at the cursor. */
function readCursor() {
  const { curves, horizon, charts, quantity } = drawn;
  const k = Math.min(Math.round(state.place * horizon.steps), horizon.steps - 1);
  const spoken = curves.map((curve) => `${curve.label}: ${valueAt(curve, k)} in ${phaseAt(curve, k)}`);
  charts.forEach((chart) => chart.read(k, `${placeText(horizon, k)}. ${spoken.join("; ")}`));
  fillReading($("reading"), curves, horizon, k, quantity);
}

let waiting = 0;

/** Lets a screen reader read a text once the reader pauses. */
function announce(text) {
  clearTimeout(waiting);
  waiting = setTimeout(() => ($("words").textContent = text), 500);
}

/** A schedule for the LR that the reader adds. */
function entryOf(text) {
  return { name: "", key: "lr", ratio: 1, text, readable: text };
}

function labelOf(entry, number) {
  const name = entry.name || (state.entries.length > 1 ? `Schedule ${number + 1}` : "Schedule");
  return entry.key === "lr" ? name : `${name}, ${wordsOf(entry.key)}`;
}

/** The key of a parameter group in words: weight_decay is weight decay. */
function wordsOf(key) {
  return key.replaceAll("_", " ");
}

// --- schedules ------------------------------------------------------------------------------------------------------------

let rows = [];

function makeRows() {
  rows = state.entries.map((entry, number) => {
    return new Row(entry, number, {
      onEdit(text) {
        entry.text = text;
        update();
        remember();
      },
      onRemove: state.entries.length > 1 ? () => remove(number) : null,
    });
  });
  $("rows").replaceChildren(...rows.map(({ element }) => element));
}

function remove(number) {
  state.entries.splice(number, 1);
  makeRows();
  update();
  remember();
  (rows[Math.min(number, rows.length - 1)].box ?? $("add")).focus();
}

$("add").addEventListener("click", () => {
  state.entries.push(entryOf(state.entries.findLast(({ values }) => !values)?.text ?? "cosine()"));
  makeRows();
  update();
  remember();
  rows.at(-1).box.focus();
});

// --- the view -------------------------------------------------------------------------------------------------------------

function toggle(id, isOn, change) {
  const button = $(id);
  button.setAttribute("aria-pressed", String(isOn));
  button.addEventListener("click", () => {
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    change(pressed);
  });
}

function start() {
  recall();
  $("facts").replaceChildren(...DATA.facts.map((fact) => html("li", {}, fact)));
  const isPerEpoch = DATA.run.unit === "epoch";
  $("steps-label").textContent = isPerEpoch ? "Epochs" : "Updates";
  $("epoch-field").hidden = isPerEpoch;
  field("steps", String(state.steps), readCount, (steps) => (state.steps = steps));
  field("epoch", (state.perEpoch ?? []).join(", "), readEpochs, (perEpoch) => (state.perEpoch = perEpoch));
  field("base", state.base === null ? "" : shown(state.base, 15), readBase, (base) => (state.base = base));
  toggle("log", false, (isLog) => {
    state.isLog = isLog;
    update();
  });
  toggle("difference", false, (shows) => {
    state.showsDifferences = shows;
    update();
  });
  toggle(
    "dark",
    matchMedia("(prefers-color-scheme: dark)").matches,
    (isDark) => (document.documentElement.dataset.theme = isDark ? "dark" : "light"),
  );
  $("builders").replaceChildren(
    ...[...BUILDERS.values()].map((builder) => html("li", {}, html("code", {}, signatureOf(builder)))),
  );
  makeRows();
  update();
  addEventListener("hashchange", () => location.reload()); // a link to another state was followed
  new ResizeObserver(() => {
    if (drawn.charts.some((chart) => chart.element.clientWidth !== chart.width)) update();
  }).observe($("charts"));
}

/** The call of a builder with its defaults, without kinds. */
function signatureOf({ name, parameters }) {
  const first = parameters.findIndex(({ isKeyword }) => isKeyword);
  const written = parameters.map(({ name: each, isRequired, fallback }) =>
    isRequired ? each : `${each}=${argumentText(fallback)}`,
  );
  if (first >= 0) written.splice(first, 0, "*");
  return `${name}(${written.join(", ")})`;
}

start();
