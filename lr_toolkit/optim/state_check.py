"""Checks the whole content of a scheduler's state, before anything is read from it or written."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import ENDLESS
from lr_toolkit.schedules.horizon import MOST_EPOCHS

__all__ = ["check_format_1", "check_format_2"]

_DEEPEST = 500  # changes of one timeline: format 1 nested one for each resume, and could not read more of them again
_LARGEST_LR = float(np.finfo(np.float32).max)


@final
@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a state, with the expression that reads it."""

    value: Any
    name: str

    def __getitem__(self, key: str) -> _Part:
        if not isinstance(self.value, Mapping) or key not in self.value:
            self.refuse(f"a mapping with the key {key!r}")
        return _Part(self.value[key], f"{self.name}[{key!r}]")

    def optional(self, key: str) -> _Part:
        """The part under ``key``; one that is ``None`` if there is none."""
        return self[key] if key in self.value else _Part(None, f"{self.name}[{key!r}]")

    def __iter__(self) -> Iterator[_Part]:
        if not isinstance(self.value, (list, tuple)):
            self.refuse("a list")
        for index, value in enumerate(self.value):
            yield _Part(value, f"{self.name}[{index}]")

    def refuse(self, needed: str) -> NoReturn:
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: the state is damaged: {self.name} is {shorten(self.value)}, and must be {needed}. Load an "
            "undamaged checkpoint, or let the scheduler begin at the update that comes next: scheduler.step(1000) in place of loading."
        )

    def require(self, holds: bool, needed: str) -> None:
        if not holds:
            self.refuse(needed)

    def whole(self, least: int = 0) -> int:
        """The part as a whole number from ``least`` on, below the length of the longest run."""
        if type(self.value) is not int or not least <= self.value < ENDLESS:
            self.refuse(f"a whole number from {least} on, below 10^11")
        return self.value

    def number(self) -> None:
        """Require a finite number, zero or more."""
        is_number = type(self.value) in (int, float)
        self.require(is_number and 0 <= self.value <= sys.float_info.max, "a finite number, zero or more")

    def text(self) -> None:
        self.require(isinstance(self.value, str), "a text")

    def choice(self, *values: str) -> None:
        self.require(any(self.value == value for value in values), f"one of {', '.join(map(repr, values))}")

    def numbers(self, count: int | None = None) -> int:
        """Require a list of finite numbers, ``count`` of them if that is given; returns how many there are."""
        numbers = list(self)
        for part in numbers:
            part.number()
        self.require(count is None or len(numbers) == count, f"a list of {count} numbers, one for each parameter group")
        return len(numbers)


# --- the current format -------------------------------------------------------------------------------------------------


def check_format_2(state: Mapping[str, Any]) -> None:
    """Refuse a state of the current format that this package cannot have saved.

    Raises:
        ScheduleError: if a part is damaged; the message names it.
    """
    root = _Part(state, "state")
    _check_counter(root)
    groups, _ = root["configured"]["lr"]["bases"].numbers(), root["followed"]["lr"]
    keys = list(root["configured"].value)
    root["configured"].require(all(isinstance(key, str) for key in keys), "a mapping with texts as its keys")
    same = isinstance(root["followed"].value, Mapping) and set(root["followed"].value) == set(keys)
    root["followed"].require(same, f"a mapping with the key{'s' * (len(keys) > 1)} {', '.join(map(repr, keys))}")
    for key in keys:
        members = groups
        if key != "lr":
            members = _check_members(root["configured"][key]["groups"], groups)
        _check_key(root["configured"][key], root["followed"][key], members)
    _check_rule(root)
    _check_run(root)


def _check_members(part: _Part, groups: int) -> int:
    """Refuse positions that no groups of the optimizer have; returns how many there are."""
    positions = [position.whole() for position in part]
    is_rising = all(before < after for before, after in pairwise(positions))
    part.require(bool(positions) and is_rising and positions[-1] < groups, f"a rising list of positions below {groups}")
    return len(positions)


def _check_key(configured: _Part, followed: _Part, groups: int) -> None:
    """Refuse what cannot have been asked for, or followed, of that many groups."""
    configured["bases"].numbers(groups)
    _check_horizon(configured["horizon"])
    for text in configured["schedules"]:
        text.text()
    _check_indices(configured["which"], groups, len(configured["schedules"].value))
    for key in ("bases", "gains", "values"):
        followed[key].numbers(groups)
    _check_products(followed["gains"], followed["bases"], followed["values"])
    for timeline in followed["timelines"]:
        _check_timeline(timeline)
    _check_indices(followed["which"], groups, len(followed["timelines"].value))


def _check_counter(root: _Part) -> None:
    root["last_epoch"].whole(-1)  # SequentialLR saves a scheduler before its first step
    updated = root.optional("updated")
    updated.require(updated.value is None or isinstance(updated.value, bool), "True or False")


def _check_horizon(horizon: _Part) -> None:
    horizon["steps"].whole(1)
    horizon["unit"].choice("step", "epoch")
    lengths = horizon["steps_per_epoch"]
    if lengths.value is None:
        return
    if not isinstance(lengths.value, (list, tuple)):
        lengths.whole(1)
        return
    lengths.require(len(lengths.value) > 0, "None, a whole number, or a list of the updates in each epoch")
    are_pairs = isinstance(lengths.value[0], list)
    for length in lengths:
        if not are_pairs:
            length.whole(1)
            continue
        pair = list(length)
        length.require(len(pair) == 2, "a number of updates, and of epochs in a row that have it")
        pair[0].whole(1)
        pair[1].require(type(pair[1].value) is int and pair[1].value > 0, "a whole number from 1 on")
    if are_pairs:
        epochs = sum(times for _, times in lengths.value[:-1])
        lengths.require(epochs <= MOST_EPOCHS, f"a list of at most {MOST_EPOCHS} epochs")


