"""Every registered builder against the whole contract of shapes, with proofs that the check can fail; builders of a user."""

from __future__ import annotations

import ast
import copy
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import lr_toolkit
from lr_toolkit import (
    Duration,
    Horizon,
    Schedule,
    ScheduleError,
    register_builder,
    register_function,
    register_shape,
    warmup,
)
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.schedules import recipes, shapes
from lr_toolkit.schedules.changed import continued
from lr_toolkit.schedules.levels import Decay
from lr_toolkit.schedules.registry import BUILDERS
from lr_toolkit.schedules.same_history import same_history
from lr_toolkit.schedules.shape import Curve, PhaseContext, Shape
from lr_toolkit.schedules.shapes.linear import Linear
from lr_toolkit.testing import check_builder
from tests.helpers.nested_reference import NESTED, PHASES_OF, by_formula
from tests.helpers.reference import Run
from tests.helpers.strategies import resolved

PACKAGE = Path(lr_toolkit.__file__).parent
BASE = 0.3


def halves(i: int) -> float:
    """A function with a name, which a pickle can find."""
    return 0.5**i


# For each builder arguments that use all of its parameters. A new builder needs an entry, and an authority below.
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "clipped": [
        {"schedule": "linear()", "min": 0.25, "max": 0.75},
        {"schedule": "linear()", "min_lr": 0.04, "max_lr": 0.09, "over": "50%"},
    ],
    "cosine": [
        {},
        {"end": 0.1, "start": 0.9, "over": "50%"},
        {"end_lr": 1e-5, "start_lr": 2e-2},
        {"end": 10.0},
        {"power": 1.7, "k": 0.3},
        {"power": 0.5, "k": 2.5, "end": 0.1},
    ],
    "cosine_restarts": [
        {"times": 3, "end": 0.1, "gamma": 0.5},
        {"first": 12, "growth": 1.5},
        {"first": 20, "rest": "cut", "warmup": 5},
    ],
    "custom": [{"fn": halves}, {"fn": halves, "over": 9}],
    "exponential": [
        {"gamma": 0.9},
        {"gamma": 1.1, "every": "10%", "start": 0.5, "over": 40},
        {"gamma": 0.5, "start_lr": 1e-3},
    ],
    "exponential_to": [
        {"end": 0.01},
        {"ratio": 0.1, "start": 0.9, "over": "50%"},
        {"end_lr": 1e-5, "start_lr": 2e-2},
        {"ratio": 3.0, "end": 2.0},
    ],
    "flat_cosine": [{}, {"decay": 30, "end": 0.1}],
    "hold": [{}, {"over": "2 epochs"}, {"level": 0.3}, {"level_lr": 1e-5, "over": 30}],
    "hyperbolic": [
        {"limit": 500},
        {"limit": "100%", "end": 0.1, "start": 0.9, "over": "50%"},
        {"limit": "40.5 epochs", "end_lr": 1e-5, "start_lr": 2e-2},
    ],
    "infinite": [
        {"warmup": 5, "decay": "20%", "cooldown": 10},
        {"warmup": "5%", "decay": 10, "cooldown": "10%", "plateau": 0.5, "shape": "square", "end": 0.1},
    ],
    "inverse_sqrt": [
        {"timescale": 7},
        {"timescale": "5%", "start": 0.9, "over": "50%"},
        {"timescale": 3, "start_lr": 0.1},
    ],
    "inverse_time": [
        {"timescale": 7},
        {"timescale": "1.5 epochs", "power": 0.51, "rate": 0.3, "start": 0.9, "over": "50%"},
        {"timescale": "5%", "start_lr": 2e-2},
    ],
    "linear": [{}, {"end": 0.1, "start": 0.9, "over": "50%"}, {"end_lr": 1e-5, "start_lr": 2e-2}, {"end": 10.0}],
    "multistep": [
        {"at": [3, "30%"]},
        {"at": ["1 epoch", "2 epochs"], "gamma": 2.0, "start": 0.5, "over": "2.5 epochs"},
        {"at": ["50%"], "start_lr": 1e-3},
    ],
    "one_minus_sqrt": [{}, {"end": 0.1, "start": 0.9, "over": "50%"}, {"end_lr": 1e-5, "start_lr": 2e-2}],
    "one_cycle": [{}, {"up": "25%", "start": 0.1, "end": 0.01, "shape": "linear", "phases": 3}],
    "one_minus_square": [{}, {"end": 0.1, "start": 0.9, "over": "50%"}, {"end_lr": 1e-5, "start_lr": 2e-2}],
    "piecewise": [
        {"at": [3, "30%"], "levels": [1.0, 0.5, 2.0]},
        {"at": ["1 epoch", "2 epochs"], "levels": [0.1, 1.0, 0.0], "shape": "linear", "over": "2.5 epochs"},
        {"at": ["50%"], "levels_lr": [0.0, 1e-3], "shape": "cosine"},
    ],
    "polynomial": [
        {"power": 2.0},
        {"power": 1.5, "k": 0.3},
        {"power": 0.5, "end": 0.1, "start": 0.9, "over": "50%"},
        {"power": 3.0, "end_lr": 1e-5, "start_lr": 2e-2},
    ],
    "power_cool": [
        {},
        {"power": 2.0, "scale": 3.0, "beyond": 1.05, "start": 0.9, "over": "50%"},
        {"start_lr": 2e-2, "scale": 1.0},
    ],
    "power_law": [{"knee": 10}, {"knee": "5%", "power": 0.7}],
    "repeat": [
        {"schedule": "linear()", "times": 3, "gamma": 0.5, "floor": 0.1},
        {"schedule": "linear(over=10)", "times": 2, "growth": 1.5, "gamma": 0.7, "floor_lr": 0.01, "over": "50%"},
        {"schedule": "linear(over=9)", "growth": 2.0},
        {"schedule": "linear(over=12)", "rest": "cut", "gamma": 1.3},
        {"schedule": "linear(over='1 epoch')", "times": 2, "growth": 0.5},
        {"schedule": "linear(over='11%')", "over": "70%"},
    ],
    "rex": [{}, {"beta": 0.1, "end": 0.1, "start": 0.9, "over": "50%"}, {"end_lr": 1e-5, "start_lr": 2e-2}],
    "scaled": [
        {"schedule": "linear()", "by": 0.5, "floor": 0.1},
        {"schedule": "linear()", "by": 0.7, "floor_lr": 0.01, "over": 30},
        {"schedule": "linear()", "by": "linear(end=0.5)"},
        {"schedule": "linear()", "by": "linear(end=0.5, over=20)", "floor": 0.05},
    ],
    "slanted_triangular": [{}, {"up": 30, "ratio": 10.0}],
    "sqrt": [{}, {"end": 0.1, "start": 0.9, "over": "50%"}, {"end_lr": 1e-5, "start_lr": 2e-2}],
    "square": [{}, {"end": 0.1, "start": 0.9, "over": "50%"}, {"end_lr": 1e-5, "start_lr": 2e-2}],
    "stairs": [
        {"schedule": "linear()", "every": 7},
        {"schedule": "linear()", "every": "0.5 epochs", "over": "2.5 epochs"},
        {"schedule": "linear()", "every": "3.3%"},
    ],
    "tanh": [
        {},
        {"lower": -4.0, "upper": 5.0, "end": 0.1, "start": 0.9, "over": "50%"},
        {"end_lr": 1e-5, "start_lr": 2e-2},
    ],
    "triangular": [
        {"up": 12, "low": 0.1, "gamma": 0.5},
        {"up": 5, "down": 9, "low_lr": 0.01, "rest": "stretch", "over": "60%"},
    ],
    "step": [
        {"every": 7},
        {"every": "0.5 epochs", "gamma": 0.5, "start": 0.5, "over": "50%"},
        {"every": "7%", "start_lr": 1e-3},
    ],
    "warmup": [
        {"over": 7},
        {"over": "50%", "start": 0.1},
        {"over": "1.5 epochs", "start": 0.0},
        {"over": 7, "peak": "last"},
        {"over": 1, "peak": "last", "start": 0.5},
        {"over": 9, "shape": "constant", "start_lr": 0.01},
        {"over": 9, "shape": "cosine"},
        {"over": 9, "shape": "exponential"},
        {"over": 9, "shape": "log", "start": 0.1, "peak": "last"},
        {"over": 9, "shape": "quadratic", "start": 0.1, "peak": "last"},
    ],
    "wsd": [{"warmup": 5, "decay": "20%"}, {"warmup": "5%", "decay": 10, "shape": "linear", "end": 0.1}],
    "wsd_s": [
        {"warmup": 5, "decay": 10},
        {"warmup": "5%", "decay": 4, "times": 3, "growth": 2.0, "shape": "linear", "end": 0.1},
    ],
}


