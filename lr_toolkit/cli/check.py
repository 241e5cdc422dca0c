"""``lr-toolkit check``: what the checks of the package find in somebody's project, before it is trained."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from lr_toolkit.cli.project_arguments import add_project_options

if TYPE_CHECKING:
    from lr_toolkit.lightning.checks.finding import Finding

__all__ = ["add_check"]


def add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    check = commands.add_parser(
        "check",
        help="check the learning rates of a project, without training",
        description="Set up a project's run without training it, and check its learning rates. The exit status is 1 if anything is "
        "found, 0 if nothing, and 2 for wrong input.",
    )
    check.add_argument(
        "target",
        metavar="PROJECT",
        help="my_module:LitModel, train.py:LitModel, or the config of a LightningCLI or of Hydra",
    )
    add_project_options(check)
    check.add_argument("--steps-per-epoch", type=int, help="the updates of an epoch, in place of data")
    check.add_argument(
        "--ignore", metavar="CODES", default="", help="codes that are not reported, or their beginnings: LR203,LR5"
    )
    check.add_argument("--format", choices=list(_FORMATS), default="text", help="default: %(default)s")
    check.set_defaults(run=_check, parser=check)


def _check(parsed: argparse.Namespace) -> str:
    with redirect_stdout(sys.stderr):  # what the project prints is no finding
        from lr_toolkit.lightning.project.findings import check_project, codes_of
        from lr_toolkit.lightning.project.read import read_project

        ignore = codes_of([code.strip() for code in parsed.ignore.split(",") if code.strip()])
        project = read_project(parsed.target, parsed.project, data=parsed.data, steps_per_epoch=parsed.steps_per_epoch)
        findings = check_project(project, ignore=ignore)
    text = _FORMATS[parsed.format](findings)
    if not findings:
        return text
    sys.stdout.write(f"{text}\n")
    sys.exit(1)


def _text(findings: Sequence[Finding]) -> str:
    return "\n".join(map(str, findings)) or "Nothing found."


def _github(findings: Sequence[Finding]) -> str:
    """Workflow commands, which GitHub shows as annotations."""
    return "\n".join(
        f"::warning title={_escaped(f'{finding.code} {finding.title}')}::{_escaped(finding.text)}"
        for finding in findings
    )


def _escaped(text: str) -> str:
    for character in "%\r\n":
        text = text.replace(character, f"%{ord(character):02X}")
    return text.replace(":", "%3A").replace(",", "%2C")


def _json(findings: Sequence[Finding]) -> str:
    rows = [
        {"code": finding.code, "title": finding.title, "text": finding.text, "page": finding.page}
        for finding in findings
    ]
    return json.dumps(rows, indent=2)


_FORMATS: dict[str, Callable[[Sequence[Finding]], str]] = {"text": _text, "github": _github, "json": _json}
