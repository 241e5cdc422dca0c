"""Megatron-core's own file, stepped by one after each update."""

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
    FILE, _ = import_unpacked("megatron.core.optimizer_param_scheduler", folder)
    version = next(
        path.name.split("-")[1].removesuffix(".dist") for path in Path(folder).glob("megatron_core-*.dist-info")
    )
    return {"library": "megatron", "version": version, "origin": "its file optimizer_param_scheduler.py"}


class _ByOne:
    """Counts an update as one sample."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def step(self) -> None:
        self.scheduler.step(1)


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update."""
    decay = {"start_wd": 0.0, "end_wd": 0.0, "wd_incr_steps": 1, "wd_incr_style": "constant"}
    return stepped(lambda optimizer: _ByOne(FILE.OptimizerParamScheduler(optimizer, **arguments, **decay)), lr, updates)


def style(name: str) -> Any:
    """A draw of a decay style."""

    def draw(rng: Generator) -> Drawn:
        up = whole(rng, 1, 10)
        total = up + whole(rng, 12, 25)
        lrs = {"init_lr": choice(rng, [0.0, number(rng, 1e-5, 1e-3)]), "max_lr": number(rng, 0.1, 1.0)}
        lrs |= {"min_lr": choice(rng, [0.0, number(rng, 1e-3, 1e-1)])}
        more = {"wsd_decay_steps": whole(rng, 1, 12), "lr_wsd_decay_style": choice(rng, WSD)} if name == "WSD" else {}
        # After the end an inverse square root drops to min_lr; the schedule goes on, as a test of its own shows.
        updates = total + (1 if name == "inverse-square-root" else 4)
        return {**lrs, "lr_warmup_steps": up, "lr_decay_steps": total, "lr_decay_style": name, **more}, updates

    return draw


WSD = ["linear", "cosine", "exponential", "minus_sqrt"]
DRAWS = {
    f"OptimizerParamScheduler, {name}": style(name)
    for name in ("constant", "linear", "cosine", "inverse-square-root", "WSD")
}

# After the end the LR drops.
ROOT = {"max_lr": 1.0, "min_lr": 0.0, "init_lr": 0.0, "lr_warmup_steps": 2, "lr_decay_steps": 8}
REFUSED = [("OptimizerParamScheduler", {**ROOT, "lr_decay_style": "inverse-square-root"}, 12)]