def by_reference(name: str, arguments: dict[str, Any], run: Run) -> list[float]:
    """The LRs by exact fractions and fifty digits, in which the conventions are written a second time."""
    return [float(Run([(name, arguments)], run.steps, run.lengths).lr(k, BASE)) for k in range(run.steps + 3)]


def by_phases(name: str, arguments: dict[str, Any], run: Run) -> list[float]:
    """The phases of a recipe by the reference."""
    phases = PHASES_OF[name](arguments)
    return [float(Run(phases, run.steps, run.lengths).lr(k, BASE)) for k in range(run.steps + 3)]


def custom_by_hand(name: str, arguments: dict[str, Any], run: Run) -> list[float]:
    """The function itself, and its last value."""
    length = arguments.get("over", run.steps)
    return [BASE * arguments["fn"](min(k, length - 1)) for k in range(run.steps + 3)]


AUTHORITIES: dict[str, Callable[[str, dict[str, Any], Run], list[float]]] = {
    **dict.fromkeys(EXAMPLES, by_reference),
    **dict.fromkeys(PHASES_OF, by_phases),
    **{name: by_formula(formula, BASE) for name, formula in NESTED.items()},
    "custom": custom_by_hand,
}
RECIPES = sorted(set(vars(recipes)) & set(BUILDERS))
# The builders of the package: doctests and other tests register more.
OURS = sorted(name for name, builder in BUILDERS.items() if getattr(lr_toolkit.schedules, name, None) is builder)


