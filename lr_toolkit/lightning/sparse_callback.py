"""The base of callbacks that Lightning calls for few of the events within a batch: each call takes longer than what they do."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.callbacks import Callback

__all__ = ["SparseCallback"]


class SparseCallback(Callback):
    """A callback without the four hooks that Lightning calls around each backward pass and each step of an optimizer.

    Lightning passes over a hook that is ``None``, and does more work to call a hook that does nothing: in each batch more than
    the whole work of ``LRMonitor``. ``on_train_batch_start`` may rest, too, as long as another callback looks for changes of the
    run and calls ``begin_batch_after_change``.

    Attributes:
        state_key: as for any callback; no property, because Lightning asks for it at each hook.
    """

    state_key: str = ""

    on_before_zero_grad = on_before_backward = on_after_backward = on_before_optimizer_step = None  # type: ignore[assignment]

    @property
    def begins_each_batch(self) -> bool:
        """Whether ``on_train_batch_start`` has something to do in each batch, and not only after a change of the run."""
        return True

    def begin_batch_after_change(self, *batch: Any) -> None:
        """Do what ``on_train_batch_start`` does, which rests from now on if it can."""
        if not self.begins_each_batch:
            type(self).on_train_batch_start(self, *batch)
        self.wake()
        if not self.begins_each_batch:
            self.on_train_batch_start = None  # type: ignore[assignment,method-assign]  # Lightning passes over it

    def wake(self) -> None:
        """Let Lightning call ``on_train_batch_start`` in each batch again."""
        vars(self).pop("on_train_batch_start", None)
