"""``lr-toolkit translate``: the schedule that equals a scheduler of another library."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.text import LONGEST

if TYPE_CHECKING:
    from lr_toolkit.schedules.peers.translation import Translation

__all__ = ["add_translate"]


def add_translate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    translate = commands.add_parser("translate", help="print the schedule that equals a scheduler of another library")
    translate.add_argument(
        "configuration",
        metavar="TEXT",
        help='a constructor\'s call: "StepLR(optimizer, step_size=30)"; a section of a YAML or JSON file; or the path of such a file',
    )
    translate.set_defaults(run=_translate, parser=translate)


def _translate(parsed: argparse.Namespace) -> str:
    translation = _translation(parsed.configuration)
    lines = [repr(translation.schedule)]
    if translation.base_lr is not None:
        lines.append(f"# The base LR, for the optimizer: lr={translation.base_lr!r}")
    if not translation.schedule.has_text:
        lines.append("# It holds a Python function, so it has no text.")
    return "\n".join([*lines, *(f"# {note}" for note in translation.notes)])


def _translation(text: str) -> Translation:
    """The translation of a call, of a section, or of a file with a section."""
    from lr_toolkit.schedules.peers.translate import translate_call, translate_section

    if text.endswith((".yaml", ".yml", ".json")):
        text = Path(text).read_text("utf-8")
    if len(text) > LONGEST:
        raise ScheduleError(
            f"text of {len(text)} characters: at most {LONGEST} are read. Write the section of the scheduler alone."
        )
    translation = translate_call(text)
    if translation is not None:
        return translation
    section = _section(text)
    if not isinstance(section, Mapping):
        raise ScheduleError(
            f"{shorten(text)}: is neither a constructor's call nor a section of a configuration. Write \"StepLR(optimizer, "
            'step_size=30)", or "{type: WarmupLR, params: {warmup_num_steps: 500}}".'
        )
    return translate_section(section)


def _section(text: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
