"""``lr-toolkit show``: the curve and the phases of a schedule, or the differences between several of them."""

from __future__ import annotations

import argparse
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lr_toolkit.cli.imports import add_import, import_modules
from lr_toolkit.cli.length import add_length, horizon_from, whole
from lr_toolkit.cli.project_arguments import add_project_options, is_project
from lr_toolkit.cli.sources import preview_of_source
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.preview.coloured import painted
from lr_toolkit.preview.preview import Preview
from lr_toolkit.preview.report import can_print
from lr_toolkit.preview.terminal import NARROWEST, terminal_lines
from lr_toolkit.schedules.schedule import Schedule

__all__ = ["add_show", "add_sources", "previews_of"]


def add_show(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    show = commands.add_parser(
        "show",
        usage="lr-toolkit show SCHEDULE [SCHEDULE ...] (--steps N | --epochs N ...) [options]\n"
        "       lr-toolkit show my_module:LitModel [--data my_module:Data] [--model.NAME VALUE] [--trainer.NAME VALUE] [options]\n"
        "       lr-toolkit show FILE.yaml | RUN [options]",
        help="print or save the curve and the phases of a schedule, or compare several",
        description="Print the curve and the phases of a schedule, before anything is trained. Several schedules are compared with the "
        "first, with the factor that the base LR needs if it is replaced. The LRs of a project are those of its module's "
        "configure_optimizers, with the real length of its run. Of a logged run the used LRs are drawn over the planned ones.",
    )
    add_sources(show)
    show.add_argument("--log", action="store_true", help="draw on a logarithmic axis")
    show.add_argument("--ascii", action="store_true", help="draw without braille dots, which some fonts do not have")
    show.add_argument(
        "--width", type=whole, metavar="N", help="the characters of a line; default: those of the terminal, at most 100"
    )
    show.add_argument("--out", metavar="FILE", help="save it, too: curve.png, .svg, .csv, .json or .html")
    show.set_defaults(run=_show, parser=show)


def add_sources(command: argparse.ArgumentParser) -> None:
    """Add what is previewed, and the options that describe its run."""
    command.add_argument(
        "words",
        metavar="SCHEDULE",
        nargs="+",
        help="the text of a schedule: \"warmup('5%%') >> cosine()\"; my_module:LitModel or train.py:LitModel; a config of LightningCLI "
        "or Hydra, or {schedule, lr, steps}; the folder of a run: lightning_logs/version_0, wandb/latest-run",
    )
    command.add_argument("--lr", type=_lr, help="the base LR; without it, factors of the base LR are shown")
    add_length(command)
    add_project_options(command)
    add_import(command)


def previews_of(words: Sequence[str], parsed: argparse.Namespace) -> list[Preview]:
    """What each of the words stands for.

    Args:
        words: the arguments without a name.
        parsed: the options.

    Raises:
        ScheduleError: for a word that cannot be shown, or an option that is missing.
    """
    import_modules(parsed.modules)
    return [_preview_of(word, parsed) for word in words]


def _preview_of(word: str, parsed: argparse.Namespace) -> Preview:
    """The preview of one word, by what it looks like."""
    return preview_of_source(word, parsed, _schedule_preview) or _schedule_preview(word, parsed)


def _schedule_preview(text: Any, parsed: argparse.Namespace) -> Preview:
    """The preview of a schedule's text, or of a mapping of groups to texts, on the run that the options describe."""
    of_project = [*parsed.project, *(["--data"] if parsed.data else [])]
    if of_project and not any(map(is_project, parsed.words)):
        raise ScheduleError(
            f"{of_project[0]} is for a project, and {shorten(text)} is a schedule. Leave it out, or write my_module:LitModel."
        )
    if isinstance(text, Mapping):
        return Preview.of(text, horizon_from(parsed), parsed.lr)
    schedule = Schedule.parse(text)
    horizon = horizon_from(parsed)
    _check_options(schedule, parsed.lr, horizon.epochs is not None)
    return Preview.of(schedule, horizon, parsed.lr)


def _show(parsed: argparse.Namespace) -> str:
    width = _width(parsed.width)
    return _shown(Preview.compare(previews_of(parsed.words, parsed)), width, parsed)


def _shown(preview: Preview, width: int, parsed: argparse.Namespace) -> str:
    """The text of a preview for the terminal; with ``--out`` it is saved, too."""
    saved = "" if parsed.out is None else f"\n\n  saved: {_saved(preview, parsed.out, parsed.log)}"
    ascii_only = parsed.ascii or not can_print("⣿│┤")
    return painted(terminal_lines(preview, width, ascii_only=ascii_only, log=parsed.log)) + saved


def _saved(preview: Preview, out: str, log: bool) -> Path:
    try:
        return preview.save(out, log=log)
    except OSError as error:
        raise ScheduleError(
            f"--out {out}: {error.strerror}. Write a file that can be written: --out curve.svg."
        ) from error


def _lr(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shorten(text)} is no number. Write one, such as 1e-3") from None


def _width(given: int | None) -> int:
    if given is None:
        return min(max(shutil.get_terminal_size().columns, NARROWEST), 100)
    if given < NARROWEST:
        raise ScheduleError(f"--width {given}: a line needs {NARROWEST} characters. Write --width 80.")
    return given


def _check_options(schedule: Schedule, lr: float | None, knows_epochs: bool) -> None:
    """Refuse a missing or impossible option, by the name of the option."""
    if lr is not None and not 0 < lr < math.inf:
        raise ScheduleError(f"--lr {lr}: must be above zero and finite, for example --lr 1e-3.")
    in_epochs = next((str(duration) for duration in schedule.durations if duration.unit == "epochs"), None)
    if in_epochs and not knows_epochs:
        raise ScheduleError(f"{in_epochs!r} needs the length of an epoch. Write it too: --steps-per-epoch 100.")
    levels = schedule.absolute_levels
    if levels and lr is None:
        raise ScheduleError(f"{schedule!r} has an absolute LR. Write the base LR too: --lr {max(*levels, 1e-3)}.")
