"""The learning-rate toolkit for PyTorch Lightning: write once how the learning rate moves, see it, follow it, track it.

Write a schedule:   warmup, hold, linear, cosine, polynomial, sqrt, square, one_minus_sqrt,
                    one_minus_square, exponential, exponential_to, rex, tanh, hyperbolic,
                    inverse_time, inverse_sqrt, power_law, power_cool, step, multistep, piecewise,
                    custom; Schedule reads and prints their text
As a recipe:        wsd, wsd_s, infinite, one_cycle, cosine_restarts, triangular,
                    slanted_triangular, flat_cosine
Of schedules:       repeat, scaled, clipped, stairs
With its lengths:   Duration ("500 steps", "3 epochs", "5%"), Horizon (of a run), Timeline (both at once)
See it first:       Preview, which schedule.preview(horizon) makes; lr-toolkit show in a terminal
Follow it:          ScheduleMixin, configure_optimizers, scheduler_config; in a plain loop ScheduledLR
From a config:      build_scheduler (for the slot of a scheduler), LRSchedulerCLI (a command line)
Other numbers:      absolute, Absolute (for momentum=, betas=, weight_decay=); scheduled, ScheduledNumber
Parameter groups:   param_groups, CombinedOptimizer
React to a metric:  ReduceOnPlateau, GreedyLR
Log and check it:   LRMonitor, list_checks, Finding
Warm up:            LRWarmup, on top of any scheduler
Cool down:          branch, Branch
Without an end:     WeightEMA, ScheduleFree
Another base LR:    transfer, TransferredLR, TransferFactor; for another schedule lr_factor, bound
Read a Trainer:     horizon_of
Before training:    check_run, preview_run
Find the base LR:   find_lr, LRFinder, LRSearch, NoLRFound; in a plain loop search_lr
Add your own:       register_shape, register_builder, register_function
Messages:           ScheduleError, ScheduleWarning

help(lr_toolkit.cosine) documents a name. Each is loaded when it is first used, so importing the
package loads neither torch nor Lightning.

Example:
    >>> from lr_toolkit import Horizon, cosine, warmup
    >>> (warmup("5%") >> cosine(end=0.1)).resolve(Horizon(steps=1000))(1000)
    0.1
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lr_toolkit.argument_types import register_argument_types

if TYPE_CHECKING:
    from lr_toolkit.errors import ScheduleError as ScheduleError
    from lr_toolkit.errors import ScheduleWarning as ScheduleWarning
    from lr_toolkit.finder.result import LRSearch as LRSearch
    from lr_toolkit.finder.result import NoLRFound as NoLRFound
    from lr_toolkit.finder.search import search_lr as search_lr
    from lr_toolkit.lightning.checks.finding import Finding as Finding
    from lr_toolkit.lightning.checks.finding import list_checks as list_checks
    from lr_toolkit.lightning.configure import configure_optimizers as configure_optimizers
    from lr_toolkit.lightning.configure import scheduler_config as scheduler_config
    from lr_toolkit.lightning.finder.find_lr import find_lr as find_lr
    from lr_toolkit.lightning.finder.finder import LRFinder as LRFinder
    from lr_toolkit.lightning.mixin import ScheduleMixin as ScheduleMixin
    from lr_toolkit.lightning.monitor.monitor import LRMonitor as LRMonitor
    from lr_toolkit.lightning.project.findings import check_run as check_run
    from lr_toolkit.lightning.project.preview import preview_run as preview_run
    from lr_toolkit.lightning.run import horizon_of as horizon_of
    from lr_toolkit.lightning.schedule_free import ScheduleFree as ScheduleFree
    from lr_toolkit.lightning.scheduled_number import ScheduledNumber as ScheduledNumber
    from lr_toolkit.lightning.scheduled_number import scheduled as scheduled
    from lr_toolkit.lightning.scheduler_cli import LRSchedulerCLI as LRSchedulerCLI
    from lr_toolkit.lightning.scheduler_slot import build_scheduler as build_scheduler
    from lr_toolkit.lightning.warmup.warmup import LRWarmup as LRWarmup
    from lr_toolkit.lightning.weight_ema import WeightEMA as WeightEMA
    from lr_toolkit.optim.branching import Branch as Branch
    from lr_toolkit.optim.branching import branch as branch
    from lr_toolkit.optim.combined import CombinedOptimizer as CombinedOptimizer
    from lr_toolkit.optim.parameter_groups import param_groups as param_groups
    from lr_toolkit.optim.plateau.greedy import GreedyLR as GreedyLR
    from lr_toolkit.optim.plateau.reduce_on_plateau import ReduceOnPlateau as ReduceOnPlateau
    from lr_toolkit.optim.scheduled_lr import ScheduledLR as ScheduledLR
    from lr_toolkit.preview.preview import Preview as Preview
    from lr_toolkit.schedules import *  # noqa: F403  # its __all__ grows with each shape

# The names of the other subpackages. Those of schedules, which grow with every shape, are listed there.
_LAZY = {
    "errors": ("ScheduleError", "ScheduleWarning"),
    "optim": (
        "Branch",
        "CombinedOptimizer",
        "GreedyLR",
        "ReduceOnPlateau",
        "ScheduledLR",
        "branch",
        "param_groups",
    ),
    "preview": ("Preview",),
    "finder": ("LRSearch", "NoLRFound", "search_lr"),
    "lightning": (
        "Finding",
        "LRFinder",
        "LRMonitor",
        "LRWarmup",
        "ScheduleFree",
        "ScheduleMixin",
        "ScheduledNumber",
        "WeightEMA",
        "build_scheduler",
        "check_run",
        "configure_optimizers",
        "find_lr",
        "horizon_of",
        "list_checks",
        "preview_run",
        "scheduled",
        "scheduler_config",
    ),
    "lightning.scheduler_cli": ("LRSchedulerCLI",),  # by itself, because it loads jsonargparse
}
_SUBPACKAGES = {name: subpackage for subpackage, names in _LAZY.items() for name in names}


def _schedule_names() -> list[str]:
    """The public names of ``schedules``, which lists them itself: its classes and functions."""
    return [
        name
        for name, value in vars(import_module(f"{__name__}.schedules")).items()
        if name[0] != "_" and callable(value)
    ]


def __getattr__(name: str) -> Any:
    if name == "__all__":
        if _reader() == "pydoc":  # help() would print the documentation of all names, on fifty screens
            raise AttributeError(name)
        return sorted([*_SUBPACKAGES, *_schedule_names()])
    if name == "__version__":
        from importlib.metadata import version

        return version("lr_toolkit")
    if name not in _SUBPACKAGES and (name.startswith("_") or name not in _schedule_names()):
        hint = _hint(name)
        if hint and _reader() == "importlib._bootstrap" and find_spec(f"{__name__}.{name}") is None:
            # `from lr_toolkit import name` drops the message of an AttributeError.
            raise ImportError(f"cannot import name {name!r} from {__name__!r}{hint}", name=__name__, path=__file__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    value = getattr(import_module(f"{__name__}.{_SUBPACKAGES.get(name, 'schedules')}"), name)
    globals()[name] = value
    return value


def _reader() -> str:
    """The module whose code reads an attribute of this one."""
    return str(sys._getframe(2).f_globals.get("__name__"))


def _hint(name: str) -> str:
    """What to write in place of a name that is missing; nothing for a private name, which tools look for."""
    if name.startswith("_"):
        return ""
    from difflib import get_close_matches

    other_names = import_module(f"{__name__}.schedules.other_names")
    equivalent: str = other_names.equivalent_of(name)
    near = get_close_matches(name, __getattr__("__all__"), n=1, cutoff=0.75)
    if equivalent or near:
        return f". Write {equivalent or near[0]}"
    return ""


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})


register_argument_types()
