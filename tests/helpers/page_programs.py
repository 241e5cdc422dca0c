"""Runs the code of a page of the documentation, as a reader would who pastes its blocks one after another in an empty folder.

- Python runs in the folder, all blocks of a page in one namespace; with ``>>>`` as a doctest.
- ``text`` right after such a block is what it prints: its output, then its warnings about schedules, then its error.
- A block with a title is a file of that name.
- Lines of ``sh`` that begin with ``lr-toolkit`` or ``python`` and one of these files are run.
- YAML and TOML are read.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import runpy
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lr_toolkit.cli import main
from tests.helpers.schedule_warnings import schedule_warnings

_FENCE = re.compile(r'^( *)```(\w*)(?: title="([^"]+)")?\n(.*?)^\1```$', re.DOTALL | re.MULTILINE)
_LANGUAGES = {"python", "text", "sh", "yaml", "json", "toml", "pycon"}
_AS_DOCTESTS_DO = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@dataclass(frozen=True)
class Block:
    """A block of code, and the text that follows it if only blank lines are between them."""

    line: int
    language: str
    title: str
    code: str
    shown: str | None


def blocks_of(text: str) -> Iterator[Block]:
    """The blocks of a page that something can be done with, in order.

    Raises:
        ValueError: for a language that is not among those that are run, read or shown.
    """
    found = list(_FENCE.finditer(text))
    for index, match in enumerate(found):
        _, language, title, code = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        if language not in _LANGUAGES:
            raise ValueError(f"line {line}: nothing reads {language!r}; known are {sorted(_LANGUAGES)}.")
        after = found[index + 1] if index + 1 < len(found) else None
        follows = after is not None and after[2] == "text" and not text[match.end() : after.start()].strip()
        yield Block(line, language, title or "", code, after[4] if after is not None and follows else None)


class PageFailed(AssertionError):
    """A block of a page that does not do what the page shows."""


def run_page(text: str, before: Sequence[str] = ()) -> dict[str, Any]:
    """Run the blocks of a page in this folder, after the programs ``before``, and return the names that they made.

    Raises:
        PageFailed: for a block that fails or prints something else than the page shows; it names the line.
    """
    names: dict[str, Any] = {"__name__": "page"}
    for program in before:
        exec(compile(program, "before", "exec"), names)
    for block in blocks_of(text):
        _compare(block, _printed(block, names))
    return names


def _printed(block: Block, names: dict[str, Any]) -> str:
    """What a block prints. Its warnings about schedules come after its output, and an error last, if the page shows one."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")  # a terminal that has every letter
    try:
        with schedule_warnings() as warned, contextlib.redirect_stdout(out):
            _run(block, names)
    except (Exception, SystemExit) as error:
        if block.shown is None:
            where = traceback.format_exc(limit=-3)
            raise PageFailed(f"line {block.line}: {type(error).__name__}: {error}\n{where}") from None
        warned = [f"{type(error).__name__}: {error}"]
    if warned and block.shown is None:
        raise PageFailed(f"line {block.line}: a warning that the page does not show: {warned[0]}")
    out.seek(0)
    return out.read() + "\n".join(warned)


def _run(block: Block, names: dict[str, Any]) -> None:
    if block.title:
        Path(block.title).write_text(block.code, "utf-8")
    elif block.language in ("python", "pycon") and ">>> " in block.code:
        _run_doctest(block, names)
    elif block.language == "python":
        exec(compile("\n" * block.line + block.code, "page", "exec"), names)
    elif block.language == "sh":
        _run_shell(block)
    if block.language == "yaml":
        list(yaml.safe_load_all(block.code))


def _run_doctest(block: Block, names: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(block.code, names, "page", "page", block.line)
    report = io.StringIO()
    doctest.DocTestRunner(optionflags=_AS_DOCTESTS_DO).run(test, out=report.write, clear_globs=False)
    names.update(test.globs)
    if report.getvalue():
        raise PageFailed(report.getvalue())


def _run_shell(block: Block) -> None:
    for line in block.code.replace("\\\n", " ").splitlines():
        command, *arguments = shlex.split(line, comments=True) or [""]
        if command == "lr-toolkit":
            main(arguments)
        elif command == "python" and Path(arguments[0]).is_file():
            _run_script(arguments)


def _run_script(words: Sequence[str]) -> None:
    """Run a file with arguments in this process; a new one would import torch again."""
    before, sys.argv = sys.argv, list(words)
    try:
        runpy.run_path(words[0], run_name="__main__")
    finally:
        sys.argv = before


def _compare(block: Block, printed: str) -> None:
    if block.shown is None:
        return
    if not doctest.OutputChecker().check_output(block.shown, printed, _AS_DOCTESTS_DO):
        raise PageFailed(f"line {block.line}: the page shows\n{block.shown}\nbut it prints\n{printed}")
