"""Writes a checkpoint of the current format next to this file: ``python -m tests.data.write``, once for each format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lr_toolkit import Horizon, ReduceOnPlateau, ScheduledLR
from tests.helpers.optimizers import resume, saved, sgd, train

PLATEAU = ReduceOnPlateau(monitor="loss", factor=0.5, patience=1)

# The plan of each run, the policy after a change of plan if there was one, and the rule for a metric. Each run is saved at
# update 17 of 40.
RUNS: list[dict[str, Any]] = [
    {"schedule": "warmup('10%') >> cosine(end=0.1)", "horizon": (40, 10), "bases": [0.1]},
    {"schedule": "warmup(4, start=0.0) >> linear(end_lr=0.001)", "horizon": (40, [10, 20, 10]), "bases": [0.1, 0.02]},
    {"schedule": "wsd(5, '20%')", "horizon": (40, None), "bases": [0.3], "plateau": PLATEAU},
    {"schedule": "step('0.5 epochs', gamma=0.5)", "horizon": (40, 10), "bases": [0.1]},
    {"schedule": "exponential(0.9)", "horizon": (40, None, "epoch"), "bases": [0.1]},
    {"schedule": "cosine()", "horizon": (40, None), "bases": [0.1], "on_change": "stretch"},
    {"schedule": "cosine()", "horizon": (40, None), "bases": [0.1], "on_change": "continue"},
    {"schedule": "cosine()", "horizon": (40, None), "bases": [0.1], "on_change": "keep"},
    {"schedule": "cosine()", "horizon": (40, None), "bases": [0.1], "on_change": "replan", "rewarm": 9},
]


def record(run: dict[str, Any]) -> dict[str, Any]:
    """Both states at update 17, the arguments with which the run continues, and the LRs of its other updates."""
    plateau, on_change = run.get("plateau"), run.get("on_change", "error")

    def build(schedule: str, horizon: Horizon) -> tuple[torch.optim.SGD, ScheduledLR]:
        optimizer = sgd(run["bases"])
        options = {"plateau": plateau, "on_change": on_change, "rewarm": run.get("rewarm")}
        return optimizer, ScheduledLR(optimizer, schedule, horizon, **options)

    horizon = Horizon(*run["horizon"])
    optimizer, scheduler = build("linear()", Horizon(30)) if on_change != "error" else build(run["schedule"], horizon)
    train(optimizer, scheduler, 12)
    if on_change != "error":
        states = saved(optimizer, scheduler)
        optimizer, scheduler = build(run["schedule"], horizon)
        resume(optimizer, scheduler, states)
    train(optimizer, scheduler, 5)
    if plateau:
        for reading in (1.0, 2.0, 2.0):
            scheduler.observe(reading)
    return {
        "schedule": run["schedule"],
        "horizon": list(run["horizon"]),
        "bases": run["bases"],
        "plateau": dict(zip(plateau._fields, plateau._values(), strict=True)) if plateau else None,
        "on_change": on_change,
        **saved(optimizer, scheduler),
        "expected": train(optimizer, scheduler, 25),
    }


if __name__ == "__main__":
    runs = [record(run) for run in RUNS]
    torch.save({"runs": runs}, Path(__file__).with_name(f"checkpoint-format-{runs[0]['scheduler']['format']}.pt"))
