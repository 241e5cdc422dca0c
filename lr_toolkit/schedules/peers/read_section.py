"""Reads a section of a configuration file that stands for a scheduler, as several libraries write it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.written import Unknown, Written

__all__ = ["read_section"]

_INSIDE = ("scheduler", "lr_scheduler", "lr_schedule", "sched")
_TRAINING_ARGUMENTS = ("lr_scheduler_type", "warmup_ratio", "lr_scheduler_kwargs")
_TORCHTITAN = {"warmup_steps", "total_steps", "decay_ratio", "decay_type", "min_lr_factor"}
# PyYAML reads 1e-5 as a text, because its numbers need a point.
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", re.ASCII)
_FORMS = (
    "class_path: and init_args: (LightningCLI), _target_: (Hydra), type: and params: (DeepSpeed), class_name: and config: (Keras), "
    "name: (NeMo), lr_scheduler_type: (transformers)"
)


def read_section(section: Mapping[Any, Any]) -> Written:
    """The constructor's call that a section stands for.

    Args:
        section: the section, or a mapping that has it, at any depth, as ``scheduler``, ``lr_scheduler``, ``lr_schedule`` or ``sched``.

    Raises:
        ScheduleError: if it has none of the forms that are known.

    Example:
        >>> read_section({"scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": 100}}})
        Written(name='WarmupLR', args=(), kwargs={'warmup_num_steps': 100}, library='deepspeed')
    """
    inside = _inside(section)
    if len(inside) > 1:
        raise ScheduleError(
            f"{shorten(dict(section))}: has {len(inside)} sections of a scheduler. Write one of them alone."
        )
    scheduler, around = inside[0] if inside else (section, {})
    found = _form(scheduler)
    if found is None:
        raise ScheduleError(f"{shorten(dict(section))}: is no section of a scheduler. Write one of {_FORMS}.")
    name, arguments, library = found
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise ScheduleError(
            f"{shorten(dict(section))}: must have a name, and arguments as a mapping. Write one of {_FORMS}."
        )
    kwargs = {str(key): _value(value) for key, value in arguments.items()}
    return Written(name, (), kwargs, library, "class_path" in scheduler, _optimizer_lr(around))


def _inside(section: Mapping[Any, Any]) -> list[tuple[Mapping[Any, Any], Mapping[Any, Any]]]:
    """The sections of schedulers inside a mapping, each with the mapping that has it."""
    found: list[tuple[Mapping[Any, Any], Mapping[Any, Any]]] = []
    for key, value in section.items():
        if isinstance(value, Mapping):
            found += [(value, section)] if key in _INSIDE else _inside(value)
    return found


def _optimizer_lr(around: Mapping[Any, Any]) -> float | None:
    """The LR of the ``optimizer`` beside a scheduler, in the forms of LightningCLI, DeepSpeed and Hydra."""
    optimizer = around.get("optimizer")
    if not isinstance(optimizer, Mapping):
        return None
    arguments = optimizer.get("init_args") or optimizer.get("params") or optimizer
    lr = _value(arguments.get("lr")) if isinstance(arguments, Mapping) else None
    return float(lr) if isinstance(lr, (int, float)) and lr is not True and 0 < lr < math.inf else None


def _form(section: Mapping[Any, Any]) -> tuple[Any, Any, str] | None:
    """The name, the arguments and the library of a section."""
    if "class_path" in section:
        return section["class_path"], section.get("init_args") or {}, ""
    for key in ("_target_", "_CLASS_"):
        if key in section:
            return (
                section[key],
                {name: value for name, value in section.items() if name not in (key, "_partial_", "_recursive_")},
                "",
            )
    if "type" in section:
        return section["type"], section.get("params") or {}, "deepspeed"
    if "class_name" in section:
        return section["class_name"], section.get("config") or {}, "keras"
    if any(key in section for key in _TRAINING_ARGUMENTS):
        return "TrainingArguments", section, "transformers"
    if "name" in section:
        arguments = section.get("args") or {
            key: value for key, value in section.items() if key not in ("name", "interval", "frequency")
        }
        return section["name"], arguments, ""
    if section and set(section) <= _TORCHTITAN:
        return "LRSchedulersContainer", section, "torchtitan"
    return None


def _value(value: Any) -> Any:
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            return float(value)
        return Unknown(value) if value == "auto" or value.startswith("${") else value
    if isinstance(value, Mapping):
        named = any(key in value for key in ("class_path", "_target_", "_CLASS_"))
        return read_section(value) if named else {key: _value(inner) for key, inner in value.items()}
    return [_value(inner) for inner in value] if isinstance(value, (list, tuple)) else value
