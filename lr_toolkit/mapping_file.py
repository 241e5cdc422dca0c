"""Reads a YAML or JSON file that holds a mapping, such as the configuration of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten

__all__ = ["read_mapping"]


def read_mapping(path: str) -> dict[str, Any]:
    """The content of a file.

    Raises:
        ScheduleError: if there is no such file, if it is neither YAML nor JSON, or if it holds no mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text("utf-8"))
    except FileNotFoundError:
        raise ScheduleError(f"There is no file {path!r}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ScheduleError(f"{path!r} is neither YAML nor JSON: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise ScheduleError(
            f"{path!r} holds {shorten(content)}. Write a configuration into it, such as {{schedule: cosine(), lr: 1e-3, steps: 1000}}."
        )
    return {str(name): value for name, value in content.items()}
