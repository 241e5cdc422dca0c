"""What the code asks a scheduler to follow, and what it follows instead after a change: all bindings as one value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast, final

from lr_toolkit.errors import ScheduleError
from lr_toolkit.optim.binding import Binding, GroupError, distinct
from lr_toolkit.optim.keys import Key
from lr_toolkit.optim.on_change import OnChange, RunLength, binding_after, binding_over, spread
from lr_toolkit.optim.plan_check import check_driven, check_highest, check_loaded
from lr_toolkit.optim.state_fit import check_same_keys, is_saved
from lr_toolkit.schedules import Duration, Horizon
from lr_toolkit.schedules.absolute_levels import Absolute
from lr_toolkit.schedules.group_schedules import GroupSchedules
from lr_toolkit.schedules.horizon import horizon_from
from lr_toolkit.schedules.timeline import ResolvedTimeline, Timeline

__all__ = ["Plan"]


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """The bindings of a scheduler, that of the LR first. A plan never changes; another takes its place.

    Attributes:
        schedules: for ``"lr"`` and each other key that is driven, the schedules by the names of groups.
        names: the name of each group, ``None`` for a group without one.
        configured: what the code asks for.
        followed: what is followed: that, or what a change of the run or ``on_change`` made of it.
    """

    schedules: Mapping[str, GroupSchedules]
    names: tuple[object, ...]
    configured: tuple[Binding, ...]
    followed: tuple[Binding, ...]

    @classmethod
    def of(
        cls,
        schedules: Mapping[str, GroupSchedules],
        groups: Sequence[dict[str, Any]],
        horizon: Horizon,
        gains: Sequence[float],
    ) -> Plan:
        """The plan for the groups of an optimizer.

        Raises:
            ScheduleError: if a schedule does not fit the horizon or the value of a group, or is for a group that does not exist.
        """
        names = _names(groups)
        bindings = []
        for key, by_name in schedules.items():
            by_name.check_names(names, key)
            driven = list(_driven(key, by_name, groups, range(len(groups)), horizon))
            check_driven(key, by_name, driven, groups)
            check_highest(key, driven, groups)
            members, bases, timelines = zip(*driven, strict=True)
            of_key = gains if key == "lr" else [1.0] * len(members)
            bindings.append(_named(names, Binding.of, key, bases, of_key, timelines, members))
        return cls(schedules, names, tuple(bindings), tuple(bindings))

    @property
    def lr(self) -> Binding:
        """What the LR follows."""
        return self.followed[0]

    @property
    def horizon(self) -> Horizon:
        """The length of the run that the code's schedules are resolved on."""
        return cast("ResolvedTimeline", self.configured[0].timelines[0]).horizon

    @property
    def timelines(self) -> tuple[ResolvedTimeline, ...]:
        """The distinct schedules of the LR that the code asks for, before their absolute levels become factors."""
        shapes, _ = distinct([cast("ResolvedTimeline", timeline).shapes for timeline in self.configured[0].timelines])
        return tuple(ResolvedTimeline(each, self.horizon) for each in shapes)

    def with_lr(self, binding: Binding) -> Plan:
        """This plan with something else that the LR follows."""
        return replace(self, followed=(binding, *self.followed[1:]))

    def with_gains(self, gains: Sequence[float]) -> Plan:
        """This plan with other gains of the LR."""
        return self.with_lr(self.lr.with_gains(gains))

    def rebased(self, bases: Sequence[float]) -> Plan:
        """This plan with other base LRs."""
        return self.with_lr(_named(self.names, self.lr.rebased, bases))

    def joined_by(self, groups: Sequence[dict[str, Any]], horizon: Horizon) -> Plan:
        """This plan with the groups that come behind those that it has.

        A late group follows what another group with the same schedule follows; without one, its schedule on ``horizon``.
        """
        known = len(self.lr.members)
        names = _names(groups)
        all_configured, all_followed = [], []
        for configured, followed in zip(self.configured, self.followed, strict=True):
            late = list(
                _driven(configured.key, self.schedules[configured.key], groups, range(known, len(groups)), horizon)
            )
            if late:
                check_highest(configured.key, late, groups)
                members, bases, timelines = zip(*late, strict=True)
                in_use = [_in_use(timeline, configured, followed) for timeline in timelines]
                configured = _named(names, configured.joined_by, members, bases, timelines)
                followed = _named(names, followed.joined_by, members, bases, in_use)
            all_configured.append(configured)
            all_followed.append(followed)
        return replace(self, names=names, configured=tuple(all_configured), followed=tuple(all_followed))

    def over(self, known: Horizon, horizon: Horizon, update: int, on_change: OnChange, *, is_used: bool) -> Plan:
        """What to follow from ``update`` on, whose values may be used already, if the run ``known`` has another length now.

        Raises:
            ScheduleError: if no update was taken yet and a schedule does not fit.
        """
        all_configured, all_followed = [], []
        for configured, followed in zip(self.configured, self.followed, strict=True):
            try:
                new = _on(configured, horizon, self.names)
            except ScheduleError:
                if not update + is_used:
                    raise
                all_configured.append(configured)
                all_followed.append(spread(followed, update, horizon.steps))
                continue
            in_use = _named(self.names, new.rebased, followed.bases)  # rebase() may have changed them
            # If the epochs alone are others, what a change of the run or on_change has made of the plan goes on.
            is_as_long = horizon.steps == known.steps and not _counts_epochs(new)
            binding = binding_over(followed, in_use, update, "keep" if is_as_long else on_change, is_used=is_used)
            # Nothing is left of the old length up to here if the timelines are the new ones.
            is_as_configured = is_as_long and horizon.steps == self.horizon.steps
            all_configured.append(new if is_as_configured or binding.timelines == in_use.timelines else configured)
            all_followed.append(binding)
        return replace(self, configured=tuple(all_configured), followed=tuple(all_followed))

    def after(
        self, state: Mapping[str, Any], run_length: RunLength | None, *, on_change: OnChange, rewarm: Duration | None
    ) -> Plan:
        """What to follow from a saved state on.

        Raises:
            ScheduleError: if the plan has changed and ``on_change`` does not decide how to go on, or cannot be followed.
        """
        configured, unchanged_unit = self.configured, None
        if run_length is not None and "run" in state:
            saved = horizon_from(state["configured"]["lr"]["horizon"])
            horizon = run_length.horizon_after(state["run"], saved, state["last_epoch"])
            unchanged_unit = run_length.unchanged_unit(state["run"])
            configured = tuple(_on(binding, horizon, self.names) for binding in configured)

        def after(binding: Binding) -> Binding:
            if not is_saved(state, binding):
                return binding
            followed = binding_after(
                state, binding, on_change=on_change, rewarm=rewarm, unchanged_unit=unchanged_unit, names=self.names
            )
            check_loaded(followed, self.names)
            return followed

        followed = tuple(map(after, configured))
        check_same_keys(state, configured, on_change)
        return replace(self, configured=configured, followed=followed)


