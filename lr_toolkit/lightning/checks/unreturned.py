"""The check for a scheduler that a module makes and does not return."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lr_toolkit.lightning._compat import callbacks_of
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.source import may_call_step, returns_of, scheduler_names, writes_lr
from lr_toolkit.optim.held_objects import held_objects

if TYPE_CHECKING:
    from torch.optim import Optimizer


@check("LR112", "configure_optimizers makes a scheduler and does not return it")
def not_returned(info: RunInfo) -> Iterator[str]:
    """Report a scheduler that Lightning was not given, under automatic optimization, if no code of the run can step it.

    A ``configure_optimizers`` with several returns may return the optimizer alone on purpose.
    """
    owners = [info.module, *callbacks_of(info.trainer)]
    if info.configs or not info.is_automatic or returns_of(info.module.configure_optimizers) > 1:
        return
    for optimizer in info.optimizers:
        names = _made_for(info, optimizer)
        if not names or may_call_step(info.module, [*owners, optimizer]) or any(map(writes_lr, owners)):
            continue
        name = " and ".join(names)
        monitor = ", 'monitor': 'val_loss'" if ReduceLROnPlateau.__name__ in names else ""
        yield (
            f"configure_optimizers makes {name} for {type(optimizer).__name__} and does not return it, and nothing steps it: the LR "
            f"stays at {float(optimizer.param_groups[0]['lr']):g}. Write return [optimizer], "
            f"[{{'scheduler': scheduler, 'interval': 'epoch'{monitor}}}], or 'interval': 'step' if the scheduler counts updates."
        )


def _made_for(info: RunInfo, optimizer: Optimizer) -> list[str]:
    """The classes of the schedulers that were made for an optimizer that has taken no step.

    The module holds the scheduler; or a scheduler has marked the groups and the ``step`` of the optimizer, and code of the module
    names classes of schedulers. A mark alone may come from a state that was loaded, or from a search for the LR.
    """
    if getattr(optimizer, "_opt_called", False):  # it was trained with a scheduler
        return []
    held = [each for each in held_objects(info.module, LRScheduler) if each.optimizer is optimizer]
    if held:
        return list(dict.fromkeys(type(each).__name__ for each in held))
    has_bases = all("initial_lr" in group for group in optimizer.param_groups)
    is_marked = any(hasattr(optimizer.step, mark) for mark in ("_wrapped_by_lr_sched", "_with_counter"))
    return scheduler_names(info.module) if has_bases and is_marked else []
