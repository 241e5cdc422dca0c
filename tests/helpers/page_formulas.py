"""The page's JavaScript in node: one process that answers a schedule with its text, factors and phases, or with its error."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lr_toolkit import Horizon, Schedule, ScheduleError
from lr_toolkit.preview.page.html import formulas

NODE = shutil.which("node")

_ANSWER = """
const answer = ({ text, updates, steps, perEpoch, unit, base }) => {
  try {
    const schedule = parse(text);
    const curve = resolve(schedule, new Horizon(steps, perEpoch, unit), base);
    const factors = updates.map((k) => numberText(curve.value(k)));
    return { text: schedule.text, factors, phases: parts(curve).map(({ start, end }) => [start, end]) };
  } catch (error) {
    return error instanceof ScheduleError ? { error: error.message } : { bug: error.stack };
  }
};
require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const found = line === "builders" ? [...BUILDERS.values()] : answer(JSON.parse(line));
    const plain = (value) => (typeof value === "bigint" || value instanceof Duration ? argumentText(value) : value);
    console.log(JSON.stringify(found, (_, value) => plain(value)));
  });
"""


class Formulas:
    """Asks the process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def builders(self) -> list[dict[str, Any]]:
        """The builders of the page, with their parameters."""
        answer: list[dict[str, Any]] = self._ask("builders")
        return answer

    def resolve(self, text: str, horizon: Horizon, base: float) -> dict[str, Any]:
        """What the page makes of a text: its ``text``, ``values`` and ``phases``, or an ``error``."""
        per_epoch = None if horizon.steps_per_epoch is None else list(horizon.epoch_steps or ())
        case = {"text": text, "steps": horizon.steps, "perEpoch": per_epoch, "unit": horizon.unit, "base": base}
        answer: dict[str, Any] = self._ask(json.dumps(case | {"updates": updates_of(horizon).tolist()}))
        assert "bug" not in answer, answer["bug"]
        if "factors" in answer:
            answer["values"] = base * np.array([float(factor) for factor in answer.pop("factors")])
        return answer

    def _ask(self, line: str) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def updates_of(horizon: Horizon) -> NDArray[np.int64]:
    """The updates that are compared: both ends, three after the run, and at most 120 between."""
    steps = horizon.steps
    between = np.linspace(0, steps - 1, min(steps, 120)).round().astype(np.int64)
    return np.unique([*between, 1, *range(max(steps - 2, 0), steps + 3)])


@contextmanager
def page_formulas() -> Iterator[Formulas]:
    """The process, for as long as it is used."""
    command = [str(NODE), "-e", formulas() + _ANSWER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield Formulas(process)
        assert process.stdin
        process.stdin.close()


def by_python(text: str, horizon: Horizon, base: float) -> dict[str, Any]:
    """The same answer by the package itself."""
    try:
        schedule = Schedule.parse(text)
        timeline = schedule.resolve(horizon)
        values: NDArray[np.float64] = timeline.values(updates_of(horizon), base_lr=base)
    except ScheduleError as error:
        return {"error": str(error)}
    return {
        "text": repr(schedule),
        "values": values,
        "phases": [[phase.start, phase.end] for phase in timeline.phases],
    }


def largest_difference(values: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """The largest relative difference; values that are equal, or both not finite, have none."""
    is_alike = (values == others) | (~np.isfinite(values) & ~np.isfinite(others))
    with np.errstate(all="ignore"):
        differences = np.where(is_alike, 0.0, abs(values - others) / np.maximum(abs(values), 1e-300))
    return float(differences.max())
