"""The one function that emits the package's warnings."""

from __future__ import annotations

import warnings

import pytest

from lr_toolkit import ScheduleWarning
from lr_toolkit.errors import warn


def find() -> None:
    """A check that finds something in its caller's code."""
    warn("LR999", "Something was found. Write something else.")


def test_a_warning_begins_with_its_code_and_names_the_caller_of_the_check() -> None:
    """So Python's own filters silence it by code, and show the line of the caller."""
    with pytest.warns(ScheduleWarning, match=r"^LR999: Something was found\. Write") as found:
        find()
    assert found[0].filename == __file__

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LR999", ScheduleWarning)
        find()
