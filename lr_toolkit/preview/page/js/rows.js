// The list of curves: a text box for each schedule, its error, and the lines to copy.

const NO_FORMULA =
  "This curve has no formula in the page: its values come from Python, and they stay as they are when the run is changed here.";

/** The lines that use a schedule. */
function linesOf(text) {
  return [
    ["Python", `schedule = ${text}`],
    ["YAML", `schedule: ${JSON.stringify(text)}`],
  ];
}

/** The row of a curve; `onEdit` is called when its text changes, and `onRemove`, if it can be removed, by its button. */
class Row {
  constructor(entry, number, { onEdit, onRemove }) {
    const id = `schedule-${number}`;
    const name = entry.values ? html("span") : html("label", { for: id });
    const head = html("div", { class: "head" }, name);
    this.name = name;
    this.error = html("p", { id: `${id}-error`, class: "error", "aria-live": "polite" });
    this.element = html("li", { class: "row" }, head);
    if (onRemove)
      head.append(
        html(
          "button",
          { type: "button", class: "quiet", "aria-label": `Remove schedule ${number + 1}`, onclick: onRemove },
          "Remove",
        ),
      );
    if (entry.values) {
      const text = entry.text ? [html("code", {}, entry.text)] : [];
      this.element.append(...text, html("p", { class: "note" }, NO_FORMULA));
      return;
    }
    this.box = html("textarea", {
      id,
      rows: 2,
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      "aria-describedby": `${id}-error`,
      oninput: () => onEdit(this.box.value),
    });
    this.box.value = entry.text;
    this.lines = html("div", { class: "lines" });
    this.copying = html("details", {}, html("summary", {}, "Copy as Python or YAML"), this.lines);
    const isScaled = entry.ratio !== undefined && entry.ratio !== 1;
    const note = isScaled
      ? [html("p", { class: "note" }, `Its base LR is ${shown(entry.ratio)} times the base LR of the run.`)]
      : [];
    this.element.append(this.box, this.error, ...note, this.copying);
  }

  /** Shows what became of the text. */
  show(curve) {
    this.name.replaceChildren(named(curve));
    if (!this.box) return;
    this.error.textContent = curve.error
      ? `${curve.error}${curve.isStale ? " (The pale curve is the last text that could be drawn.)" : ""}`
      : "";
    this.error.hidden = !curve.error;
    this.box.setAttribute("aria-invalid", String(Boolean(curve.error)));
    this.copying.hidden = Boolean(curve.error);
    if (!curve.error)
      this.lines.replaceChildren(...linesOf(curve.written).map(([language, line]) => copyLine(language, line)));
  }
}

function copyLine(language, line) {
  const code = html("code", {}, line);
  const button = html("button", { type: "button", class: "quiet" }, `Copy ${language}`);
  button.addEventListener("click", async () => {
    button.textContent = (await copied(line, code)) ? "Copied" : "Selected: press Ctrl+C";
    announce(button.textContent);
    setTimeout(() => (button.textContent = `Copy ${language}`), 2000);
  });
  return html("div", { class: "line" }, code, button);
}

/** Copies a text; where the browser does not allow it, selects the element that shows it. */
async function copied(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return false;
  }
}
