"""``lr-toolkit page``: a page on which schedules are read, edited and compared."""

from __future__ import annotations

import argparse

from lr_toolkit.cli.show import add_sources, previews_of
from lr_toolkit.preview.preview import Preview

__all__ = ["add_page"]


def add_page(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    page = commands.add_parser(
        "page",
        help="write a page on which schedules are read, edited and compared: one HTML file without a network",
        description="Write a page that draws schedules, and opens in any browser without a network. Their texts, the length of the run "
        "and the base LR can be edited there; the chart, the phases and the table follow. It takes what lr-toolkit show takes: schedules, "
        "a project, a config, the folder of a logged run.",
    )
    add_sources(page)
    page.add_argument("--out", metavar="FILE", default="lr-schedule.html", help="default: %(default)s")
    page.set_defaults(run=_page, parser=page)


def _page(parsed: argparse.Namespace) -> str:
    from lr_toolkit.preview.page import write_page

    return str(write_page(Preview.compare(previews_of(parsed.words, parsed)), parsed.out))
