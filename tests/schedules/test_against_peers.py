"""Against other libraries: real loops with torch, transformers and pytorch_warmup, and values that optax, keras and others gave."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_warmup
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import Optimizer, lr_scheduler
from transformers import get_inverse_sqrt_schedule, get_scheduler, get_wsd_schedule

from lr_toolkit import (
    Horizon,
    Schedule,
    cosine,
    cosine_restarts,
    exponential,
    exponential_to,
    hold,
    hyperbolic,
    inverse_sqrt,
    inverse_time,
    linear,
    multistep,
    one_minus_sqrt,
    piecewise,
    polynomial,
    repeat,
    rex,
    scaled,
    sqrt,
    tanh,
    triangular,
    warmup,
)
from tests.schedules.test_against_torch import assert_same

BASES = [0.1, 3e-4]
TABLE: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "data" / "peer_values.json").read_text()
)
ROWS = [pytest.param(row, id=f"{peer.split()[0]} {row['theirs'][:60]}") for peer, rows in TABLE.items() for row in rows]


# --- values that were computed elsewhere --------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS)
def test_values_of_a_peer(row: dict[str, Any]) -> None:
    """Update by update the same factors, within 1e-9, or within what single precision leaves of theirs."""
    timeline = Schedule.parse(row["ours"]).resolve(Horizon(row["steps"]))
    first, within = row.get("first", 0), row.get("within", 1e-9)

    assert [timeline(k) for k in range(first, row["steps"])] == pytest.approx(
        row["values"][first:], rel=within, abs=within
    )


def test_the_table_is_not_empty_and_moves() -> None:
    """Each of three libraries has rows, and no row is constant."""
    assert {peer.split()[0] for peer in TABLE} == {"keras", "optax", "pytorch_optimizer"}
    assert sum(map(len, TABLE.values())) >= 25
    assert all(len(set(row["values"])) > 2 for rows in TABLE.values() for row in rows)


# --- torch ------------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(1, 15), st.integers(1, 3), st.floats(0.0, 1e-4), st.integers(1, 60))
def test_cosine_restarts_are_torch_s(first: int, growth: int, eta_min: float, n: int) -> None:
    """With ``rest="cut"`` they are ``CosineAnnealingWarmRestarts(T_0, T_mult, eta_min)``, which never reaches its end."""
    ours = repeat(cosine(end_lr=eta_min, over=first), growth=float(growth), rest="cut")

    assert_same(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, first, growth, eta_min), ours, BASES, n)


def test_the_recipe_for_restarts_is_the_composition() -> None:
    """``cosine_restarts`` with an end is ``repeat`` of that cosine."""
    expected = repeat(cosine(0.1, over=10), growth=2.0, gamma=0.5, floor=0.1, rest="cut")

    assert cosine_restarts(10, growth=2.0, gamma=0.5, end=0.1, rest="cut") == expected


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.0, 0.09), st.integers(1, 80), st.sampled_from([1.0, 0.5]))
def test_triangular_is_cyclic_lr(up: int, down: int, low: float, n: int, gamma: float) -> None:
    """``triangular(up, down, low_lr=base_lr)`` is ``CyclicLR``, and with ``gamma=0.5`` its mode ``triangular2``."""
    mode = "triangular" if gamma == 1.0 else "triangular2"

    def theirs(optimizer: Optimizer) -> Any:
        return lr_scheduler.CyclicLR(optimizer, low, 0.1, up, down, mode=mode, cycle_momentum=False)

    ours = triangular(up, down, low_lr=low, gamma=gamma)
    assert_same(theirs, ours, [0.1], n)


@settings(max_examples=30)
@given(st.integers(2, 9), st.floats(0.9, 0.999), st.integers(1, 60))
def test_a_product_is_the_exp_range_of_cyclic_lr(up: int, gamma: float, n: int) -> None:
    """The triangle times an exponential, above the floor, is the mode ``exp_range``."""

    def theirs(optimizer: Optimizer) -> Any:
        return lr_scheduler.CyclicLR(optimizer, 0.01, 0.1, up, mode="exp_range", gamma=gamma, cycle_momentum=False)

    ours = scaled(triangular(up, low_lr=0.01), exponential(gamma, every=1), floor_lr=0.01)
    assert_same(theirs, ours, [0.1], n)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("three", [False, True])
@pytest.mark.parametrize(("total", "share"), [(20, 0.3), (100, 0.25), (50, 0.4)])
def test_one_cycle_lr_is_a_composition(strategy: Any, three: bool, total: int, share: float) -> None:
    """With its own boundaries, ``pct_start * total - 1`` and ``total - 1``, it is two or three phases of ours."""
    curve = cosine if strategy == "cos" else linear
    start, end = 1 / 25, 1 / 25 / 1e4

    def theirs(optimizer: Optimizer) -> Any:
        return lr_scheduler.OneCycleLR(
            optimizer, 0.1, total, pct_start=share, anneal_strategy=strategy, three_phase=three, cycle_momentum=False
        )

    climb = int(share * total) - 1
    ours = curve(1.0, start=start, over=climb)
    if three:
        ours = (
            ours
            >> curve(start, over=int(2 * share * total) - 2 - climb)
            >> curve(end, over=total - 1 - int(2 * share * total) + 2)
        )
    else:
        ours = ours >> curve(end, over=total - 1 - climb)
    assert_same(theirs, ours, [0.1], total)


@settings(max_examples=30)
@given(st.floats(0.1, 2.0), st.integers(1, 20), st.integers(1, 40))
def test_a_level_is_constant_lr(factor: float, over: int, rest: int) -> None:
    """``hold(T, level=f) >> hold(level=1.0)`` is ``ConstantLR(factor=f, total_iters=T)``."""
    factor = min(factor, 1.0)  # torch takes no more
    ours = hold(over, level=factor) >> hold(level=1.0)

    assert_same(lambda o: lr_scheduler.ConstantLR(o, factor, over), ours, BASES, over + rest)


@settings(max_examples=30)
@given(st.integers(1, 12), st.floats(0.05, 1.0), st.integers(20, 60))
def test_a_product_is_chained_scheduler(over: int, start: float, n: int) -> None:
    """``scaled(a, b)`` is ``ChainedScheduler([a, b])``, which multiplies: both run on the same clock."""

    def theirs(optimizer: Optimizer) -> Any:
        climb = lr_scheduler.LinearLR(optimizer, start, 1.0, over)
        return lr_scheduler.ChainedScheduler([climb, lr_scheduler.ExponentialLR(optimizer, 0.93)])

    ours = scaled(exponential(0.93, every=1), warmup(over, start=start))
    assert_same(theirs, ours, BASES, n)


def test_stairs_are_a_cosine_that_is_stepped_once_per_epoch() -> None:
    """``stairs(cosine(), "1 epoch")`` in updates is ``CosineAnnealingLR(T_max=epochs)`` stepped after each epoch."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    theirs, lrs = lr_scheduler.CosineAnnealingLR(optimizer, 10), []
    for _ in range(10):
        lrs += [optimizer.param_groups[0]["lr"]] * 7
        optimizer.step()
        theirs.step()
    ours = Schedule.parse("stairs(cosine(), '1 epoch')").resolve(Horizon(70, 7))

    assert [ours(k, base_lr=0.1) for k in range(70)] == pytest.approx(lrs, rel=1e-9)