def examples(name: str) -> list[Schedule]:
    """The schedules of the table."""
    return [BUILDERS[name](**arguments) for arguments in EXAMPLES[name]]


# --- the registry -----------------------------------------------------------------------------------------------------


def test_every_builder_has_examples_and_an_authority() -> None:
    """A new builder fails here until it has an entry in both tables, whose examples use each of its parameters."""
    assert OURS == sorted(EXAMPLES) == sorted(AUTHORITIES)
    for name in OURS:
        parameters = set(BUILDERS[name].__wrapped__.__annotations__) - {"return"}
        assert parameters == {key for arguments in EXAMPLES[name] for key in arguments}


def test_every_shape_has_its_own_file_and_a_line_in_the_list() -> None:
    """A file in shapes/ registers the builder of its name, which is public by its line in the list alone."""
    files = sorted(path.stem for path in (PACKAGE / "schedules" / "shapes").glob("*.py") if path.stem != "__init__")

    assert files == sorted(set(OURS) - set(RECIPES))
    for name in files:
        assert getattr(shapes, name) is BUILDERS[name] is getattr(lr_toolkit, name)
        assert BUILDERS[name].__module__ == f"lr_toolkit.schedules.shapes.{name}"
        assert name in lr_toolkit.__all__


@pytest.mark.parametrize("name", OURS)
def test_a_builder_keeps_the_whole_contract(name: str) -> None:
    """Text, pickle, values, ends, edges, base values, units, equality and refusals, on several horizons."""
    check_builder(BUILDERS[name], *examples(name))


@pytest.mark.parametrize("lengths", [(), (10,), (40, 20, 37)])
@pytest.mark.parametrize("name", OURS)
def test_a_builder_has_the_values_of_an_authority(name: str, lengths: tuple[int, ...]) -> None:
    """Every update of each example is within 1e-12 of an independent computation, and so is the final value."""
    for arguments, schedule in zip(EXAMPLES[name], examples(name), strict=True):
        run = Run([], 97, lengths)
        if not lengths and any(duration.unit == "epochs" for duration in schedule.durations):
            continue
        timeline = schedule.resolve(Horizon(run.steps, lengths or None))
        expected = AUTHORITIES[name](name, arguments, run)

        assert timeline.values(range(run.steps + 3), base_lr=BASE) == pytest.approx(expected, rel=1e-12, abs=1e-300)
        assert timeline(10**9, base_lr=BASE) == pytest.approx(expected[-1], rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", OURS)
def test_a_history_is_the_same_only_if_the_values_are(name: str) -> None:
    """By brute force, on pairs of horizons, alone and behind another phase, around the first other value and between."""
    horizons = [Horizon(60, 10), Horizon(90, 10), Horizon(90, 15), Horizon(97, [40, 20, 37])]
    for before in (None, warmup(5), Schedule.parse("linear(end=0.5, over='10%')")):
        for schedule in examples(name):
            whole = schedule if before is None else before >> schedule
            timelines = [whole.resolve(horizon).relative_to(BASE) for horizon in horizons]
            for first, second in combinations(timelines, 2):
                ks = np.arange(60)
                same = np.isclose(first.factors(ks), second.factors(ks), rtol=1e-11, atol=0.0)
                turn = 60 if same.all() else int(same.argmin())
                untils = sorted(
                    {0, 1, 7, 20, 33, 59, 60, *(turn + offset for offset in (-1, 0, 1, 2) if 0 <= turn + offset <= 60)}
                )
                claims = [same_history(first, second, until) for until in untils]

                assert claims == [bool(same[:until].all()) for until in untils]


# --- proofs that the check can fail -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SlowRoot(Shape):
    """A shape as a newcomer writes it; ``trap`` is the mistake."""

    share: Duration = Duration("10%")  # noqa: RUF009  # immutable
    over: Duration | None = None
    trap: ClassVar[str] = ""

    def bind(self, context: PhaseContext) -> Curve:
        if context.level == 0.0:
            raise ScheduleError("slow_root(): begins at zero, so it would do nothing. Write hold().")
        return {"": SlowRootCurve, "equality": EqualSlowRootCurve}[self.trap](
            context.level, scale_of(self, context), context.length
        )


def scale_of(shape: SlowRoot, context: PhaseContext) -> int:
    """The updates after which the root has an effect, at least one."""
    return max(context.update_after(shape.share), 1)


@dataclass(frozen=True)
class SlowRootCurve(Curve):
    is_monotone = True
    level: float
    scale: int
    length: int = field(compare=False)

    def __call__(self, i: Any) -> Any:
        return self.level / np.sqrt(1 + i / self.scale)

    @property
    def end(self) -> float:
        return float(self(self.length))


@dataclass(frozen=True)
class EqualSlowRootCurve(SlowRootCurve):
    """It depends on more than it compares."""

    scale: int = field(compare=False)  # type: ignore[misc]  # that is the trap


@dataclass(frozen=True)
class Forgotten(SlowRoot):
    """A shape that no test registers."""


def build(share: Any = "10%", over: Any = None) -> Schedule:
    """The builder of ``SlowRoot``, which a test registers under a name."""
    return Schedule((SlowRoot(Duration(share), None if over is None else Duration(over)),))


def named(name: str, function: Callable[..., Schedule]) -> Callable[..., Schedule]:
    """``function`` under another name."""
    copied = type(function)(function.__code__, function.__globals__, name, function.__defaults__, function.__closure__)
    copied.__annotations__ = function.__annotations__
    return copied


@dataclass(frozen=True)
class Lengthless(Shape):
    """A shape without a length."""

    def bind(self, context: PhaseContext) -> Curve:
        """Never called."""
        raise NotImplementedError


def resumed(schedule: Schedule, before: int, after: int, update: int) -> list[float]:
    """The LRs in use before and after a resume on a run of another length."""
    lrs = []
    optimizers = [torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1) for _ in range(2)]
    first = ScheduledLR(optimizers[0], schedule, Horizon(before))
    first.step(update)
    lrs.append(optimizers[0].param_groups[0]["lr"])
    second = ScheduledLR(optimizers[1], schedule, Horizon(after))
    second.load_state_dict(first.state_dict())
    return [*lrs, optimizers[1].param_groups[0]["lr"]]


