"""The learning-rate toolkit for PyTorch Lightning: the list of its public names.

Say once how the learning rate should move, see it before the run, follow it exactly, and find it in the logs.
Every public name is reachable from here and is loaded when it is first used, so that importing this package loads neither
torch nor Lightning.

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
    from lr_toolkit.lightning.branching import Branch as Branch
    from lr_toolkit.lightning.branching import branch as branch
    from lr_toolkit.lightning.checks.finding import Finding as Finding
    from lr_toolkit.lightning.checks.finding import list_checks as list_checks
    from lr_toolkit.lightning.configure import configure_optimizers as configure_optimizers
    from lr_toolkit.lightning.configure import scheduler_config as scheduler_config
    from lr_toolkit.lightning.mixin import ScheduleMixin as ScheduleMixin
    from lr_toolkit.lightning.monitor.monitor import LRMonitor as LRMonitor
    from lr_toolkit.lightning.run import horizon_of as horizon_of
    from lr_toolkit.lightning.warmup.warmup import LRWarmup as LRWarmup
    from lr_toolkit.optim.plateau.greedy import GreedyLR as GreedyLR
    from lr_toolkit.optim.plateau.reduce_on_plateau import ReduceOnPlateau as ReduceOnPlateau
    from lr_toolkit.optim.scheduled_lr import ScheduledLR as ScheduledLR
    from lr_toolkit.schedules.duration import Duration as Duration
    from lr_toolkit.schedules.horizon import Horizon as Horizon
    from lr_toolkit.schedules.recipes import wsd as wsd
    from lr_toolkit.schedules.registry import register_builder as register_builder
    from lr_toolkit.schedules.registry import register_shape as register_shape
    from lr_toolkit.schedules.schedule import Schedule as Schedule
    from lr_toolkit.schedules.shapes import cosine as cosine
    from lr_toolkit.schedules.shapes import custom as custom
    from lr_toolkit.schedules.shapes import exponential as exponential
    from lr_toolkit.schedules.shapes import hold as hold
    from lr_toolkit.schedules.shapes import linear as linear
    from lr_toolkit.schedules.shapes import multistep as multistep
    from lr_toolkit.schedules.shapes import one_minus_sqrt as one_minus_sqrt
    from lr_toolkit.schedules.shapes import polynomial as polynomial
    from lr_toolkit.schedules.shapes import step as step
    from lr_toolkit.schedules.shapes import warmup as warmup
    from lr_toolkit.schedules.shapes.custom import register_function as register_function
    from lr_toolkit.schedules.timeline import Timeline as Timeline

_LAZY = {
    "errors": ("ScheduleError", "ScheduleWarning"),
    "schedules": (
        "Duration",
        "Horizon",
        "Schedule",
        "Timeline",
        "cosine",
        "custom",
        "exponential",
        "hold",
        "linear",
        "multistep",
        "one_minus_sqrt",
        "polynomial",
        "register_builder",
        "register_function",
        "register_shape",
        "step",
        "warmup",
        "wsd",
    ),
    "optim": ("GreedyLR", "ReduceOnPlateau", "ScheduledLR"),
    "lightning": (
        "Branch",
        "Finding",
        "LRMonitor",
        "LRWarmup",
        "ScheduleMixin",
        "branch",
        "configure_optimizers",
        "horizon_of",
        "list_checks",
        "scheduler_config",
    ),
}
_SUBPACKAGES = {name: subpackage for subpackage, names in _LAZY.items() for name in names}

__all__ = sorted(_SUBPACKAGES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("lr_toolkit")
    if name not in _SUBPACKAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_SUBPACKAGES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
