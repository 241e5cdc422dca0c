"""Reads the learning rates from the files of Lightning's CSVLogger."""

from __future__ import annotations

import csv
from pathlib import Path

from lr_toolkit.logged_runs.curves import Curve, LoggedCurves, matched

__all__ = ["read_csv_log"]


def read_csv_log(file: Path) -> LoggedCurves:
    """The curves in ``metrics.csv``, and the plan in ``lr_plan.csv`` beside it."""
    plan = file.with_name("lr_plan.csv")
    planned = _curves(plan) if plan.is_file() else {}
    return LoggedCurves(file.parent, matched(_curves(file), planned), planned)


def _curves(file: Path) -> dict[str, Curve]:
    """The numbers of each column by ``step``; of two rows with one step the later counts."""
    curves: dict[str, Curve] = {}
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if not row.get("step"):
                continue
            for name, text in row.items():
                value = _number(text)
                if name is not None and name != "step" and value is not None:
                    curves.setdefault(name, {})[int(row["step"])] = value
    return curves


def _number(text: object) -> float | None:
    try:
        return float(text) if isinstance(text, str) and text else None
    except ValueError:
        return None