# --- transformers and pytorch_warmup --------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(1, 20), st.integers(1, 100), st.integers(1, 60))
def test_inverse_sqrt_is_transformers_s(over: int, timescale: int, rest: int) -> None:
    """Behind a warmup from zero, ``inverse_sqrt(timescale)`` is ``get_inverse_sqrt_schedule``; the default is the warmup's length."""
    climb = warmup(over, start=0.0)

    assert_same(
        lambda o: get_inverse_sqrt_schedule(o, over, timescale), climb >> inverse_sqrt(timescale), BASES, over + rest
    )
    assert_same(lambda o: get_inverse_sqrt_schedule(o, over), climb >> inverse_sqrt(over), BASES, over + rest)


@settings(max_examples=30)
@given(st.integers(0, 10), st.integers(1, 5), st.integers(1, 12))
def test_repeat_is_transformers_s_hard_restarts(over: int, cycles: int, each: int) -> None:
    """An open cosine that is repeated is ``cosine_with_restarts``."""
    n, more = over + cycles * each, {"num_cycles": cycles}
    ours = warmup(over, start=0.0) >> repeat(cosine(), cycles)

    assert_same(
        lambda o: get_scheduler("cosine_with_restarts", o, over, n, scheduler_specific_kwargs=more), ours, BASES, n
    )


