"""What a run follows: a plan with base LRs, or what was made of it when the plan changed on the way.

A route is a pure value: the LR of every parameter group at every update. It turns into plain data and back, so that a
checkpoint can say what was being followed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import Any, final

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.horizon import Horizon
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import Custom, spread
from lr_toolkit.schedules.timeline import Segment, Timeline

__all__ = [
    "Continued",
    "Plan",
    "Rewarmed",
    "Route",
    "Stretched",
    "horizon_from",
    "horizon_state",
    "plan_from",
    "plan_of",
]


def horizon_state(horizon: Horizon) -> dict[str, Any]:
    """Plain data, from which ``horizon_from`` makes the horizon again; many epochs of few lengths are counted."""
    lengths: Any = horizon.steps_per_epoch
    if isinstance(lengths, tuple):
        runs = [[length, len(list(alike))] for length, alike in groupby(lengths)]
        lengths = runs if 2 * len(runs) < len(lengths) else list(lengths)
    return {"steps": horizon.steps, "steps_per_epoch": lengths, "unit": horizon.unit}


def horizon_from(state: Mapping[str, Any]) -> Horizon:
    """The horizon that ``horizon_state`` described, in a plan's state too."""
    lengths = state["steps_per_epoch"]
    if isinstance(lengths, list) and isinstance(lengths[0], list):
        lengths = [length for length, times in lengths for _ in range(times)]
    return Horizon(state["steps"], lengths, state["unit"])


