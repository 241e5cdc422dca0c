"""The shapes of a ramp: their formulas to the last digits, and the arguments that are refused."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_toolkit import Horizon, LRWarmup, ScheduleError
from lr_toolkit.schedules.ramps import SHAPES, UNTUNED, ramp, untuned_ramp

BETAS = ["0.7", "0.9", "0.95", "0.98", "0.99", "0.999", "0.9999", "0.999999"]
UPDATES = [0, 1, 2, 10, 99, 1000, 1999, 20_000, 300_000]


def exact_radam(t: int, beta2: str) -> Any:
    """The rectification at update t, with 60 digits; None if the variance is not tractable."""
    beta = mpmath.mpf(beta2)
    limit = 2 / (1 - beta) - 1
    rho = limit - 2 * t * beta**t / (1 - beta**t)
    if rho <= 4:
        return None
    return mpmath.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))


@pytest.mark.parametrize("beta2", BETAS)
def test_untuned_shapes_are_their_formulas_with_60_digits(beta2: str) -> None:
    """The untuned ramps agree with 60-digit arithmetic on the decimal that ``repr`` shows of beta2."""
    with mpmath.workdps(60):
        rest = 1 - mpmath.mpf(beta2)
        first = next(t for t in range(1, 99) if exact_radam(t, beta2) is not None)
        for k in UPDATES:
            exact = {
                "untuned_linear": min(mpmath.mpf(1), (k + 1) * rest / 2),
                "untuned_exponential": -mpmath.expm1(-(k + 1) * rest),
                "radam": exact_radam(k + first, beta2),
            }
            for shape, value in exact.items():
                assert untuned_ramp(shape, float(beta2))(k) == pytest.approx(float(value), rel=1e-15), (shape, k)


@pytest.mark.parametrize(("beta2", "period"), [(0.999, 2000), (0.99, 200), (0.95, 40), (0.9, 20)])
def test_untuned_linear_has_the_whole_period(beta2: float, period: int) -> None:
    """Update 2 / (1 - beta2) is the first at 1; truncated arithmetic ends one update earlier."""
    climb = untuned_ramp("untuned_linear", beta2)

    assert climb(period - 2) == (period - 1) / period
    assert climb(period - 1) == 1.0


def test_radam_agrees_with_pytorch_warmup() -> None:
    """The values that pytorch_warmup 0.2.0 gives for beta2 = 0.999, within its rounding."""
    theirs = [0.017311503166315034, 0.02582111280185855, 0.0690313372730536, 0.22088568475181272, 0.6466392616577122,
              0.9997743235288891]  # fmt: skip

    ours = [untuned_ramp("radam", 0.999)(k) for k in (0, 1, 10, 100, 1000, 10_000)]

    assert ours == pytest.approx(theirs, rel=1e-9)


def test_shapes_of_given_length() -> None:
    """Three updates of each shape have the values in the docstring's table."""
    with mpmath.workdps(30):
        sines = [float(mpmath.sin(mpmath.pi * k / 8) ** 2) for k in (1, 2, 3)]
    expected: list[tuple[str, float | None, list[float]]] = [
        ("linear", None, [0.25, 0.5, 0.75, 1.0, 1.0]),
        ("linear", 0.0, [0.0, 1 / 3, 2 / 3, 1.0, 1.0]),
        ("linear", 0.4, [0.4, 0.6, 0.8, 1.0, 1.0]),
        ("cosine", None, [*sines, 1.0, 1.0]),
        ("cosine", 0.2, [0.2, 0.4, 0.8, 1.0, 1.0]),
        ("constant", 0.3, [0.3, 0.3, 0.3, 1.0, 1.0]),
        ("exponential", None, [float(1 - mpmath.exp(-mpmath.mpf(k) / 3)) for k in range(1, 6)]),
    ]
    for shape, start, factors in expected:
        assert [ramp(shape, 3, start)(k) for k in range(5)] == pytest.approx(factors, rel=1e-15), shape


@given(st.sampled_from(sorted(SHAPES)), st.integers(0, 500), st.one_of(st.none(), st.floats(0, 1)), st.integers(0, 600))
def test_no_ramp_ever_falls_or_leaves_0_to_1(shape: str, length: int, start: float | None, k: int) -> None:
    """A factor stays within 0 and 1, never falls, and is 1 from the end of the ramp on."""
    climb = ramp(shape, length, start)

    assert 0.0 <= climb(k) <= climb(k + 1) + 1e-15 <= 1.0 + 1e-15
    if shape != "exponential" or length == 0:
        assert climb(length) == 1.0


def test_every_untuned_shape_ends() -> None:
    """Each untuned ramp becomes exactly 1, so that it can be removed."""
    for shape in UNTUNED:
        assert untuned_ramp(shape, 0.99)(10**4) == 1.0


