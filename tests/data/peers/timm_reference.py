"""timm's formulas, read in its source: the LR for ``t`` updates (or epochs) before, as its training script asks for it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from numpy.random import Generator

from tests.data.peers.drawing import choice, milestones, number, whole

Drawn = tuple[dict[str, Any], int]


def load(folder: str) -> dict[str, Any]:
    """Nothing to load."""
    return {"library": "timm", "version": "1.0.31", "origin": "the formulas in the sources of timm/scheduler"}


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update."""
    given = {"warmup_t": 0, "warmup_lr_init": 0.0, "lr_min": 0.0, **arguments}
    up, first = given["warmup_t"], given["warmup_lr_init"]
    after = FORMULAS[name]
    begin = up if given.get("warmup_prefix", True) else 0
    return [first + t * (lr - first) / up if t < up else after(t - begin, lr, given) for t in range(updates)]


def cycle(t: int, given: dict[str, Any]) -> tuple[int, float, float]:
    """The cycle at ``t``, the place in it, and its length."""
    mul, first = given.get("cycle_mul", 1.0), given["t_initial"]
    number_of, begin, length = 0, 0.0, float(first)
    while t >= begin + length:
        number_of, begin = number_of + 1, begin + length
        length = first * mul**number_of
    return number_of, t - begin, length


def cycled(height: Callable[[float, dict[str, Any]], float]) -> Callable[[int, float, dict[str, Any]], float]:
    """A formula of the share ``height`` of the way from ``lr_min``, in cycles."""

    def formula(t: int, lr: float, given: dict[str, Any]) -> float:
        index, place, length = cycle(t, given)
        if index >= given.get("cycle_limit", 1):
            return given["lr_min"]
        top, k = lr * given.get("cycle_decay", 1.0) ** index, given.get("k_decay", 1.0)
        return given["lr_min"] + (top - given["lr_min"]) * height(place**k / length**k, given)

    return formula


def wsd(t: int, lr: float, given: dict[str, Any]) -> float:
    """Stable, then a decay that multiplies it."""
    fn, scale = given.get("stable_fn", "constant"), given.get("stable_timescale") or given["warmup_t"]
    power = {"constant": 0.0, "rsqrt": 0.5, "power": given.get("stable_power", 0.5)}[fn]
    stable = max(lr * (1 + t / scale) ** -power if power else lr, given["lr_min"])
    into = t - (given["t_initial"] - given["decay_t"])
    if into <= 0:
        return stable
    part, ratio = min(into / given["decay_t"], 1.0), given.get("decay_ratio", 0.1)
    left = {
        "1-sqrt": 1 - math.sqrt(part),
        "linear": 1 - part,
        "cosine": (1 + math.cos(math.pi * part)) / 2,
        "power": 1 - part ** given.get("decay_power", 0.5),
        "exp": (ratio**part - ratio) / (1 - ratio),
    }[given.get("decay_fn", "1-sqrt")]
    return given["lr_min"] + (stable - given["lr_min"]) * left


FORMULAS = {
    "CosineLRScheduler": cycled(lambda part, given: (1 + math.cos(math.pi * part)) / 2),
    "PolyLRScheduler": cycled(lambda part, given: (1 - part) ** given.get("power", 0.5)),
    "TanhLRScheduler": cycled(lambda part, given: (1 - math.tanh(given["lb"] * (1 - part) + given["ub"] * part)) / 2),
    "StepLRScheduler": lambda t, lr, given: lr * given["decay_rate"] ** (t // given["decay_t"]),
    "MultiStepLRScheduler": lambda t, lr, given: lr * given["decay_rate"] ** bisect_right(given["decay_t"], t + 1),
    "WSDLRScheduler": wsd,
}


def rise(rng: Generator) -> dict[str, Any]:
    return {"warmup_t": whole(rng, 1, 8), "warmup_lr_init": choice(rng, [0.0, number(rng, 1e-5, 1e-3)])}


def single_cycle(rng: Generator) -> Drawn:
    named = {
        "t_initial": whole(rng, 3, 25),
        "lr_min": choice(rng, [0.0, number(rng, 1e-5, 1e-3)]),
        "warmup_prefix": True,
        **rise(rng),
    }
    return named, named["t_initial"] + named["warmup_t"] + 4


def cosine(rng: Generator) -> Drawn:
    named, updates = single_cycle(rng)
    return {**named, "k_decay": choice(rng, [1.0, number(rng, 0.5, 2.0)])}, updates


def cosine_cycles(rng: Generator) -> Drawn:
    named, _ = single_cycle(rng)
    named |= {"t_initial": whole(rng, 3, 8), "cycle_limit": whole(rng, 2, 3), "cycle_mul": choice(rng, [1.0, 2.0])}
    length = named["warmup_t"] + sum(
        named["t_initial"] * named["cycle_mul"] ** index for index in range(named["cycle_limit"])
    )
    return {**named, "cycle_decay": choice(rng, [1.0, number(rng, 0.3, 0.9)])}, int(length) + 4


def poly(rng: Generator) -> Drawn:
    named, updates = cosine(rng)
    return {**named, "power": number(rng, 0.3, 3.0)}, updates


def tanh(rng: Generator) -> Drawn:
    named, updates = single_cycle(rng)
    return {**named, "lb": -number(rng, 3, 8), "ub": number(rng, 2, 5)}, updates


def step(rng: Generator) -> Drawn:
    return {"decay_t": whole(rng, 1, 12), "decay_rate": number(rng, 0.1, 0.9), **rise(rng)}, 36


def multistep(rng: Generator) -> Drawn:
    return {"decay_t": milestones(rng, 2, 25), "decay_rate": number(rng, 0.1, 0.9), **rise(rng)}, 40


def stable_decay(rng: Generator) -> Drawn:
    down = whole(rng, 1, 12)
    named = {
        "t_initial": down + whole(rng, 1, 15),
        "decay_t": down,
        "decay_fn": choice(rng, ["1-sqrt", "linear", "cosine", "power", "exp"]),
    }
    named |= {
        "lr_min": choice(rng, [0.0, number(rng, 1e-5, 1e-3)]),
        "stable_fn": choice(rng, ["constant", "rsqrt", "power"]),
    }
    named |= {
        "stable_power": number(rng, 0.2, 1.0),
        "decay_power": number(rng, 0.3, 2.0),
        "decay_ratio": number(rng, 0.05, 0.5),
    }
    named |= rise(rng)
    return named, named["t_initial"] + named["warmup_t"] + 4


DRAWS = {
    "CosineLRScheduler": cosine,
    "CosineLRScheduler, in cycles": cosine_cycles,
    "PolyLRScheduler": poly,
    "TanhLRScheduler": tanh,
    "StepLRScheduler": step,
    "MultiStepLRScheduler": multistep,
    "WSDLRScheduler": stable_decay,
}

# Without the prefix the decay begins during the warmup.
REFUSED = [("CosineLRScheduler", {"t_initial": 10, "warmup_t": 3, "warmup_prefix": False}, 13)]
