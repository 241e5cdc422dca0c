"""DeepSpeed's own file, stepped as its engine does: once after each update."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.random import Generator

from tests.data.peers.drawing import choice, number, whole
from tests.data.peers.stepping import stepped
from tests.data.peers.unpacked import import_unpacked

Drawn = tuple[dict[str, Any], int]
FILE: Any = None


def load(folder: str) -> dict[str, Any]:
    """Import the file from the unpacked package."""
    global FILE  # loaded once
    FILE, missing = import_unpacked("deepspeed.runtime.lr_schedules", folder)
    version = Path(folder, "version.txt").read_text("utf-8").strip()
    return {
        "library": "deepspeed",
        "version": version,
        "origin": f"its file lr_schedules.py, with placeholders for {', '.join(missing)}",
    }


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update."""
    return stepped(lambda optimizer: getattr(FILE, name)(optimizer, **arguments), lr, updates)


def warmup(rng: Generator) -> Drawn:
    lrs = {"warmup_min_lr": choice(rng, [0.0, number(rng, 1e-5, 1e-3)]), "warmup_max_lr": number(rng, 0.01, 1.0)}
    return {**lrs, "warmup_num_steps": whole(rng, 2, 20), "warmup_type": choice(rng, ["log", "linear"])}, 30


def warmup_own_lr(rng: Generator) -> Drawn:
    arguments, updates = warmup(rng)
    return {key: value for key, value in arguments.items() if key != "warmup_max_lr"}, updates


def decay(rng: Generator) -> Drawn:
    arguments, _ = warmup(rng)
    total = arguments["warmup_num_steps"] + whole(rng, 1, 12)
    return {**arguments, "total_num_steps": total}, total + 5


def cosine(rng: Generator) -> Drawn:
    up = whole(rng, 2, 20)
    total = up + whole(rng, 1, 12)
    # A linear warmup never uses the peak: a test of its own shows that update.
    ratios = {"warmup_min_ratio": choice(rng, [0.0, number(rng, 0.0, 0.5)]), "cos_min_ratio": number(rng, 0.0, 0.3)}
    return {"total_num_steps": total, "warmup_num_steps": up, **ratios}, total + 5


def one_cycle(rng: Generator) -> Drawn:
    lrs = {"cycle_min_lr": number(rng, 1e-4, 1e-2), "cycle_max_lr": number(rng, 0.1, 1.0), "cycle_momentum": False}
    sizes = {"cycle_first_step_size": whole(rng, 1, 12), "cycle_second_step_size": whole(rng, 1, 12)}
    after = choice(rng, [{}, {"decay_lr_rate": number(rng, 0.1, 2.0), "decay_step_size": whole(rng, 1, 6)}])
    return {**lrs, **sizes, **after}, 36


DRAWS = {
    "WarmupLR": warmup,
    "WarmupLR, from the optimizer's LR": warmup_own_lr,
    "WarmupDecayLR": decay,
    "WarmupCosineLR": cosine,
    "OneCycle": one_cycle,
}

# The peak of a linear warmup is never used.
REFUSED = [
    (
        "WarmupCosineLR",
        {"total_num_steps": 8, "warmup_num_steps": 4, "warmup_type": "linear", "cos_min_ratio": 0.0},
        11,
    ),
]
