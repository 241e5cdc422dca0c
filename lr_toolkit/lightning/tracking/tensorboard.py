"""TensorBoard: plan and fact in one chart, the table as text, the picture, and all learning rates of an update in one event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lr_toolkit.preview.picture import Line

__all__ = ["log_outcome", "log_plan", "log_row"]


def log_row(logger: Any, row: Mapping[str, float], step: int) -> None:
    """Write ``row`` as one event; a hundred scalars, each with its own, cost forty times as much."""
    writer = logger.experiment
    if not _is_torchs(writer):  # another rank's dummy, or tensorboardX, whose events are made otherwise
        logger.log_metrics(dict(row), step=step)
        return
    from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

    values = [Summary.Value(tag=f"{_prefix(logger)}{name}", simple_value=value) for name, value in row.items()]
    writer.file_writer.add_summary(Summary(value=values), step)


def log_plan(logger: Any, lines: Sequence[Line], table: str) -> None:
    """Write the planned curves, a chart that lays the used ones over them, and the table."""
    writer = logger.experiment
    writer.add_text("lr_plan/table", "\n".join(f"    {line}" for line in table.splitlines()), 0)
    if not lines:
        return
    tags = [f"{_prefix(logger)}{one.name}" for one in lines]
    both = [f"^{re.escape(tag)}$" for tag in tags] + ["^lr_plan/.*"]
    writer.add_custom_scalars({"learning rate": {"planned and used": ["Multiline", both]}})
    # Curves of one optimizer have their points at the same updates, so that a row holds them all.
    rows: dict[int, dict[str, float]] = {}
    for line in lines:
        for update, lr in zip(*line.planned, strict=True):
            rows.setdefault(int(update), {})[f"lr_plan/{line.name.removeprefix('lr/')}"] = lr
    for update in sorted(rows):
        log_row(logger, rows[update], update)


def log_outcome(logger: Any, figure: Any) -> None:
    """Write the picture of plan and fact."""
    logger.experiment.add_figure("lr_plan/picture", figure, 0)


def _is_torchs(writer: Any) -> bool:
    return type(writer).__module__.startswith("torch.utils.tensorboard")


def _prefix(logger: Any) -> str:
    return f"{logger._prefix}{logger.LOGGER_JOIN_CHAR}" if logger._prefix else ""
