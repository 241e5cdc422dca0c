"""A part of the run on a GPU: a command with a time limit, and how it ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MISSING = re.compile(r"No module named '([\w.]+)'")


@dataclass(frozen=True)
class Section:
    """A command of Python.

    Attributes:
        name: what the command line calls it.
        title: its heading in the report.
        limit: the seconds after which it is stopped.
        arguments: what follows ``python``.
        runs_on_cpu: whether a dry run can run it, to see that the program works.
    """

    name: str
    title: str
    limit: int
    arguments: tuple[str, ...]
    runs_on_cpu: bool = False


@dataclass(frozen=True)
class SectionResult:
    """How a section ended.

    Attributes:
        section: the section.
        status: ``"passed"``, ``"failed"``, ``"out of time"`` or ``"not run"``.
        reason: why it did not pass; empty if it passed.
        seconds: how long it took.
        output: all that it printed.
    """

    section: Section
    status: str
    reason: str = ""
    seconds: float = 0.0
    output: str = ""


def run(section: Section, seconds: float) -> SectionResult:
    """Run a section in its own process; after ``seconds`` it and all that it started are stopped, and its output is kept."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "WANDB_MODE": "offline"}
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, *section.arguments],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            exit_status: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            exit_status = None
        finally:
            _stop(process)
        output.seek(0)
        printed = output.read().decode("utf-8", "replace")
    took = time.monotonic() - begin
    if exit_status is None:
        return SectionResult(section, "out of time", f"stopped after {took:.0f} s", took, printed)
    if exit_status:
        return SectionResult(section, "failed", reason_of(exit_status, printed), took, printed)
    return SectionResult(section, "passed", "", took, printed)


def reason_of(exit_status: int, printed: str) -> str:
    """Why a command failed, in a line: the packages that are missing, or its last line."""
    if missing := sorted({*_MISSING.findall(printed)}):
        return f"not installed: {', '.join(missing)}"
    lines: Sequence[str] = [line for line in printed.splitlines() if line.strip()]
    return f"exit status {exit_status}: {lines[-1].strip()}" if lines else f"exit status {exit_status}, without a word"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the section's own session of processes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
