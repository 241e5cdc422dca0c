"""Lines of a terminal in pieces, so that each curve can have its colour if the terminal has colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TypeAlias

__all__ = ["COLOURS", "HEADING", "NONE", "Line", "painted", "plain"]

Line: TypeAlias = "list[tuple[str, int]]"
"""A line: pieces of text, each with the number of its curve, ``NONE`` or ``HEADING``."""
NONE, HEADING = -1, -2

COLOURS = ("#2f81f7", "#d55e00", "#009e73", "#c061a0", "#8a7000", "#777d84")
"""The colours of curves: each has contrast on white and on black, and neighbours differ for colour-blind readers too."""


def plain(lines: Sequence[Line]) -> str:
    """The lines without colours.

    Example:
        >>> plain([[("a ", 0), ("cosine()  ", NONE)]])
        'a cosine()'
    """
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def painted(lines: Sequence[Line]) -> str:
    """The lines in colour if stdout is a terminal with colours and Rich is installed; otherwise as ``plain``.

    As Rich does, it honours ``NO_COLOR`` and ``FORCE_COLOR``.
    """
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
        return plain(lines)  # and Rich, which takes as long as all the rest, is not loaded
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return plain(lines)
    console = Console(highlight=False, soft_wrap=True)
    texts = [Text.assemble(*((text, _style(curve)) for text, curve in line)) for line in lines]
    for text in texts:
        text.rstrip()
    with console.capture() as captured:
        console.print(Text("\n").join(texts), end="")
    return captured.get()


def _style(curve: int) -> str:
    if curve == HEADING:
        return "bold"
    return "" if curve == NONE else COLOURS[curve % len(COLOURS)]
