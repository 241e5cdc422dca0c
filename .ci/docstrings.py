"""Makes Markdown of what the docstrings have in another form, for the pages of the reference.

- ``Example:`` becomes ``Examples:``, which griffe shows as code and not as a quotation.
- A formula, which is indented, loses the backticks of its names.
- A table of reStructuredText becomes one of Markdown.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_TABLE = re.compile(r"^( *)(=+) (=+)\n(.*?)\n *=+ =+$", re.DOTALL | re.MULTILINE)
_FIRST_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Warns|Examples|Reference):$", re.MULTILINE)


class Markdown(griffe.Extension):
    """Rewrites the docstring of each object."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of an object that griffe has read."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(docstring: str) -> str:
    """The docstring with Markdown in place of other forms."""
    docstring = re.sub(r"^Example:$", "Examples:", docstring, flags=re.MULTILINE)
    docstring = _TABLE.sub(_table, docstring)
    section = _FIRST_SECTION.search(docstring)
    end = section.start() if section else len(docstring)
    return (
        re.sub(r"^    .*$", lambda line: line[0].replace("``", ""), docstring[:end], flags=re.MULTILINE)
        + docstring[end:]
    )


def _table(found: re.Match[str]) -> str:
    indent, first, _, body = found.groups()
    rows: list[list[str]] = []
    for line in body.splitlines():
        left, right = line[len(indent) :][: len(first)].strip(), line[len(indent) :][len(first) :].strip()
        if left:
            rows.append([left, right])
        else:
            rows[-1][1] += f" {right}"
    lines = ["| | |", "| --- | --- |", *(f"| {left} | {right} |" for left, right in rows)]
    return "\n".join(indent + line for line in lines)
