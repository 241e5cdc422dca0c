"""The search for the base LR: a line search that says where, and short runs of the whole schedule that say which."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.finder.batches import check_repeatable, endless, unread_copy
from lr_toolkit.finder.line_search import SHARE, LineSearch, search_line
from lr_toolkit.finder.lr_plan import BoundPlan
from lr_toolkit.finder.problem import Problem, UpdateBatches, check_optimizer
from lr_toolkit.finder.random_state import same_random_state
from lr_toolkit.finder.range_test import sweep
from lr_toolkit.finder.result import LRSearch
from lr_toolkit.finder.short_runs import ShortRuns
from lr_toolkit.finder.trial import Method
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.schedules import Horizon
from lr_toolkit.schedules.group_schedules import GroupSchedulesLike

__all__ = ["check_arguments", "plan_of", "run_search", "search_lr"]


def search_lr(
    model: nn.Module,
    optimizer: Optimizer,
    loss_fn: Callable[[nn.Module, Any], Tensor],
    batches: Iterable[Any],
    schedule: GroupSchedulesLike = "hold()",
    horizon: Horizon | int = 1000,
    *,
    method: Method = "auto",
    budget: float = 1.0,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> LRSearch:
    """Find the base LR for a schedule, in a plain PyTorch loop. Copies are trained; model, optimizer and generators stay as they are.

    Args:
        model: the model before its first update, in the mode in which it is trained.
        optimizer: its optimizer. The groups keep the ratio of their base LRs; momentum, betas and weight decay stay.
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
        progress: is called with a line of text after each part.

    Returns:
        The base LR, with the interval around it and everything that was tried.

    Raises:
        NoLRFound: (a ``ScheduleError``) if there is no answer: the loss is flat or not finite, or has no minimum inside of the range.
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

    with same_random_state():
        problem = Problem(
            model=model,
            optimizer=optimizer,
            loss=loss_fn,
            updates=updates,
            plan=plan_of(optimizer, schedule, horizon if isinstance(horizon, Horizon) else Horizon(horizon)),
            seed=torch.initial_seed() if seed is None else seed,
        )
        return run_search(problem, method, budget, progress)


def plan_of(optimizer: Optimizer, schedule: GroupSchedulesLike, horizon: Horizon) -> BoundPlan:
    """The plan of a schedule for the groups of this optimizer, which stays as it is."""
    groups = [
        {**{key: value for key, value in group.items() if key != "params"}, "params": [nn.Parameter(torch.zeros(1))]}
        for group in optimizer.param_groups
    ]
    for group in groups:
        group["lr"] = float(group["lr"])
    scheduler = ScheduledLR(torch.optim.SGD(groups, lr=1.0), schedule, horizon)
    return BoundPlan(scheduler.bindings[0], horizon.steps, repr(scheduler.schedule))


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


def run_search(
    problem: Problem, method: Method, budget: float, progress: Callable[[str], None] | None = None
) -> LRSearch:
    """Search by one of the methods. The generators are left seeded.

    Raises:
        NoLRFound: if there is no answer.
    """
    say = progress or _say_nothing
    began = time.perf_counter()

    def result(lr: float, low: float | None, high: float | None, reason: str, cost: float, **more: Any) -> LRSearch:
        return LRSearch(
            lr=lr,
            lrs=tuple(problem.scaled_bases(lr)),
            low=low,
            high=high,
            reason=reason,
            method=method,
            schedule=problem.plan.text,
            cost=cost / problem.plan.steps,
            seconds=time.perf_counter() - began,
            **more,
        )

    if method == "range_test":
        rules, trials = sweep(problem)
        reason = (
            "A tenth of the LR at which the smoothed loss of the sweep is least. The sweep does not know the schedule."
        )
        return result(rules["minimum"], None, None, reason, len(trials), curve=tuple(trials), rules=rules)
    runs = ShortRuns(problem, budget, say)
    line: LineSearch | None = None
    if method == "schedules":
        runs.over_grid()
    else:
        line = search_line(problem)
        say(f"line search: a step raises the loss of its batch above LR {line.lr / SHARE:.3g}")
    if method == "line_search":
        found = cast("LineSearch", line)
        reason = (
            f"A quarter of the largest LR at which a step does not raise the loss of its batch, median of {len(found.limits)} batches; "
            "no schedule was run."
        )
        return result(found.lr, *found.quartiles, reason, found.cost, curve=found.trials, limits=found.limits)
    if line is not None:
        runs.around(line.lr)
    lr, low, high, reason = runs.answer()
    before = line.trials if line else ()
    return result(
        lr,
        low,
        high,
        reason,
        runs.cost + (line.cost if line else 0.0),
        curve=(*before, *runs.trials),
        limits=line.limits if line else (),
        start_loss=runs.start_loss,
    )


def _say_nothing(line: str) -> None:
    """Report no progress."""
