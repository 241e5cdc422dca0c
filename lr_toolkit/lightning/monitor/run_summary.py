"""How a run went, once it has ended: numbers for a tracker's summary, and the picture of plan and fact."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

from lr_toolkit.lightning.loggers.rows import has_tensorboard, log_outcome
from lr_toolkit.preview.picture import Line, draw, has_matplotlib, save

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from matplotlib.figure import Figure

__all__ = ["RunSummary"]


@final
@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run's learning rates, seen from its end.

    ``lines`` are the curves as planned and as used, at least one of them used; ``coming`` what the next update would use;
    ``updates`` how many there are on the loggers' x axis, and ``phases`` those at which a phase of a schedule began.
    """

    lines: Sequence[Line]
    coming: Mapping[str, float]
    updates: int
    phases: Sequence[int]

    def summary(self) -> dict[str, float]:
        """The numbers by which runs are compared."""
        used = [lrs for _, lrs in (one.used for one in self.lines) if lrs]
        return {
            "lr/peak": max(max(lrs) for lrs in used),
            "lr/final": max(lrs[-1] for lrs in used),
            "lr/next": max(self.coming.values()),
            "lr/total_updates": self.updates,
        }

    def report(self, trainer: Trainer, prefix: str, path: str | Path | None) -> None:
        """Tell the trackers, each name behind ``prefix``; the picture is written to ``path``, too."""
        figure: Figure | None = None
        try:
            if path is not None or (has_tensorboard(trainer) and has_matplotlib()):
                figure = draw(self.lines, title="Learning rate, planned and used", phases=self.phases)
            if path is not None and figure is not None:
                save(figure, path)
        except Exception as error:  # the training is done, and its logs must not be lost for a picture
            warnings.warn(
                f"The picture of the learning rates could not be made ({type(error).__name__}: {error}). The rows are in "
                "monitor.history.",
                UserWarning,
                stacklevel=2,
            )
        log_outcome(trainer, {f"{prefix}{name}": value for name, value in self.summary().items()}, figure)