class Route(ABC):
    """The LR of every group at every update. Abstract: its final subclasses are the ways to go on."""

    __slots__ = ()

    @property
    @abstractmethod
    def bases(self) -> tuple[float, ...]:
        """The base LR of each group."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """The update at which the route ends; its last LR holds."""

    @abstractmethod
    def lrs(self, k: float | Fraction) -> list[float]:
        """The LR of each group at update ``k``; a number that is not whole lies between two updates."""

    @abstractmethod
    def rebased(self, base_lrs: Sequence[float]) -> Route:
        """This route with other base LRs, or with those of groups that have joined behind the old ones."""

    @abstractmethod
    def to_state(self) -> dict[str, Any]:
        """Plain data, from which ``from_state`` makes the route again."""

    @staticmethod
    def from_state(state: Mapping[str, Any], asked: Plan) -> Route:
        """The route that ``to_state`` described; ``asked`` stands in for an equal plan, whose text may not be readable."""
        made = {one.__name__: one for one in (Stretched, Continued, Rewarmed)}.get(state["kind"])
        return made._from_state(state, asked) if made else Plan._from_state(state, asked)


@final
@dataclass(frozen=True, slots=True)
class Plan(Route):
    """A timeline driven from base LRs: lr = base_lr * a(k) + b(k)."""

    timeline: Timeline
    base_lrs: tuple[float, ...]

    @property
    def bases(self) -> tuple[float, ...]:
        return self.base_lrs

    @property
    def steps(self) -> int:
        return self.timeline.horizon.steps

    def lrs(self, k: float | Fraction) -> list[float]:
        if isinstance(k, Fraction):
            k = int(k) if k.denominator == 1 else float(k)
        a, b = self.timeline.affine(k)
        return [base * a + b for base in self.base_lrs]

    def rebased(self, base_lrs: Sequence[float]) -> Plan:
        return replace(self, base_lrs=tuple(base_lrs))

    def to_state(self) -> dict[str, Any]:
        return {
            "kind": "Plan",
            "schedule": repr(self.timeline.schedule),
            **horizon_state(self.timeline.horizon),
            "base_lrs": list(self.base_lrs),
        }

    @classmethod
    def _from_state(cls, state: Mapping[str, Any], asked: Plan) -> Plan:
        if {**asked.to_state(), "base_lrs": None} == {**state, "base_lrs": None}:
            return replace(asked, base_lrs=tuple(state["base_lrs"]))
        return plan_from(state)


def plan_of(schedule: Schedule, horizon: Horizon, base_lrs: Sequence[float]) -> Plan:
    """The plan of a schedule on a run of that length."""
    return Plan(schedule.resolve(horizon), tuple(base_lrs))


def plan_from(state: Mapping[str, Any]) -> Plan:
    """The plan that its ``to_state`` described; a ``ScheduleError`` where its text holds a Python function."""
    return plan_of(Schedule.parse(state["schedule"]), horizon_from(state), state["base_lrs"])


@final
@dataclass(frozen=True, slots=True)
class Stretched(Route):
    """What was left of a route at update ``at``, spread over the updates from there to ``until``."""

    of: Route
    at: int
    until: int

    def __post_init__(self) -> None:
        if not self.at < min(self.until, self.of.steps):
            raise ScheduleError(
                f"on_change='stretch' at update {self.at}: the saved plan ends at {self.of.steps} and the new one at "
                f"{self.until}, so there is nothing to stretch. Write on_change='replan', or leave it out to see "
                "where each policy leads."
            )

    @property
    def bases(self) -> tuple[float, ...]:
        return self.of.bases

    @property
    def steps(self) -> int:
        return self.until

    def lrs(self, k: float | Fraction) -> list[float]:
        if k <= self.at:
            return self.of.lrs(k)
        # Exact down to the plan: a float on the way could fall short of the update at which a phase begins.
        return self.of.lrs(self.at + (Fraction(k) - self.at) * (self.of.steps - self.at) / (self.until - self.at))

    def rebased(self, base_lrs: Sequence[float]) -> Stretched:
        return replace(self, of=self.of.rebased(base_lrs))

    def to_state(self) -> dict[str, Any]:
        return {"kind": "Stretched", "of": self.of.to_state(), "at": self.at, "until": self.until}

    @classmethod
    def _from_state(cls, state: Mapping[str, Any], asked: Plan) -> Stretched:
        return cls(Route.from_state(state["of"], asked), state["at"], state["until"])


@final
@dataclass(frozen=True, slots=True)
class Continued(Route):
    """From the LRs in use at update ``at``, the remaining decay of a plan.

        lr(k) = end + (start - end) * (plan(k) - end) / (plan(at) - end),    end = the plan's last LR

    Where the plan has nothing left to decay, the LRs stay what they were.
    """

    plan: Plan
    at: int
    start: tuple[float, ...]

    def __post_init__(self) -> None:
        now = self.plan.lrs(self.at)
        if any(now) and not any(self.start):
            raise ScheduleError(
                f"on_change='continue' at update {self.at}: the LR in use is 0, from which nothing decays. Write "
                "on_change='replan'."
            )
        last = self.plan.lrs(max(self.plan.steps, self.at))
        floors = [
            (lr, end)
            for lr, first, end in zip(self.start, now, last, strict=True)
            if lr < end * (1 - 1e-9) and end < first
        ]
        if floors:
            raise ScheduleError(
                f"on_change='continue' at update {self.at}: the LR in use, {floors[0][0]:.6g}, lies below {floors[0][1]:.6g}, where "
                "the plan ends, so the way there is no decay. Write a lower end=, or on_change='replan'."
            )
        places = {k for one in self.plan.timeline.segments for k in [*_turns(one), self.plan.steps] if k > self.at}
        # Whoever dips below the end has to climb back to it.
        if any(
            later > lr * (1 + 1e-9) or later < end * (1 - 1e-9)
            for k in places
            for later, lr, end in zip(self.plan.lrs(k), now, last, strict=True)
        ):
            raise ScheduleError(
                f"on_change='continue' at update {self.at}: {self.plan.timeline.schedule!r} still climbs there, so "
                "there is no remaining decay to run from the LR in use. Write on_change='replan'."
            )

    @property
    def bases(self) -> tuple[float, ...]:
        return self.plan.bases

    @property
    def steps(self) -> int:
        return self.plan.steps

    def lrs(self, k: float | Fraction) -> list[float]:
        plan = self.plan
        return [
            start if first == end else end + (start - end) * ((lr - end) / (first - end))
            for start, lr, first, end in zip(
                self.start, plan.lrs(k), plan.lrs(self.at), plan.lrs(max(plan.steps, self.at)), strict=True
            )
        ]

    def rebased(self, base_lrs: Sequence[float]) -> Continued:
        plan = self.plan.rebased(base_lrs)
        start = plan.lrs(self.at)  # where a group that joins, or had a base of zero, takes up the plan
        for at, (lr, new, old) in enumerate(zip(self.start, base_lrs, self.plan.base_lrs, strict=False)):
            start[at] = lr * (new / old) if old else start[at]
        return Continued(plan, self.at, tuple(start))

    def to_state(self) -> dict[str, Any]:
        return {"kind": "Continued", "plan": self.plan.to_state(), "at": self.at, "start": list(self.start)}

    @classmethod
    def _from_state(cls, state: Mapping[str, Any], asked: Plan) -> Continued:
        return cls(Plan._from_state(state["plan"], asked), state["at"], tuple(state["start"]))


def _turns(segment: Segment) -> list[int]:
    """Where a phase may turn: every shape goes one way between its ends, but a function of the user's may not."""
    if isinstance(segment.shape, Custom):
        return [segment.start + i for i in spread(segment.end - segment.start)]
    return [segment.start, segment.end - 1]


@final
@dataclass(frozen=True, slots=True)
class Rewarmed(Route):
    """A route behind a second warmup: its first ``over`` updates from ``at`` on climb by 1/(over + 1) each."""

    of: Route
    at: int
    over: int

    @property
    def bases(self) -> tuple[float, ...]:
        return self.of.bases

    @property
    def steps(self) -> int:
        return self.of.steps

    def lrs(self, k: float | Fraction) -> list[float]:
        ramp = float(k - self.at + 1) / (self.over + 1)
        lrs = self.of.lrs(k)
        return [lr * ramp for lr in lrs] if 0 < ramp < 1 else lrs

    def rebased(self, base_lrs: Sequence[float]) -> Rewarmed:
        return replace(self, of=self.of.rebased(base_lrs))

    def to_state(self) -> dict[str, Any]:
        return {"kind": "Rewarmed", "of": self.of.to_state(), "at": self.at, "over": self.over}

    @classmethod
    def _from_state(cls, state: Mapping[str, Any], asked: Plan) -> Rewarmed:
        return cls(Route.from_state(state["of"], asked), state["at"], state["over"])
