"""Scheduled LR, momentum, betas and weight decay in fused, foreach, capturable and captured optimizers, against a plain loop.

In the plain loop the optimizer is of torch's simplest kind, and each number is written to the group by hand.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

from lr_toolkit import Horizon, Schedule, ScheduledLR, cosine, linear, warmup

UPDATES = 40
LR = 0.02
LR_PLAN = warmup("10%") >> cosine(end=0.1)
# The plan of each key, and the value that the plan multiplies.
PLANS: dict[str, tuple[Schedule, float]] = {
    "momentum": (linear(start=0.5, end=1.0), 0.9),
    "betas[0]": (linear(start=0.8, end=1.0), 0.9),
    "betas[1]": (linear(start=0.95, end=1.0), 0.999),
    "weight_decay": (linear(end=0.1), 0.1),
}
Make = Callable[..., Optimizer]


@dataclass(frozen=True)
class Case:
    """An optimizer whose keys are scheduled.

    Attributes:
        name: what the report calls it.
        make: makes the optimizer of parameters.
        keys: the keys that are scheduled besides the LR.
        tensors: the keys that are tensors on the device; all others are numbers.
        captured: whether the update is captured in a CUDA graph and replayed.
        on_cpu: whether torch has it on a CPU too.
    """

    name: str
    make: Make
    keys: tuple[str, ...]
    tensors: frozenset[str] = field(default_factory=frozenset)
    captured: bool = False
    on_cpu: bool = True


_SGD, _ADAMW = ("momentum", "weight_decay"), ("betas[0]", "betas[1]", "weight_decay")
_LR, _BETAS = frozenset({"lr"}), frozenset({"lr", "betas"})
CASES = (
    Case("SGD, foreach", partial(SGD, foreach=True), _SGD),
    Case("SGD, fused", partial(SGD, fused=True), _SGD),
    Case("SGD, fused, tensor LR", partial(SGD, fused=True), _SGD, _LR),
    Case("AdamW, fused", partial(AdamW, fused=True), _ADAMW),
    Case("AdamW, fused, tensor LR", partial(AdamW, fused=True), _ADAMW, _LR),
    Case("AdamW, tensor LR and betas", partial(AdamW, foreach=False), _ADAMW, _BETAS),
    Case("AdamW, capturable, tensor LR", partial(AdamW, capturable=True), _ADAMW, _LR, on_cpu=False),
    Case("AdamW, capturable, tensor LR and betas", partial(AdamW, capturable=True), _ADAMW, _BETAS, on_cpu=False),
    Case("AdamW, CUDA graph, tensor LR", partial(AdamW, capturable=True), (), _LR, captured=True, on_cpu=False),
    Case(
        "AdamW, CUDA graph, tensor LR and betas",
        partial(AdamW, capturable=True),
        ("betas[0]", "betas[1]"),
        _BETAS,
        captured=True,
        on_cpu=False,
    ),
)


def started(make: Make, keys: Mapping[str, Any], device: str) -> Optimizer:
    """An optimizer of two parameters with these values; the gradients are constant."""
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(33, generator=generator).to(device)) for _ in range(2)]
    for parameter in parameters:
        parameter.grad = torch.randn(33, generator=generator).to(device)
    return make(parameters, **keys)


def values_of(names: tuple[str, ...]) -> dict[str, Any]:
    """The base values of these keys, as an optimizer takes them."""
    values: dict[str, Any] = {name: PLANS[name][1] for name in names if not name.startswith("betas")}
    if "betas[0]" in names:
        values["betas"] = (PLANS["betas[0]"][1], PLANS["betas[1]"][1])
    return values


def on_schedule(case: Case, device: str) -> Optimizer:
    """Train under our scheduler."""
    values = {"lr": LR, **values_of(case.keys)}
    for name in case.tensors:
        value = values[name]
        values[name] = tuple(map(_tensor(device), value)) if name == "betas" else _tensor(device)(value)
    optimizer = started(case.make, values, device)
    keys: dict[str, Any] = {name: PLANS[name][0] for name in case.keys if not name.startswith("betas")}
    if "betas[0]" in case.keys:
        keys["betas"] = (PLANS["betas[0]"][0], PLANS["betas[1]"][0])
    scheduler = ScheduledLR(optimizer, LR_PLAN, Horizon(UPDATES), **keys)
    update: Callable[[], object] = optimizer.step
    first = 0
    if case.captured:
        # The first update makes the optimizer's state, which a capture must find.
        optimizer.step()
        scheduler.step()
        graph, first = torch.cuda.CUDAGraph(), 1
        with torch.cuda.graph(graph):
            optimizer.step()
        update = graph.replay
    for _ in range(first, UPDATES):
        update()
        scheduler.step()
    return optimizer


def _tensor(device: str) -> Callable[[float], Tensor]:
    return partial(torch.tensor, dtype=torch.float32, device=device)


def by_hand(case: Case, device: str) -> Optimizer:
    """Train by a loop that writes each number, with torch's plainest optimizer of that kind."""
    kind = SGD if case.name.startswith("SGD") else AdamW
    optimizer = started(partial(kind, foreach=False), {"lr": LR, **values_of(case.keys)}, device)
    timelines = {name: PLANS[name][0].resolve(Horizon(UPDATES)) for name in case.keys}
    lrs = LR_PLAN.resolve(Horizon(UPDATES))
    (group,) = optimizer.param_groups
    for k in range(UPDATES):
        now = {name: PLANS[name][1] * timeline(k) for name, timeline in timelines.items()}
        group["lr"] = LR * lrs(k)
        if "betas[0]" in now:
            group["betas"] = (now.pop("betas[0]"), now.pop("betas[1]"))
        group.update(now)
        optimizer.step()
    return optimizer


def difference(case: Case, device: str) -> float:
    """The largest difference of a weight, relative to the largest weight."""
    ours, theirs = (
        torch.cat([parameter.detach() for parameter in optimizer.param_groups[0]["params"]])
        for optimizer in (on_schedule(case, device), by_hand(case, device))
    )
    return float((ours - theirs).abs().max() / theirs.abs().max())


def rows(device: str) -> Iterator[tuple[str, bool]]:
    """A row of the table for each case, and whether it passed."""
    for case in CASES:
        if device == "cpu" and not case.on_cpu:
            yield f"| {case.name} | not run: needs CUDA |", True
            continue
        try:
            found = difference(case, device)
        except Exception as error:  # the other cases are to be seen too
            first = (str(error).splitlines() or [""])[0]
            yield f"| {case.name} | **failed**: {type(error).__name__}: {first} |", False
        else:
            close = found < 1e-4
            yield f"| {case.name} | {'equal' if close else '**different**'}: {found:.1e} |", close


def main() -> None:
    """Print the table; the exit status is 1 if a case differs or fails."""
    warnings.filterwarnings("ignore", ".*Detected call of `lr_scheduler.step", UserWarning)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(
        f"| {UPDATES} updates on {device} | largest relative difference of a weight to the loop by hand |\n| --- | --- |"
    )
    passed = True
    for row, is_right in rows(device):
        print(row, flush=True)
        passed &= is_right
    sys.exit(not passed)


if __name__ == "__main__":
    main()
