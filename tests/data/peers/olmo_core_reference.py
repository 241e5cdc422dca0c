"""OLMo-core's own file, asked as its trainer does: the count of updates is raised before the optimizer steps."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.random import Generator

from tests.data.peers.drawing import choice, number, whole
from tests.data.peers.unpacked import import_alone

Drawn = tuple[dict[str, Any], int]
FILE: ModuleType


class StrEnum(str, Enum):
    """A text and a member."""


class Registrable:
    """A base class whose subclasses have a name."""

    @classmethod
    def register(cls, name: str) -> Callable[[type], type]:  # noqa: ARG003  # its signature
        """Leave the class as it is."""
        return lambda registered: registered


class Config:
    """A base class."""


def load(folder: str) -> dict[str, Any]:
    """Run the file, with base classes that do nothing."""
    global FILE  # noqa: PLW0603  # loaded once
    bases = {"Config": Config, "Registrable": Registrable, "StrEnum": StrEnum}
    FILE = import_alone("olmo_core.optim.scheduler", folder, olmo_core__config=bases)
    version = next(
        path.name.split("-")[1].removesuffix(".dist") for path in Path(folder).glob("ai2_olmo_core-*.dist-info")
    )
    origin = "its file scheduler.py alone, with placeholders for the rest of its package"
    return {"library": "olmo_core", "version": version, "origin": origin}


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update."""
    given = {key: value for key, value in arguments.items() if key not in ("t_max", "lr")}
    if "stages" in given:
        given["stages"] = [FILE.ComposableSchedulerStage(**stage) for stage in given["stages"]]
    if arguments.get("decay") is not None and name != "WSDS":
        given["decay_fraction"] = None
    scheduler = getattr(FILE, name)(**given)
    initial = arguments.get("lr", lr)
    return [float(scheduler.get_lr(initial, update + 1, arguments.get("t_max", updates))) for update in range(updates)]


def warmup(rng: Generator) -> dict[str, Any]:
    """A warmup; from an LR above zero the base LR must be known."""
    lr = number(rng, 0.01, 1.0)
    low = choice(rng, [{}, {"warmup_min_lr": number(rng, 1e-4, 5e-3), "lr": lr}])
    return {"warmup": whole(rng, 1, 10), **low}


def constant(rng: Generator) -> Drawn:
    return warmup(rng), 20


def decay(rng: Generator) -> Drawn:
    total = whole(rng, 14, 36)
    return {**warmup(rng), "t_max": total, "alpha_f": number(rng, 0.0, 0.5)}, total


def inverse(rng: Generator) -> Drawn:
    return {**warmup(rng), "alpha_f": choice(rng, [0.0, number(rng, 0.0, 0.5)])}, 30


def wsd(rng: Generator) -> Drawn:
    total = whole(rng, 20, 36)
    down = choice(rng, [{"decay_fraction": 0.25}, {"decay": whole(rng, 1, 8), "decay_fraction": None}])
    return {**warmup(rng), **down, "decay_min_lr": choice(rng, [0.0, number(rng, 1e-5, 1e-3)]), "t_max": total}, total


def cosine_and_line(rng: Generator) -> Drawn:
    arguments, total = wsd(rng)
    return {**arguments, "alpha_f": number(rng, 0.1, 0.5)}, total


def power(rng: Generator) -> Drawn:
    arguments, total = wsd(rng)
    return {**arguments, "b": -number(rng, 0.2, 1.5)}, total


def wsds(rng: Generator) -> Drawn:
    lengths = [whole(rng, 12, 16), whole(rng, 5, 12), whole(rng, 5, 12)]
    peaks = choice(rng, [{}, {"period_lr_multipliers": [number(rng, 0.5, 1.0) for _ in lengths]}])
    return {"period_lengths": lengths, **peaks, "warmup": whole(rng, 1, 6), "decay": whole(rng, 1, 4)}, sum(lengths)


def stages(rng: Generator) -> Drawn:
    first = {"duration": whole(rng, 2, 8), "start_lr_fraction": number(rng, 0.0, 0.3), "end_lr_fraction": 1.0}
    second = {
        "duration": whole(rng, 2, 12),
        "shape": choice(rng, ["linear", "cosine"]),
        "end_lr_fraction": number(rng, 0.2, 0.8),
    }
    third = {"duration": whole(rng, 2, 12), "shape": choice(rng, ["linear", "cosine"]), "end_lr_fraction": 0.0}
    return {"stages": [first, second, third]}, 36


def exponential(rng: Generator) -> Drawn:
    total = whole(rng, 5, 30)
    return {"lr_min": number(rng, 1e-6, 1e-3), "t_max": total, "lr": number(rng, 0.01, 1.0)}, total


DRAWS = {
    "ConstantWithWarmup": constant,
    "LinearWithWarmup": decay,
    "CosWithWarmup": decay,
    "CosWithWarmupAndLinearDecay": cosine_and_line,
    "InvSqrtWithWarmup": inverse,
    "WSD": wsd,
    "PowerLR": power,
    "WSDS": wsds,
    "ComposableScheduler": stages,
    "ExponentialScheduler": exponential,
}