def _check_products(gains: _Part, *levels: _Part) -> None:
    """Refuse gains that make an infinite LR of a finite level, in a 32-bit tensor too."""
    for level in levels:
        raised = [gain * value for gain, value in zip(gains.value, level.value, strict=True) if gain > 1]
        gains.require(all(lr <= _LARGEST_LR for lr in raised), "gains that leave each LR finite")


def _check_indices(which: _Part, groups: int, count: int) -> None:
    indices = list(which)
    which.require(len(indices) == groups, f"a list of {groups} indices, one for each parameter group")
    for index in indices:
        index.require(index.whole() < count, f"an index below {count}")


def _check_timeline(timeline: _Part) -> None:
    """Refuse a timeline that no change of a plan gives."""
    nested = _unnested(
        timeline, "kind", "resolved", {"stretched": "of", "continued": "of", "rewarmed": "of", "restarted": "of"}
    )
    resolved = nested.pop()
    resolved["schedule"].text()
    _check_horizon(resolved["horizon"])
    steps: int = resolved["horizon"]["steps"].value
    for change in reversed(nested):
        since = change["at"].whole()
        if change.value["kind"] == "stretched":
            _check_position(change["position"], steps)
            steps = change["until"].whole(since + 1)
        elif change.value["kind"] == "continued":
            change["start"].number()
        elif change.value["kind"] == "restarted":
            steps += since
        else:
            change["over"].whole(1)


def _check_position(position: _Part, steps: int) -> None:
    parts = list(position)
    position.require(len(parts) == 2, "a fraction as two whole numbers")
    for part in parts:
        # An exact position has been stretched once since it was shortened.
        part.require(type(part.value) is int and 0 <= part.value < 10**60, "a whole number")
    numerator, denominator = position.value
    position.require(denominator > 0 and numerator < steps * denominator, f"a fraction from 0 to {steps}")


def _unnested(timeline: _Part, key: str, innermost: str, within: Mapping[str, str]) -> list[_Part]:
    """A timeline and those within it, the outermost first, without recursion."""
    nested = [timeline]
    while nested[-1][key].value != innermost:
        kind = nested[-1][key]
        kind.choice(innermost, *within)
        kind.require(len(nested) < _DEEPEST, f"{innermost!r} below at most {_DEEPEST} changes")
        nested.append(nested[-1][within[kind.value]])
    return nested


def _check_rule(root: _Part) -> None:
    """Refuse what no rule for a metric has seen."""
    metric = root.optional("metric")
    if metric.value is not None:
        parts = list(metric)
        metric.require(len(parts) == 2, "the name of a metric, and 'min' or 'max'")
        parts[0].text()
        parts[1].choice("min", "max")
    rule = root["plateau"]
    if rule.value is None:
        return
    rule["best"].require(_is_reading(rule["best"].value), "a number")
    for name in rule.value.keys() & {"bad", "cooldown", "good"}:
        rule[name].whole()
    for reading in rule["recent"] if "recent" in rule.value else ():
        reading.require(_is_reading(reading.value), "a number")
    unknown = sorted(map(repr, rule.value.keys() - {"best", "bad", "cooldown", "good", "recent"}))
    rule.require(not unknown, f"without {', '.join(unknown)}")


def _is_reading(value: object) -> bool:
    """Whether it is a number, which may be infinite."""
    return (type(value) is float and not math.isnan(value)) or (type(value) is int and abs(value) < ENDLESS)


def _check_run(root: _Part) -> None:
    """Refuse facts that no Trainer's run has."""
    if "run" not in root.value:
        return
    run = root["run"]
    _check_horizon(run)
    for name in ("max_epochs", "max_steps"):
        limit = run[name]
        if limit.value != -1:
            limit.whole()
    if run.optional("batches").value is not None:
        run["batches"].whole()
    if run.optional("behind").value is not None:
        run["behind"].whole()
    for change in run["accumulate"] if "accumulate" in run.value else ():  # the first versions did not save it
        pair = list(change)
        change.require(len(pair) == 2, "an epoch, and the batches of an update from it on")
        pair[0].whole()
        pair[1].whole(1)


# --- format 1 -----------------------------------------------------------------------------------------------------------


def check_format_1(state: Mapping[str, Any]) -> None:
    """Refuse a state of format 1 that this package cannot have saved.

    Raises:
        ScheduleError: if a part is damaged; the message names it.
    """
    root = _Part(state, "state")
    _check_counter(root)
    groups = root["base_lrs"].numbers()
    for key in ("gains", "lrs"):
        root[key].numbers(groups)
    _check_products(root["gains"], root["base_lrs"], root["lrs"])
    _check_plan(root["asked"], groups)
    _check_route(root["route"], groups)
    _check_rule(root)
    _check_run(root)


def _check_plan(plan: _Part, groups: int) -> None:
    plan["schedule"].text()
    plan["base_lrs"].numbers(groups)
    _check_horizon(plan)


def _check_route(route: _Part, groups: int) -> None:
    nested = _unnested(route, "kind", "Plan", {"Stretched": "of", "Continued": "plan", "Rewarmed": "of"})
    plan = nested.pop()
    _check_plan(plan, groups)
    steps: int = plan["steps"].value
    for change in reversed(nested):
        since = change["at"].whole()
        if change.value["kind"] == "Stretched":
            change["at"].require(since < steps, f"an update below {steps}")
            steps = change["until"].whole(since + 1)
        elif change.value["kind"] == "Continued":
            change["start"].numbers(groups)
        else:
            change["over"].whole(1)
