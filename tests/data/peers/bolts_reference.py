"""The own file of Lightning Bolts."""

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
    FILE, missing = import_unpacked("pl_bolts.optimizers.lr_scheduler", folder)
    version = next(
        path.name.split("-")[1].removesuffix(".dist") for path in Path(folder).glob("lightning_bolts-*.dist-info")
    )
    return {
        "library": "bolts",
        "version": version,
        "origin": f"its file lr_scheduler.py, with placeholders for {', '.join(missing)}",
    }


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update."""
    from torch.optim.lr_scheduler import LambdaLR

    if name == "linear_warmup_decay":
        return stepped(lambda optimizer: LambdaLR(optimizer, FILE.linear_warmup_decay(**arguments)), lr, updates)
    return stepped(lambda optimizer: getattr(FILE, name)(optimizer, **arguments), lr, updates)


def cosine(rng: Generator) -> Drawn:
    up = whole(rng, 1, 12)
    total = up + whole(rng, 2, 24)
    lrs = {
        "warmup_start_lr": choice(rng, [0.0, number(rng, 1e-5, 1e-3)]),
        "eta_min": choice(rng, [0.0, number(rng, 1e-5, 1e-3)]),
    }
    return {"warmup_epochs": up, "max_epochs": total, **lrs}, total


def function(rng: Generator) -> Drawn:
    up = whole(rng, 0, 12)
    total = up + whole(rng, 2, 24)
    kind = choice(rng, [{}, {"cosine": False, "linear": True}, {"cosine": False}])
    return {"warmup_steps": up, "total_steps": total, **kind}, total


DRAWS = {"LinearWarmupCosineAnnealingLR": cosine, "linear_warmup_decay": function}

# Without a warmup the LR stays at its start; after the end it climbs again.
REFUSED = [
    ("LinearWarmupCosineAnnealingLR", {"warmup_epochs": 0, "max_epochs": 10}, 10),
    ("LinearWarmupCosineAnnealingLR", {"warmup_epochs": 2, "max_epochs": 6}, 11),
]
