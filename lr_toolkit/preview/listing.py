"""The builders in a terminal: a list of them, and the documentation of one."""

from __future__ import annotations

import textwrap

from lr_toolkit.preview.builder_docs import BuilderDoc, builder_doc, builder_docs, registered_docs

__all__ = ["list_builders", "show_builder"]

_WIDTH = 100


def show_builder(name: str) -> str:
    r"""The signature and the docstring of a builder.

    Raises:
        ScheduleError: if there is no builder of this name.

    Example:
        >>> print(*show_builder("custom").splitlines()[:5], sep="\n")
        custom(fn, *, over=None)
        <BLANKLINE>
        Follow a function of your own.
        <BLANKLINE>
            factor(i) = fn(i)
    """
    doc = builder_doc(name)
    return f"{_wrapped(doc.signature)}\n\n{_plain(doc.docstring)}".rstrip()


def list_builders() -> str:
    r"""Each builder with its signature and one sentence, for a terminal.

    Example:
        >>> print(*list_builders().splitlines()[:3], sep="\n")
        Shapes
          clipped(schedule, *, min=None, min_lr=None, max=None, max_lr=None, over=None)
              Keep a schedule at or above a floor, and at or below a ceiling.
    """
    docs = builder_docs()
    entries = {is_recipe: [_entry(doc) for doc in docs if doc.is_recipe is is_recipe] for is_recipe in (False, True)}
    yours = [_entry(doc) for doc in registered_docs()]
    lines = ["Shapes", *entries[False], "", "Recipes: compositions of shapes", *entries[True]]
    return "\n".join([*lines, "", "Registered by other modules", *yours] if yours else lines)


def _entry(doc: BuilderDoc) -> str:
    sentence = textwrap.fill(_plain(doc.sentence), _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return f"{_wrapped(doc.signature, '  ')}\n{sentence}".rstrip()


def _wrapped(signature: str, indent: str = "") -> str:
    """A signature in lines that fit a terminal."""
    return textwrap.fill(signature, _WIDTH, initial_indent=indent, subsequent_indent=indent + " " * 8)


def _plain(text: str) -> str:
    """The text of a docstring without the marks of code, which a terminal shows as they are."""
    return text.replace("``", "")
