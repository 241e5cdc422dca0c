"""The search for the base LR: a line search finds the range, and short runs of the whole schedule the LR in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.finder.bars import terminal_bar
from lr_toolkit.finder.batches import check_repeatable, endless, unread_copy
from lr_toolkit.finder.lr_plan import BoundPlan
from lr_toolkit.finder.methods import run_search
from lr_toolkit.finder.problem import Problem, UpdateBatches, check_optimizer
from lr_toolkit.finder.random_state import same_random_state
from lr_toolkit.finder.result import LRSearch
from lr_toolkit.finder.trial import Method
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.schedules import Horizon
from lr_toolkit.schedules.group_schedules import GroupSchedulesLike
from lr_toolkit.schedules.horizon import HorizonLike, read_horizon

__all__ = ["check_arguments", "plan_of", "search_lr"]


def search_lr(
    model: nn.Module,
    optimizer: Optimizer,
    loss_fn: Callable[[nn.Module, Any], Tensor],
    batches: Iterable[Any],
    schedule: GroupSchedulesLike = "hold()",
    horizon: HorizonLike = 1000,
    *,
    method: Method = "auto",
    budget: float = 1.0,
    seed: int | None = None,
    progress: bool = True,
    momentum: GroupSchedulesLike | None = None,
    betas: Sequence[GroupSchedulesLike | None] | None = None,
    weight_decay: GroupSchedulesLike | None = None,
    other_schedules: Mapping[str, Any] | None = None,
) -> LRSearch:
    """Find the base LR for a schedule, in a plain PyTorch loop. Copies are trained; model, optimizer and generators stay as they are.

    An interrupt (Ctrl-C) ends the search, and the result is what was found until then; its ``reason`` has how far it came. A second one
    is raised.

    Args:
        model: the model before its first update, in the mode in which it is trained.
        optimizer: its optimizer. The groups keep the ratio of their base LRs; momentum, betas and weight decay stay, but for
            those that have a schedule below.
        loss_fn: ``loss_fn(model, batch)``, the mean loss of a batch.
        batches: a ``DataLoader``, or anything else that can be read again from its beginning.
        schedule: the schedule of the run. A higher peak fits a schedule that falls to zero than one that is constant.
        horizon: the length of the run. A short run reads the curve of the whole run at fewer places.
        method: ``"auto"``: a line search, then 3 to 6 whole schedules of an eighth of the run around it.
            ``"line_search"``: a quarter of the largest LR at which a step does not raise the loss of its batch, the geometric
            median over ten batches. ``"schedules"``: whole schedules at 13 LRs from 1e-6 to 16. ``"range_test"``: the
            classic sweep; ``lr`` is a tenth of its minimum, and ``rules`` has what fastai's other rules read.
        budget: the length of the short runs is ``budget`` times an eighth of the run.
        seed: the seed of the data order and of dropout, the same for each LR; ``None`` for torch's initial seed.
        progress: whether to show a bar with the remaining time, if this is a terminal or a notebook and tqdm is installed.
        momentum: the schedule of the momentum, which short runs follow as they follow that of the LR; as for ``ScheduledLR``.
        betas: the same for betas.
        weight_decay: the same for the weight decay.
        other_schedules: the same for other keys of the parameter groups.

    Returns:
        The base LR, with the interval around it and everything that was tried.

    Raises:
        NoLRFound: (a ``ScheduleError``) if there is no answer: the loss is flat or not finite, or has no minimum inside of the range, or
            the search was interrupted too early.
        ScheduleError: if an argument cannot be used.

    Example:
        >>> import torch
        >>> from lr_toolkit import linear, search_lr
        >>> _ = torch.manual_seed(0)
        >>> x = torch.randn(256, 8)
        >>> batches = list(zip(x.split(16), x.sum(1, keepdim=True).split(16)))
        >>> model = torch.nn.Linear(8, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        >>> def loss_fn(model, batch):
        ...     return torch.nn.functional.mse_loss(model(batch[0]), batch[1])
        >>> found = search_lr(model, optimizer, loss_fn, batches, linear(), 200)
        >>> 0.05 < found.lr < 1.0, optimizer.param_groups[0]["lr"]
        (True, 0.001)
    """
    check_arguments(method, budget, seed)
    check_optimizer(optimizer)
    check_repeatable(batches)

    def updates() -> Iterator[UpdateBatches]:
        loader = unread_copy(batches)
        return ((batch,) for batch in endless(lambda: loader))

    schedules = {"momentum": momentum, "betas": betas, "weight_decay": weight_decay, "other_schedules": other_schedules}
    length = cast("Horizon", read_horizon(horizon))
    with same_random_state(), terminal_bar(progress) as watcher:
        problem = Problem(
            model=model,
            optimizer=optimizer,
            loss=loss_fn,
            updates=updates,
            plan=plan_of(optimizer, schedule, length, **schedules),
            seed=torch.initial_seed() if seed is None else seed,
        )
        return run_search(problem, method, budget, watcher)


def plan_of(optimizer: Optimizer, schedule: GroupSchedulesLike, horizon: Horizon, **schedules: Any) -> BoundPlan:
    """The plan of schedules for the groups of this optimizer, which stays as it is."""
    groups = [
        {**{key: value for key, value in group.items() if key != "params"}, "params": [nn.Parameter(torch.zeros(1))]}
        for group in optimizer.param_groups
    ]
    for group in groups:
        group["lr"] = float(group["lr"])
    scheduler = ScheduledLR(torch.optim.SGD(groups, lr=1.0), schedule, horizon, **schedules)
    return BoundPlan(scheduler.bindings, horizon.steps, repr(scheduler.schedule))


def check_arguments(method: object, budget: object, seed: object) -> None:
    """Refuse an unknown method, and a budget or seed that is no number."""
    if method not in get_args(Method):
        raise ScheduleError(
            f"find_lr(method={shorten(method)}): write one of {', '.join(map(repr, get_args(Method)))}."
        )
    if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not 0 < budget <= 8:
        raise ScheduleError(
            f"find_lr(budget={shorten(budget)}): must be above 0 and at most 8, with which the short runs are as long as the run. "
            "Write budget=1.0."
        )
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63):
        raise ScheduleError(f"find_lr(seed={shorten(seed)}): must be a whole number, 0 or more. Write seed=0.")
