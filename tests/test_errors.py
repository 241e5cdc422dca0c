"""The functions that emit the package's warnings: the code, and the line that a warning names."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable

import pytest

from lr_toolkit import (
    Horizon,
    LRMonitor,
    ReduceOnPlateau,
    ScheduledLR,
    ScheduleWarning,
    branch,
    configure_optimizers,
    scheduler_config,
)
from lr_toolkit.errors import warn
from tests.helpers import fits
from tests.helpers.fits import Probe, fit
from tests.helpers.optimizers import sgd


def find() -> None:
    """A check that finds something in its caller's code."""
    warn("LR999", "Something was found. Write something else.")


def resume_without_the_rule() -> None:
    """Load the state of a plateau that has moved the LR into a scheduler without one."""
    rule = ReduceOnPlateau(monitor="val_loss", patience=0)
    scheduler = ScheduledLR(sgd([0.1]), "hold()", Horizon(10), plateau=rule)
    scheduler.observe(1.0)
    scheduler.observe(1.0)
    ScheduledLR(sgd([0.1]), "hold()", Horizon(10)).load_state_dict(scheduler.state_dict())


def branch_in_a_decay() -> None:
    """Branch a cooldown from the middle of a decay."""
    scheduler = ScheduledLR(sgd([0.1]), "linear()", Horizon(10))
    scheduler.step(5)
    branch({"global_step": 5, "lr_schedulers": [scheduler.state_dict()]}, over=2)


CALLS: dict[str, Callable[[], object]] = {
    "LR261: ": lambda: scheduler_config(sgd([0.1]), "linear(over=20)", horizon=Horizon(10), too_long="cut"),
    "LR264: ": lambda: ScheduledLR(sgd([0.0]), "linear()", Horizon(10)),
    "LR267: branch: update 5 lies in": branch_in_a_decay,
    "LR532: .* came before any optimizer.step": lambda: ScheduledLR(sgd([0.1]), "linear()", Horizon(10)).step(),
    "LR411: 'val_loss' is NaN": lambda: ScheduledLR(
        sgd([0.1]), "linear()", Horizon(10), plateau=ReduceOnPlateau(monitor="val_loss")
    ).observe(math.nan),
    "LR412: .* had brought the learning rate to 0.1 of": resume_without_the_rule,
    # found by a callback: Lightning's frames lie between
    "LR302: ": lambda: fit(
        Probe(lambda net: configure_optimizers(net.sgd(), "linear(over=2)", net.trainer)), LRMonitor()
    ),
}


@pytest.mark.parametrize("message", CALLS)
def test_a_warning_names_the_line_that_has_called_the_package(message: str) -> None:
    """However deep the mistake is found: in a helper whose arguments are answered, in a hook of torch, in a fit of Lightning."""
    with pytest.warns(ScheduleWarning, match=message) as found:
        CALLS[message]()
    (warning,) = (each for each in found if re.match(message, str(each.message)))

    assert warning.filename in (__file__, fits.__file__)


def test_a_warning_begins_with_its_code_and_names_the_caller_of_the_check() -> None:
    """So Python's own filters silence it by code, and show the line of the caller."""
    with pytest.warns(ScheduleWarning, match=r"^LR999: Something was found\. Write") as found:
        find()
    assert found[0].filename == __file__

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LR999", ScheduleWarning)
        find()
