"""What can be asked of a scheduler about its plan: the base class of ``ScheduledLR``, in which nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from lr_toolkit.optim.binding import Binding, distinct
from lr_toolkit.optim.driven_groups import DrivenGroups
from lr_toolkit.optim.plan import Plan
from lr_toolkit.optim.plateau.gains import Gains
from lr_toolkit.optim.plateau.rule import MetricRule
from lr_toolkit.optim.update_watch import UpdateWatch
from lr_toolkit.schedules import Horizon
from lr_toolkit.schedules.changed import describe_change
from lr_toolkit.schedules.group_schedules import GroupSchedules
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.timeline import Phase, ResolvedTimeline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PlanReader"]


class PlanReader(LRScheduler):
    """The part of a torch scheduler that only reads the plan it follows.

    Attributes:
        horizon: the length of the run.
    """

    horizon: Horizon
    _plan: Plan
    _gains: Gains
    _groups: DrivenGroups
    _watch: UpdateWatch

    @property
    def schedule(self) -> Schedule | GroupSchedules:
        """The schedule of the LR, or the schedules by the names of groups."""
        schedules = self._plan.schedules["lr"]
        return schedules if schedules.only is None else cast("Schedule", schedules.only)

    @property
    def other_schedules(self) -> dict[str, GroupSchedules]:
        """The schedules of other keys of the parameter groups, by key."""
        return {key: schedules for key, schedules in self._plan.schedules.items() if key != "lr"}

    @property
    def timelines(self) -> tuple[ResolvedTimeline, ...]:
        """The schedules of the LR that the code asks for, on the length of the run."""
        return self._plan.timelines

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """What is followed, one binding for each key of the parameter groups that is driven; that of the LR comes first."""
        return self._plan.followed

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that the LR follows, with the updates at which they act: those of each schedule, one after another."""
        phases = [phase for timeline in self._plan.lr.timelines for phase in timeline.phases]
        return tuple(distinct(phases)[0])

    @property
    def change(self) -> str:
        """How the run goes on if it does not follow the plan of its code, in words; empty if it does."""
        lr, configured = self._plan.lr, self._plan.configured[0]
        pairs, _ = distinct(list(zip(lr.group_timelines, configured.group_timelines, strict=True)))
        return "; ".join(filter(None, dict.fromkeys(describe_change(now, planned) for now, planned in pairs)))

    @property
    def has_update(self) -> bool:
        """Whether the optimizer took an update since this scheduler moved last."""
        return self._watch.has_update

    @property
    def plateau(self) -> MetricRule | None:
        """The rule for a metric, if there is one."""
        return self._gains.rule

    @property
    def was_observed(self) -> bool:
        """Whether the rule was given a reading."""
        return self._gains.was_observed

    def planned(self, k: int) -> list[float]:
        """The LR of each group at update ``k``, under the timelines and the gains of this moment."""
        return self._plan.lr.values(k)

    def planned_at(self, ks: NDArray[np.int64]) -> NDArray[np.float64]:
        """``planned`` for an array of updates: a row for each, a column for each group."""
        return self._plan.lr.table(ks)

    def get_lr(self) -> list[float | Tensor]:
        """The LR of each group for the update to come."""
        return list(self.planned(self.last_epoch))

    def get_last_lr(self) -> list[float | Tensor]:
        """The LR of each group that the last ``step()`` wrote, as floats: no device is waited for."""
        return self.get_lr()

    def __repr__(self) -> str:
        return f"ScheduledLR({self.schedule!r}, update {self.last_epoch} of {self.horizon.steps})"