@pytest.mark.usefixtures("registry")
def test_a_shape_that_stays_at_zero_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a phase that ends at zero a factor of the level is zero for the rest of the run."""
    builder = register_shape(SlowRoot)(named("slow_root", build))
    monkeypatch.setattr(
        SlowRoot, "bind", lambda self, context: SlowRootCurve(context.level, scale_of(self, context), context.length)
    )
    with pytest.raises(AssertionError, match=r"slow_root\(\): stays at zero behind linear\(\), and is not refused"):
        check_builder(builder, builder())


@pytest.mark.usefixtures("registry")
def test_the_right_shape_passes() -> None:
    """Without a trap a newcomer's shape keeps the contract, in text and previews as ours."""
    builder = register_shape(SlowRoot)(named("slow_root", build))
    check_builder(builder, builder(), builder("5%", over="50%"))
    schedule = Schedule.parse("warmup(5) >> slow_root('20%')")

    assert repr(schedule) == "warmup(5) >> slow_root(share='20%')"
    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule
    assert "slow_root(share='20%')" in schedule.preview(Horizon(100), 0.1).text()
    assert schedule.resolve(Horizon(100))(25) == pytest.approx(1 / math.sqrt(2))


@pytest.mark.usefixtures("registry")
def test_trap_1_equal_curves_with_different_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A curve that is equal to another on a longer run and has other values fails the check, and no run resumes silently."""
    monkeypatch.setattr(SlowRoot, "trap", "equality")
    builder = register_shape(SlowRoot)(named("slow_root", build))
    shorter, longer = (builder().resolve(Horizon(steps)) for steps in (100, 400))

    assert shorter.resolved_phases[0].curve == longer.resolved_phases[0].curve
    with pytest.raises(AssertionError, match=r"slow_root\(\)\).*the curves .* are equal, and their values differ"):
        check_builder(builder, builder())
    assert not same_history(shorter, longer, 50)
    with pytest.raises(ScheduleError, match="The plan is not the one in the checkpoint"):
        resumed(builder(), 100, 400, 50)


@pytest.mark.usefixtures("registry")
def test_trap_1_a_scale_in_steps_that_is_no_duration() -> None:
    """A shape that counts steps without a duration fails by its units, on which a resume at another rate relies."""

    @dataclass(frozen=True)
    class Hidden(Shape):
        scale: int = 30
        over: Duration | None = None

        def bind(self, context: PhaseContext) -> Curve:
            return SlowRootCurve(context.level, self.scale, context.length)

    @register_shape(Hidden)
    def hidden(scale: int = 30, over: Any = None) -> Schedule:
        return Schedule((Hidden(scale, None if over is None else Duration(over)),))

    with pytest.raises(AssertionError, match=r"hidden\(\): depends on the number of steps, and its units are \[\]"):
        check_builder(hidden, hidden())


@dataclass(frozen=True)
class Restarts(Shape):
    """Three falls in a row."""

    over: Duration | None = None

    def bind(self, context: PhaseContext) -> Curve:
        return RestartsCurve(context.length)


@dataclass(frozen=True)
class RestartsCurve(Curve):
    """It does not declare the updates at which it rises again."""

    length: int

    def __call__(self, i: Any) -> Any:
        return 1.0 - (3 * i % self.length) / self.length

    @property
    def end(self) -> float:
        return 0.0


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("steps", [90, 3 * 63, 10**6])
def test_trap_2_a_shape_that_rises_and_does_not_declare_it(steps: int) -> None:
    """Without a declaration the curve is evaluated, so ``on_change="continue"`` refuses it: the trap does not exist."""
    restarts = register_shape(Restarts)(
        named("restarts", lambda over=None: Schedule((Restarts(over and Duration(over)),)))
    )
    check_builder(restarts, restarts())

    with pytest.raises(ScheduleError, match=r"restarts\(\) still climbs there"):
        continued(restarts().resolve(Horizon(steps)), steps // 10, 0.05, 0.1)


@pytest.mark.usefixtures("registry")
def test_trap_2_a_shape_that_declares_what_it_does_not_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A false declaration fails the check, and a right one passes."""
    restarts = register_shape(Restarts)(
        named("restarts", lambda over=None: Schedule((Restarts(over and Duration(over)),)))
    )
    monkeypatch.setattr(RestartsCurve, "is_monotone", True)
    with pytest.raises(AssertionError, match=r"restarts\(\).*turns between updates 0 and 8 of its phase"):
        check_builder(restarts, restarts())

    turns = property(lambda curve: tuple(-(-curve.length * turn // 3) for turn in (1, 2)))
    monkeypatch.setattr(RestartsCurve, "edges", turns)
    check_builder(restarts, restarts())
    with pytest.raises(ScheduleError, match=r"restarts\(\) still climbs there"):
        continued(restarts().resolve(Horizon(10**6)), 10**5, 0.05, 0.1)


@pytest.mark.usefixtures("registry")
def test_trap_3_a_forgotten_registration() -> None:
    """A shape that nobody registered fails the check. It runs and pickles, has a readable repr, and claims no text."""

    def forgotten(share: str) -> Schedule:
        return Schedule((Forgotten(Duration(share)),))

    with pytest.raises(AssertionError, match="forgotten is not registered: decorate it with @register_shape"):
        check_builder(forgotten, forgotten("10%"))
    schedule = warmup(5) >> forgotten("20%")

    assert repr(schedule) == "warmup(5) >> Forgotten(share='20%')"
    assert not schedule.has_text
    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule
    assert schedule.resolve(Horizon(100))(25) == pytest.approx(1 / math.sqrt(2))
    with pytest.raises(ScheduleError, match=r"cannot read 'Forgotten'.*The builders are"):
        Schedule.parse(repr(schedule))


@pytest.mark.usefixtures("registry")
def test_trap_3_fields_that_are_named_otherwise() -> None:
    """A builder whose arguments differ from the fields of its shape would print a text that nobody can read."""
    builder = register_shape(SlowRoot)(named("slow_root", lambda timescale="10%": build(timescale)))
    with pytest.raises(AssertionError, match=r"slow_root\(share='5%'\): Schedule.parse of this text does not give"):
        check_builder(builder, builder("5%"))
    assert not builder("5%").has_text
    assert pickle.loads(pickle.dumps(builder("5%"))) == builder("5%")


@dataclass(frozen=True)
class Halved(Shape):
    """A constant level, with two arguments."""

    gamma: float = 0.5
    kind: str = field(default="x", kw_only=True)
    every: Duration = field(default=Duration("10%"), kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)
    moves: ClassVar[bool] = False

    def bind(self, context: PhaseContext) -> Curve:
        return lr_toolkit.hold(level=self.gamma).phases[0].bind(context)


def halved(gamma: Any, kind: str, every: Any, over: Any) -> Schedule:
    """A builder that takes these four, whose defaults are its own."""
    length = None if over is None else Duration.of(over, "halved")
    return Schedule((Halved(gamma, kind=kind, every=Duration.of(every, "halved"), over=length),))


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("builder", "fact"),
    [
        (lambda gamma=0.5, kind="x", every="10%", over=None: halved(gamma, kind, every, over), ""),
        (lambda gamma=0.1, kind="x", every="10%", over=None: halved(gamma, kind, every, over), "gamma"),
        (lambda gamma=0.5, kind="y", every="10%", over=None: halved(gamma, kind, every, over), "kind"),
        (lambda gamma=0.5, kind="x", every="20%", over=None: halved(gamma, kind, every, over), "every"),
        (lambda gamma=0.5, kind="x", every="10%", over=50: halved(gamma, kind, every, over), "over"),
        (lambda gamma, kind="x", every="10%", over=None: halved(gamma, kind, every, over), "gamma"),
    ],
)
def test_trap_4_a_default_that_is_not_the_one_of_the_field(builder: Callable[..., Schedule], fact: str) -> None:
    """Text leaves out an argument that has the default of the field, and the builder would fill in another one."""
    build = register_shape(Halved)(named("halved", builder))
    if not fact:
        check_builder(build, build())
        return
    with pytest.raises(AssertionError, match=rf"halved\(.*\): without {fact}= .* default of the field"):
        check_builder(build, build(0.3))


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("levels", [[1.0, 0.5], {"a": 1.0}, (1.0, [0.5])])
def test_trap_5_a_field_that_has_no_hash(levels: Any) -> None:
    """A list in a shape can be changed, and has no hash: a fact of the contract, with the field that breaks it."""

    @dataclass(frozen=True)
    class Listed(Shape):
        levels: Any
        over: Duration | None = None

        def bind(self, context: PhaseContext) -> Curve:
            return lr_toolkit.hold().phases[0].bind(context)

    builder = register_shape(Listed)(named("listed", lambda levels, over=None: Schedule((Listed(levels, over),))))
    with pytest.raises(
        AssertionError, match=r"listed\(.*\): its field levels has no hash, .* a tuple in place of a list"
    ):
        check_builder(builder, builder(levels))


def broken(trap: str) -> tuple[type[Shape], Callable[..., Schedule]]:
    """A shape with another mistake, and its builder."""

    @dataclass(frozen=trap != "mutable", eq=trap != "identity")
    class BrokenCurve(Curve):
        length: int
        horizon: Horizon

        def __call__(self, i: Any) -> Any:
            if trap == "array" and isinstance(i, np.ndarray):
                return 1.0 - (i + 1) / self.length
            if trap == "epochs":
                return (
                    1.0 / (self.horizon.steps_per_epoch or 1) + 0.0 * i
                    if isinstance(self.horizon.steps_per_epoch, int)
                    else 0.5 + 0.0 * i
                )
            return {"negative": -0.5 + 0.0 * i, "infinite": math.inf + 0.0 * i, "list": [0.5]}.get(
                trap, 1.0 - i / self.length
            )

        @property
        def end(self) -> float:
            return math.nan if trap == "end" else 0.0

        @property
        def edges(self) -> tuple[int, ...]:
            return (5, 3) if trap == "edges" else ()

    @dataclass(frozen=trap != "mutable", unsafe_hash=trap != "mutable")
    class Broken(Shape):
        over: Duration | None = None
        moves: ClassVar[bool] = trap != "moves"
        absolute: ClassVar[tuple[float, ...]] = (1e-3,) if trap == "absolute" else ()

        def bind(self, context: PhaseContext) -> Curve:
            return BrokenCurve(context.length, context.horizon)

        @property
        def absolute_levels(self) -> tuple[float, ...]:
            return self.absolute

    def broken(over: Any = None) -> Schedule:
        return Schedule((Broken(over if over is None or trap == "refusal" else Duration.of(over, "broken")),))

    return Broken, broken


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("trap", "fact"),
    [
        ("", ""),
        ("mutable", "can be changed"),
        ("identity", "differs from itself, made again"),
        ("array", "alone and in an array differ"),
        ("epochs", "depends on the length of an epoch"),
        ("negative", "is below zero"),
        ("infinite", "is not finite"),
        ("end", "is not finite"),
        ("edges", "not in rising order"),
        ("moves", "declares moves = False, and moves"),
        ("absolute", "leaves the absolute levels"),
        ("refusal", "over=0.5, is not refused"),
    ],
)
def test_each_fact_of_the_contract_can_fail(trap: str, fact: str) -> None:
    """A shape with a mistake fails with the fact that does not hold, and the same shape without it passes."""
    shape, function = broken(trap)
    builder = register_shape(shape)(function)
    if not trap:
        check_builder(builder, builder(), builder("50%"))
        return
    with pytest.raises(AssertionError, match=fact):
        check_builder(builder, builder())


@pytest.mark.usefixtures("registry")
def test_a_shape_that_checks_no_levels_is_reported() -> None:
    """A __post_init__ that does not call that of its base lets a level below zero through."""

    @dataclass(frozen=True)
    class Unchecked(Decay):
        def __post_init__(self) -> None:
            pass

        def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
            return Linear.curve(self, first, last, context)  # type: ignore[arg-type]

    def unchecked(end: float = 0.0, **levels: Any) -> Schedule:
        return Schedule((Unchecked(end=end, **levels),))

    builder = register_shape(Unchecked)(unchecked)
    with pytest.raises(
        AssertionError, match=r"end=-1\.0 is not refused; end its __post_init__ with that of the base class"
    ):
        check_builder(builder, builder())


def test_a_check_without_examples_is_no_check() -> None:
    """Nothing, and an example that fits no run, are refused."""
    with pytest.raises(AssertionError, match=r"pass examples: check_builder\(hold, hold\(...\)\)"):
        check_builder(BUILDERS["hold"])
    with pytest.raises(AssertionError, match="use an example that fits runs of 60 to 400 updates"):
        check_builder(BUILDERS["hold"], "hold(10000)")


# --- builders of a user -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("registry")
def test_a_function_of_the_users() -> None:
    """Registered, a function with a length and arguments is a builder with text, pickle and previews."""

    @register_function
    def rows(i: int, n: int, *, times: int = 4, base: float = 0.5, kind: str | None = None) -> float:
        """Halve the level so many times."""
        return base ** (times * i // n)

    check_builder(rows, rows(), rows(times=3, base=0.9, kind="x", over="50%"))
    schedule = warmup("10%") >> rows(times=2)

    assert repr(schedule) == "warmup('10%') >> rows(times=2)"
    assert Schedule.parse(repr(schedule)) == pickle.loads(pickle.dumps(schedule)) == schedule
    assert "rows(times=2)" in schedule.preview(Horizon(100)).text()
    assert schedule.resolve(Horizon(100))(60) == 0.5
    assert rows.__doc__ == "Halve the level so many times."
    with pytest.raises(ScheduleError, match=r"Its arguments are rows\(\*, times, base, kind, over\)"):
        Schedule.parse("rows(time=3)")
    with pytest.raises(ScheduleError, match=r"rows\(times=\[3\]\): must be a number, a string or None"):
        Schedule.parse("rows(times=[3])")


@pytest.mark.usefixtures("registry")
def test_a_shape_of_a_function_pickles_by_its_name() -> None:
    """A phase without its schedule, too."""

    @register_function
    def falling(i: int) -> float:
        return 0.9**i

    shape = falling(over=5).phases[0]

    assert pickle.loads(pickle.dumps(shape)) == copy.deepcopy(shape) == shape


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("function", "part"),
    [
        (lambda i: 1.0, "text calls a builder by its name, and this has none"),
        (lambda: 1.0, "must take the step"),
        (lambda i, n, m: 1.0, "must take the step"),
        (lambda *i: 1.0, "must take the step"),
        (lambda i, *, scale: 1.0, "keyword-only arguments with defaults"),
        (lambda i, *, over=3: 1.0, "'over' cannot be an argument"),
        (lambda i, *, name="x": 1.0, "'name' cannot be an argument"),
    ],
)
def test_a_function_that_is_no_builder_is_refused(function: Any, part: str) -> None:
    """Its arguments and its name have to fit a text."""
    with pytest.raises(ScheduleError, match=part):
        register_function(function)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("default", "instead"),
    [
        (True, "1"),
        ([1, 2], "None"),
        ((0.5,), "None"),
        (b"x", "None"),
        (np.float64(0.5), "0.5"),
        (Duration("5%"), "None"),
    ],
)
def test_a_default_that_no_text_carries_is_refused(default: Any, instead: str) -> None:
    """The builder could not be called without the argument; the function of the message's line is registered, and can be."""

    def decayed(i, n, *, gamma=0.5, option=default, kind="x"):  # type: ignore[no-untyped-def]  # as a user writes it
        return gamma

    with pytest.raises(
        ScheduleError, match=r"register_function\(decayed\): option=.* a number, a string or None"
    ) as refused:
        register_function(decayed)
    line = f"def decayed(i, n, *, gamma=0.5, option={instead}, kind='x')"
    assert str(refused.value).endswith(f" Write {line}.")

    written: dict[str, Any] = {"__name__": __name__}
    exec(f"{line}: return gamma", written)
    builder = register_function(written["decayed"])
    check_builder(builder, builder())


