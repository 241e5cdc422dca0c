"""The check for factors that were written as learning rates: the run never comes near the optimizer's ``lr``."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit.lightning._compat import callbacks_of
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.source import code_of, writes_lr
from lr_toolkit.lightning.checks.stepped import parts_of
from lr_toolkit.lightning.checks.stepped_copies import DummyOptimizer
from lr_toolkit.optim.multiplier import LRMultiplier

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule
    from numpy.typing import NDArray
    from torch.optim import Optimizer

_SHARE = 0.01 * (1 + 1e-9)  # of the base LR
_BASE = 0.01  # a higher one, such as the lr=1.0 of the schedule of "Attention Is All You Need", is made for factors that are small
_STEPS = 20_000  # a long warmup is above the share by then, or still climbs
_OF_THE_RUN = {"callback_metrics", "current_epoch", "global_step", "logged_metrics", "param_groups"}


@check("LR305", "The learning rate stays below a hundredth of the optimizer's lr")
def far_below(info: RunInfo) -> Iterator[str]:
    """Report an optimizer whose groups all stay at or below 1 % of their base LR, however long its scheduler of torch is stepped.

    Nothing is reported for a base LR above 0.01, for a schedule that still climbs after 20 000 steps, and for a function that reads
    the state of the run.
    """
    for optimizer, forecast in zip(info.optimizers, info.forecasts, strict=True):
        bases = np.array([float(group.get("initial_lr", 0.0)) for group in optimizer.param_groups])
        configs = info.configs_of(optimizer)
        is_known = len(forecast.lrs) > 0 and not forecast.why_not and not info.layout.start
        if len(configs) != 1 or configs[0].reduce_on_plateau or not is_known or not 0 < bases.max(initial=0.0) <= _BASE:
            continue
        scheduler = configs[0].scheduler
        if not _is_far_below(forecast.lrs, bases) or not _is_fresh_of_torch(scheduler):
            continue
        lrs = _far_ahead(scheduler, bases, info.module, max(_STEPS, info.layout.updates))
        if (
            not _is_far_below(lrs, bases)
            or _climbs(lrs)
            or _reads_the_run(scheduler, is_constant=not np.ptp(lrs, 0).any())
        ):
            continue
        if not any(map(writes_lr, [info.module, *callbacks_of(info.trainer)])):
            yield _message(scheduler, optimizer, lrs.max(axis=0), bases)


def _message(scheduler: Any, optimizer: Optimizer, peaks: NDArray[np.float64], bases: NDArray[np.float64]) -> str:
    index = int((peaks * (bases > 0)).argmax())
    peak, base = peaks[index], bases[index]
    name, owner = type(scheduler).__name__, type(optimizer).__name__
    has_function = any(isinstance(part, torch_lr.LambdaLR) for part in parts_of(scheduler))
    if has_function:
        what, fix = (
            "the function of LambdaLR returns a factor of that lr, not an LR",
            "return the LR / {:g} from the function",
        )
    else:
        what, fix = "its numbers are factors of that lr, not LRs", "divide each factor by {:g}"
    return (
        f"{name} takes the LR of {owner} to {peak:g} at most, and the optimizer has lr={base:g}: {what}, and the highest "
        f"factor is {peak / base:g}. Write {owner}(..., lr=1.0), or {fix.format(base)}."
    )


def _is_far_below(lrs: NDArray[np.float64], bases: NDArray[np.float64]) -> bool:
    """Whether the LRs are above 0 somewhere, and nowhere above a hundredth of the base LR of their group."""
    return bool(lrs.any() and (lrs <= _SHARE * bases).all())


def _climbs(lrs: NDArray[np.float64]) -> bool:
    """Whether some LR is higher in the end than halfway."""
    return bool((lrs[-1] > lrs[len(lrs) // 2]).any())


def _is_fresh_of_torch(scheduler: Any) -> bool:
    """Whether a scheduler and its parts are torch's own, and none was stepped."""
    parts = [scheduler, *parts_of(scheduler)]
    are_of_torch = all(type(part).__module__ == torch_lr.__name__ for part in parts)
    return are_of_torch and all(getattr(part, "last_epoch", 0) <= 0 for part in parts)


def _reads_the_run(scheduler: Any, *, is_constant: bool) -> bool:
    """Whether a function of the scheduler may give other factors in the run: it reads its state, or the same number from somewhere."""
    functions = [each for part in parts_of(scheduler) for each in getattr(part, "lr_lambdas", ())]
    names = {name for code in code_of(functions) for name in code.co_names}
    return bool(names & _OF_THE_RUN or (is_constant and names))


def _far_ahead(scheduler: Any, bases: NDArray[np.float64], module: LightningModule, steps: int) -> NDArray[np.float64]:
    """The LRs of a copy of the scheduler that is stepped so often, or until one is not far below its base, or until it raises."""
    optimizer = scheduler.optimizer
    multiplier = LRMultiplier.around(optimizer)
    rows = []
    with multiplier.unscaled() if multiplier else nullcontext(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about the dummy
        dummy = DummyOptimizer(optimizer)
        shared = {id(each): each for each in (module, module.trainer)}
        copied = copy.deepcopy(scheduler, {id(optimizer): dummy, **shared})
        for _ in range(steps):
            rows.append([float(group["lr"]) for group in dummy.param_groups])
            if (rows[-1] > _SHARE * bases).any():
                break
            try:
                copied.step()
            except Exception:  # a list of factors ends somewhere; LR303 reports an error within the run
                break
    return np.array(rows, float)
