"""The base of callbacks that Lightning calls for few of the events within a batch: each call takes longer than what they do."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.callbacks import Callback

__all__ = ["SparseCallback"]

_PASSED_OVER = ("on_train_batch_start", "on_train_batch_end")  # hooks of an instance that may be None for a while


class SparseCallback(Callback):
    """A callback without the four hooks that Lightning calls around each backward pass and each step of an optimizer.

    Lightning passes over a hook that is ``None``, and does more work to call a hook that does nothing: in each batch more than
    the whole work of ``LRMonitor``. ``on_train_batch_start`` may be ``None``, too, as long as another callback looks for changes of
    the run and calls ``begin_batch_after_change``.

    Args:
        named: the arguments in which callbacks of this class differ in a checkpoint.

    Attributes:
        state_key: as for any callback; no property, because Lightning asks for it at each hook.
    """

    state_key: str = ""

    on_before_zero_grad = on_before_backward = on_after_backward = on_before_optimizer_step = None  # type: ignore[assignment]

    def __init__(self, **named: Any) -> None:
        # A subclass may have a property instead, which cannot be assigned.
        vars(self)["state_key"] = f"{type(self).__qualname__}{named or ''}"

    @property
    def begins_each_batch(self) -> bool:
        """Whether ``on_train_batch_start`` has something to do in each batch, and not only after a change of the run."""
        return True

    def begin_batch_after_change(self, *batch: Any) -> None:
        """Do what ``on_train_batch_start`` does, over which Lightning passes from now on; do nothing if Lightning has to call it."""
        self.restore_hook()
        if self.begins_each_batch or not _is_ours(self.on_train_batch_start):
            return
        self.on_train_batch_start(*batch)
        if not self.begins_each_batch:  # the change may be that it has
            self.on_train_batch_start = None  # type: ignore[assignment,method-assign]  # Lightning passes over it

    def restore_hook(self) -> None:
        """Let Lightning call ``on_train_batch_start`` in each batch again."""
        if vars(self).get("on_train_batch_start", self) is None:
            del self.on_train_batch_start

    def __getstate__(self) -> dict[str, Any]:
        # The module's methods that Lightning attaches stay with this callback, as do hooks that are None.
        left_out = {"log", "log_dict"} | {name for name in _PASSED_OVER if vars(self).get(name, self) is None}
        return {name: value for name, value in vars(self).items() if name not in left_out}


def _is_ours(hook: Any) -> bool:
    """Whether a function is defined in this package: not in a subclass of somebody else's, nor put on an instance."""
    defined_in: str = getattr(hook, "__module__", "")
    return defined_in.partition(".")[0] == __name__.partition(".")[0]
