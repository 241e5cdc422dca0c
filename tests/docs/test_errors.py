"""The page of the errors has each of them by its text."""

from __future__ import annotations

import re

import pytest

from lr_toolkit import ScheduleError
from tests.helpers.error_list import GAP, PAGE, error_page, section_of
from tests.schedules.test_errors import REFUSED

AGAIN = "Write the page again: python -m tests.helpers.error_list"
LISTED = re.findall(r"^- `` (.*) ``$", error_page(), re.MULTILINE)


def is_listed(message: str) -> bool:
    """Whether the page has a text whose parts between the gaps are all in the message, in their order."""
    return any(_has_parts(message, text.split(GAP)) for text in LISTED)


def _has_parts(message: str, parts: list[str]) -> bool:
    for part in parts:
        if part.strip():
            _, found, message = message.partition(part.strip())
            if not found:
                return False
    return True


def test_the_page_is_what_the_code_gives() -> None:
    """``docs/errors.md`` is equal to the list that is made of the code."""
    assert PAGE.read_text("utf-8") == error_page(), AGAIN


def test_real_errors_are_on_the_page() -> None:
    """Each refusal in the tests of schedules/ has its text on the page, with gaps for what differs."""
    missing = []
    for _, make, _ in REFUSED:
        with pytest.raises(ScheduleError) as refused:
            make()
        message = " ".join(str(refused.value).split())
        if not is_listed(message):
            missing.append(message)

    assert missing == []
    assert len(REFUSED) > 200


def test_another_error_is_not_on_the_page() -> None:
    """The comparison can fail."""
    assert not is_listed("The answer was not found: it has no question.")


def test_files_without_a_section_are_an_error() -> None:
    """A new subpackage needs a section."""
    with pytest.raises(ValueError, match="no section lists them"):
        section_of("elsewhere/errors.py")
