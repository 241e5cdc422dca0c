"""NeMo's own file."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.random import Generator

from tests.data.peers.drawing import choice, number, whole
from tests.data.peers.stepping import stepped
from tests.data.peers.unpacked import import_alone

Drawn = tuple[dict[str, Any], int]
FILE: ModuleType


def load(folder: str) -> dict[str, Any]:
    """Run the file."""
    global FILE  # noqa: PLW0603  # loaded once
    FILE = import_alone("nemo.core.optim.lr_scheduler", folder)
    version = next(
        path.name.split("-")[1].removesuffix(".dist") for path in Path(folder).glob("nemo_toolkit-*.dist-info")
    )
    return {
        "library": "nemo",
        "version": version,
        "origin": "its file lr_scheduler.py alone, with placeholders for the rest of its package",
    }


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update."""
    return stepped(lambda optimizer: getattr(FILE, name)(optimizer, **arguments), lr, updates)


def warmup(rng: Generator, least: int = 0) -> tuple[dict[str, Any], int]:
    """A warmup, in updates or as a share, and a run that is longer."""
    up = whole(rng, least, 10)
    total = up + whole(rng, 12, 26)
    return choice(rng, [{"warmup_steps": up}, {"warmup_ratio": up / total + 1e-9} if up else {}]) | {
        "max_steps": total
    }, total


def constant(rng: Generator) -> Drawn:
    arguments, total = warmup(rng)
    return arguments, total


def floor(rng: Generator) -> dict[str, float]:
    return {"min_lr": choice(rng, [0.0, number(rng, 1e-4, 1e-3)])}


def decay(rng: Generator) -> Drawn:
    arguments, total = warmup(rng)
    return {**arguments, **floor(rng)}, total


def cosine(rng: Generator) -> Drawn:
    arguments, total = decay(rng)
    return {**arguments, "constant_steps": choice(rng, [0, whole(rng, 1, 8)])}, total


def polynomial(rng: Generator) -> Drawn:
    arguments, total = decay(rng)
    return {**arguments, "power": choice(rng, [1.0, 2.0, number(rng, 0.3, 4.0)])}, total


def held(rng: Generator) -> Drawn:
    up, flat = whole(rng, 1, 8), whole(rng, 1, 10)
    total = up + flat + whole(rng, 3, 16)
    return {"warmup_steps": up, "hold_steps": flat, "max_steps": total, **floor(rng)}, total


def held_polynomial(rng: Generator) -> Drawn:
    arguments, total = held(rng)
    return {**arguments, "power": choice(rng, [1.0, 2.0, number(rng, 0.3, 4.0)])}, total


def t5(rng: Generator) -> Drawn:
    return {"constant_steps": whole(rng, 1, 15), "max_steps": 40}, 40


def noam(rng: Generator) -> Drawn:
    return {"d_model": whole(rng, 8, 512), "warmup_steps": whole(rng, 2, 15), "max_steps": 40}, 40


def noam_hold(rng: Generator) -> Drawn:
    arguments, total = held(rng)
    return {**arguments, "decay_rate": choice(rng, [0.5, number(rng, 0.3, 1.0)])}, total


DRAWS = {
    "WarmupPolicy": constant,
    "WarmupHoldPolicy": constant,
    "CosineAnnealing": cosine,
    "SquareAnnealing": decay,
    "SquareRootAnnealing": decay,
    "WarmupAnnealing": decay,
    "PolynomialDecayAnnealing": polynomial,
    "PolynomialHoldDecayAnnealing": held_polynomial,
    "WarmupHoldAnnealLinear": held,
    "WarmupHoldAnnealOneMinusSquareRoot": held,
    "InverseSquareRootAnnealing": constant,
    "T5InverseSquareRootAnnealing": t5,
    "NoamAnnealing": noam,
    "NoamHoldAnnealing": noam_hold,
}

# After the end the LR drops.
REFUSED = [
    ("InverseSquareRootAnnealing", {"warmup_steps": 2, "max_steps": 8}, 12),
    ("WarmupPolicy", {"warmup_steps": 2, "max_steps": 8}, 12),
]
