"""The cost of a scheduler at an update: ``optimizer.step()`` and ``scheduler.step()`` together, compared with peers and floor."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from benchmarks.timing import Call, Row
from lr_toolkit import Horizon, ScheduledLR, absolute, cosine, linear

RUN = 10**7  # longer than any measurement, so the end is never reached
COUNTS = (1, 10, 100, 1000)

# The limits for the pair, by kind of LR and number of groups.
FLOAT = {1: {"torch": 1.0}, 10: {"torch": 0.7}, 100: {"torch": 0.2}, 1000: {"torch": 0.08}}
TENSOR = {1: {"torch": 0.6}, 100: {"torch": 1 / 80}, 1000: {"torch": 1 / 500}}


class Still(Optimizer):
    """An optimizer whose update does nothing, so that the cost of a scheduler is visible."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {})

    def step(self, closure: Any = None) -> Any:
        """Nothing but the closure."""
        return closure and closure()


def optimizer_of(count: int, *, tensor: bool = False, alike: bool = True, device: str = "cpu") -> Still:
    """An optimizer of that many groups, with equal or with different base LRs."""
    bases = [0.1 if alike else 0.1 * (index + 1) / count for index in range(count)]
    weights = [torch.nn.Parameter(torch.zeros(1, device=device)) for _ in bases]
    lrs = [torch.tensor(base, device=device) if tensor else base for base in bases]
    return Still([{"params": [weight], "lr": lr} for weight, lr in zip(weights, lrs, strict=True)])


def pair(optimizer: Optimizer, step: Call) -> Call:
    """An update and the scheduler's step after it, as in a user's loop."""

    def update() -> None:
        optimizer.step()
        step()

    update()
    return update


def ours(optimizer: Optimizer) -> Call:
    """This package's scheduler."""
    return pair(optimizer, ScheduledLR(optimizer, cosine(), Horizon(RUN)).step)


def with_floor(optimizer: Optimizer) -> Call:
    """This package's scheduler, with a floor in LR units: each base LR has a timeline of its own."""
    return pair(optimizer, ScheduledLR(optimizer, cosine(end_lr=1e-6), Horizon(RUN)).step)


def of_torch(optimizer: Optimizer) -> Call:
    """torch's cosine."""
    return pair(optimizer, CosineAnnealingLR(optimizer, RUN).step)


def of_lambda(optimizer: Optimizer) -> Call:
    """torch's scheduler for a function."""
    return pair(optimizer, LambdaLR(optimizer, lambda k: 0.5 * (1 + math.cos(math.pi * k / RUN))).step)


def of_transformers(optimizer: Optimizer) -> Call:
    """The cosine that Hugging Face's Trainer uses."""
    from transformers import get_scheduler

    return pair(optimizer, get_scheduler("cosine", optimizer, num_warmup_steps=0, num_training_steps=RUN).step)


def of_ignite(optimizer: Optimizer) -> Call:
    """ignite's cosine, which gives all groups the same value and replaces tensors by numbers."""
    from ignite.handlers import CosineAnnealingScheduler

    scheduler = CosineAnnealingScheduler(optimizer, "lr", 0.1, 0.0, RUN)
    return pair(optimizer, lambda: scheduler(None))


def floor(optimizer: Optimizer) -> Call:
    """A minimal implementation: one cosine, and a write to each group."""
    groups = optimizer.param_groups
    bases = [float(group["lr"]) for group in groups]
    is_tensor = isinstance(groups[0]["lr"], torch.Tensor)
    k = 0

    def write() -> None:
        nonlocal k
        k += 1
        factor = 0.5 * (1 + math.cos(math.pi * k / RUN))
        for group, base in zip(groups, bases):  # noqa: B905  # minimal, without a check
            group["lr"] = base * factor

    def fill() -> None:
        nonlocal k
        k += 1
        factor = 0.5 * (1 + math.cos(math.pi * k / RUN))
        for group, base in zip(groups, bases):  # noqa: B905
            group["lr"].fill_(base * factor)

    return pair(optimizer, fill if is_tensor else write)