CLIMBS: dict[str, Callable[[int, float], Schedule]] = {
    "linear": lambda over, low: warmup(over, start=low),
    "cosine": lambda over, low: warmup(over, shape="cosine", start=low),
    "1-sqrt": lambda over, low: sqrt(1.0, start=low, over=over),
}
FALLS: dict[str, Callable[..., Schedule]] = {"linear": linear, "cosine": cosine, "1-sqrt": one_minus_sqrt}


@pytest.mark.parametrize("low", [0.0, 0.1])
@pytest.mark.parametrize("fall", FALLS)
@pytest.mark.parametrize("climb", CLIMBS)
def test_wsd_is_transformers_s(climb: str, fall: str, low: float) -> None:
    """Each of its warmups and decays, with a floor from which the warmup begins too."""

    def theirs(optimizer: Optimizer) -> Any:
        return get_wsd_schedule(
            optimizer, 7, 12, num_training_steps=40, warmup_type=climb, decay_type=fall, min_lr_ratio=low
        )

    ours = CLIMBS[climb](7, low) >> hold() >> FALLS[fall](low, over=12)
    assert_same(theirs, ours, BASES, 40)


class Dampened:
    """A cosine under a warmup of ``pytorch_warmup``."""

    def __init__(self, optimizer: Optimizer, kind: Callable[[Optimizer, int], Any], over: int) -> None:
        self.below = lr_scheduler.CosineAnnealingLR(optimizer, 40)
        self.warmup = kind(optimizer, over)

    def step(self) -> None:
        """An update of both."""
        with self.warmup.dampening():
            self.below.step()


@pytest.mark.parametrize("over", [1, 5, 20])
def test_a_warmup_that_peaks_in_its_last_update_is_pytorch_warmup_s(over: int) -> None:
    """``peak="last"`` gives (i + 1) / W; the dampening multiplies the scheduler below, as ``scaled``."""
    theirs = partial(Dampened, kind=pytorch_warmup.LinearWarmup, over=over)
    assert_same(theirs, scaled(cosine(), warmup(over, peak="last")), BASES, 40)


def test_an_exponential_dampening_is_a_product_too() -> None:
    """pytorch_warmup's ``ExponentialWarmup(T)`` never reaches 1: a product with an exponential that bends likewise."""
    theirs = partial(Dampened, kind=pytorch_warmup.ExponentialWarmup, over=8)
    first, last = -math.expm1(-1 / 8), -math.expm1(-41 / 8)
    assert_same(theirs, scaled(cosine(), exponential_to(last, start=first, ratio=math.exp(-40 / 8))), BASES, 40)


# --- formulas of others, written as in their source ---------------------------------------------------------------------


def _timm_tanh(t: int, n: int) -> float:
    r = t / n
    return 0.1 + 0.5 * (1.0 - 0.1) * (1 - math.tanh(-7.0 * (1 - r) + 3.0 * r))


def _hyperbolic(t: int, n: int) -> float:
    upper, low = 100, 1 - n / 100 * (1 - 0.1)
    return low + (1 - low) * math.sqrt((n - t) / upper * (2 - (t + n) / upper))


