"""Accuracy: every shape against fifty digits, in runs of up to a hundred million updates, down to the last update."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from lr_toolkit import Horizon, linear, step
from lr_toolkit.schedules import shapes
from tests.helpers.reference import Phase, Run
from tests.helpers.strategies import resolved

BOUND = 1e-12
BASE = 0.3
HORIZONS = [10, 1000, 10**5, 10**7, 10**8]
SHAPES: dict[str, list[Phase]] = {
    "warmup": [("warmup", {"over": "100%"})],
    "warmup from zero": [("warmup", {"over": "100%", "start": 0.0})],
    "warmup from a third": [("warmup", {"over": "100%", "start": 1 / 3})],
    "hold": [("hold", {})],
    "cosine": [("cosine", {})],
    "cosine to a tenth": [("cosine", {"end": 0.1})],
    "cosine to almost nothing": [("cosine", {"end": 1e-15})],
    "cosine to an LR": [("cosine", {"end_lr": 1e-5})],
    "linear": [("linear", {})],
    "linear to a tenth": [("linear", {"end": 0.1})],
    "linear to an LR": [("linear", {"end_lr": 1e-5})],
    "root": [("polynomial", {"power": 0.5})],
    "square": [("polynomial", {"power": 2.0})],
    "square to an LR": [("polynomial", {"power": 2.0, "end_lr": 1e-5})],
    "tenth power to a tenth": [("polynomial", {"power": 10.0, "end": 0.1})],
    "three hundredth power": [("polynomial", {"power": 300.0})],
    "power of a tenth to nine tenths": [("polynomial", {"power": 0.1, "end": 0.9})],
    "power of a hundredth to an LR": [("polynomial", {"power": 0.01, "end_lr": 0.2})],
    "power of ten to 308 to a tenth": [("polynomial", {"power": 1e308, "end": 0.1})],
    "one minus root": [("one_minus_sqrt", {})],
    "one minus root to an LR": [("one_minus_sqrt", {"end_lr": 1e-5})],
    "linear up to a million": [("linear", {"end": 1e6})],
    "cosine to a power": [("cosine", {"power": 1.7})],
    "cosine to a small power of the progress": [("cosine", {"k": 0.1})],
    "cosine to a large power of the progress to an LR": [("cosine", {"k": 8.0, "power": 0.5, "end_lr": 1e-5})],
    "one minus square": [("polynomial", {"power": 1.0, "k": 2.0})],
    "one minus tenth root to a power": [("polynomial", {"power": 3.0, "k": 0.1})],
    "exponential to a thousandth": [("exponential_to", {"end": 0.001})],
    "exponential to almost nothing": [("exponential_to", {"end": 1e-15})],
    "exponential that bends to zero": [("exponential_to", {"ratio": 0.1})],
    "exponential that bends the other way": [("exponential_to", {"ratio": 30.0, "end_lr": 1e-5})],
    "exponential up": [("exponential_to", {"start": 0.001, "end": 1.0})],
    "rex": [("rex", {})],
    "steep rex to an LR": [("rex", {"beta": 0.01, "end_lr": 1e-5})],
    "tanh": [("tanh", {})],
    "wide tanh to a tenth": [("tanh", {"lower": -50.0, "upper": 40.0, "end": 0.1})],
    "hyperbola at its limit": [("hyperbolic", {"limit": "100%"})],
    "hyperbola far from its limit": [("hyperbolic", {"limit": 10**10, "end_lr": 1e-5})],
    "inverse time": [("inverse_time", {"timescale": 3})],
    "inverse square root": [("inverse_time", {"timescale": "1%", "power": 0.5})],
    "power cool": [("power_cool", {})],
    "power cool a little beyond": [("power_cool", {"power": 1.2, "scale": 3.0, "beyond": 1.0001})],
    "path along lines": [("piecewise", {"at": ["30%", "100%"], "levels": [0.1, 1.0, 0.0], "shape": "linear"})],
    "path along cosines": [("piecewise", {"at": ["30%", "100%"], "levels": [0.1, 1.0, 0.0], "shape": "cosine"})],
    **{
        f"{shape} warmup": [("warmup", {"over": "100%", "shape": shape})]
        for shape in ("cosine", "quadratic", "log", "exponential")
    },
    "log warmup from zero to its last update": [
        ("warmup", {"over": "100%", "shape": "log", "start": 0.0, "peak": "last"})
    ],
    "step": [("step", {"every": "7%", "gamma": 0.3})],
    "step that climbs": [("step", {"every": "7%", "gamma": 1.7})],
    "multistep": [("multistep", {"at": ["30%", "60%", "90%"], "gamma": 0.1})],
    "exponential": [("exponential", {"gamma": 0.1, "every": "30%"})],
    "exponential in short intervals": [("exponential", {"gamma": 0.9, "every": "0.1%"})],
    "exponential that climbs": [("exponential", {"gamma": 10.0, "every": "30%"})],
    "warmup and cosine": [("warmup", {"over": "3.3%"}), ("cosine", {"end": 0.1})],
    "warmup, hold, cooldown": [("warmup", {"over": "3.3%"}), ("hold", {}), ("one_minus_sqrt", {"over": "20%"})],
}


def sampled(n: int) -> list[int]:
    """The beginning, the middle, the end of a run of n updates, one after it, and some by chance."""
    draw = random.Random(n)
    return sorted({0, 1, 2, n // 2, n - 3, n - 2, n - 1, n, *(draw.randrange(n) for _ in range(25))})


def error(value: float, exact: Any) -> float:
    """The relative error of ``value``; if the exact value is no normal float, whether ``value`` vanishes too."""
    if exact < sys.float_info.min:
        return 0.0 if value < sys.float_info.min and (exact or value == 0.0) else math.inf
    return float(abs(mpf(value) - exact) / exact)


def test_every_shape_is_measured() -> None:
    """A new shape fails here until it has an entry; those around a schedule, and a function of the user's, have no formula."""
    measured = {name for phases in SHAPES.values() for name, _ in phases}
    files = {module.name for module in iter_modules(shapes.__path__)}

    assert measured == files - {"clipped", "custom", "repeat", "scaled", "stairs"}


