// A chart: the curves of one key as an SVG, with a cursor that reads them at an update.

const MARGIN = { left: 62, right: 16, top: 46, bottom: 40 };
const DASHES = ["", "9 4", "2 4", "12 4 2 4", "5 3", "1 5"];
const COLOURS = 6;
const MOST_NAMED = 8; // phases whose names stand in the chart
const DOT = "m-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0";
const LETTER = 6.6; // the width of one in a name

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

class Chart {
  /** `onMove` is called with the update at which the reader points or to which the keys lead. */
  constructor(figure, onMove) {
    this.element = figure;
    this.onMove = onMove;
    figure.addEventListener("pointermove", (event) => this.#point(event));
    figure.addEventListener("pointerdown", (event) => this.#point(event));
    figure.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Draws curves, each with its number for its colour, over the updates of a run. */
  draw(curves, { horizon, isLog, label }) {
    Object.assign(this, { curves, horizon });
    this.width = Math.max(this.element.clientWidth, 240);
    this.height = this.element.clientHeight;
    this.steps = Math.max(1, ...curves.map((curve) => curve.steps));
    const updates = updatesOf(this.steps, curves);
    const values = curves.map((curve) => updates.map((k) => (k < curve.steps ? curve.value(k) : null)));
    this.scale = valueScale(values.flat(), isLog, this.height / 45);
    this.cursor = svg("g", { class: "cursor" });
    const lines = curves.flatMap((curve, index) => {
      const attributes = { class: `curve c${curve.number % COLOURS}${curve.isStale ? " stale" : ""}` };
      const { line, dots } = this.#paths(updates, values[index]);
      return [
        svg("path", { d: line, ...attributes, "stroke-dasharray": DASHES[curve.number % DASHES.length] }),
        ...(dots ? [svg("path", { d: dots, ...attributes })] : []),
      ];
    });
    const picture = svg("svg", {
      width: this.width,
      height: this.height,
      viewBox: `0 0 ${this.width} ${this.height}`,
      "aria-hidden": "true",
      focusable: "false",
    });
    picture.append(this.#axes(label), ...(curves.length === 1 ? [this.#phases(curves[0])] : []), ...lines, this.cursor);
    this.element.replaceChildren(picture);
    this.element.setAttribute("aria-valuemax", this.steps - 1);
  }

  /** Puts the cursor at an update; `text` is what a screen reader reads there. */
  read(k, text) {
    const x = this.#x(k);
    const dots = this.curves
      .map((curve) => [curve, k < curve.steps ? curve.value(k) : null])
      .filter(([, value]) => value !== null);
    this.cursor.replaceChildren(
      svg("line", { x1: x, x2: x, y1: MARGIN.top, y2: this.height - MARGIN.bottom }),
      ...dots.map(([curve, value]) =>
        svg("circle", { cx: x, cy: this.#y(value), r: 4.5, class: `c${curve.number % COLOURS}` }),
      ),
    );
    this.element.setAttribute("aria-valuenow", k);
    this.element.setAttribute("aria-valuetext", text);
    this.cursorUpdate = k;
  }

  #x(k) {
    return MARGIN.left + ((this.width - MARGIN.left - MARGIN.right) * k) / this.steps;
  }

  #y(value) {
    return this.height - MARGIN.bottom - (this.height - MARGIN.top - MARGIN.bottom) * this.scale.place(value);
  }

  /** A line through the values that are neighbours, and dots at those without a neighbour. */
  #paths(updates, values) {
    const isKnown = (index) => (values[index] ?? null) !== null;
    const paths = { line: "", dots: "" };
    updates.forEach((k, index) => {
      if (!isKnown(index)) return;
      const place = `${this.#x(k).toFixed(1)} ${this.#y(values[index]).toFixed(1)}`;
      if (isKnown(index - 1)) paths.line += `L${place}`;
      else if (isKnown(index + 1)) paths.line += `M${place}`;
      else paths.dots += `M${place}${DOT}`;
    });
    return paths;
  }

  #axes(label) {
    const group = svg("g", { class: "axes" });
    const [left, right, bottom] = [MARGIN.left, this.width - MARGIN.right, this.height - MARGIN.bottom];
    for (const tick of this.scale.ticks) {
      const y = this.#y(tick);
      group.append(
        svg("line", { x1: left, x2: right, y1: y, y2: y }),
        svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, shown(tick)),
      );
    }
    const wanted = Math.max(2, this.width / 110);
    for (const tick of ticksBetween(0, this.steps, wanted, true)) {
      const x = this.#x(tick);
      const anchor = x + (grouped(tick).length * LETTER) / 2 > this.width ? "end" : "middle";
      group.append(
        svg("text", { x: anchor === "end" ? this.width : x, y: bottom + 18, "text-anchor": anchor }, grouped(tick)),
      );
    }
    group.append(svg("text", { x: right, y: bottom + 34, "text-anchor": "end", class: "name" }, unitOf(this.horizon)));
    group.append(svg("text", { x: 4, y: 12, class: "name" }, label));
    if (this.horizon.epochLengths && this.horizon.unit === "step") this.#epochs(group, wanted);
    return group;
  }

  #epochs(group, wanted) {
    const last = this.horizon.epochAt(Fraction.of(BigInt(this.steps))).number;
    for (const tick of ticksBetween(0, last, wanted, true)) {
      const x = this.#x(this.horizon.stepAt(Fraction.of(BigInt(tick))).number);
      if (x > this.width - MARGIN.right + 1) continue;
      group.append(
        svg("line", { x1: x, x2: x, y1: MARGIN.top - 5, y2: MARGIN.top, class: "tick" }),
        svg("text", { x, y: MARGIN.top - 9, "text-anchor": "middle", class: "name" }, tick ? grouped(tick) : "epoch 0"),
      );
    }
  }

  #phases({ phases }) {
    const group = svg("g", { class: "phases" });
    if (phases.length > MOST_NAMED) return group;
    let free = 0;
    for (const { start, end, text } of phases) {
      const [x, until] = [this.#x(start), this.#x(end)];
      group.append(svg("line", { x1: x, x2: x, y1: MARGIN.top, y2: this.height - MARGIN.bottom }));
      if (until - x < text.length * LETTER + 8 || x < free) continue;
      group.append(svg("text", { x: x + 5, y: this.height - MARGIN.bottom - 7 }, text));
      free = x + text.length * LETTER;
    }
    return group;
  }

  #point(event) {
    const { left, width } = this.element.getBoundingClientRect();
    const share =
      ((event.clientX - left) * (this.width / width) - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right);
    this.#move(Math.round(share * this.steps));
  }

  #key(event) {
    const near = event.shiftKey ? 1 : Math.max(1, Math.round(this.steps / 200));
    const far = Math.max(1, Math.round(this.steps / 20));
    const moves = {
      ArrowLeft: -near,
      ArrowDown: -near,
      ArrowRight: near,
      ArrowUp: near,
      PageDown: -far,
      PageUp: far,
      Home: -this.cursorUpdate,
      End: this.steps,
    };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.#move(this.cursorUpdate + moves[event.key]);
  }

  #move(k) {
    this.onMove(Math.min(Math.max(k, 0), this.steps - 1));
  }
}
