"""A configuration file that holds a schedule and the length of its run, without a project: ``{schedule: ..., lr: ..., steps: ...}``."""

from __future__ import annotations

import argparse
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.mapping_file import read_mapping

__all__ = ["read_plain_config"]

_LENGTHS = (
    "accumulate",
    "batch_size",
    "devices",
    "drop_last",
    "epochs",
    "interval",
    "samples",
    "steps",
    "steps_per_epoch",
)
_KEYS = ("schedule", "lr", *_LENGTHS)


def read_plain_config(path: str, parsed: argparse.Namespace) -> tuple[Any, argparse.Namespace] | None:
    """The schedule of a file, and the options of the command with those of the file added; ``None`` if the file has no ``schedule``.

    An option on the command line comes before the value in the file.

    Raises:
        ScheduleError: for a file that cannot be read, and for a key that no option has.
    """
    content = read_mapping(path)
    if "schedule" not in content or not {"model", "trainer", "fit"}.isdisjoint(content):
        return None
    unknown = [key for key in content if key not in _KEYS]
    if unknown:
        raise ScheduleError(f"{path!r}: {shorten(unknown[0])} is none of {', '.join(_KEYS)}.")
    values = vars(parsed).copy()
    length_is_given = any(values[name] is not None for name in ("steps", "epochs"))
    for name, value in content.items():
        ends_elsewhere = name in ("steps", "epochs") and length_is_given
        if name != "schedule" and not ends_elsewhere and values[name] in (None, False, "step"):
            values[name] = _number(path, name, value)
    return content["schedule"], argparse.Namespace(**values)


def _number(path: str, name: str, value: object) -> object:
    """A value as the option of that name would have it: YAML reads ``1e-3`` as text."""
    if name == "interval":
        if value not in ("step", "epoch"):
            raise ScheduleError(f"{path!r}: interval is {shorten(value)}. Write step or epoch.")
        return value
    if name == "drop_last":
        return bool(value)
    if name == "lr" and isinstance(value, dict):
        return {group: _number(path, name, each) for group, each in value.items()}
    try:
        number = float(value) if not isinstance(value, bool) else None  # type: ignore[arg-type]  # or it is no number
    except (TypeError, ValueError):
        number = None
    if number is None or (name != "lr" and not number.is_integer()):
        raise ScheduleError(f"{path!r}: {name} is {shorten(value)}. Write a {'' if name == 'lr' else 'whole '}number.")
    return number if name == "lr" else int(number)
