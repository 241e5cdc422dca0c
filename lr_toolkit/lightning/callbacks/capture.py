"""The learning rates that an update used, taken from the optimizer itself at the moment of the update."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, final

from torch import Tensor
from torch.optim import Optimizer

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

__all__ = ["Capture", "Reading", "number"]

Reading: TypeAlias = "list[float | Tensor]"


@final
class Capture:
    """Watches one optimizer and keeps the LRs of its latest update.

    Read in a hook after the optimizer's ``step``, before any other such hook: by then whatever ``training_step``
    wrote is in force, and no scheduler has moved yet. An update that a ``GradScaler`` skips does not get here. Nothing
    is brought to the host: a tensor is cloned on its device, because schedulers fill it in place.

    Args:
        optimizer: a torch optimizer.
        also: called at each update, with the LRs still as they were used.
    """

    def __init__(self, optimizer: Optimizer, also: Callable[[], None] | None = None) -> None:
        self.optimizer = optimizer
        self.latest: Reading | None = None
        self._also = also
        self._handle: RemovableHandle | None = optimizer.register_step_post_hook(self._after)
        hooks = getattr(optimizer, "_optimizer_step_post_hooks", None)
        if hooks is not None:  # a warmup's hook may write the next LR: it has to come after this one
            hooks.move_to_end(self._handle.id, last=False)

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        lrs = [group["lr"] for group in optimizer.param_groups]
        self.latest = [lr.detach().clone() if isinstance(lr, Tensor) else lr for lr in lrs]
        if self._also is not None:
            self._also()

    def close(self) -> None:
        """Stop watching."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None


def number(value: Any) -> float:
    """A plain number for loggers; for a tensor this waits for its device."""
    return float(value)
