"""The end of a run: its numbers for the trackers' summaries, and the picture of planned and used LRs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.lightning.loggers.rows import log_summary, wants_picture
from lr_toolkit.preview.axes import axes_or_new, has_matplotlib
from lr_toolkit.preview.picture import Line, draw, draw_on, save

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lr_toolkit.lightning.monitor.run_result import RunResult

__all__ = ["RunSummary"]


@final
@dataclass(frozen=True, slots=True)
class RunSummary:
    """The LRs of a run that has ended.

    Attributes:
        lines: the planned and the used LRs of each series; at least one was used.
        next_lrs: the LRs that the next update would use.
        updates: the number of updates on the loggers' x axis.
        title: the schedules.
        phases: the updates at which a phase of a schedule began, with its name.
        epochs: the first update of each epoch, if they are known.
        others: what was used of each other key that is scheduled.
    """

    lines: Sequence[Line]
    next_lrs: Sequence[float]
    updates: int
    title: str
    phases: Sequence[tuple[int, str]]
    epochs: Sequence[int]
    others: Mapping[str, Sequence[Line]]

    @classmethod
    def of(cls, result: RunResult) -> RunSummary | None:
        """The summary of a run, ``None`` if it used no LR."""
        planned = result.plans()
        lines = [
            Line(series.name, planned.get(series.name, ((), ())), result.history.series(series.name))
            for series in result.series
        ]
        if not any(lrs for _, lrs in (line.used for line in lines)):
            return None
        updates = max(position["step"] for position in result.positions) + 1
        others = {
            key: [Line(name, used=points) for name, points in result.values_of(key).items() if points[0]]
            for key in result.other_keys
        }
        drawn = {key: each for key, each in others.items() if each}
        next_lrs = tuple(result.next_lrs.values())
        return cls(lines, next_lrs, updates, result.title, result.phases, result.epoch_starts, drawn)

    @classmethod
    def of_logged(cls, result: RunResult) -> RunSummary:
        """The summary of a run, to draw it.

        Raises:
            ScheduleError: if no LR was logged yet.
        """
        summary = cls.of(result)
        if summary is None:
            raise ScheduleError("LRMonitor.plot(): no LR was logged yet. Write trainer.fit(model) before it.")
        return summary

    def numbers(self) -> dict[str, float]:
        """The numbers by which runs are compared."""
        used = [lrs for _, lrs in (line.used for line in self.lines) if lrs]
        return {
            "lr/peak": max(max(lrs) for lrs in used),
            "lr/final": max(lrs[-1] for lrs in used),
            **({"lr/next": max(self.next_lrs)} if self.next_lrs else {}),
            "lr/total_updates": self.updates,
        }

    def report(self, trainer: Trainer, prefix: str, figure: Figure | None = None) -> None:
        """Give the numbers to the trackers under names that begin with ``prefix``, and the picture."""
        log_summary(trainer, {f"{prefix}{name}": value for name, value in self.numbers().items()}, figure)

    def plot(self, ax: Axes | None, *, log: bool) -> Axes:
        """Draw the planned and the used LRs on axes of the user's, or of a new figure of pyplot."""
        axes = axes_or_new(ax)
        draw_on(axes, self.lines, title=self.title, phases=self.phases, epochs=self.epochs, log=log)
        return axes

    def picture(self, trainer: Trainer, path: str | Path | None) -> Figure | None:
        """The picture, if a tracker wants it or ``path`` is given, to which it is written; ``None`` also if it fails."""
        figure: Figure | None = None
        try:
            if path is not None or (wants_picture(trainer) and has_matplotlib()):
                figure = draw(self.lines, title=self.title, phases=self.phases, epochs=self.epochs, below=self.others)
            if path is not None and figure is not None:
                save(figure, path)
        except Exception as error:  # the training is done, and its logs must not be lost for a picture
            warn(
                "LR593",
                f"The picture of the learning rates could not be made ({type(error).__name__}: {error}). The rows are in "
                "monitor.history. To draw them, write monitor.plot().figure.savefig('lr.png') after the fit.",
            )
        return figure
