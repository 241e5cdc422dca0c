"""torchtitan's own file."""

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
    FILE, missing = import_unpacked("torchtitan.components.optimizer.lr_scheduler", folder)
    version = next(
        path.name.split("-")[1].removesuffix(".dist") for path in Path(folder).glob("torchtitan-*.dist-info")
    )
    return {
        "library": "torchtitan",
        "version": version,
        "origin": f"its file lr_scheduler.py, with placeholders for {', '.join(missing)}",
    }


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update."""
    config = FILE.LRSchedulersContainer.Config(**arguments)
    return stepped(lambda optimizer: config.build(optimizers=[optimizer], training_steps=1), lr, updates)


def draw(rng: Generator) -> Drawn:
    up, total = whole(rng, 0, 12), whole(rng, 14, 36)
    share = choice(rng, [None, 0.0, number(rng, 0.1, (total - up) / total)])
    decay = {"decay_ratio": share, "decay_type": choice(rng, ["linear", "sqrt", "cosine"])}
    return {
        "warmup_steps": up,
        "total_steps": total,
        **decay,
        "min_lr_factor": choice(rng, [0.0, number(rng, 0.0, 0.5)]),
    }, total


DRAWS = {"LRSchedulersContainer": draw}

# After the end the LR is negative.
REFUSED = [("LRSchedulersContainer", {"warmup_steps": 3, "total_steps": 10}, 13)]
