"""A base LR for another batch size or schedule: closed forms in exact arithmetic, published numbers, the text, refusals."""

from __future__ import annotations

import copy
import math
import pickle
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from lr_toolkit import (
    Horizon,
    Schedule,
    ScheduleError,
    TransferredLR,
    cosine,
    custom,
    hold,
    linear,
    transfer,
    warmup,
)
from lr_toolkit.schedules.convex_bound import best_base_lr

# --- the batch size -----------------------------------------------------------------------------------------------------

BATCHES = st.integers(1, 10**6)


@given(st.floats(1e-9, 1e3), BATCHES, BATCHES)
def test_sgd_scales_linearly(lr: float, old: int, new: int) -> None:
    """lr * new / old, and no betas."""
    result = transfer(lr, batch=(old, new), optimizer="sgd")

    assert result.lr == pytest.approx(float(Fraction(lr) * new / old), rel=1e-15)
    assert result.betas is None


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "nadam", "radam", "rmsprop", "AdamW"])
@given(lr=st.floats(1e-9, 1e3), old=BATCHES, new=BATCHES)
def test_adam_scales_with_the_square_root(optimizer: str, lr: float, old: int, new: int) -> None:
    """lr * sqrt(new / old)."""
    with mp.workdps(50):
        expected = float(mpf(lr) * mp.sqrt(mpf(new) / old))

    assert transfer(lr, batch=(old, new), optimizer=optimizer).lr == pytest.approx(expected, rel=1e-14)


@given(old=BATCHES, new=BATCHES, beta2=st.floats(0.5, 0.99999))
def test_beta2_keeps_its_half_life_in_samples(old: int, new: int, beta2: float) -> None:
    """log(1/2) / log(beta2) * batch is the same before and after; beta1 stays."""
    result = transfer(1e-3, batch=(old, new), optimizer="adam", betas=(0.8, beta2))
    assert result.betas is not None
    with mp.workdps(50):
        assert result.betas == (0.8, pytest.approx(float(mpf(beta2) ** (mpf(new) / old)), rel=1e-9, abs=1e-300))
    if 0.01 < result.betas[1] < 1 - 1e-9:
        before, after = (
            math.log(0.5) / math.log(value) * size for value, size in ((beta2, old), (result.betas[1], new))
        )
        assert after == pytest.approx(before, rel=1e-5)


def test_published_numbers() -> None:
    """ResNet-50 at batch 8192 has 32 times the LR of batch 256 (Goyal et al.); torch's betas are the default."""
    assert transfer(0.1, batch=(256, 8192), optimizer="sgd").lr == pytest.approx(3.2)
    assert transfer(1e-3, batch=(64, 64), optimizer="adam").betas == (0.9, 0.999)


# --- the schedule -------------------------------------------------------------------------------------------------------


def test_a_schedule_changes_the_lr_by_the_ratio() -> None:
    """The factor is the ratio of the best base LRs on the same run; both changes together multiply."""
    horizon = Horizon(400)
    ratio = best_base_lr(linear().resolve(horizon)) / best_base_lr(cosine(end=0.1).resolve(horizon))
    pair = ("cosine(end=0.1)", linear())

    assert transfer(1e-3, schedule=pair, horizon=horizon).lr == pytest.approx(1e-3 * ratio, rel=1e-14)
    both = transfer(1e-3, batch=(1, 4), optimizer="adam", schedule=pair, horizon=horizon)
    assert both.lr == pytest.approx(2e-3 * ratio, rel=1e-14)
    assert [factor.value for factor in both.factors] == [2.0, pytest.approx(ratio, rel=1e-14)]


def test_there_and_back_is_the_same_lr() -> None:
    """A transfer and its reverse cancel."""
    there = transfer(1e-3, batch=(256, 1024), optimizer="adam", schedule=("cosine()", "hold()"))
    back = transfer(there.lr, batch=(1024, 256), optimizer="adam", betas=there.betas, schedule=("hold()", "cosine()"))

    assert back.lr == pytest.approx(1e-3, rel=1e-14)
    assert back.betas == (0.9, pytest.approx(0.999, rel=1e-12))


@pytest.mark.parametrize("schedule", [linear(), cosine(), hold() >> linear(over="20%"), hold()])
def test_the_length_of_the_run_changes_little(schedule: Schedule) -> None:
    """A run 100 times as long changes the factor from a cosine to 10 % by about a tenth, as documented."""
    pair = (cosine(end=0.1), schedule)
    short, long = (transfer(1.0, schedule=pair, horizon=Horizon(steps)).lr for steps in (1000, 100_000))

    assert long == pytest.approx(short, rel=0.13)


# --- the value ----------------------------------------------------------------------------------------------------------

RESULT = transfer(3e-4, batch=(256, 1024), optimizer="adamw", schedule=("cosine()", "hold()"))


