"""TensorBoard: all learning rates of an update in one event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["log_row"]


def log_row(logger: Any, row: Mapping[str, float], step: int) -> None:
    """Write ``row`` as one event; a hundred scalars, each with its own, cost forty times as much."""
    write = getattr(getattr(logger.experiment, "file_writer", None), "add_summary", None)
    if write is None:  # another rank's logger, or a writer that has not opened its file yet
        logger.log_metrics(dict(row), step=step)
        return
    from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

    prefix = f"{logger._prefix}{logger.LOGGER_JOIN_CHAR}" if logger._prefix else ""
    values = [Summary.Value(tag=f"{prefix}{name}", simple_value=value) for name, value in row.items()]
    write(Summary(value=values), step)
