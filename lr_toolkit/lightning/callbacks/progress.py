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
        self._bar: Any = trainer.progress_bar_callback
        if self._bar is None:
            return
        original = self._bar.get_metrics

        def get_metrics(*args: Any, **kwargs: Any) -> dict[str, Any]:
            shown = text()
            return {**original(*args, **kwargs), **({"lr": shown} if shown else {})}

        self._bar.__dict__["get_metrics"] = get_metrics

    def remove(self) -> None:
        """Leave the bar as it was."""
        if self._bar is not None:
            self._bar.__dict__.pop("get_metrics", None)
            self._bar = None
