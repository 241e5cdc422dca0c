"""Reads an offline W&B run from its file, whose records the package reads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lr_toolkit.logged_runs.wandb_log import items_of, records_of


@dataclass
class Offline:
    """The content of a run's file, as far as it is written."""

    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    metrics: list[Any] = field(default_factory=list)
    complete: bool = False

    def series(self, name: str) -> list[tuple[int, float]]:
        """(x, value) of each history row that has ``name``."""
        return [(row["trainer/global_step"], row[name]) for row in self.history if name in row]


def read(folder: Path, patience: float = 20.0) -> Offline:
    """The only run below ``folder``; it waits for the last record, because W&B may still write after ``finish`` returned."""
    deadline = time.monotonic() + patience
    while True:
        (file,) = folder.rglob("run-*.wandb")
        run = _read(file)
        if run.complete or time.monotonic() > deadline:
            assert run.complete, "the run's file was never finished"
            return run
        time.sleep(0.1)


def _read(file: Path) -> Offline:
    run = Offline()
    for record in records_of(file.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "history":
            run.history.append(items_of(record.history.item))
        elif kind == "summary":
            run.summary |= items_of(record.summary.update)
        elif kind in ("run", "config"):
            _merge(run.config, items_of((record.run.config if kind == "run" else record.config).update))
        elif kind == "metric":
            run.metrics.append(record.metric)
        elif kind == "exit":
            run.complete = True
    return run


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
