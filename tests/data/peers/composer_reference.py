"""Composer's own file, asked for each batch of a run in epochs of eight batches."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from numpy.random import Generator

from tests.data.peers.drawing import choice, number, whole
from tests.data.peers.unpacked import import_unpacked

Drawn = tuple[dict[str, Any], int]
FILE: Any = None


def load(folder: str) -> dict[str, Any]:
    """Import the file from the unpacked package."""
    global FILE  # loaded once
    FILE, missing = import_unpacked("composer.optim.scheduler", folder)
    version = next(path.name.split("-")[1].removesuffix(".dist") for path in Path(folder).glob("mosaicml-*.dist-info"))
    return {
        "library": "composer",
        "version": version,
        "origin": f"its file scheduler.py, with placeholders for {', '.join(missing)}",
    }


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update: the multiplier for the number of batches before it."""
    from composer.core import Time, Timestamp

    scheduler, lrs = getattr(FILE, name)(**arguments), []
    for update in range(updates):
        timestamp = Timestamp(batch=update, epoch=update // 8)
        state = SimpleNamespace(timestamp=timestamp, max_duration=Time(updates, "ba"), dataloader_len=8)
        lrs.append(lr * scheduler(state, 1.0))
    return lrs


def time(rng: Generator, least: int, most: int, run: int = 0) -> str:
    """A time in batches, or a share of a run of so many updates that is a whole number of them."""
    batches = whole(rng, least, most)
    share = batches / run if run else 0.0
    return f"{share}dur" if run and round(share, 4) == share and rng.random() < 0.5 else f"{batches}ba"


def constant(rng: Generator) -> Drawn:
    return {"alpha": number(rng, 0.1, 0.9), "t_max": time(rng, 1, 25, 40)}, 40


def linear(rng: Generator) -> Drawn:
    return {
        "alpha_i": number(rng, 0.0, 1.0),
        "alpha_f": number(rng, 0.0, 1.0),
        "t_max": choice(rng, ["1dur", time(rng, 1, 35, 40)]),
    }, 40


def exponential(rng: Generator) -> Drawn:
    return {"gamma": number(rng, 0.3, 0.99), "decay_period": time(rng, 1, 10)}, 40


def cosine(rng: Generator) -> Drawn:
    return {"alpha_f": number(rng, 0.0, 0.5), "t_max": choice(rng, ["1dur", time(rng, 1, 35, 40)])}, 40


def restarts(rng: Generator) -> Drawn:
    return {"t_0": time(rng, 2, 10), "t_mult": choice(rng, [1.0, 2.0, 3.0]), "alpha_f": number(rng, 0.0, 0.5)}, 40


def polynomial(rng: Generator) -> Drawn:
    arguments, updates = cosine(rng)
    return {**arguments, "power": choice(rng, [1.0, 2.0, number(rng, 0.3, 4.0)])}, updates


def step(rng: Generator) -> Drawn:
    return {"step_size": time(rng, 1, 15, 40), "gamma": number(rng, 0.1, 0.9)}, 40


def multistep(rng: Generator) -> Drawn:
    first = whole(rng, 8, 20)
    return {"milestones": [f"{first}ba", f"{first + whole(rng, 1, 15)}ba"], "gamma": number(rng, 0.1, 0.9)}, 40


def multistep_warmup(rng: Generator) -> Drawn:
    arguments, updates = multistep(rng)
    return {"t_warmup": f"{whole(rng, 1, 12)}ba", **arguments}, updates


def constant_warmup(rng: Generator) -> Drawn:
    return {"t_warmup": time(rng, 1, 12, 40), "alpha": number(rng, 0.2, 1.0), "t_max": "1dur"}, 40


def with_warmup(rng: Generator) -> dict[str, Any]:
    share = rng.random() < 0.5
    times = (
        {"t_warmup": "0.1dur", "t_max": "1dur"} if share else {"t_warmup": f"{whole(rng, 1, 12)}ba", "t_max": "40ba"}
    )
    return {**times, "alpha_f": number(rng, 0.0, 0.5)}


def linear_warmup(rng: Generator) -> Drawn:
    return {**with_warmup(rng), "alpha_i": choice(rng, [1.0, number(rng, 0.6, 0.9)])}, 40


def cosine_warmup(rng: Generator) -> Drawn:
    return with_warmup(rng), 40


def polynomial_warmup(rng: Generator) -> Drawn:
    return {**with_warmup(rng), "power": number(rng, 0.3, 4.0)}, 40


DRAWS = {
    "ConstantScheduler": constant,
    "LinearScheduler": linear,
    "ExponentialScheduler": exponential,
    "CosineAnnealingScheduler": cosine,
    "CosineAnnealingWarmRestartsScheduler": restarts,
    "PolynomialScheduler": polynomial,
    "StepScheduler": step,
    "MultiStepScheduler": multistep,
    "MultiStepWithWarmupScheduler": multistep_warmup,
    "ConstantWithWarmupScheduler": constant_warmup,
    "LinearWithWarmupScheduler": linear_warmup,
    "CosineAnnealingWithWarmupScheduler": cosine_warmup,
    "PolynomialWithWarmupScheduler": polynomial_warmup,
}

# A share of the run that is no whole number of batches is truncated: 13 of 13.5.
REFUSED = [("LinearScheduler", {"t_max": "0.3375dur"}, 40)]