@pytest.mark.usefixtures("registry")
def test_a_name_is_registered_once() -> None:
    """Another builder of a known name is refused; the same one, which a module or a notebook cell defines again, replaces it."""

    def define(share: str) -> Callable[..., Schedule]:
        @register_builder
        def cooldown() -> Schedule:
            return Schedule.parse(f"hold() >> linear(over='{share}')")

        return cooldown

    define("10%")
    define("20%")

    assert repr(Schedule.parse("cooldown()")) == "hold() >> linear(over='20%')"
    with pytest.raises(
        ScheduleError, match=r"there is a builder 'cosine' already, in lr_toolkit\.schedules\.shapes\.cosine"
    ):
        register_builder(named("cosine", build))


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (3, r"register_shape\(3\): takes the class of the shape\. Write @register_shape\(MyShape\)"),
        (build, r"register_shape\(build\): takes the class of the shape\. Write @register_shape\(MyShape\)"),
        (Shape, r"register_shape\(Shape\): is no dataclass with a length\. Write @dataclass\(frozen=True\)"),
        (Lengthless, r"register_shape\(Lengthless\): is no dataclass with a length\. .* over: Duration \| None = None"),
        (Linear, r"register_shape\(Linear\): is the shape of linear already, .* Write another class for slow_root"),
    ],
)
def test_what_is_no_shape_of_its_own_is_not_registered(shape: Any, message: str) -> None:
    """The builder is not known then, and the shape of another builder keeps its name."""
    with pytest.raises(ScheduleError, match=message):
        register_shape(shape)(named("slow_root", build))

    assert "slow_root" not in BUILDERS
    assert repr(lr_toolkit.linear()) == "linear()"


