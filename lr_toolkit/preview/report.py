"""Facts and tables for a terminal: plain text, or colours if Rich is installed."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from lr_toolkit.preview.names import shorten_unique

__all__ = ["Report", "Table", "can_print", "count", "epochs", "plural"]

_LEAST = 8  # characters that remain of a first column that is shortened


@final
@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings.

    Args:
        columns: the headings; a heading that begins with ``>`` aligns its column to the right.
        rows: for each row a text in each column.

    Example:
        >>> print(Table(("group", ">lr"), (("head", "1.0e-03"), ("backbone", "1.0e-04"))).text())
        group          lr
        head      1.0e-03
        backbone  1.0e-04
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self, width: int = 80) -> str:
        """The table in lines of at most ``width`` characters; the first column is shortened if they are too long.

        Different texts of that column stay different.
        """
        right = [heading.startswith(">") for heading in self.columns]
        lines = [tuple(heading.removeprefix(">") for heading in self.columns), *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        spare = width - sum(widths[1:]) - 2 * (len(widths) - 1)
        widths[0] = max(min(widths[0], spare), _LEAST)
        firsts = [lines[0][0], *shorten_unique([row[0] for row in self.rows], widths[0])]
        widths[0] = max(map(len, firsts))
        return "\n".join(
            "  ".join(
                text.rjust(size) if aligned else text.ljust(size)
                for text, size, aligned in zip((first, *line[1:]), widths, right, strict=True)
            ).rstrip()
            for first, line in zip(firsts, lines, strict=True)
        )


@final
@dataclass(frozen=True, slots=True)
class Report:
    """A title, lines of facts, tables, and notes.

    Args:
        title: the first line.
        facts: lines below it.
        tables: below the facts, in order.
        notes: at the end, each with ``note:`` in front.

    Example:
        >>> print(Report("LR: cosine()", ("60 updates",), notes=("one epoch",)).text())
        LR: cosine()
          60 updates
          note: one epoch
    """

    title: str
    facts: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()

    def text(self, width: int = 80) -> str:
        """The report as plain text, ``width`` characters wide."""
        lines = [_wrap(self.title, width, "")]
        lines += [_wrap(fact, width, "  ") for fact in self.facts]
        for table in self.tables:
            lines += ["", textwrap.indent(table.text(width - 2), "  ")]
        if self.notes and self.tables:
            lines.append("")
        lines += [_wrap(f"note: {note}", width, "  ", "    ") for note in self.notes]
        return "\n".join(lines)

    def show(self, width: int = 80) -> None:
        """Print the report: in colour if Rich is installed and the output is a terminal, otherwise as plain text."""
        try:
            from rich.console import Console
            from rich.text import Text
        except ImportError:
            print(self.text(width), end="\n\n")  # noqa: T201  # its purpose
            return
        console = Console(width=width, highlight=False)
        shown = Text(self.text(width))
        # Bold is readable on every background; blue is not on black, and dim is not in a pale theme.
        shown.highlight_words([table.text(width - 2).splitlines()[0].strip() for table in self.tables], "bold")
        shown.highlight_regex(r"^[^\n]*", "bold")
        console.print(shown, end="\n\n")


def can_print(text: str, stream: Any = None) -> bool:
    """Whether the encoding of a stream, stdout by default, has every character of ``text``."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def count(number: int) -> str:
    """A whole number with commas between thousands.

    Example:
        >>> count(12500)
        '12,500'
    """
    return f"{number:,}"


def epochs(number: float) -> str:
    """A length in epochs.

    Example:
        >>> epochs(1.0), epochs(10.5), epochs(1234567.0), epochs(1e-6)
        ('1 epoch', '10.5 epochs', '1,234,567 epochs', '1e-06 epochs')
    """
    text = f"{number:,.4f}".rstrip("0").rstrip(".") if number >= 0.01 else f"{number:.4g}"
    return f"{text} epoch{'' if text == '1' else 's'}"


def plural(number: int, noun: str) -> str:
    """A number with its noun, which gets an "s" unless the number is 1.

    Example:
        >>> plural(1, "epoch"), plural(12500, "update")
        ('1 epoch', '12,500 updates')
    """
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _wrap(text: str, width: int, indent: str, hanging: str | None = None) -> str:
    lines: Sequence[str] = textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=hanging or f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)