def _driven(
    key: str, schedules: GroupSchedules, groups: Sequence[dict[str, Any]], positions: Sequence[int], horizon: Horizon
) -> Iterator[tuple[int, float, ResolvedTimeline]]:
    """The position, base value and timeline of each of some groups that a key is driven in."""
    what = Key.parse(key)
    # By the identity of the schedule, because a function in it may have no hash.
    resolved: dict[int, ResolvedTimeline] = {}
    for position in positions:
        group = groups[position]
        schedule = schedules.schedule_of(group.get("name"))
        if key != "lr" and (schedule is None or not what.is_in(group)):
            continue
        if schedule is None:
            name = group.get("name")
            fix = "or give the group its name in the optimizer: {'params': ..., 'name': 'head'}."
            if isinstance(name, str):
                fix = f"or one for this group, {{..., {name!r}: hold()}}."
            raise ScheduleError(
                f"ScheduledLR: no schedule is for parameter group {position if name is None else repr(name)}. Write one for all groups "
                f"that are not named, {{..., '*': hold()}}, {fix}"
            )
        base = what.base_of(group, position)
        if isinstance(schedule, Absolute):
            base, schedule = 1.0, schedule.schedule
        if id(schedule) not in resolved:
            resolved[id(schedule)] = schedule.resolve(horizon)
        yield position, base, resolved[id(schedule)]


def _in_use(timeline: ResolvedTimeline, configured: Binding, followed: Binding) -> Timeline:
    """What a group with the schedule of ``timeline`` follows now, or ``timeline`` if there is none."""
    for before, now in zip(configured.group_timelines, followed.group_timelines, strict=True):
        if cast("ResolvedTimeline", before).shapes == timeline.shapes:
            return now.joining()
    return timeline


def _on(binding: Binding, horizon: Horizon, names: Sequence[object]) -> Binding:
    """The schedules that the code asks for, on another horizon."""
    timelines = [ResolvedTimeline(cast("ResolvedTimeline", timeline).shapes, horizon) for timeline in binding.timelines]
    return cast("Binding", _named(names, binding.with_timelines, [timelines[index] for index in binding.which]))


def _counts_epochs(binding: Binding) -> bool:
    timelines = cast("tuple[ResolvedTimeline, ...]", binding.timelines)
    return any("epochs" in shape.units for timeline in timelines for shape in timeline.shapes)


def _names(groups: Sequence[dict[str, Any]]) -> tuple[object, ...]:
    return tuple(group.get("name") for group in groups)


def _named(names: Sequence[object], make: Callable[..., Any], *arguments: Any) -> Any:
    """What ``make`` returns, or its error with the name of this package's scheduler and of the group."""
    try:
        return make(*arguments)
    except GroupError as error:
        named = GroupError(error.reason, error.group, names[error.group])
        raise ScheduleError(f"ScheduledLR: {named}") from error.__cause__
    except ScheduleError as error:
        raise ScheduleError(f"ScheduledLR: {error}") from error.__cause__
