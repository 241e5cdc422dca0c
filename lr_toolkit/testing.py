"""A check for builders of your own: ``check_builder`` compares a builder with everything that the package relies on."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields
from fractions import Fraction
from inspect import Parameter, signature
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules import Horizon, Schedule, hold, linear
from lr_toolkit.schedules.placement import ResolvedPhase
from lr_toolkit.schedules.registry import BUILDERS, WITHOUT_TEXT
from lr_toolkit.schedules.same_history import same_history
from lr_toolkit.schedules.timeline import ResolvedTimeline

__all__ = ["check_builder"]

_HORIZONS = (
    Horizon(8, 4),
    Horizon(60, 10),
    Horizon(90, 10),
    Horizon(90, 15),
    Horizon(100, [40, 20, 40]),
    Horizon(101, [40, 21, 40]),
    Horizon(400, 100),
    Horizon(12, unit="epoch"),
)
_BASES = (0.1, 0.3)
_BEYOND = 20  # updates after the end of a run
_ROUNDING = 1e-12


def check_builder(builder: Callable[..., Schedule], *examples: Schedule | str) -> None:
    """Check a registered builder against the contract of shapes, on several horizons.

    Checked are the text, pickle and comparison; that the builder has the defaults of the shape's fields; that all values are
    finite factors, the same alone and in an array; that the final value holds; that the curve is monotone between its edges if
    it declares so; that no absolute level is left for a base LR; that the units are those that the values depend on; that a
    phase that would stay at zero is refused; that equal curves have equal values; and that wrong arguments are refused.

    Args:
        builder: the function that ``register_shape``, ``register_builder`` or ``register_function`` returned.
        *examples: its schedules or their texts, which should use each argument.

    Raises:
        AssertionError: if one of these facts does not hold.

    Example:
        >>> from lr_toolkit import cosine
        >>> from lr_toolkit.testing import check_builder
        >>> check_builder(cosine, cosine(end=0.1, start=0.9), cosine(over="50%"), "cosine(end_lr=1e-5, start_lr=1e-2)")
    """
    name = getattr(builder, "__name__", "")
    _check(
        BUILDERS.get(name) is builder,
        f"{name} is not registered: decorate it with @register_shape(...) or @register_builder",
    )
    _check(len(examples) > 0, f"pass examples: check_builder({name}, {name}(...))")
    schedules = [Schedule.parse(example) for example in examples]
    first: list[ResolvedTimeline] = []
    for schedule in schedules:
        _check_value(schedule)
        _check_text(builder, schedule)
        for before in (None, hold(7), linear(end=0.5, over=5)):
            timelines = list(_timelines(before, schedule))
            for timeline in timelines:
                _check_timeline(timeline)
            _check_equality(timelines)
            first += timelines if before is None else []
        _check_units(schedule)
        _check_idle(schedule)
    _check_equality(first)


def _check(holds: bool, fact: str) -> None:
    if not holds:
        raise AssertionError(fact)


# --- the schedule ---------------------------------------------------------------------------------------------------


def _check_value(schedule: Schedule) -> None:
    """It is an immutable value; a base value leaves no absolute level."""
    for phase in schedule.phases:
        _check_frozen(phase, schedule)
        for name, value in _fields(phase).items():
            try:
                hash(value)
            except TypeError:
                raise AssertionError(
                    f"{schedule!r}: its field {name} has no hash, because it can be changed; store a tuple in place of a list"
                ) from None
    twin = Schedule(tuple(copy.copy(phase) for phase in schedule.phases))
    _check(twin == schedule and hash(twin) == hash(schedule), f"{schedule!r}: a copy differs from it")
    for phase in schedule.phases:
        relative = phase.relative_to(max([*phase.absolute_levels, 1.0]))
        _check(
            not relative.absolute_levels,
            f"{schedule!r}: relative_to(base) leaves the absolute levels {relative.absolute_levels}",
        )
        _check(bool(phase.absolute_levels) or relative == phase, f"{schedule!r}: relative_to(base) changes factors")
        _check(phase.restarted() == phase.restarted().restarted(), f"{schedule!r}: restarted() twice differs from once")


def _check_frozen(shape: Any, schedule: Schedule) -> None:
    try:
        shape.over = shape.over
    except AttributeError:
        return
    raise AssertionError(f"{schedule!r}: can be changed; make the shape a frozen dataclass")


def _check_text(builder: Callable[..., Schedule], schedule: Schedule) -> None:
    """Its text, a pickle and its own arguments give it back, and wrong arguments are refused."""
    name, text = builder.__name__, repr(schedule)
    if name in WITHOUT_TEXT:
        _check(
            not schedule.has_text,
            f"{text}: has a text that is read, although the builder was registered with has_text=False",
        )
    else:
        _check(schedule.has_text, f"{text}: Schedule.parse of this text does not give the schedule back")
        _check(pickle.loads(pickle.dumps(schedule)) == schedule, f"{text}: a pickle differs from it")
    if len(schedule.phases) == 1 and schedule.phases[0].name == name:
        arguments = _fields(schedule.phases[0])
        _check(builder(**arguments) == schedule, f"{text}: the builder's arguments differ from the fields of its shape")
        _check_defaults(builder, schedule.phases[0], text)
        for level in getattr(schedule.phases[0], "level_fields", ()):
            is_refused = _is_refused(builder, **{**arguments, level: -1.0, f"{level}_lr": None})
            _check(
                is_refused, f"{text}: {level}=-1.0 is not refused; end its __post_init__ with that of the base class"
            )
        is_refused = _is_refused(builder, **{**arguments, "over": 0.5})
        _check(is_refused, f"{text}: a length without a unit, over=0.5, is not refused")
    _check(_is_refused(builder, no_such_argument=1), f"{name}(no_such_argument=1) is not refused")


def _check_defaults(builder: Callable[..., Schedule], shape: Any, text: str) -> None:
    """Without an argument it stores the default of the field: text leaves out an argument that has this default."""
    for field in fields(shape):
        if field.default is MISSING:
            continue
        others = {name: value for name, value in _fields(shape).items() if name != field.name}
        fact = f"{text}: without {field.name}= the builder {{}}, and the default of the field is {field.default!r}"
        parameter = signature(builder).parameters.get(field.name)
        is_required = parameter is not None and parameter.default is Parameter.empty
        _check(not is_required, fact.format("cannot be called"))
        try:
            (made,) = builder(**others).phases
        except ScheduleError:  # the others need it
            continue
        stored = getattr(made, field.name)
        _check(stored == field.default, fact.format(f"stores {stored!r}"))


def _fields(shape: Any) -> dict[str, Any]:
    """The arguments that a shape holds, by name."""
    return {field.name: getattr(shape, field.name) for field in fields(shape)}


def _is_refused(builder: Callable[..., Schedule], **arguments: Any) -> bool:
    try:
        builder(**arguments)
    except ScheduleError:
        return True
    return False


def _check_units(schedule: Schedule) -> None:
    """What does not count in epochs, or in steps, does not depend on them: after a resume it is rescaled on that promise."""
    units = schedule.units
    base = max([*schedule.absolute_levels, 1.0])
    try:
        once, finer, twice = (
            schedule.resolve(horizon).relative_to(base)
            for horizon in (Horizon(2000, 200), Horizon(2000, 100), Horizon(4000, 400))
        )
    except ScheduleError:
        return
    ks = np.arange(2000)
    if "epochs" not in units:
        same = np.array_equal(once.factors(ks), finer.factors(ks))
        _check(same, f"{schedule!r}: depends on the length of an epoch, and its units are {sorted(units)}")
    if "steps" not in units:
        differs = abs(once.factors(ks) - twice.factors(2 * ks)) > 0.02 * once.factors(ks).max()
        _check(
            differs.mean() < 0.02, f"{schedule!r}: depends on the number of steps, and its units are {sorted(units)}"
        )


def _check_idle(schedule: Schedule) -> None:
    """Behind a phase that ends at zero it is refused if it would stay there: the rest of a run would train nothing."""
    if not any(phase.moves for phase in schedule.phases):
        return
    try:
        timeline = (linear(over=5) >> schedule).resolve(Horizon(100, 10))
    except ScheduleError:
        return
    factors = timeline.relative_to(max([*schedule.absolute_levels, 1.0])).factors(np.arange(100))
    _check(bool(factors[5:].any()), f"{schedule!r}: stays at zero behind linear(), and is not refused")


# --- its timelines --------------------------------------------------------------------------------------------------


def _timelines(before: Schedule | None, schedule: Schedule) -> Iterator[ResolvedTimeline]:
    """The schedule, behind another phase, on each horizon on which it fits, for each base value."""
    whole = schedule if before is None else before >> schedule
    refusals, found = [], 0
    for horizon in _HORIZONS:
        try:
            timeline = whole.resolve(horizon)
            yield from dict.fromkeys(timeline.relative_to(base) for base in _BASES)
            found += 1
        except ScheduleError as error:
            refusals.append(str(error))
    _check(found > 1, f"{whole!r}: use an example that fits runs of 60 to 400 updates ({refusals[:1]})")


def _check_timeline(timeline: ResolvedTimeline) -> None:
    """Its values are finite factors, alike in every way to ask for them, and move as the curves declare."""
    ks = np.arange(timeline.steps + _BEYOND)
    factors = timeline.factors(ks)
    alone = [timeline.factor(k) for k in ks.tolist()]
    between = [timeline.factor(Fraction(2 * k + 1, 2)) for k in ks.tolist()]
    _check(
        factors.dtype == np.float64 and factors.shape == ks.shape,
        f"{timeline!r}: an array of updates gives no such array of floats",
    )
    _check(bool(np.isfinite([*factors, *between]).all()), f"{timeline!r}: a factor is not finite")
    _check(bool(min(*factors, *between) >= 0.0), f"{timeline!r}: a factor is below zero")
    _check(
        bool((abs(factors - alone) <= 2 * np.spacing(alone)).all()),
        f"{timeline!r}: factors alone and in an array differ",
    )
    twin = ResolvedTimeline(timeline.shapes, timeline.horizon, timeline.base)
    for phase, again in zip(timeline.resolved_phases, twin.resolved_phases, strict=True):
        _check(phase.curve == again.curve, f"{timeline!r}: {phase.curve!r} differs from itself, made again")
        _check_curve(timeline, phase, factors[phase.start : phase.end])
    last = timeline.resolved_phases[-1]
    _check(set(factors[last.end :]) == {last.curve.end}, f"{timeline!r}: the final value does not hold")


def _check_curve(timeline: ResolvedTimeline, phase: ResolvedPhase, factors: np.ndarray) -> None:
    edges = [edge for edge in phase.curve.edges if edge < phase.length]
    _check(
        edges == sorted(edges) and min(edges, default=0) >= 0,
        f"{timeline!r}: the edges {edges} are not in rising order from 0",
    )
    _check(phase.shape.moves or len(set(factors)) < 2, f"{timeline!r}: declares moves = False, and moves")
    if not phase.curve.is_monotone:
        return
    for start, end in pairwise([0, *edges, phase.length]):
        moves = np.diff(factors[start:end])
        rounding = _ROUNDING * max(factors[start:end], default=0.0)
        fact = f"{timeline!r}: turns between updates {start} and {end} of its phase, and declares edges {edges} and is_monotone"
        _check(bool((moves <= rounding).all() or (moves >= -rounding).all()), fact)


def _check_equality(timelines: Sequence[ResolvedTimeline]) -> None:
    """Curves are equal, and a history is the same, only if the values are: a run is resumed without a question on that promise."""
    with_factors = [(timeline, timeline.factors(np.arange(timeline.steps))) for timeline in timelines]
    for (first, factors), (second, others) in combinations(with_factors, 2):
        steps = min(first.steps, second.steps)
        same = np.isclose(factors[:steps], others[:steps], rtol=1e-9, atol=0.0)
        for until in {1, steps // 3, steps // 2, steps - 1, steps}:
            if not same[:until].all() and same_history(first, second, until):
                _check(False, f"{first!r} and {second!r}: claim the same history until {until}, and differ")
        for phase in first.resolved_phases:
            for twin in second.resolved_phases:
                both = slice(phase.start, min(phase.end, twin.end))
                if not same[both].all() and phase.start == twin.start and phase.curve == twin.curve:
                    _check(
                        False,
                        f"{first!r} and {second!r}: the curves {phase.curve!r} are equal, and their values differ",
                    )
