"""Transfers a base LR to another batch size or another schedule, by published rules."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from lr_toolkit.arguments import answer_arguments, is_list
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.convex_bound import COMPARED_OVER, schedule_base_lr
from lr_toolkit.schedules.horizon import Horizon, HorizonLike, read_horizon
from lr_toolkit.schedules.schedule import Schedule, ScheduleLike
from lr_toolkit.schedules.transferred_lr import TransferFactor, TransferredLR

__all__ = ["transfer"]

_EXAMPLE = "transfer(1e-3, batch=(256, 1024), optimizer='adamw')"
_ANSWERS = {
    "batch_size": "Write batch={}.",
    "base_lr": "Write transfer({}, ...).",
    "new_batch": "Write batch=(256, {}).",
    "old_batch": "Write batch=({}, 1024).",
    "schedules": "Write schedule={}.",
    "steps": "Write horizon=Horizon(steps={}).",
}
_WITH_BETAS = ("adam", "adamw", "nadam", "radam")
_SQUARE_ROOT = (*_WITH_BETAS, "rmsprop")
_LINEAR = ("sgd",)


@answer_arguments("transfer", _EXAMPLE, _ANSWERS)
def transfer(
    lr: float,
    *,
    batch: tuple[int, int] | None = None,
    optimizer: str | None = None,
    betas: tuple[float, float] | None = None,
    schedule: tuple[ScheduleLike, ScheduleLike] | None = None,
    horizon: HorizonLike | None = None,
) -> TransferredLR:
    """The base LR for another batch size, another schedule, or both, with the source of each factor.

        batch=(a, b), Adam:    lr * sqrt(b / a), beta2 ** (b / a)
        batch=(a, b), SGD:     lr * b / a
        schedule=(s, t):       lr * (best base LR of t) / (best base LR of s), by a bound for convex problems

    Nothing in the package calls it. Each rule is a starting point for a new search, not its result; the result describes
    where each of them fails.

    Args:
        lr: the base LR that works now.
        batch: the samples of an update (batch x devices x accumulation) now and then.
        optimizer: ``"adam"``, ``"adamw"``, ``"nadam"``, ``"radam"``, ``"rmsprop"`` or ``"sgd"``; needed for ``batch``.
        betas: Adam's betas now, (0.9, 0.999) by default.
        schedule: the schedules, or their texts, now and then, with levels as factors.
        horizon: the run on which both schedules are compared; needed if a length is in steps or epochs. Default: 1000 steps; a
            run 100 times as long changes the factor by about a tenth.

    Raises:
        ScheduleError: for a wrong number, an optimizer without a rule, or a schedule with an absolute LR.

    Example:
        >>> from lr_toolkit import transfer
        >>> print(transfer(1e-3, batch=(256, 1024), optimizer="adamw"))
        lr = 0.001 * 2 = 0.002
        batch size with adamw: sqrt(1024 / 256) = 2
          Malladi et al. 2022, https://arxiv.org/abs/2205.10287
          contested: beyond a critical batch size the best LR stops growing or falls (Li et al. 2024, https://arxiv.org/abs/2405.14578)
        betas = (0.9, 0.996006): beta2 ** (new batch / old batch) keeps its half-life in samples
          Marek et al. 2025, https://arxiv.org/abs/2507.07101
          contested: Malladi et al. 2022 scale 1 - beta1 with the batch size, too
        >>> round(transfer(1e-3, schedule=("cosine(end=0.1)", "linear()")).lr, 6)
        0.001162

    Reference:
        Goyal et al. 2017, https://arxiv.org/abs/1706.02677; Malladi et al. 2022, https://arxiv.org/abs/2205.10287; Schaipp et al.
        2025, https://arxiv.org/abs/2501.18965.
    """
    start = _number(f"lr={shorten(lr)}", lr, math.inf, "Write transfer(1e-3, ...).")
    run = read_horizon(horizon)
    _check_companions(batch, optimizer, betas, schedule, run)
    factors = []
    new_betas = None
    if batch is not None:
        old, new = _sizes(batch)
        name = _rule_name(optimizer)
        factors.append(_batch_factor(name, old, new))
        if name in _WITH_BETAS:
            beta1, beta2 = _checked_betas(betas)
            new_betas = (beta1, beta2 ** (new / old))
        elif betas is not None:
            raise ScheduleError(f"transfer(betas={betas!r}): {name} has no betas. Leave them out.")
    if schedule is not None:
        factors.append(_schedule_factor(schedule, run))
    return TransferredLR(start, tuple(factors), new_betas)


def _batch_factor(name: str, old: int, new: int) -> TransferFactor:
    if name in _LINEAR:
        return TransferFactor(
            f"batch size with {name}",
            new / old,
            f"{new} / {old}",
            "Goyal et al. 2017, https://arxiv.org/abs/1706.02677",
            "it held up to batches of about 8000, with a warmup; no rule fits all tasks (Shallue et al. 2019, "
            "https://arxiv.org/abs/1811.03600)",
        )
    return TransferFactor(
        f"batch size with {name}",
        math.sqrt(new / old),
        f"sqrt({new} / {old})",
        "Malladi et al. 2022, https://arxiv.org/abs/2205.10287",
        "beyond a critical batch size the best LR stops growing or falls (Li et al. 2024, https://arxiv.org/abs/2405.14578)",
    )


def _schedule_factor(pair: tuple[ScheduleLike, ScheduleLike], horizon: Horizon | None) -> TransferFactor:
    before, after = (Schedule.parse(schedule) for schedule in _pair("schedule", pair, "('cosine()', 'linear()')"))
    bases = [schedule_base_lr(schedule, horizon) for schedule in (before, after)]
    return TransferFactor(
        f"schedule {before} -> {after}",
        bases[1] / bases[0],
        f"{bases[1]:.6g} / {bases[0]:.6g} over {(horizon or COMPARED_OVER).steps} updates",
        "the convex bound of Defazio et al. 2023 and Schaipp et al. 2025, https://arxiv.org/abs/2501.18965",
        "it is proven for convex problems; on eight small networks it missed the ratio of the tuned LRs by a factor of about 1.26",
    )


# --- refusals -----------------------------------------------------------------------------------------------------------


def _check_companions(batch: Any, optimizer: Any, betas: Any, schedule: Any, horizon: Any) -> None:
    """Refuse arguments that belong to one that is missing."""
    if batch is None and schedule is None:
        raise ScheduleError(
            f"transfer(...): nothing changes. Write {_EXAMPLE}, or transfer(1e-3, schedule=('cosine()', 'linear()'))."
        )
    for name, value in {"optimizer": optimizer, "betas": betas}.items():
        if batch is None and value is not None:
            raise ScheduleError(
                f"transfer({name}={shorten(value)}): it is needed for batch=, which is missing. Write {_EXAMPLE}."
            )
    if horizon is not None and schedule is None:
        raise ScheduleError(
            f"transfer(horizon={shorten(horizon)}): it is needed for schedule=, which is missing. Write schedule=('cosine()', 'linear()')."
        )
    if horizon is not None and not isinstance(horizon, Horizon):
        raise ScheduleError(
            f"transfer(horizon={shorten(horizon)}): must be a Horizon. Write horizon=Horizon(steps=10000)."
        )


def _pair(name: str, value: Any, example: str) -> Sequence[Any]:
    if is_list(value) and len(value) == 2:
        return value
    raise ScheduleError(f"transfer({name}={shorten(value)}): must be a pair, now and then. Write {name}={example}.")


def _sizes(batch: Any) -> list[int]:
    sizes = []
    for size in _pair("batch", batch, "(256, 1024)"):
        try:
            number = 0 if isinstance(size, bool) else operator.index(size)
        except TypeError:
            number = 0
        if number < 1:
            raise ScheduleError(
                f"transfer(batch={shorten(batch)}): a batch size is a whole number from 1 on. Write batch=(256, 1024)."
            )
        sizes.append(number)
    return sizes


def _rule_name(optimizer: Any) -> str:
    known = [*_SQUARE_ROOT, *_LINEAR]
    if optimizer is None:
        raise ScheduleError(
            f"transfer(batch=...): how the LR follows the batch size depends on the optimizer. Write {_EXAMPLE}."
        )
    name = (
        optimizer.lower()
        if isinstance(optimizer, str)
        else getattr(optimizer, "__name__", type(optimizer).__name__).lower()
    )
    if name not in known or not isinstance(optimizer, str):
        near = next(iter(get_close_matches(name, known, n=1)), "adamw")
        raise ScheduleError(
            f"transfer(optimizer={shorten(optimizer)}): there are rules for {', '.join(map(repr, known))} alone. Write optimizer={near!r} "
            "if its updates are like those."
        )
    return name


def _checked_betas(betas: Any) -> tuple[float, float]:
    if betas is None:
        return 0.9, 0.999
    beta1, beta2 = _pair("betas", betas, "(0.9, 0.999)")
    fix = "Write betas=(0.9, 0.999)."
    given = f"betas={shorten(betas)}"
    return _number(given, beta1, 1.0, fix, may_be_zero=True), _number(given, beta2, 1.0, fix)


def _number(given: str, value: Any, below: float, fix: str, *, may_be_zero: bool = False) -> float:
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (0.0 < number < below or (may_be_zero and number == 0.0)):
        possible = "a finite number above 0" if math.isinf(below) else f"numbers from 0 to {below:g}"
        raise ScheduleError(f"transfer({given}): must be {possible}. {fix}")
    return number
