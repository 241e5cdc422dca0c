"""TensorBoard: plan and fact in one chart, the table as text, the picture, and all learning rates of an update in one event."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from lr_toolkit.lightning._compat import logger_prefix
from lr_toolkit.lightning.loggers.own_rows import has_own_rows
from lr_toolkit.preview.picture import Line

__all__ = ["log_outcome", "log_plan", "log_row"]


def log_row(logger: Any, names: tuple[str, ...], values: Sequence[float], step: int) -> None:
    """Write a row as one event; a hundred scalars, each with its own, cost a hundred times as much."""
    writer = logger.experiment
    # Another rank has a dummy, and tensorboardX makes its events otherwise.
    if not _is_torchs(writer) or has_own_rows(logger, "TensorBoardLogger"):
        logger.log_metrics(dict(zip(names, values, strict=True)), step=step)
        return
    prefix = logger_prefix(logger)
    event, slots = _template(tuple(f"{prefix}{name}" for name in names) if prefix else names)
    for slot, value in zip(slots, values, strict=True):
        slot.simple_value = value
    writer.file_writer.add_event(event, step)


@lru_cache(maxsize=8)
def _template(tags: tuple[str, ...]) -> tuple[Any, list[Any]]:
    """An event with a scalar for each tag, and the scalars: a writer has made bytes of them when its call returns."""
    from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]  # it brings no types
    from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]  # as above

    event = Event(summary=Summary(value=[Summary.Value(tag=tag) for tag in tags]))
    return event, list(event.summary.value)


def log_plan(logger: Any, lines: Sequence[Line], table: str) -> None:
    """Write the planned curves, a chart that lays the used ones over them, and the table."""
    writer = logger.experiment
    writer.add_text("lr_plan/table", "\n".join(f"    {line}" for line in table.splitlines()), 0)
    if not lines:
        return
    tags = [f"{logger_prefix(logger)}{one.name}" for one in lines]
    both = [f"^{re.escape(tag)}$" for tag in tags] + ["^lr_plan/.*"]
    writer.add_custom_scalars({"learning rate": {"planned and used": ["Multiline", both]}})
    # Curves of one optimizer have their points at the same updates, so that a row holds them all.
    rows: dict[int, dict[str, float]] = {}
    for line in lines:
        for update, lr in zip(*line.planned, strict=True):
            rows.setdefault(int(update), {})[f"lr_plan/{line.name.removeprefix('lr/')}"] = lr
    for update in sorted(rows):
        log_row(logger, tuple(rows[update]), list(rows[update].values()), update)


def log_outcome(logger: Any, figure: Any) -> None:
    """Write the picture of plan and fact."""
    logger.experiment.add_figure("lr_plan/picture", figure, 0)


def _is_torchs(writer: Any) -> bool:
    return type(writer).__module__.startswith("torch.utils.tensorboard")
