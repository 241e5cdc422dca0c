"""Whose hooks tell of an optimizer's updates."""

from __future__ import annotations

from collections import OrderedDict

from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError

__all__ = ["steppers"]


def steppers(optimizer: Optimizer) -> list[Optimizer]:
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
