"""The length that a scheduler was made for, as far as the scheduler itself knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, final

from torch.optim import lr_scheduler as torch_lr

__all__ = ["Kind", "SchedulerLength", "is_reached", "length_of"]

Kind = Literal["decay", "climb", "cycle", "drop"]


@final
@dataclass(frozen=True, slots=True)
class SchedulerLength:
    """How many of its own steps a scheduler was made for.

    Args:
        name: what the scheduler calls its length, for example ``"T_max"``.
        steps: the length.
        kind: what happens within it. A ``"decay"`` has nothing to do afterwards; a ``"climb"`` may be followed by another
            scheduler; a ``"cycle"`` begins again; a ``"drop"`` is the first time that the LR changes at all.
        start: the step at which the last part of a ``SequentialLR`` begins, to which ``name`` belongs; ``steps`` include it.
        part: the class of that part, ``""`` for a scheduler that is no sequence.
    """

    name: str
    steps: int
    kind: Kind
    start: int = 0
    part: str = ""

    def __str__(self) -> str:
        """What the scheduler has, for a message: ``"T_max=90"``."""
        if self.part:
            own = f"{self.name}={self.steps - self.start}"
            return f"{self.steps} steps ({self.part} with {own} from step {self.start} on)"
        return f"{self.name}={self.steps}"

    def argument_for(self, steps: int) -> str:
        """The argument that makes a decay end after ``steps`` steps, ``""`` if there is none."""
        can_be_written = self.kind == "decay" and self.is_argument and steps > self.start
        return f"{self.name}={steps - self.start}" if can_be_written else ""

    @property
    def is_argument(self) -> bool:
        """Whether the name is that of an argument, so that ``name=steps`` can be written."""
        return self.name.isidentifier()


def length_of(scheduler: Any) -> SchedulerLength | None:
    """The length of a scheduler of torch, transformers or timm, ``None`` if it has none or does not know it.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        >>> length_of(torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=90))
        SchedulerLength(name='T_max', steps=90, kind='decay', start=0, part='')
    """
    if isinstance(scheduler, torch_lr.SequentialLR):
        length = _length_of_sequence(scheduler)
    elif isinstance(scheduler, torch_lr.MultiStepLR):
        reached = map(int, filter(is_reached, scheduler.milestones))
        length = SchedulerLength("its first milestone", min(reached, default=0), "drop")
    elif isinstance(scheduler, torch_lr.LambdaLR):
        # The schedules of transformers are LambdaLRs over a partial that knows the length.
        keywords: Mapping[str, Any] = getattr(scheduler.lr_lambdas[0], "keywords", {})
        length = SchedulerLength("num_training_steps", int(keywords.get("num_training_steps") or 0), "decay")
    elif hasattr(scheduler, "t_initial"):
        length = _length_of_timm(scheduler)
    else:
        length = _attribute_length(scheduler)
    return length if length.steps else None


def is_reached(milestone: Any) -> bool:
    """Whether a count of steps is equal to this number at some time after the first update.

    Example:
        >>> [is_reached(milestone) for milestone in (30, 30.0, 22.5, 0, -1)]
        [True, True, False, False, False]
    """
    return isinstance(milestone, Real) and float(milestone) > 0 and float(milestone) % 1 == 0


def _attribute_length(scheduler: Any) -> SchedulerLength:
    """The length that a scheduler keeps in an attribute; 0 if it is none of torch's."""
    for scheduler_type, name, kind in _LENGTHS:
        if isinstance(scheduler, scheduler_type):
            is_climb = isinstance(scheduler, torch_lr.LinearLR) and scheduler.end_factor >= scheduler.start_factor
            return SchedulerLength(name, int(getattr(scheduler, name)), "climb" if is_climb else kind)
    return SchedulerLength("", 0, "decay")


def _length_of_timm(scheduler: Any) -> SchedulerLength:
    """The first cycle of timm's cosine, poly or tanh, which is the last one if ``cycle_limit`` is 1."""
    cycle = int(scheduler.t_initial)
    kind: Kind = "decay" if getattr(scheduler, "cycle_limit", 1) == 1 else "cycle"
    if getattr(scheduler, "warmup_prefix", False):
        return SchedulerLength("t_initial + warmup_t", cycle + int(scheduler.warmup_t), kind)
    return SchedulerLength("t_initial", cycle, kind)


def _length_of_sequence(scheduler: torch_lr.SequentialLR) -> SchedulerLength:
    """The last scheduler decides: without a length of its own it goes on to the end of the run."""
    milestone, part = scheduler._milestones[-1], scheduler._schedulers[-1]
    last = length_of(part)
    if last is None:
        return SchedulerLength("its last milestone", milestone, "cycle")
    kind: Kind = "decay" if last.kind == "decay" else "cycle"
    name = last.part or type(part).__name__
    return SchedulerLength(last.name, milestone + last.steps, kind, milestone + last.start, name)


_LENGTHS: tuple[tuple[type, str, Kind], ...] = (
    (torch_lr.CosineAnnealingLR, "T_max", "decay"),
    (torch_lr.OneCycleLR, "total_steps", "decay"),
    (torch_lr.PolynomialLR, "total_iters", "decay"),
    (torch_lr.LinearLR, "total_iters", "decay"),
    (torch_lr.CosineAnnealingWarmRestarts, "T_0", "cycle"),
    (torch_lr.CyclicLR, "total_size", "cycle"),
    (torch_lr.StepLR, "step_size", "drop"),
)
