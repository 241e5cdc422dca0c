"""The learning-rate toolkit for PyTorch Lightning: the list of its public names.

Say once how the learning rate should move, see it before the run, follow it exactly, and find it in the logs. Every public
name is an attribute of this package and is loaded when it is first used, so importing the package loads neither torch nor
Lightning.

Example:
    >>> from lr_toolkit import Horizon, cosine, warmup
    >>> (warmup("5%") >> cosine(end=0.1)).resolve(Horizon(steps=1000))(1000)
    0.1
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lr_toolkit.errors import ScheduleError as ScheduleError
    from lr_toolkit.errors import ScheduleWarning as ScheduleWarning
    from lr_toolkit.lightning.checks.finding import Finding as Finding
    from lr_toolkit.lightning.checks.finding import list_checks as list_checks
    from lr_toolkit.lightning.configure import configure_optimizers as configure_optimizers
    from lr_toolkit.lightning.configure import scheduler_config as scheduler_config
    from lr_toolkit.lightning.mixin import ScheduleMixin as ScheduleMixin
    from lr_toolkit.lightning.monitor.monitor import LRMonitor as LRMonitor
    from lr_toolkit.lightning.run import horizon_of as horizon_of
    from lr_toolkit.lightning.schedule_free import ScheduleFree as ScheduleFree
    from lr_toolkit.lightning.warmup.warmup import LRWarmup as LRWarmup
    from lr_toolkit.lightning.weight_ema import WeightEMA as WeightEMA
    from lr_toolkit.optim.branching import Branch as Branch
    from lr_toolkit.optim.branching import branch as branch
    from lr_toolkit.optim.combined import CombinedOptimizer as CombinedOptimizer
    from lr_toolkit.optim.plateau.greedy import GreedyLR as GreedyLR
    from lr_toolkit.optim.plateau.reduce_on_plateau import ReduceOnPlateau as ReduceOnPlateau
    from lr_toolkit.optim.scheduled_lr import ScheduledLR as ScheduledLR
    from lr_toolkit.schedules import *  # noqa: F403  # its __all__ grows with each shape

# The names of the other subpackages. Those of schedules, which grow with every shape, are listed there.
_LAZY = {
    "errors": ("ScheduleError", "ScheduleWarning"),
    "optim": ("Branch", "CombinedOptimizer", "GreedyLR", "ReduceOnPlateau", "ScheduledLR", "branch"),
    "lightning": (
        "Finding",
        "LRMonitor",
        "LRWarmup",
        "ScheduleFree",
        "ScheduleMixin",
        "WeightEMA",
        "configure_optimizers",
        "horizon_of",
        "list_checks",
        "scheduler_config",
    ),
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
        return sorted([*_SUBPACKAGES, *_schedule_names()])
    if name == "__version__":
        from importlib.metadata import version

        return version("lr_toolkit")
    if name not in _SUBPACKAGES and (name.startswith("_") or name not in _schedule_names()):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{_hint(name)}")
    value = getattr(import_module(f"{__name__}.{_SUBPACKAGES.get(name, 'schedules')}"), name)
    globals()[name] = value
    return value


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
