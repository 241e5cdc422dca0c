"""The base of callbacks that Lightning calls for few of the events within a batch: each call takes longer than what they do."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.callbacks import Callback

__all__ = ["SparseCallback"]

_PACKAGE = __name__.partition(".")[0]


class SparseCallback(Callback):
    """A callback without the four hooks that Lightning calls around each backward pass and each step of an optimizer.

    Lightning passes over a hook that is ``None``, and does more work to call a hook that does nothing: in each batch more than
    the whole work of ``LRMonitor``. Two more may be ``None`` for a while: ``on_train_batch_start`` as long as another callback looks
    for changes of the run and calls ``begin_batch_after_change``, and ``on_train_batch_end`` until there is something to do.

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
        self.restore("on_train_batch_start")
        if self.begins_each_batch or not self._is_own("on_train_batch_start"):
            return
        self.on_train_batch_start(*batch)
        if not self.begins_each_batch:  # the change may be that it has
            self.pass_over("on_train_batch_start")

    def pass_over(self, hook: str) -> None:
        """Let Lightning pass over a hook from now on, unless it is somebody else's function."""
        if self._is_own(hook):
            vars(self)[hook] = None

    def _is_own(self, hook: str) -> bool:
        """Whether a hook is defined in this package: not in a subclass of somebody else's, nor put on the instance."""
        defined_in: str = getattr(getattr(self, hook), "__module__", "")
        return defined_in.partition(".")[0] == _PACKAGE

    def restore(self, hook: str) -> None:
        """Let Lightning call a hook again."""
        if vars(self).get(hook, self) is None:
            del vars(self)[hook]

    def __getstate__(self) -> dict[str, Any]:
        # The module's methods that Lightning attaches stay with this callback, as does a hook that is None.
        left_out = ("log", "log_dict", "on_train_batch_start", "on_train_batch_end")
        return {name: value for name, value in vars(self).items() if name not in left_out}
