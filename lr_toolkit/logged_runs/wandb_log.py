"""Reads the learning rates from the file of an offline run of Weights & Biases: protobuf records in LevelDB's log format."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lr_toolkit.logged_runs.curves import Curve, LoggedCurves, matched

__all__ = ["items_of", "read_wandb_log", "records_of"]

_X = "trainer/global_step"  # the x axis of Lightning's WandbLogger
_HEADER = 7  # bytes of W&B before the first block, and of LevelDB before each fragment
_BLOCK = 32 * 1024
_FULL, _FIRST, _LAST = 1, 2, 4


def read_wandb_log(file: Path) -> LoggedCurves:
    """The curves in ``run-ID.wandb``, and the plan in the table of the chart beside it. A run may still be written."""
    curves: dict[str, Curve] = {}
    for record in records_of(file.read_bytes()):
        if record.WhichOneof("record_type") == "history":
            row = items_of(record.history.item)
            for name, value in row.items():
                if isinstance(value, (int, float)) and _X in row and name != _X:
                    curves.setdefault(name, {})[int(row[_X])] = float(value)
    planned = _plan(file.parent)
    return LoggedCurves(file.parent, matched(curves, planned), planned)


def _plan(folder: Path) -> dict[str, Curve]:
    """The planned curves: the rows (update, name, LR) of the newest table that LRMonitor has made for its chart."""
    tables = sorted(
        (folder / "files/media/table/lr_plan").glob("chart*.table.json"), key=lambda file: file.stat().st_mtime
    )
    planned: dict[str, Curve] = {}
    for update, name, lr in json.loads(tables[-1].read_text("utf-8"))["data"] if tables else ():
        planned.setdefault(name, {})[int(update)] = float(lr)
    return planned


def records_of(content: bytes) -> Iterator[Any]:
    """The records of a run's file, up to the first one that is not written wholly."""
    from wandb.proto import wandb_internal_pb2

    for payload in _payloads(content):
        record = wandb_internal_pb2.Record()  # type: ignore[attr-defined]  # it is made when it is imported
        record.ParseFromString(payload)
        yield record


def items_of(items: Iterable[Any]) -> dict[str, Any]:
    """The names and values of a record; the parts of a nested name are joined by slashes."""
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def _payloads(content: bytes) -> Iterator[bytes]:
    """The records as bytes: each is a fragment, or is in several of them, none of which crosses a block."""
    position, parts = _HEADER, b""
    while position + _HEADER <= len(content):
        left = _BLOCK - position % _BLOCK
        if left < _HEADER:  # the end of a block that is too short for a fragment is filled with zeros
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        position += _HEADER
        if position + length > len(content) or kind == 0:
            return  # still being written
        fragment = content[position : position + length]
        parts = fragment if kind in (_FULL, _FIRST) else parts + fragment
        position += length
        if kind in (_FULL, _LAST):
            yield parts
