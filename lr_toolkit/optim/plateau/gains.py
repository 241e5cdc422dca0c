"""What a rule for a metric has made of each parameter group's learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, final

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.optim.plateau.rule import MetricRule, MetricRuleState

__all__ = ["Gains"]


@final
class Gains:
    """One factor for each parameter group, 1 until a rule moves it, and what the rule has seen.

    Args:
        rule: what moves them; ``None`` if they stay.
        groups: how many groups there are.

    Raises:
        ScheduleError: for anything else than a rule.
    """

    def __init__(self, rule: MetricRule | None, groups: int) -> None:
        if rule is not None and not isinstance(rule, MetricRule):
            raise ScheduleError(
                f"ScheduledLR(plateau={rule!r}): must be a rule for a metric. Write plateau=ReduceOnPlateau(monitor='val_loss', "
                "patience=5)."
            )
        self.rule = rule
        self.values = (1.0,) * groups
        self._state = rule.start if rule else None

    def check_groups(self, groups: int) -> None:
        """Refuse bounds for another number of groups."""
        for name in ("min_lr", "max_lr"):
            bound = getattr(self.rule, name, None)
            if isinstance(bound, tuple) and len(bound) != groups:
                raise ScheduleError(
                    f"{type(self.rule).__name__}({name}={bound!r}): {len(bound)} values for {groups} parameter groups. "
                    "Write one number, or one for each group."
                )

    def add_groups(self, count: int) -> None:
        """Take in groups that have joined, with a gain of 1."""
        self.values += (1.0,) * count

    @property
    def was_observed(self) -> bool:
        """Whether the rule was given a reading."""
        return self.rule is not None and self._state != self.rule.start

    def observe(self, value: float, bases: Sequence[float]) -> bool:
        """Give the rule a reading of its metric. Returns whether it moves the gains; NaN is no reading, and a warning."""
        if self.rule is None or self._state is None:
            raise ScheduleError(
                "observe() needs a rule for a metric: ScheduledLR(..., plateau=ReduceOnPlateau(monitor='val_loss'))."
            )
        if math.isnan(value):
            name = self.rule.monitor
            warn(
                "LR411",
                f"{name!r} is NaN: the plateau ignores it. If the metric has no value in some batches, leave those out: write if not "
                f"value.isnan(): self.log({name!r}, value); in a plain loop, write if not math.isnan(value): scheduler.observe(value).",
            )
            return False
        self._state, direction = self.rule.read(self._state, value)
        if direction:
            self.values = tuple(self._moved(group, base, direction) for group, base in enumerate(bases))
        return bool(direction)

    def _moved(self, group: int, base: float, direction: int) -> float:
        """The gain of a group after a move."""
        level = base * self.values[group]
        moved = self.rule.next_lr(level, direction, group) if self.rule else level
        return self.values[group] if moved == level else moved / base

    # --- checkpoints ---

    def to_state(self) -> dict[str, Any]:
        """Plain data, but for the gains: what the rule has seen of which metric."""
        return {"plateau": asdict(self._state) if self._state else None, "metric": self._metric}

    def load(self, state: Mapping[str, Any], gains: Sequence[float]) -> None:
        """Go on from a ``to_state`` and gains, and from what was best if the metric is the same.

        Gains that a rule has moved stay, even if there is no rule any more, with a warning.
        """
        self.values = tuple(gains)
        saved, metric = state["plateau"], state.get("metric", self._metric)
        if self.rule is not None:
            # The best value of one metric means nothing for another.
            known = saved if metric == self._metric else None
            self._state = (
                MetricRuleState(**{**known, "recent": tuple(known.get("recent", ()))}) if known else self.rule.start
            )
        elif saved and any(gain != 1.0 for gain in self.values):
            warn(
                "LR412",
                f"The checkpoint's rule for {metric[0] if metric else 'a metric'!r} had brought the learning rate to "
                f"{', '.join(f'{gain:g}' for gain in dict.fromkeys(self.values))} of the schedule's, and it stays there: this run "
                "has no rule. To go on with it, write plateau=... as before.",
            )

    @property
    def _metric(self) -> list[str] | None:
        """What the rule reads, and whether lower or higher is better."""
        return [self.rule.monitor, self.rule.mode] if self.rule else None
