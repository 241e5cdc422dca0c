"""Reads an offline W&B run from its file: a log in LevelDB's format with W&B's header, and protobuf records."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

_BLOCK = 32 * 1024
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


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
    for payload in _payloads(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(payload)
        kind = record.WhichOneof("record_type")
        if kind == "history":
            run.history.append(_items(record.history.item))
        elif kind == "summary":
            run.summary |= _items(record.summary.update)
        elif kind in ("run", "config"):
            _merge(run.config, _items((record.run.config if kind == "run" else record.config).update))
        elif kind == "metric":
            run.metrics.append(record.metric)
        elif kind == "exit":
            run.complete = True
    return run


def _items(items: Any) -> dict[str, Any]:
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _payloads(data: bytes) -> Iterator[bytes]:
    position, parts = 7, b""
    while position + 7 <= len(data):
        left = _BLOCK - position % _BLOCK
        if left < 7:  # the end of a block that is too short for a fragment is filled with zeros
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        position += 7
        if position + length > len(data) or kind == 0:
            return  # still being written
        fragment = data[position : position + length]
        parts = fragment if kind in (_FULL, _FIRST) else parts + fragment
        position += length
        if kind in (_FULL, _LAST):
            yield parts
