"""Functions that the tests of ``custom`` share."""

from __future__ import annotations


def halves(i: int) -> float:
    """A function with a name, which a pickle can find and a text cannot carry."""
    return 0.5**i
