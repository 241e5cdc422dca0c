"""The table of an optimizer's parameter groups in the start report: sizes, LRs and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn.parameter import is_lazy

from lr_toolkit.preview import Table, sparkline
from lr_toolkit.preview.report import can_print, count

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from lr_toolkit.lightning.checks.forecast import Forecast

__all__ = ["group_table"]

_FEW_GROUPS = 6
_MOST_ROWS = 12
_WIDTH = 78
_COLUMNS = ("group", ">alike", ">params", ">first", ">peak", ">at", ">last")


def group_table(
    optimizer: Optimizer, names: Mapping[int, str], forecast: Forecast, *, is_constant: bool = False
) -> Table:
    """A row per group; of many groups one row for all that are alike, and of many rows the first and the last ones.

    Args:
        optimizer: has the groups.
        names: of its groups, by their positions.
        forecast: its LRs to come.
        is_constant: whether they stay as they are, which is known even of a run without a length.
    """
    groups = optimizer.param_groups
    alike = _alike(groups, forecast)
    rows = [_row(groups, names, forecast, indices, is_constant) for indices in alike]
    columns: tuple[str, ...] = _COLUMNS
    if len(alike) == len(groups):
        columns, rows = columns[:1] + columns[2:], [row[:1] + row[2:] for row in rows]
    width = _curve_width(columns, rows)
    shown = [(*row, _curve(forecast, indices[0], width)) for row, indices in zip(rows, alike, strict=True)]
    if len(shown) > _MOST_ROWS:
        cut = slice(_MOST_ROWS // 2, 1 - _MOST_ROWS // 2)
        shown[cut] = [(f"... {len(shown[cut])} more", *[""] * len(columns))]
    return Table((*columns, "shape"), tuple(shown))


def _alike(groups: Sequence[dict[str, Any]], forecast: Forecast) -> list[list[int]]:
    """The positions of the groups, together for groups with equal LRs if there are many."""
    if len(groups) <= _FEW_GROUPS:
        return [[index] for index in range(len(groups))]
    alike: dict[object, list[int]] = {}
    for index, group in enumerate(groups):
        lrs = (float(group["lr"]),) if forecast.why_not else tuple(forecast.lrs[:, index])
        alike.setdefault(lrs, []).append(index)
    return list(alike.values())


def _row(
    groups: Sequence[dict[str, Any]],
    names: Mapping[int, str],
    forecast: Forecast,
    indices: Sequence[int],
    is_constant: bool,
) -> tuple[str, ...]:
    """What the table shows of groups that are alike, by the name of the first."""
    first = indices[0]
    name = names.get(first, f"pg{first + 1}").removeprefix("lr/")
    others = f"+{len(indices) - 1}" if len(indices) > 1 else ""
    size = _size([parameter for index in indices for parameter in groups[index]["params"]])
    return (name, others, size, *_lrs(groups[first], forecast, first, is_constant))


def _size(parameters: Sequence[Any]) -> str:
    """How many numbers these hold; those of a lazy module have no shape before its first batch."""
    return "?" if any(map(is_lazy, parameters)) else count(sum(parameter.numel() for parameter in parameters))


def _lrs(group: Mapping[str, Any], forecast: Forecast, index: int, is_constant: bool) -> tuple[str, ...]:
    """The first LR of a group, the highest and its update, and the last."""
    if forecast.why_not:
        now = f"{float(group['lr']):.1e}"
        return (now, now, "", now) if is_constant else (now, "?", "?", "?")
    lrs = forecast.lrs[:, index]
    peak = int(lrs.argmax())
    return f"{lrs[0]:.1e}", f"{lrs[peak]:.1e}", count(int(forecast.updates[peak])), f"{lrs[-1]:.1e}"


def _curve_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The width that the other columns leave for the curves, which become narrower before names are cut."""
    lines = [[column.removeprefix(">") for column in columns], *rows]
    taken = sum(max(len(line[index]) for line in lines) + 2 for index in range(len(columns)))
    return min(max(_WIDTH - taken, 12), 24)


def _curve(forecast: Forecast, index: int, width: int) -> str:
    """The LRs of a group against the updates, which need not be evenly spaced in the forecast."""
    if forecast.why_not:
        return ""
    updates = np.linspace(forecast.updates[0], forecast.updates[-1], 96)
    lrs = np.interp(updates, forecast.updates, forecast.lrs[:, index])
    line = sparkline(lrs, width)
    return line if can_print(line) else sparkline(lrs, width, ascii_only=True)
