"""Notices calls of ``scheduler.step()`` that do not match the updates: too many of them, or of two schedulers at once."""

from __future__ import annotations

from typing import Any, final
from weakref import WeakKeyDictionary, WeakSet

from torch.optim import Optimizer

from lr_toolkit.errors import warn

__all__ = ["IdleSteps", "watches_of"]

_UPDATES = 3  # in a row; a GradScaler does not skip every second update
_CALLS = 17  # for one update; a GradScaler of 65536 skips sixteen until it is at 1

_watches: WeakKeyDictionary[Optimizer, WeakSet[Any]] = WeakKeyDictionary()


def watches_of(optimizer: Optimizer) -> WeakSet[Any]:
    """The ``UpdateWatch`` of each scheduler that was made for ``optimizer`` and is alive; a new one adds itself."""
    return _watches.setdefault(optimizer, WeakSet())


@final
class IdleSteps:
    """Warns once of a loop that calls ``scheduler.step()`` more often than ``optimizer.step()``.

    Such calls are noticed after each of several updates in a row, or many times after one update.
    """

    def __init__(self) -> None:
        self._update = -1  # the latest one with a call too many
        self._calls = 0  # too many, in the updates in a row
        self._updates = 0
        self._has_warned = False

    def forget(self) -> None:
        """Note a call of ``optimizer.step()`` that was no update."""
        self._calls = self._updates = 0
        self._update = -1

    def note(self, update: int) -> None:
        """Note a call of ``step()`` at ``update`` that did not count."""
        if update not in (self._update, self._update + 1):
            self._calls = self._updates = 0
        self._updates += update != self._update
        self._update = update
        self._calls += 1
        if not self._has_warned and (self._updates > _UPDATES or self._calls >= _CALLS * self._updates):
            self._has_warned = True
            self._warn()

    def end_start(self) -> None:
        """Warn of several calls before training began. One is Lightning's, after an epoch that was resumed at its end."""
        if self._calls > 1 and not self._has_warned:
            self._has_warned = True
            warn(
                "LR531",
                f"scheduler.step() was called {self._calls} times before training began, without any optimizer.step(), so none of them "
                "counts, and the learning rate stays where it is. To begin at a later update, call "
                f"scheduler.step({self._calls}) once.",
            )

    def _warn(self) -> None:
        warn(
            "LR531",
            "scheduler.step() is called several times for each optimizer.step(), and counts once: the schedule moves with the "
            "updates, and its horizon is their number. Call it only after an optimizer.step(). Under accelerate, whose wrapper calls "
            "it once for each process, do not prepare the scheduler: write if accelerator.sync_gradients: scheduler.step(), and make "
            "the horizon of the prepared dataloader, Horizon(epochs * len(dataloader)). To begin at a later update n, call "
            "scheduler.step(n) once.",
        )