PEERS: dict[str, Callable[[Optimizer], Call]] = {
    "torch": of_torch,
    "LambdaLR": of_lambda,
    "transformers": of_transformers,
    "ignite": of_ignite,
    "floor": floor,
}


# --- three keys: the LR, the momentum and the weight decay, each on a schedule of its own ---


def groups_with_three_keys(count: int) -> Still:
    """An optimizer of that many groups, whose base LRs and weight decays are all different."""
    return Still(
        [
            {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1 * share, "momentum": 0.9, "weight_decay": 0.01 * share}
            for share in ((index + 1) / count for index in range(count))
        ]
    )  # fmt: skip


def ours_on_three_keys(optimizer: Optimizer) -> Call:
    """This package's scheduler with three schedules."""
    momentum = absolute(linear(end=0.95, start=0.85))
    scheduler = ScheduledLR(optimizer, cosine(), Horizon(RUN), momentum=momentum, weight_decay=linear(end=0.1))
    return pair(optimizer, scheduler.step)


def three_of_torch(optimizer: Optimizer) -> Call:
    """Three of torch's schedulers. They move the LR alone, so two of them stand for the other keys on optimizers of their own."""
    others = [groups_with_three_keys(len(optimizer.param_groups)) for _ in range(2)]
    schedulers = [CosineAnnealingLR(each, RUN) for each in (optimizer, *others)]

    def step() -> None:
        for scheduler in schedulers:
            scheduler.step()

    for each in others:
        each.step()  # torch warns of a scheduler that moves before its optimizer
    return pair(optimizer, step)


def loop_by_hand(optimizer: Optimizer) -> Call:
    """The loop that a user would write: three formulas, and three writes to each group."""
    groups = optimizer.param_groups
    bases = [(group["lr"], group["weight_decay"]) for group in groups]
    k = 0

    def write() -> None:
        nonlocal k
        k += 1
        factor, momentum, decay = 0.5 * (1 + math.cos(math.pi * k / RUN)), 0.85 + 0.1 * k / RUN, 1 - 0.9 * k / RUN
        for group, (lr, weight_decay) in zip(groups, bases):  # noqa: B905  # minimal, without a check
            group["lr"] = lr * factor
            group["momentum"] = momentum
            group["weight_decay"] = weight_decay * decay

    return pair(optimizer, write)


THREE_KEYS: dict[str, Callable[[Optimizer], Call]] = {
    "ours": ours_on_three_keys,
    "three of torch": three_of_torch,
    "by hand": loop_by_hand,
}


def three_keys_row(count: int = 100) -> Row:
    """LR, momentum and weight decay of each group on three schedules."""
    calls = {name: make(groups_with_three_keys(count)) for name, make in THREE_KEYS.items()}
    return Row.of(f"update and step, 3 keys, {count} groups, all different", calls)


def rows() -> Iterator[Row]:
    """Float and tensor LRs, few and many groups, equal and different base LRs."""
    for tensor in (False, True):
        for count in COUNTS:
            for alike in (True, False) if count > 1 else (True,):
                peers = {name: make for name, make in PEERS.items() if not tensor or name != "ignite"}
                calls = {
                    name: make(optimizer_of(count, tensor=tensor, alike=alike))
                    for name, make in {"ours": ours, **peers}.items()
                }
                kind = "tensor" if tensor else "float"
                bases = "" if count == 1 else ", one base LR" if alike else ", all different"
                limits = (TENSOR if tensor else FLOAT).get(count, {})
                what = f"update and step, {kind} LR, {count} group{'s' * (count > 1)}{bases}"
                yield Row.of(what, calls, limits, turns=11 if tensor and count == 1000 else 101)
    calls = {
        name: make(optimizer_of(100, alike=False)) for name, make in {"ours": with_floor, "torch": of_torch}.items()
    }
    yield Row.of("the same, 100 groups, all different, with `end_lr`", calls, {"torch": 1.0})
    yield three_keys_row()
