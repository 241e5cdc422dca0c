"""What a reaction to a metric has made of each parameter group's learning rate."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, final

from lr_toolkit.errors import ScheduleError
from lr_toolkit.optim.plateau.rule import MetricRule, MetricRuleState

__all__ = ["Gains"]


@final
class Gains:
    """One factor for each parameter group, 1 until a reaction moves it, and where that reaction stands.

    Args:
        reaction: what moves them; ``None`` where they stay.
        groups: how many groups there are.

    Raises:
        ScheduleError: for anything else than a reaction.
    """

    def __init__(self, reaction: MetricRule | None, groups: int) -> None:
        if reaction is not None and not isinstance(reaction, MetricRule):
            raise ScheduleError(
                f"ScheduledLR(plateau={reaction!r}): must be a reaction. Write plateau=ReduceOnPlateau(monitor='val_loss', patience=5)."
            )
        self.reaction = reaction
        self.values = [1.0] * groups
        self._state = reaction.start if reaction else None

    def refuse(self, groups: int) -> None:
        """Refuse bounds for another number of groups."""
        for name in ("min_lr", "max_lr"):
            bound = getattr(self.reaction, name, None)
            if isinstance(bound, tuple) and len(bound) != groups:
                raise ScheduleError(
                    f"{type(self.reaction).__name__}({name}={bound!r}): {len(bound)} values for {groups} parameter groups. "
                    "Write one number, or one for each group."
                )

    @property
    def was_observed(self) -> bool:
        """Whether the reaction was given a reading."""
        return self.reaction is not None and self._state != self.reaction.start

    def observe(self, value: float, bases: Sequence[float]) -> bool:
        """Give the reaction a reading of its metric, and say whether it moves; NaN is none, and a warning."""
        if self.reaction is None or self._state is None:
            raise ScheduleError(
                "observe() needs a reaction: ScheduledLR(..., plateau=ReduceOnPlateau(monitor='val_loss'))."
            )
        if math.isnan(value):
            warnings.warn(
                f"{self.reaction.monitor!r} is NaN: the plateau reaction ignores it.", UserWarning, stacklevel=3
            )
            return False
        self._state, way = self.reaction.read(self._state, value)
        if way:
            for at, base in enumerate(bases):
                level = base * self.values[at]
                moved = self.reaction.moved(level, way, at)
                if moved != level:
                    self.values[at] = moved / base
        return bool(way)

    # --- checkpoints ---

    def state(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "gains": list(self.values),
            "plateau": asdict(self._state) if self._state else None,
            "metric": self._metric,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state``: with the gains, and with what was best where the metric is the same.

        Gains that a reaction has brought about stay also where there is none any more, with a warning.
        """
        self.values = list(state["gains"])
        saved, metric = state["plateau"], state.get("metric", self._metric)
        if self.reaction is not None:
            # What was best of one metric says nothing of another.
            known = saved if metric == self._metric else None
            self._state = (
                MetricRuleState(**{**known, "recent": tuple(known.get("recent", ()))}) if known else self.reaction.start
            )
        elif saved and any(gain != 1.0 for gain in self.values):
            warnings.warn(
                f"The checkpoint's reaction to {metric[0] if metric else 'a metric'!r} had brought the learning rate to "
                f"{', '.join(f'{gain:g}' for gain in dict.fromkeys(self.values))} of the schedule's, where it stays: this run has no "
                "reaction. To go on with it pass plateau= as before.",
                UserWarning,
                stacklevel=3,
            )

    @property
    def _metric(self) -> list[str] | None:
        """What the reaction reads, and which way is better."""
        return [self.reaction.monitor, self.reaction.mode] if self.reaction else None
