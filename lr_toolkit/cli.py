"""The command ``lr-toolkit``: shows a schedule, prepares a cooldown, and translates a scheduler, without a line of Python."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules import Horizon, Schedule
from lr_toolkit.schedules.recipes.cooldowns import COOLDOWNS
from lr_toolkit.schedules.text import LONGEST

if TYPE_CHECKING:
    from lr_toolkit.schedules.peers.translation import Translation

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        arguments: the words after the command's name; those of the process by default.
    """
    parsed = _parser().parse_args(arguments)
    try:
        sys.stdout.write(parsed.run(parsed) + "\n")
    except (ScheduleError, OSError) as error:
        parsed.parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lr-toolkit", description="The learning-rate toolkit for PyTorch Lightning.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    show = commands.add_parser("show", help="print the curve and the phases of a schedule")
    show.add_argument("schedule", metavar="SCHEDULE", help="the text of a schedule: \"warmup('5%%') >> cosine()\"")
    show.add_argument("--steps", type=int, required=True, help="the optimizer updates of the run")
    show.add_argument("--steps-per-epoch", type=int, help="the updates of an epoch, for durations in epochs")
    show.add_argument("--lr", type=float, help="the base LR; without it, factors of the base LR are shown")
    _add_import(show)
    show.set_defaults(run=_show, parser=show)

    names = commands.add_parser("list", help="print the builders and recipes, or the documentation of one")
    names.add_argument("name", metavar="NAME", nargs="?", help="the name of a builder, or register_function")
    _add_import(names)
    names.set_defaults(run=_list, parser=names)

    gallery = commands.add_parser("gallery", help="write a page with the curve and the documentation of each builder")
    gallery.add_argument("--out", metavar="FOLDER", default="docs", help="default: %(default)s")
    gallery.set_defaults(run=_gallery, parser=gallery)

    branch = commands.add_parser("branch", help="print the lines that branch a cooldown from a checkpoint")
    branch.add_argument("checkpoint", metavar="CKPT", help="a checkpoint of a run with a stable LR; it is only read")
    branch.add_argument("--over", required=True, help="the length: 2000, '3 epochs', or '20%%' of the whole run")
    branch.add_argument("--shape", choices=list(COOLDOWNS), default="one_minus_sqrt", help="default: %(default)s")
    branch.add_argument(
        "--end", type=float, default=0.0, help="the final LR as a factor of the base LR; default: %(default)s"
    )
    branch.set_defaults(run=_branch, parser=branch)

    translate = commands.add_parser("translate", help="print the schedule that equals a scheduler of another library")
    translate.add_argument(
        "configuration",
        metavar="TEXT",
        help='a constructor\'s call: "StepLR(optimizer, step_size=30)"; a section of a YAML or JSON file; or the path of such a file',
    )
    translate.set_defaults(run=_translate, parser=translate)
    return parser


def _add_import(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--import",
        dest="modules",
        metavar="MODULE",
        action="append",
        default=[],
        help="import a module that registers builders, as in register_function; may be given several times",
    )


def _import(modules: Sequence[str]) -> None:
    """Import modules from the path of Python or from the folder of the command."""
    if modules and "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    for module in modules:
        try:
            import_module(module)
        except Exception as error:
            name = module.removesuffix(".py").replace("/", ".")
            hint = "" if name == module else f" Write the name of the module: --import {name}."
            raise ScheduleError(f"--import {module}: {type(error).__name__}: {error}.{hint}") from error


def _show(parsed: argparse.Namespace) -> str:
    from lr_toolkit.preview.report import can_print
    from lr_toolkit.preview.summary import summary_of

    _import(parsed.modules)
    schedule, horizon = Schedule.parse(parsed.schedule), Horizon(parsed.steps, parsed.steps_per_epoch)
    _check_options(schedule, parsed.lr, parsed.steps_per_epoch)
    timeline = schedule.resolve(horizon)
    return summary_of(timeline, parsed.lr, ascii_only=not can_print("▁█")).text()


def _check_options(schedule: Schedule, lr: float | None, steps_per_epoch: int | None) -> None:
    """Refuse a missing or impossible option, by the name of the option."""
    if lr is not None and not 0 < lr < math.inf:
        raise ScheduleError(f"--lr {lr}: must be above zero and finite, for example --lr 1e-3.")
    in_epochs = next((str(duration) for duration in schedule.durations if duration.unit == "epochs"), None)
    if in_epochs and steps_per_epoch is None:
        raise ScheduleError(f"{in_epochs!r} needs the length of an epoch. Write it too: --steps-per-epoch 100.")
    levels = schedule.absolute_levels
    if levels and lr is None:
        raise ScheduleError(f"{schedule!r} has an absolute LR. Write the base LR too: --lr {max(*levels, 1e-3)}.")


def _list(parsed: argparse.Namespace) -> str:
    from lr_toolkit.preview.listing import list_builders, show_builder

    _import(parsed.modules)
    return list_builders() if parsed.name is None else show_builder(parsed.name)


def _gallery(parsed: argparse.Namespace) -> str:
    from lr_toolkit.preview.gallery import write_gallery

    written = write_gallery(parsed.out)
    return f"{written[0]}, and {len(written) - 1} pictures beside it"


def _branch(parsed: argparse.Namespace) -> str:
    from lr_toolkit.optim.branching import branch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cooldown = branch(parsed.checkpoint, parsed.over, parsed.shape, end=parsed.end)
    cautions = [warning.message for warning in caught if issubclass(warning.category, UserWarning)]
    return "".join(f"# Caution: {caution}\n" for caution in cautions) + (
        f"# {parsed.checkpoint} was saved after {cooldown.at} updates. With a ScheduleMixin write:\n"
        f"model.schedule, model.on_change = {str(cooldown.schedule)!r}, 'continue'\n"
        f"L.Trainer(max_steps={cooldown.max_steps}).fit(model, ckpt_path={parsed.checkpoint!r})\n"
        "# With the helper: configure_optimizers(optimizer, that schedule, self.trainer, on_change='continue')."
    )


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
