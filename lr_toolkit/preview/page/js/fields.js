// The fields of the run: how long it is, and its base LR.

/** A field that is read by `read`, which refuses what is wrong, and stored by `store`; its slider moves by powers of ten. */
function field(id, value, read, store) {
  const [input, slider, error] = [$(id), $(`${id}-slider`), $(`${id}-error`)];
  const set = () => {
    const [value, problem] = attempt(() => ({ read: read(input.value) }));
    error.textContent = problem;
    input.setAttribute("aria-invalid", String(Boolean(problem)));
    if (problem) return;
    store(value.read);
    update();
    remember();
  };
  const follow = () => {
    if (slider && Number(input.value) > 0) slider.value = Math.log10(Number(input.value));
    slider?.setAttribute("aria-valuetext", input.value || "none");
  };
  input.value = value;
  follow();
  input.addEventListener("input", () => {
    follow();
    set();
  });
  slider?.addEventListener("input", () => {
    input.value = shownPower(Number(slider.value));
    slider.setAttribute("aria-valuetext", input.value);
    set();
  });
}

/** Ten to a power with two digits, as a reader would write it. */
function shownPower(power) {
  return power >= 0 ? String(Math.round(Number((10 ** power).toPrecision(2)))) : shown(10 ** power, 2);
}

function readCount(text) {
  const number = Number(text.trim());
  if (!text.trim() || !Number.isSafeInteger(number) || number < 1) refuse("Write a whole number above zero.");
  if (BigInt(number) >= ENDLESS) refuse("Write a number below 100,000,000,000.");
  return number;
}

function readEpochs(text) {
  return text.trim() ? text.split(",").map(readCount) : null;
}

function readBase(text) {
  if (!text.trim()) return null;
  const number = Number(text);
  if (!(number > 0 && number < Infinity))
    refuse("Write a number above zero, such as 1e-3, or nothing for factors of the base LR.");
  return number;
}
