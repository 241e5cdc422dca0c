"""``lr-toolkit page``: a page on which schedules are read, edited and compared."""

from __future__ import annotations

import argparse

from lr_toolkit.cli.imports import add_import, import_modules
from lr_toolkit.cli.show import _check_options
from lr_toolkit.schedules import Horizon, Schedule

__all__ = ["add_page"]


def add_page(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    page = commands.add_parser(
        "page", help="write a page on which schedules are read, edited and compared: one HTML file without a network"
    )
    page.add_argument(
        "schedules", metavar="SCHEDULE", nargs="+", help="the text of a schedule: \"warmup('5%%') >> cosine()\""
    )
    page.add_argument("--steps", type=int, required=True, help="the optimizer updates of the run")
    page.add_argument("--steps-per-epoch", type=int, help="the updates of an epoch, for durations in epochs")
    page.add_argument("--lr", type=float, help="the base LR; without it, factors of the base LR are shown")
    page.add_argument("--out", metavar="FILE", default="lr-schedule.html", help="default: %(default)s")
    add_import(page)
    page.set_defaults(run=_page, parser=page)


def _page(parsed: argparse.Namespace) -> str:
    from lr_toolkit.preview.page import write_page
    from lr_toolkit.preview.page.of_schedules import preview_of

    import_modules(parsed.modules)
    schedules = [Schedule.parse(text) for text in parsed.schedules]
    horizon = Horizon(parsed.steps, parsed.steps_per_epoch)
    for schedule in schedules:
        _check_options(schedule, parsed.lr, parsed.steps_per_epoch)
    return str(write_page(preview_of(schedules, horizon, parsed.lr), parsed.out))
