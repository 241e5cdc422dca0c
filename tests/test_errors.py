"""The one function that emits the package's warnings."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch.optim import SGD

from lr_toolkit import Horizon, ScheduledLR, ScheduleWarning, scheduler_config
from lr_toolkit.errors import warn


def find() -> None:
    """A check that finds something in its caller's code."""
    warn("LR999", "Something was found. Write something else.")


def test_a_warning_names_the_line_that_has_called_the_package() -> None:
    """However deep the check is: in a helper whose arguments are answered, and in a hook of torch."""
    optimizer = SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with pytest.warns(ScheduleWarning, match="LR261") as found:
        scheduler_config(optimizer, "linear(over=20)", horizon=Horizon(10), too_long="cut")
    assert found[0].filename == __file__

    optimizer = SGD([torch.nn.Parameter(torch.ones(1))], lr=0.0)
    with pytest.warns(ScheduleWarning, match="LR264") as found:
        ScheduledLR(optimizer, "linear()", Horizon(10))
    assert found[0].filename == __file__


def test_a_warning_begins_with_its_code_and_names_the_caller_of_the_check() -> None:
    """So Python's own filters silence it by code, and show the line of the caller."""
    with pytest.warns(ScheduleWarning, match=r"^LR999: Something was found\. Write") as found:
        find()
    assert found[0].filename == __file__

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LR999", ScheduleWarning)
        find()