@pytest.mark.parametrize("n", HORIZONS)
@pytest.mark.parametrize("phases", [pytest.param(phases, id=name) for name, phases in SHAPES.items()])
def test_every_update_is_exact_to_a_part_in_a_million_millions(phases: list[Phase], n: int) -> None:
    """The LR of an update is within 1e-12 of the exact one, alone or in an array, including the last update."""
    run, ks = Run(phases, n), sampled(n)
    timeline = resolved(run)
    exact = [run.lr(k, BASE) for k in ks]
    several = timeline.values(ks, base_lr=BASE).tolist()

    assert max(map(error, [timeline(k, base_lr=BASE) for k in ks], exact)) <= BOUND
    assert max(map(error, several, exact)) <= BOUND


@pytest.mark.parametrize("n", HORIZONS)
@pytest.mark.parametrize("every", ["1 epoch", "0.3 epochs"])
def test_an_exponential_over_different_epochs_is_as_exact(n: int, every: str) -> None:
    """If epochs differ, the exponential is within 1e-12 too."""
    lengths = (max(n // 7, 1), max(n // 23, 1), max(n // 5, 1), max(n // 31, 1))
    run = Run([("hold", {"over": "11%"}), ("exponential", {"gamma": 0.83, "every": every})], n, lengths)
    timeline = resolved(run)

    assert max(error(timeline(k), run.lr(k)) for k in sampled(n)) <= BOUND


def test_ten_thousand_drops_are_as_exact_as_one() -> None:
    """Nothing adds up: after each of ten thousand drops the factor is within 1e-12 of gamma to that power."""
    timeline = step(1000, gamma=0.999).resolve(Horizon(10**7))
    ks = np.arange(0, 10**7, 1000)
    with mp.workdps(50):
        exact = [mpf(0.999) ** m for m in range(10_000)]
        off = max(map(error, timeline.values(ks + 999).tolist(), exact))

    assert timeline.values(ks).tolist() == timeline.values(ks + 999).tolist()
    assert off <= BOUND


@pytest.mark.parametrize(
    ("phases", "formula"),
    [
        pytest.param(SHAPES["cosine"], lambda i, n: (1 + math.cos(math.pi * i / n)) / 2, id="(1 + cos(pi p)) / 2"),
        pytest.param(SHAPES["linear"], lambda i, n: 1 - i / n, id="1 - p"),
        pytest.param(SHAPES["square"], lambda i, n: (1 - i / n) ** 2, id="(1 - p) ** 2"),
        pytest.param(SHAPES["one minus root"], lambda i, n: 1 - math.sqrt(i / n), id="1 - sqrt(p)"),
    ],
)
@pytest.mark.parametrize("n", [10**5, 10**7])
def test_the_bound_rejects_the_usual_formulas(
    phases: list[Phase], formula: Callable[[int, int], float], n: int
) -> None:
    """The formulas of textbooks cancel near the end of a long run, and fail this check."""
    run, ks = Run(phases, n), sampled(n)[:-1]

    assert max(error(formula(k, n), run.lr(k)) for k in ks) > BOUND


def test_the_check_sees_one_wrong_update() -> None:
    """The last update is among those sampled, and a run that is one update too long is far off there."""
    n = 10**5
    exact, longer = Run(SHAPES["linear"], n), linear().resolve(Horizon(n + 1))

    assert {0, n - 1, n} <= set(sampled(n))
    assert error(longer(n - 1), exact.lr(n - 1)) > 0.9
