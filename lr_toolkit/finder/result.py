"""The result of a search for the base LR: the answer with its evidence, or the reason why there is none."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from html import escape
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.errors import ScheduleError
from lr_toolkit.finder.picture import draw_search
from lr_toolkit.finder.trial import Method, Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LRSearch", "NoLRFound", "table_of"]


@final
@dataclass(frozen=True, slots=True)
class LRSearch:
    """What a search for the base LR has found. ``print`` shows it as a table, ``plot`` as a picture.

    Attributes:
        lr: the base LR; of several groups the highest.
        lrs: one for each parameter group, in the ratio that they had.
        low: the lowest LR whose short run ends within 5 % of the best: 5 % of the way back to the untrained loss. After a line
            search alone the lower quartile of the batches, after a range test ``None``.
        high: the highest, likewise.
        reason: why this LR, in a sentence.
        curve: every LR that was tried, in the order of the search.
        method: ``"auto"``, ``"line_search"``, ``"schedules"`` or ``"range_test"``.
        schedule: the schedule for which the LR is.
        cost: what the search has cost, in runs of full length.
        seconds: how long it took.
        limits: for each batch of a line search the largest LR at which a step does not raise its loss.
        start_loss: the loss before training, on the data on which the short runs are compared; ``nan`` without short runs.
        rules: after a range test the suggestion of each of fastai's rules.
        interrupted: whether an interrupt ended the search before its end; ``reason`` describes how far it came.

    Example:
        >>> found = LRSearch(lr=0.1, lrs=(0.1,), low=0.05, high=0.2, reason="The lowest of 3.", curve=(), method="auto",
        ...                  schedule="linear()", cost=0.8, seconds=1.0)
        >>> found
        LRSearch(lr=0.1, low=0.05, high=0.2, method='auto', cost=0.8)
        >>> print(found)
        base LR 0.1, good from 0.05 to 0.2, for linear()
        The lowest of 3.
        method='auto' took 0.8 runs, 1.0 seconds
    """

    lr: float
    lrs: tuple[float, ...]
    low: float | None
    high: float | None
    reason: str
    curve: tuple[Trial, ...]
    method: Method
    schedule: str
    cost: float
    seconds: float
    limits: tuple[float, ...] = ()
    start_loss: float = float("nan")
    rules: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False

    def __repr__(self) -> str:
        low, high = (None if end is None else float(f"{end:.3g}") for end in (self.low, self.high))
        return f"LRSearch(lr={self.lr:.3g}, low={low}, high={high}, method={self.method!r}, cost={self.cost:.2g})"

    def __str__(self) -> str:
        lines = [self.title, self.reason, *table_of(self.curve, self.start_loss)]
        if len(self.lrs) > 1:
            lines.append("base LRs of the groups: " + ", ".join(f"{lr:.3g}" for lr in self.lrs))
        lines += [f"{name:>10}  {lr:.3g}" for name, lr in self.rules.items()]
        return "\n".join([*lines, f"method={self.method!r} took {self.cost:.2g} runs, {self.seconds:.1f} seconds"])

    @property
    def title(self) -> str:
        """The answer in one line."""
        quality = "batches agree" if self.method == "line_search" else "good"
        interval = "" if self.low is None else f", {quality} from {self.low:.2g} to {self.high:.2g}"
        return f"base LR {self.lr:.3g}{interval}, for {self.schedule}"

    @property
    def as_dict(self) -> dict[str, Any]:
        """The result as plain data, in which JSON has a place for each value."""
        data = asdict(self)
        data["start_loss"] = _finite(self.start_loss)
        data["curve"] = [{**asdict(trial), "loss": _finite(trial.loss)} for trial in self.curve]
        return data

    def plot(self) -> Figure:
        """The picture: the loss that each LR reaches, with the good interval and the suggestion. Needs matplotlib."""
        interval = (self.low, self.high) if self.low is not None and self.high is not None else None
        return draw_search(
            title=self.title,
            axis="base LR" if len(self.lrs) == 1 else "base LR of the group with the highest",
            sentence=self.reason,
            lr=self.lr,
            interval=interval,
            interval_name="a quarter of the middle half"
            if self.method == "line_search"
            else "ends within 5 % of the best",
            curve=self.curve,
            start_loss=self.start_loss,
            limits=self.limits,
            rules=self.rules,
        )

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def save(self, path: str | Path) -> Path:
        """Write the result: as data if ``path`` ends with ``.json``, otherwise as a picture. Returns the path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".json":
            path.write_text(json.dumps(self.as_dict, indent=1) + "\n", encoding="utf-8")
        else:
            self.plot().savefig(path, dpi=150)
        return path


class NoLRFound(ScheduleError):
    """A search that has no answer. ``curve`` has every LR that was tried.

    Args:
        reason: why there is none, and what to write.
        curve: what was tried.
        start_loss: the loss before training.

    Example:
        >>> raise NoLRFound("the loss is flat.")
        Traceback (most recent call last):
        ...
        lr_toolkit.finder.result.NoLRFound: No base LR was found: the loss is flat.
    """

    def __init__(self, reason: str, curve: tuple[Trial, ...] = (), start_loss: float = float("nan")) -> None:
        super().__init__("\n".join(["No base LR was found: " + reason, *table_of(curve, start_loss)]))
        self.reason = reason
        self.curve = curve
        self.start_loss = start_loss

    def __reduce__(self) -> tuple[Any, ...]:
        return NoLRFound, (self.reason, self.curve, self.start_loss)


def table_of(curve: tuple[Trial, ...], start_loss: float) -> list[str]:
    """The short runs as the lines of a table, by LR."""
    runs = sorted((trial for trial in curve if trial.kind == "schedule"), key=lambda trial: trial.lr)
    if not runs:
        return []
    best = min(trial.loss for trial in runs)
    rows = [f"{trial.lr:>10.3g}  {trial.loss:.5g}{'  lowest' if trial.loss == best else ''}" for trial in runs]
    return [f"{'LR':>10}  loss after a short run", f"{'0':>10}  {start_loss:.5g}", *rows]


def _finite(number: float) -> float | None:
    return number if isfinite(number) else None
