// The curves of the page: a schedule that is computed here, or values that Python stored. Both have a value at each update.

const MOST_POINTS = 4000; // of a curve that is drawn

/** A curve on a run: its `value` at an update and its phases. If the text is refused it has an `error`, and is the last `readable` one. */
function curveOf(entry, horizon, base) {
  if (entry.values) return storedCurve(entry);
  const scale = entry.key === "lr" ? base && base * entry.ratio : entry.base;
  const draw = (text) => {
    const factors = resolve(parse(text), horizon, scale);
    const by = scale ?? 1;
    return {
      ...entry,
      written: tidy(text),
      steps: horizon.steps,
      value: (k) => by * factors.value(k),
      phases: parts(factors),
    };
  };
  const [curve, error] = attempt(() => draw(entry.text));
  if (!error) return curve;
  const [stale] = attempt(() => draw(entry.readable));
  return { ...entry, ...stale, error, isStale: Boolean(stale) };
}

/** What an action returns, or nothing and the message with which it refuses its input. */
function attempt(action) {
  try {
    return [action(), ""];
  } catch (error) {
    if (error instanceof ScheduleError) return [null, error.message];
    throw error;
  }
}

/** The curve of stored values; if only some updates are stored, those between are interpolated. A value that is not known is null. */
function storedCurve(entry) {
  const { updates, values, steps } = entry;
  const value = (k) => {
    if (k >= steps) return null;
    if (!updates) return values[k];
    const left = Math.min(countUpTo(updates, k), updates.length - 1) - 1;
    if (updates[left] === k) return values[left];
    if (updates[left + 1] === k) return values[left + 1];
    const share = (k - updates[left]) / (updates[left + 1] - updates[left]);
    return values[left] === null || values[left + 1] === null
      ? null
      : values[left] * (1 - share) + values[left + 1] * share;
  };
  return { ...entry, value, isStored: (k) => !updates || updates[countUpTo(updates, k) - 1] === k };
}

/**
 * The updates at which a run is looked at: all, or as many as can be seen, with both sides of each phase's beginning, and those at which a
 * curve with gaps is known.
 */
function updatesOf(steps, curves) {
  if (steps <= MOST_POINTS) return Array.from({ length: steps }, (_, k) => k);
  const found = new Set(
    Array.from({ length: MOST_POINTS }, (_, i) => Math.round((i * (steps - 1)) / (MOST_POINTS - 1))),
  );
  for (const { phases, updates, values } of curves) {
    if (updates && values?.includes(null)) for (const k of updates) found.add(k);
    for (const { start } of phases) for (const k of [start - 1, start]) if (k >= 0 && k < steps) found.add(k);
  }
  return [...found].sort((a, b) => a - b);
}

/** What a table says of a curve. The mean and the share below 1 % of the peak are of updates that are evenly spread. */
function summaryOf(curve) {
  const pointsAt = (updates) => updates.map((k) => [k, curve.value(k)]).filter(([, value]) => value !== null);
  const [even, edges] = [pointsAt(updatesOf(curve.steps, [])), pointsAt(updatesOf(curve.steps, [curve]))];
  const [peakAt, peak] = edges.reduce((best, point) => (point[1] > best[1] ? point : best), [0, -Infinity]);
  const mean = even.reduce((sum, [, value]) => sum + value, 0) / even.length;
  const low = even.filter(([, value]) => value < peak / 100).length / even.length;
  const [first, last] = [edges.at(0), edges.at(-1)].map((point) => point?.[1] ?? null);
  return { first, last, peak, peakAt, mean, low };
}