@pytest.mark.usefixtures("registry")
def test_a_builder_that_returns_no_schedule_is_refused() -> None:
    """The text of a schedule is not yet one; called in code and in text."""
    recipe = register_builder(named("recipe", lambda: "cosine()"))
    for call in (recipe, lambda: Schedule.parse("warmup(2) >> recipe()")):
        with pytest.raises(
            ScheduleError, match=r"returned 'cosine\(\)'.* Write return Schedule\.parse\('cosine\(\)'\)"
        ):
            call()

    fixed = register_builder(named("recipe", lambda: Schedule.parse("cosine()")))  # as the message has it
    assert repr(fixed()) == repr(Schedule.parse("recipe()")) == "cosine()"


@pytest.mark.usefixtures("registry")
def test_a_recipe_of_the_users_keeps_the_contract() -> None:
    """A recipe has the text of its composition, and passes the check."""

    @register_builder
    def plateau_and_fall(over: Any = "20%", *, end: float = 0.0) -> Schedule:
        """Hold, then fall."""
        return Schedule.parse("hold()") >> lr_toolkit.linear(end=end, over=over)

    check_builder(plateau_and_fall, plateau_and_fall(), plateau_and_fall("30%", end=0.1))


# --- outside of schedules/ ----------------------------------------------------------------------------------------------


