"""Findings, the registry of checks, and the reporter that turns findings into warnings."""

from __future__ import annotations

import pickle
import re
import warnings
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lr_toolkit import Finding, ScheduleError, ScheduleWarning, list_checks
from lr_toolkit.lightning.checks.finding import check, checks_for
from lr_toolkit.lightning.checks.reporter import Reporter

LATE = Finding("LR202", "T_max is too long.")
EARLY = Finding("LR203", "T_max is too short.")


def trainer(rank: int = 0) -> Any:
    """As much of a Trainer as a reporter asks for."""
    return cast(Any, SimpleNamespace(is_global_zero=rank == 0))


def reported(reporter: Reporter, *findings: Finding, rank: int = 0) -> list[str]:
    """The warnings that the findings give."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reporter.report(trainer(rank), findings)
    assert all(warning.category is ScheduleWarning for warning in caught)
    return [str(warning.message) for warning in caught]


# --- values -----------------------------------------------------------------------------------------------------------


def test_a_finding_is_a_value() -> None:
    """It compares, hashes and pickles by its code and text, and knows its title and page."""
    assert pickle.loads(pickle.dumps(EARLY)) == EARLY
    assert len({EARLY, Finding("LR203", EARLY.text), LATE}) == 2
    assert str(EARLY) == "LR203: T_max is too short."
    assert (EARLY.title, EARLY.page) == ("The scheduler ends before the run does", "docs/checks.md#lr203")


def test_checks_are_listed_in_the_order_of_their_codes() -> None:
    """Each check is listed once, prints in one line without its function, and runs at one moment."""
    checks = list_checks()

    assert [listed.code for listed in checks] == sorted({listed.code for listed in checks})
    for listed in checks:
        assert re.fullmatch(r"LR\d{3} \([a-z ]+\): .*[^.]", str(listed))
        assert "function" not in repr(listed)
        assert listed in checks_for(listed.when)
        assert listed.find.__doc__


@pytest.mark.parametrize("code", ["LR203", "LR20", "LR2033", "XX203", "lr204"])
def test_a_code_that_is_malformed_or_taken(code: str) -> None:
    """A check registers under a new code alone."""
    with pytest.raises(ValueError, match="three digits, and not in use yet"):
        check(code, "A title")


# --- reports ----------------------------------------------------------------------------------------------------------


def test_each_finding_is_reported_once() -> None:
    """Two findings with one code are two; the same one again is not."""
    reporter, other = Reporter(), Finding("LR203", "Another one.")

    assert reported(reporter, EARLY, LATE) == [str(EARLY), str(LATE)]
    assert reported(reporter, EARLY, other) == [str(other)]
    assert reporter.findings == (EARLY, LATE, other)


def test_the_first_rank_reports() -> None:
    """The others neither warn nor keep findings."""
    reporter = Reporter()

    assert reported(reporter, EARLY, rank=1) == []
    assert reporter.findings == ()


def test_an_ignored_code_is_dropped() -> None:
    """``ignore`` silences one check; Python's own filter does, too, and then the finding is still kept."""
    reporter = Reporter(ignore=["LR203"])
    assert reported(reporter, EARLY, LATE) == [str(LATE)]
    assert reporter.findings == (LATE,)

    reporter = Reporter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "LR203", ScheduleWarning)
        reporter.report(trainer(), [EARLY])
        with pytest.raises(ScheduleWarning, match="LR202"):
            reporter.report(trainer(), [LATE])
    assert reporter.findings == (EARLY, LATE)


@pytest.mark.parametrize(
    ("ignore", "expected"),
    [
        (["LR203", "lr202"], "no check has the code 'lr202'. Did you mean 'LR202'[?] lr_toolkit"),
        (["LR2003"], "Did you mean .*'LR203'"),
        (
            ["everything"],
            r"LRMonitor\(ignore=\['everything'\]\): no check has the code 'everything'. lr_toolkit.list_checks\(\) lists",
        ),
        ([203], "no check has the code 203. Did you mean"),
        ("LR203", r"LRMonitor\(ignore='LR203'\): must be a list of codes. Write ignore=\['LR203'\]"),
    ],
)
def test_an_unknown_code(ignore: Any, expected: str) -> None:
    """A code that no check has is refused, with those that are similar."""
    with pytest.raises(ScheduleError, match=expected):
        Reporter(ignore)
