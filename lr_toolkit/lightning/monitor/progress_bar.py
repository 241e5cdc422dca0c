"""Shows the LR in the Trainer's progress bar, as text that can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["BarEntry"]


@final
class BarEntry:
    """Adds ``lr`` to the progress bar; as text, because Rich's bar prints 0.0003 as 0.000.

    Args:
        trainer: the Trainer that may have a progress bar.
        lr: returns the LR to show, ``None`` to show nothing.
    """

    def __init__(self, trainer: Trainer, lr: Callable[[], float | None]) -> None:
        self._lr: Callable[[], float | None] | None = lr
        self._bar: Any = trainer.progress_bar_callback
        if self._bar is None:
            return
        self._before = vars(self._bar).get("get_metrics")  # the user's own, or another entry's
        self._get_metrics = self._bar.get_metrics
        vars(self._bar)["get_metrics"] = self._with_lr

    def _with_lr(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        metrics = dict(self._get_metrics(*args, **kwargs))
        lr = self._lr() if self._lr else None
        return metrics if lr is None else {**metrics, "lr": f"{lr:.1e}"}

    def remove(self) -> None:
        """Leave the bar as it was: now, or together with an entry that was put on top of this one."""
        self._lr = None
        if self._bar is None:
            return
        attributes = vars(self._bar)
        while isinstance(top := getattr(attributes.get("get_metrics"), "__self__", None), BarEntry) and not top._lr:
            if top._before is None:
                del attributes["get_metrics"]
            else:
                attributes["get_metrics"] = top._before
