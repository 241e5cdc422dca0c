"""The arguments of ``LRMonitor`` as one value, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

from lightning.fabric.utilities.exceptions import MisconfigurationException

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.monitor.names import Names
from lr_toolkit.preview.axes import has_matplotlib

__all__ = ["MonitorSettings"]

_PICTURES = (".png", ".svg", ".pdf", ".jpg")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """The arguments of ``LRMonitor``, which documents them.

    Raises:
        MisconfigurationException: for another interval.
        ScheduleError: for other names, or a picture that cannot be written.
    """

    logging_interval: Literal["step", "epoch"] | None
    log_momentum: bool
    log_weight_decay: bool
    prefix: str
    names: Names
    table: bool | None
    print_lr: bool
    progress_bar: bool
    strict: bool
    save_plot: str | Path | None
    ignore: Sequence[str]

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.logging_interval not in (None, "step", "epoch"):
            raise MisconfigurationException("logging_interval should be `step` or `epoch` or `None`.")
        if self.names not in ("stable", "lightning"):
            raise ScheduleError(
                f"LRMonitor(names={self.names!r}): write names='stable' for lr/<scheduler or group name>, or names='lightning' "
                "for the names of Lightning's LearningRateMonitor."
            )
        self._refuse_other_files()

    def _refuse_other_files(self) -> None:
        path: object = self.save_plot
        if path is None:
            return
        if not isinstance(path, (str, Path)) or Path(path).suffix not in _PICTURES:
            raise ScheduleError(
                f"LRMonitor(save_plot={path!r}): must be a path that ends in {', '.join(_PICTURES)}. Write "
                "LRMonitor(save_plot='lr.png')."
            )
        if not has_matplotlib():
            raise ScheduleError(
                f"LRMonitor(save_plot={str(path)!r}): pictures are drawn by matplotlib, which is not installed. Write "
                "pip install 'lr_toolkit[plot]'."
            )
