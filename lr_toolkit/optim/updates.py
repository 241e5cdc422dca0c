"""Noticing an optimizer's updates: whose hooks tell of them, whether they had a gradient, whether they are only recorded."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError

__all__ = ["GradientProbe", "hookable_optimizers", "is_captured", "warn_of_constants"]


def hookable_optimizers(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizer, and one that it steps on the same groups, as far as torch can register hooks with them.

    SAM's ``second_step()`` steps the other past its own ``step()``, and many a Lookahead has no hooks of its own, as its
    ``__init__`` does not call torch's.

    Raises:
        ScheduleError: where there is none, so that nothing would ever move on.
    """
    groups = optimizer.param_groups
    inner = [one for one in vars(optimizer).values() if isinstance(one, Optimizer) and one.param_groups is groups]
    found = [one for one in (optimizer, *inner) if isinstance(vars(one).get("_optimizer_step_post_hooks"), OrderedDict)]
    if not found:
        raise ScheduleError(
            f"{type(optimizer).__name__} is not made as torch's optimizers are, so its updates cannot be seen. Let its __init__ "
            "call super().__init__(params, defaults), or keep the optimizer that it steps in an attribute, with the same param_groups."
        )
    return found


@final
class GradientProbe:
    """Says whether some parameter of an optimizer has a gradient, by asking the one that had it last time first.

    A frozen backbone may stand before it, with more parameters than should be walked through at every update.
    """

    def __init__(self) -> None:
        self._parameter: Callable[[], Tensor | None] = lambda: None

    def has_gradient(self, optimizer: Optimizer) -> bool:
        """Whether some parameter has a gradient now."""
        known = self._parameter()
        if known is not None and known.grad is not None:
            return True
        parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
        found = next((one for one in parameters if one.grad is not None), None)
        if found is not None:
            self._parameter = weakref.ref(found)
        return found is not None


def is_captured() -> bool:
    """Whether what runs now is recorded in a CUDA graph, and not done."""
    on_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch has not typed it
    return on_gpu and torch.cuda.is_current_stream_capturing()


def warn_of_constants(optimizer: Optimizer) -> None:
    """Say so where a CUDA graph that is being captured takes a learning rate from the host, which no replay does again."""
    lrs = [group["lr"] for group in optimizer.param_groups]
    at = next((at for at, lr in enumerate(lrs) if not isinstance(lr, Tensor) or lr.device.type == "cpu"), None)
    if at is not None:
        kind = "a tensor in the host's memory" if isinstance(lrs[at], Tensor) else "a number"
        warnings.warn(
            f"An update of {type(optimizer).__name__} is captured in a CUDA graph, and the lr of parameter group {at} is {kind}: "
            f"every replay uses what it is now ({float(lrs[at]):g}), whatever the schedule says. Give the optimizer a tensor on "
            "the GPU: lr=torch.tensor(3e-4, device='cuda').",
            UserWarning,
            stacklevel=2,
        )