REFUSED: dict[str, tuple[Any, str]] = {
    "a bare float": (lambda: LRWarmup(0.05), "over='5%'"),  # type: ignore[arg-type]
    "no length": (LRWarmup, "how long"),
    "an unknown shape": (lambda: LRWarmup(5, shape="cubic"), "'linear', 'exponential', 'cosine'"),
    "an unknown interval": (lambda: LRWarmup(5, interval="batch"), "interval='step'"),  # type: ignore[arg-type]
    "a start above 1": (lambda: LRWarmup(5, start=1.5), "from 0 to 1"),
    "a start below 0": (lambda: LRWarmup(5, start=-0.1), "from 0 to 1"),
    "a start that is none": (lambda: LRWarmup(5, start="0.1"), "from 0 to 1"),  # type: ignore[arg-type]
    "constant without a level": (lambda: LRWarmup(5, shape="constant"), r"LRWarmup\(5, 0.1, 'constant'\)"),
    "a start of an exponential": (lambda: LRWarmup(5, 0.1, "exponential"), "follows from the length"),
    "a length of an untuned shape": (lambda: LRWarmup(5, shape="radam"), r"Write LRWarmup\(shape='radam'\)"),
    "an untuned shape per epoch": (lambda: LRWarmup(shape="radam", interval="epoch"), "in updates"),
    "updates per epoch": (lambda: LRWarmup(5, interval="epoch"), "'5 epochs'"),
    "a horizon in another unit": (
        lambda: LRWarmup(5, horizon=Horizon(9, unit="epoch")),
        r"Horizon\(steps=9 \* 100, steps_per_epoch=100\)",
    ),
    "a float as horizon": (lambda: LRWarmup(5, horizon=100.0), r"horizon=100.*Horizon\(steps=10_000\)"),  # type: ignore[arg-type]
    "one group, no list": (lambda: LRWarmup(5, groups=0), r"groups=\[0\]"),  # type: ignore[arg-type]
    "no group at all": (lambda: LRWarmup(5, groups=[]), r"indices or names.*groups=\[0, 'head'\]"),
    "a name for an optimizer": (lambda: LRWarmup(5, optimizers=["a"]), r"optimizers=\[0\]"),  # type: ignore[list-item]
    "transformers' steps": (
        lambda: LRWarmup(num_warmup_steps=5),
        r"num_warmup_steps is called over here. Write LRWarmup\(5\)",
    ),  # type: ignore[call-arg]
    "another name of the steps": (
        lambda: LRWarmup(warmup_steps="5%", shape="cosine"),
        r"Write LRWarmup\('5%', shape='cosine'\)",
    ),  # type: ignore[call-arg]
    "a ratio": (lambda: LRWarmup(warmup_ratio=0.05), r"Write LRWarmup\('5%'\)"),  # type: ignore[call-arg]
    "epochs": (lambda: LRWarmup(warmup_epochs=2), r"Write LRWarmup\('2 epochs'\)"),  # type: ignore[call-arg]
    "torch's factor": (
        lambda: LRWarmup(5, start_factor=0.1),
        r"start_factor is called start here. Write LRWarmup\(5, start=0.1\)",
    ),  # type: ignore[call-arg]
    "two names": (
        lambda: LRWarmup(total_iters=5, start_factor=0.1),
        r"total_iters is called over, start_factor is called start",
    ),  # type: ignore[call-arg]
    "a name that nobody has": (
        lambda: LRWarmup(5, speed=2),
        r"LRWarmup\(5, speed=2\).*'speed'.*Its arguments are over, start",
    ),  # type: ignore[call-arg]
    "the length twice": (lambda: LRWarmup(5, warmup_steps=5), r"LRWarmup\(5, warmup_steps=5\)"),  # type: ignore[call-arg]
    "too many by place": (lambda: LRWarmup(5, 0.1, "linear", "step", [0]), "optimizers on they are given by name"),  # type: ignore[misc]
    "a beta2 too small for radam": (lambda: untuned_ramp("radam", 0.6), "above 0.6"),
    "a beta2 of 1": (lambda: untuned_ramp("untuned_linear", 1.0), "between 0 and 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_arguments_are_refused(case: str) -> None:
    """Each message shows what was given and the call to write."""
    make, message = REFUSED[case]

    with pytest.raises(ScheduleError, match=message):
        make()


def test_repr_is_the_call() -> None:
    """The printed call can be pasted."""
    for text in (
        "LRWarmup(500)",
        "LRWarmup('5%', start=0.1)",
        "LRWarmup('2 epochs', interval='epoch', groups=(0, 'head'))",
    ):
        assert repr(eval(text, {"LRWarmup": LRWarmup})) == text
