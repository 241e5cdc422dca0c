"""The learning rate in the progress bar, in a form that can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["BarEntry"]


@final
class BarEntry:
    """Adds ``lr`` to what the Trainer's progress bar shows; as text, because Rich's bar prints 0.0003 as 0.000.

    Args:
        trainer: whose bar it is, if it has one.
        text: what to show at this moment; an empty text shows nothing.
    """

    def __init__(self, trainer: Trainer, text: Callable[[], str]) -> None:
        self._text: Callable[[], str] | None = text
        self._bar: Any = trainer.progress_bar_callback
        if self._bar is None:
            return
        self._before = vars(self._bar).get("get_metrics")  # somebody's own, or another entry's
        self._get_metrics = self._bar.get_metrics
        vars(self._bar)["get_metrics"] = self._with_lr

    def _with_lr(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        shown = self._text() if self._text else ""
        return {**self._get_metrics(*args, **kwargs), **({"lr": shown} if shown else {})}

    def remove(self) -> None:
        """Leave the bar as it was: at once, or with what has been put on top of this since."""
        self._text = None
        if self._bar is None:
            return
        attributes = vars(self._bar)
        while isinstance(top := getattr(attributes.get("get_metrics"), "__self__", None), BarEntry) and not top._text:
            if top._before is None:
                del attributes["get_metrics"]
            else:
                attributes["get_metrics"] = top._before