def test_it_prints_its_arithmetic() -> None:
    """The first line is the product; each factor has its formula, its source, and where it is contested."""
    lines = str(RESULT).splitlines()

    assert lines[0] == f"lr = 0.0003 * 2 * {RESULT.factors[1].value:.6g} = {RESULT.lr:.6g}"
    assert lines[1] == "batch size with adamw: sqrt(1024 / 256) = 2"
    assert re.match(r"schedule cosine\(\) -> hold\(\): 0\.\d+ / 0\.\d+ over 1000 updates = 0\.", lines[4])
    assert sum("https://arxiv.org/abs/" in line for line in lines) >= 3
    assert [line.split(":")[0] for line in lines].count("  contested") == 3
    assert eval(lines[0].split("=")[1]) == pytest.approx(RESULT.lr, rel=1e-5)


def test_it_is_a_value_that_converts_to_a_float() -> None:
    """It compares, hashes and pickles by value, cannot be changed, and ``float`` gives the LR."""
    assert float(RESULT) == RESULT.lr == np.float64(RESULT)
    assert pickle.loads(pickle.dumps(RESULT)) == RESULT == copy.deepcopy(RESULT)
    assert len({RESULT, transfer(3e-4, batch=(256, 1024), optimizer="adamw", schedule=("cosine()", "hold()"))}) == 1
    assert isinstance(RESULT, TransferredLR)
    with pytest.raises(AttributeError, match="immutable"):
        RESULT.start = 1.0


# --- refusals -----------------------------------------------------------------------------------------------------------

PAIR = (256, 1024)

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing changes": (lambda: transfer(1e-3), "nothing changes.*Write transfer"),
    "an lr of 0": (lambda: transfer(0, batch=PAIR, optimizer="sgd"), "lr=0.*above 0"),
    "an lr that is text": (lambda: transfer("1e-3", batch=PAIR, optimizer="sgd"), "lr='1e-3'"),
    "an infinite lr": (lambda: transfer(math.inf, batch=PAIR, optimizer="sgd"), "lr=inf"),
    "no optimizer": (lambda: transfer(1e-3, batch=PAIR), "depends on the optimizer.*optimizer='adamw'"),
    "an optimizer without a rule": (lambda: transfer(1e-3, batch=PAIR, optimizer="lion"), "rules for 'adam'.*'sgd' alone"),
    "a slip in the optimizer": (lambda: transfer(1e-3, batch=PAIR, optimizer="adammw"), "Write optimizer='adamw'"),
    "a class": (lambda: transfer(1e-3, batch=PAIR, optimizer=dict), "optimizer=<class 'dict'>.*Write optimizer="),
    "one batch size": (lambda: transfer(1e-3, batch=256, optimizer="sgd"), r"must be a pair.*Write batch=\(256, 1024\)"),
    "three batch sizes": (lambda: transfer(1e-3, batch=(1, 2, 3), optimizer="sgd"), "must be a pair"),
    "a batch size of 0": (lambda: transfer(1e-3, batch=(0, 2), optimizer="sgd"), "whole number from 1"),
    "half a batch": (lambda: transfer(1e-3, batch=(1.5, 2), optimizer="sgd"), "whole number from 1"),
    "an optimizer for nothing": (
        lambda: transfer(1e-3, optimizer="adam", schedule=("cosine()", "hold()")), "optimizer='adam'.*batch=, which is missing"
    ),
    "betas for nothing": (
        lambda: transfer(1e-3, betas=(0.9, 0.99), schedule=("cosine()", "hold()")), "betas=.*batch=, which is missing"
    ),
    "betas of SGD": (lambda: transfer(1e-3, batch=PAIR, optimizer="sgd", betas=(0.9, 0.99)), "sgd has no betas"),
    "betas of 1": (lambda: transfer(1e-3, batch=PAIR, optimizer="adam", betas=(0.9, 1.0)), "numbers from 0 to 1"),
    "one beta": (lambda: transfer(1e-3, batch=PAIR, optimizer="adam", betas=0.95), r"pair.*Write betas=\(0.9, 0.999\)"),
    "one schedule": (lambda: transfer(1e-3, schedule="cosine()"), "must be a pair"),
    "a text that is no schedule": (lambda: transfer(1e-3, schedule=("cosine()", "cosin()")), "cosin"),
    "an absolute level": (lambda: transfer(1e-3, schedule=(cosine(end_lr=1e-5), hold())), "absolute LR.*end=0.1"),
    "steps without a horizon": (
        lambda: transfer(1e-3, schedule=(cosine(), warmup(100) >> cosine())), r"steps or epochs.*Write horizon=Horizon\("
    ),
    "a schedule that trains nothing": (
        lambda: transfer(1e-3, schedule=(cosine(), custom(lambda i: 0.0))), "LR of 0 throughout"
    ),
    "a horizon for nothing": (
        lambda: transfer(1e-3, batch=PAIR, optimizer="sgd", horizon=Horizon(5)), "schedule=, which is missing"
    ),
    "a number as a horizon": (
        lambda: transfer(1e-3, schedule=("cosine()", "hold()"), horizon=1000.0), r"horizon=1000.0\): must be a Horizon"
    ),
    "another name": (lambda: transfer(1e-3, batch_size=PAIR, optimizer="sgd"), r"Write batch=\(256, 1024\)"),
    "a positional batch": (lambda: transfer(1e-3, PAIR), "Write transfer"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_input_is_refused(name: str) -> None:
    """The message shows what was given, what is possible, and the line to write."""
    act, message = REFUSED[name]
    with pytest.raises(ScheduleError, match=f"(?s){message}"):
        act()
