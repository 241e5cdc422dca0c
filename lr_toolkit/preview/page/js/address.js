// The address of the page holds what the reader made of it, so that a link leads to the same.

/** Whether the curves are nothing but schedules: groups have names and base LRs of their own, which an address does not hold. */
function hasLinks() {
  return !DATA.title;
}

/** Keeps the state behind the # of the address, so that a link leads to it. */
function remember() {
  if (!hasLinks()) return;
  const fields = [
    ["steps", state.steps],
    ["epoch", state.perEpoch ?? ""],
    ["lr", state.base ?? ""],
    ...state.entries.map(({ text }) => ["s", text]),
  ];
  try {
    history.replaceState(null, "", `#${new URLSearchParams(fields.map(([name, value]) => [name, String(value)]))}`);
  } catch {
    // Some places where a page can be shown have no address.
  }
}

/** Takes the state from the address of a link: #s=...&s=...&steps=...&epoch=...&lr=... */
function recall() {
  if (!hasLinks()) return;
  const given = new URLSearchParams(location.hash.slice(1));
  for (const [name, key, read] of [
    ["steps", "steps", readCount],
    ["epoch", "perEpoch", readEpochs],
    ["lr", "base", readBase],
  ]) {
    const [value] = given.has(name) ? attempt(() => ({ read: read(given.get(name)) })) : [];
    if (value) state[key] = value.read;
  }
  if (given.has("s")) state.entries = given.getAll("s").map(entryOf);
}