def questions_about_shapes(source: str) -> list[str]:
    """Imports of shapes, and tests of the type, the name or an attribute of a shape."""
    found = []
    modules = ("shapes", "levels", "geometric", "functions", "registered_function")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(
            tuple(f"lr_toolkit.schedules.{module}" for module in modules)
        ):
            found += [alias.name for alias in node.names if not alias.name.islower()]
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            is_name = any(isinstance(side, ast.Attribute) and side.attr == "name" for side in sides)
            texts = {part.value for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)}
            found += [ast.unparse(node)] if is_name and texts & set(EXAMPLES) else []
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("isinstance", "hasattr", "getattr", "type")
        ):
            argument = ast.unparse(node.args[0]) if node.args else ""
            found += (
                [ast.unparse(node)] if argument.endswith((".shape", ".curve")) or argument in ("shape", "curve") else []
            )
    return found


# testing.py checks the contract itself.
FILES = sorted(
    {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if "schedules" not in path.parts} - {"testing.py"}
)


@pytest.mark.parametrize("file", FILES)
def test_no_shape_is_asked_for_its_type(file: str) -> None:
    """Outside of schedules/ the contract answers every question: no isinstance, name or attribute test on a shape."""
    assert questions_about_shapes((PACKAGE / file).read_text("utf-8")) == []


def test_the_search_for_questions_can_find_them() -> None:
    """Each kind of question of version 1 is found, and the contract is not."""
    source = """
from lr_toolkit.schedules.shapes.warmup import Warmup
from lr_toolkit.schedules.shapes import cosine
isinstance(phase.shape, Warmup)
getattr(phase.shape, "end_lr", None)
phase.shape.name == "step"
phase.name in ("warmup", "hold")
phase.shape.warms_up and phase.shape.units <= {"steps"}
group.name == "head"
"""
    assert sorted(questions_about_shapes(source)) == [
        "Warmup",
        "getattr(phase.shape, 'end_lr', None)",
        "isinstance(phase.shape, Warmup)",
        "phase.name in ('warmup', 'hold')",
        "phase.shape.name == 'step'",
    ]


def test_the_reference_runs_every_shape() -> None:
    """The helper that builds ours from plain data and the tables here agree."""
    assert resolved(Run([("cosine", {})], 10))(5) == pytest.approx(0.5)