N = 40
FORMULAS: dict[str, tuple[Schedule, Callable[[int], float]]] = {
    "axolotl's RexLR": (rex(beta=0.1), lambda t: (1 - t / N) / (0.1 + 0.9 * (1 - t / N))),
    "timm's TanhLRScheduler with lr_min=0.1": (
        tanh(0.1 + 0.45 * (1 - math.tanh(3.0)), start=0.1 + 0.45 * (1 - math.tanh(-7.0))),
        lambda t: _timm_tanh(t, N),
    ),
    "timm's CosineLRScheduler with k_decay": (
        cosine(0.1, k=1.5),
        lambda t: 0.1 + 0.5 * 0.9 * (1 + math.cos(math.pi * t**1.5 / N**1.5)),
    ),
    "timm's PolyLRScheduler with k_decay": (
        polynomial(0.5, k=1.5, end=0.1),
        lambda t: 0.1 + 0.9 * (1 - t**1.5 / N**1.5) ** 0.5,
    ),
    "timm's WSD with decay_fn='exp'": (exponential_to(ratio=0.1), lambda t: (0.1 ** (t / N) - 0.1) / (1 - 0.1)),
    "timm's WSD with stable_fn='power'": (inverse_time(10, power=0.7), lambda t: (1 + t / 10) ** -0.7),
    "Megatron's WSD style exponential": (exponential_to(ratio=0.5), lambda t: 2 * 0.5 ** (t / N) - 1),
    "MiniCPM's cooldown": (exponential(0.5, every=10), lambda t: 0.5 ** (t / 10)),
    "HyperbolicLR": (
        hyperbolic(100, end=1 - N / 100 * 0.9, start=_hyperbolic(0, N)),
        lambda t: _hyperbolic(t, N),
    ),
    "DeepSpeed's log warmup": (
        warmup(10, shape="log", start=0.0, peak="last"),
        lambda t: min(1.0, math.log(t + 1) / math.log(10)),
    ),
    "axolotl's quadratic warmup": (warmup(10, shape="quadratic", start=0.0), lambda t: min(1.0, (t / 10) ** 2)),
    "Noam": (warmup(9) >> inverse_sqrt(10, start=1.0), lambda t: min((t + 1) / 10, math.sqrt(10 / (t + 1)))),
    "T5": (hold(10) >> inverse_sqrt(10), lambda t: math.sqrt(10) / math.sqrt(max(t, 10))),
    "OLMo-core's PowerLR": (
        warmup(8, start=0.0) >> inverse_time(8, power=0.51) >> linear(over=10),
        lambda t: t / 8 if t < 8 else (t / 8) ** -0.51 if t < 30 else (30 / 8) ** -0.51 * (N - t) / 10,
    ),
    "the power scheduler": (
        Schedule.parse("power_law(15)"),
        lambda t: min(1.0, 15**0.51 * t**-0.51) if t else 1.0,
    ),
    "fairseq's tri_stage": (
        warmup(5, start=0.01) >> hold(10) >> exponential_to(0.01),
        lambda t: 0.01 + 0.99 * t / 5 if t < 5 else 1.0 if t < 15 else math.exp(math.log(0.01) * (t - 15) / 25),
    ),
    "ULMFiT's slanted triangle": (
        Schedule.parse("slanted_triangular('10%')"),
        lambda t: (1 + (t / 4 if t < 4 else 1 - (t - 4) / 36) * 31) / 32,
    ),
    "detectron2's warmup on top of stairs on the clock of the run": (
        scaled(multistep([20, 30]), warmup(10, start=0.001)),
        lambda t: (0.001 + 0.999 * min(t / 10, 1)) * 0.1 ** ((t >= 20) + (t >= 30)),
    ),
    "levels that are LRs": (
        piecewise([10, 30], levels=[0.2, 1.0, 0.3], shape="linear"),
        lambda t: 0.2 + 0.8 * t / 10 if t < 10 else 1 - 0.7 * (t - 10) / 20 if t < 30 else 0.3,
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_of_a_peer(name: str) -> None:
    """The factor of each update is that of the formula in their source."""
    ours, theirs = FORMULAS[name]
    timeline = ours.resolve(Horizon(N))

    assert [timeline(k) for k in range(N)] == pytest.approx([theirs(k) for k in range(N)], rel=1e-9, abs=1e-12)
