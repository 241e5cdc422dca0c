"""Calls with the arguments of another library: the message shows the whole call to write, which is their schedule."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler
from transformers import (
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
    get_polynomial_decay_schedule_with_warmup,
)

from lr_toolkit import (
    Horizon,
    Schedule,
    ScheduleError,
    cosine,
    cosine_restarts,
    custom,
    exponential,
    hold,
    inverse_time,
    linear,
    multistep,
    one_cycle,
    piecewise,
    polynomial,
    repeat,
    scaled,
    step,
    triangular,
    warmup,
    wsd,
)
from lr_toolkit.schedules import other_names
from tests.helpers.functions import halves
from tests.schedules.test_against_torch import assert_same

OPTIMIZER = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def answered(builder: Any, *args: Any, **kwargs: Any) -> str:
    """The message of a builder for these arguments: a single line of readable length."""
    with pytest.raises(ScheduleError) as refused:
        builder(*args, **kwargs)
    message = str(refused.value)

    assert len(message) < 700
    assert message.count("\n") == 0
    assert re.search(rf"Its arguments are {builder.__name__}\(.*\)\.$", message)
    return message


def call_to_write(message: str) -> str:
    """The call to write."""
    return message.partition(" Write ")[2].partition(". Its arguments are ")[0]


@pytest.mark.parametrize(
    ("call", "write", "schedule"),
    [
        # torch
        (lambda: answered(step, step_size=30), "step(every=30)", step(30)),
        (lambda: answered(step, step_size=30, gamma=0.5), "step(every=30, gamma=0.5)", step(30, gamma=0.5)),
        (lambda: answered(step, 30, factor=0.1), "step(every=30, gamma=0.1)", step(30)),
        (lambda: answered(step, gamma=0.5), "step(every='30%', gamma=0.5)", step("30%", gamma=0.5)),
        (lambda: answered(step, OPTIMIZER, 30), "step(every=30)", step(30)),
        (lambda: answered(exponential, OPTIMIZER, 0.95), "exponential(gamma=0.95)", exponential(0.95)),
        (lambda: answered(multistep, milestones=[3]), "multistep(at=[3])", multistep([3])),
        (
            lambda: answered(multistep, milestones=[3, 5], gamma=np.float64(0.5)),
            "multistep(at=[3, 5], gamma=0.5)",
            multistep([3, 5], gamma=0.5),
        ),
        (lambda: answered(cosine, T_max=100), "cosine(over=100)", cosine(over=100)),
        (
            lambda: answered(cosine, 0.1, "10 epochs"),
            "cosine(end=0.1, over='10 epochs')",
            cosine(0.1, over="10 epochs"),
        ),
        (
            lambda: answered(polynomial, 2.0, 0.1, "10%"),
            "polynomial(power=2.0, end=0.1, over='10%')",
            polynomial(2.0, end=0.1, over="10%"),
        ),
        (
            lambda: answered(cosine, T_max=100, eta_min=1e-5),
            "cosine(end_lr=1e-05, over=100)",
            cosine(end_lr=1e-5, over=100),
        ),
        (lambda: answered(polynomial, total_iters=100), "polynomial(power=1.0, over=100)", polynomial(1, over=100)),
        (
            lambda: answered(polynomial, total_iters=100, power=2.0),
            "polynomial(power=2.0, over=100)",
            polynomial(2, over=100),
        ),
        (lambda: answered(linear, end_factor=0.1), "linear(end=0.1)", linear(0.1)),
        (
            lambda: answered(linear, start_factor=1.0, end_factor=0.1, total_iters=100),
            "linear(end=0.1, over=100)",
            linear(0.1, over=100),
        ),
        (lambda: answered(linear, start_factor=0.1, total_iters=5), "warmup(over=5, start=0.1)", warmup(5, start=0.1)),
        (
            lambda: answered(linear, start_factor=0.1, end_factor=1.0, total_iters=5),
            "warmup(over=5, start=0.1)",
            warmup(5, start=0.1),
        ),
        (lambda: answered(warmup, 5, start_factor=0.1), "warmup(over=5, start=0.1)", warmup(5, start=0.1)),
        (
            lambda: answered(cosine, start_factor=0.1, T_max=90),
            "warmup(over='5%', start=0.1) >> cosine(over=90)",
            warmup("5%", start=0.1) >> cosine(over=90),
        ),
        # transformers
        (lambda: answered(warmup, num_warmup_steps=5), "warmup(over=5)", warmup(5)),
        (lambda: answered(warmup, warmup_ratio=0.05), "warmup(over='5%')", warmup("5%")),
        (
            lambda: answered(wsd, warmup_ratio=0.05, decay="20%"),
            "wsd(warmup='5%', decay='20%')",
            wsd("5%", "20%"),
        ),
        (lambda: answered(wsd, "5%", num_decay_steps=200), "wsd(warmup='5%', decay=200)", wsd("5%", 200)),
        (lambda: answered(wsd, num_warmup_steps=5), "wsd(warmup=5, decay='20%')", wsd(5, "20%")),
        (
            lambda: answered(wsd, num_warmup_steps=5, num_decay_steps=9, min_lr_rate=0.1),
            "wsd(warmup=5, decay=9, end=0.1)",
            wsd(5, 9, end=0.1),
        ),
        (lambda: answered(cosine, num_warmup_steps=500), "warmup(over=500) >> cosine()", warmup(500) >> cosine()),
        (
            lambda: answered(cosine, num_warmup_steps=500, num_training_steps=10_000, min_lr=1e-5),
            "warmup(over=500) >> cosine(end_lr=1e-05)",
            warmup(500) >> cosine(end_lr=1e-5),
        ),
        (
            lambda: answered(polynomial, 2.0, warmup_ratio=0.1),
            "warmup(over='10%') >> polynomial(power=2.0)",
            warmup("10%") >> polynomial(2.0),
        ),
        # optax and Keras
        (
            lambda: answered(exponential, 0.96, decay_steps=100),
            "exponential(gamma=0.96, every=100)",
            exponential(0.96, every=100),
        ),
        (
            lambda: answered(exponential, decay_rate=0.96, transition_steps=100),
            "exponential(gamma=0.96, every=100)",
            exponential(0.96, every=100),
        ),
        (
            lambda: answered(exponential, 0.96, decay_steps=100, warmup_steps=9),
            "warmup(over=9) >> exponential(gamma=0.96, every=100)",
            warmup(9) >> exponential(0.96, every=100),
        ),
        (
            lambda: answered(cosine, warmup_steps=9, decay_steps=100, end_value=1e-5),
            "warmup(over=9) >> cosine(end_lr=1e-05)",
            warmup(9) >> cosine(end_lr=1e-5),
        ),
        (lambda: answered(cosine, decay_steps=100, alpha=0.1), "cosine(end=0.1, over=100)", cosine(0.1, over=100)),
        # what a schedule does not need, and what is missing
        (lambda: answered(cosine, OPTIMIZER, T_max=100), "cosine(over=100)", cosine(over=100)),
        (lambda: answered(step, OPTIMIZER, 30, 0.5), "step(every=30, gamma=0.5)", step(30, gamma=0.5)),
        (lambda: answered(cosine, optimizer=None, last_epoch=-1, verbose=True), "cosine()", cosine()),
        (lambda: answered(linear, num_warmup_steps=0, num_training_steps=9), "linear(over=9)", linear(over=9)),
        (lambda: answered(warmup), "warmup(over='5%')", warmup("5%")),
        (lambda: answered(multistep), "multistep(at=['50%', '75%'])", multistep(["50%", "75%"])),
        (lambda: answered(exponential), "exponential(gamma=0.95)", exponential(0.95)),
        (lambda: answered(polynomial, end=0.1), "polynomial(power=1.0, end=0.1)", polynomial(1.0, end=0.1)),
        (lambda: answered(wsd), "wsd(warmup='5%', decay='20%')", wsd("5%", "20%")),
    ],
)
def test_the_whole_call_is_shown_in_our_names(call: Callable[[], str], write: str, schedule: Schedule) -> None:
    """The call after "Write" has every given argument, can be pasted, and is the schedule that was meant."""
    text = call_to_write(call())

    assert text == write
    assert Schedule.parse(text) == schedule


@pytest.mark.parametrize(
    ("builder", "theirs", "arguments"),
    [
        (step, lr_scheduler.StepLR, {"step_size": 30, "gamma": 0.5}),
        (step, lr_scheduler.StepLR, {"step_size": 30, "last_epoch": -1}),
        (multistep, lr_scheduler.MultiStepLR, {"milestones": [30, 60], "gamma": 0.2}),
        (cosine, lr_scheduler.CosineAnnealingLR, {"T_max": 100, "eta_min": 1e-5}),
        (polynomial, lr_scheduler.PolynomialLR, {"total_iters": 80}),
        (polynomial, lr_scheduler.PolynomialLR, {"total_iters": 80, "power": 2.0}),
        (linear, lr_scheduler.LinearLR, {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 80}),
        (linear, lr_scheduler.LinearLR, {"start_factor": 0.1, "total_iters": 5}),
        (cosine, get_cosine_schedule_with_warmup, {"num_warmup_steps": 0, "num_training_steps": 100}),
        (linear, get_linear_schedule_with_warmup, {"num_warmup_steps": 0, "num_training_steps": 100}),
        (
            polynomial,
            get_polynomial_decay_schedule_with_warmup,
            {"num_warmup_steps": 0, "num_training_steps": 100, "lr_end": 0.0, "power": 2.0},
        ),
    ],
)
def test_the_shown_call_is_their_schedule(builder: Any, theirs: Any, arguments: dict[str, Any]) -> None:
    """A call with torch's or transformers' own arguments is answered by one that gives each update the LR that theirs gives."""
    schedule = Schedule.parse(call_to_write(answered(builder, **arguments)))

    assert_same(lambda optimizer: theirs(optimizer, **arguments), schedule, [0.1, 0.003], 100)


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: answered(cosine, T_max=9, eta_min=0.1), "T_max is called over, eta_min is called end_lr here. Write"),
        (lambda: answered(cosine, num_warmup_steps=9), "num_warmup_steps belongs to a phase of its own here. Write"),
        (
            lambda: answered(cosine, warmup_steps=9, num_training_steps=90),
            "warmup_steps belongs to a phase of its own here. num_training_steps has no place here. Write",
        ),
        (lambda: answered(cosine, OPTIMIZER, T_max=9), "T_max is called over here. optimizer has no place here. Write"),
        (
            lambda: answered(cosine, last_epoch=-1, num_cycles=0.5),
            "last_epoch and num_cycles have no place here. Write cosine().",
        ),
        (lambda: answered(custom, lr_lambda=halves), "lr_lambda is called fn here. Write custom(fn=halves)."),
        (lambda: answered(custom, lr_lambda=lambda i: 1.0), "lr_lambda is called fn here. Write custom(fn=...)."),
        (lambda: answered(custom), "missing a required argument: 'fn'. custom(fn=None): must be a function"),
        (lambda: answered(warmup), "missing a required argument: 'over'. Write warmup(over='5%')."),
        # a call that would be refused too is not shown
        (lambda: answered(cosine, T_max=0.5), "T_max is called over here. cosine(over=0.5): a bare float has no unit."),
        (lambda: answered(cosine, eta_min=1e-5, alpha=0.1), "cosine(end=0.1, end_lr=1e-05): end is either"),
        (
            lambda: answered(cosine, over=50, T_max=100),
            "T_max is called over here, which is given too. Write cosine(over=50). Its arguments",
        ),
        (
            lambda: answered(warmup, 5, over=5),
            "over is given twice. Write warmup(over=5). Its arguments are warmup(over, *, shape, peak, start, start_lr).",
        ),
        (
            lambda: answered(cosine, T_max=9, foo=1),
            "T_max is called over here. there is no argument 'foo'. Write cosine(over=9). Its",
        ),
        (
            lambda: answered(warmup, 5, begin=0),
            "there is no argument 'begin'. Write warmup(over=5). Its arguments are warmup(over, *, shape, peak, start, start_lr).",
        ),
        (lambda: answered(hold, 5, factor=0.3), "factor is called level here. Write hold(over=5, level=0.3)."),
        (
            lambda: answered(hold, 5, gamma=0.3),
            "there is no argument 'gamma'. Write hold(over=5). Its arguments are hold(over, *, level, level_lr).",
        ),
        (
            lambda: answered(cosine_restarts, T_0=10, T_mult=2),
            "T_0 is called first, T_mult is called growth here. Write cosine_restarts(first=10, growth=2).",
        ),
        (
            lambda: answered(cosine_restarts, num_cycles=3),
            "num_cycles is called times here. Write cosine_restarts(times=3).",
        ),
        (
            lambda: answered(triangular, step_size_up=200, base_lr=1e-4),
            "Write triangular(up=200, low_lr=0.0001).",
        ),
        (
            lambda: answered(one_cycle, pct_start=0.3),
            "pct_start is called up here. one_cycle(up=0.3): a bare float has no unit.",
        ),
        (
            lambda: answered(inverse_time, decay_steps=100, decay_rate=0.5),
            "Write inverse_time(timescale=100, rate=0.5).",
        ),
        (lambda: answered(cosine, k_decay=1.5, exponent=2.0), "Write cosine(power=2.0, k=1.5)."),
        (
            lambda: answered(piecewise, boundaries=[5], values=[0.1, 0.01]),
            "Write piecewise(at=[5], levels_lr=[0.1, 0.01]).",
        ),
        (lambda: answered(repeat), "missing a required argument: 'schedule'."),
        (lambda: answered(scaled, cosine()), "Write scaled(schedule=cosine(), by=0.5)."),
        (
            lambda: answered(cosine, 0.1, 100),
            "positional arguments. Write cosine(end=0.1, over=100). Its arguments are cosine(end, *, end_lr, power, k, ",
        ),
    ],
)
def test_the_message_explains_each_name(call: Callable[[], str], part: str) -> None:
    """Foreign names are translated or have no place here; if no call can be shown, the message has the reason."""
    assert part in call()


def test_text_is_answered_alike() -> None:
    """A call in text has the answer of the call in Python."""
    with pytest.raises(ScheduleError) as refused:
        Schedule.parse("cosine(T_max=100, eta_min=1e-5)")

    assert str(refused.value) == answered(cosine, T_max=100, eta_min=1e-5)


def test_many_milestones_are_shown_in_full() -> None:
    """A long list, which a message shortens elsewhere, is whole in the call to write."""
    milestones = list(range(100, 2500, 100))

    assert Schedule.parse(call_to_write(answered(multistep, milestones=milestones))) == multistep(milestones)


READABLE = sorted(
    {text for text in other_names._EQUIVALENTS.values() if not re.search(r"custom|LRMonitor|plateau", text)}
)


@pytest.mark.parametrize("text", READABLE)
def test_what_another_name_is_answered_with_can_be_written(text: str) -> None:
    """Each line that replaces a schedule of another library is read, and fits a run."""
    assert Schedule.parse(text).resolve(Horizon(100_000, 1000))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CyclicLR", "triangular(2000, low=0.1)"),
        ("OneCycleLR", "one_cycle('30%')"),
        ("CosineAnnealingWarmRestarts", "cosine_restarts('10 epochs', growth=2.0, rest='cut')"),
        ("get_inverse_sqrt_schedule", "warmup('5%') >> inverse_sqrt('5%')"),
        ("get_cosine_with_hard_restarts_schedule_with_warmup", "warmup('5%') >> repeat(cosine(), 3)"),
        ("InverseTimeDecay", "inverse_time('5%')"),
        ("WSDS", "wsd_s('5%', '10%', times=3)"),
        ("D2Z", "warmup('5%') >> linear()"),
    ],
)
def test_a_schedule_that_has_another_name_here(name: str, text: str) -> None:
    """The name of a scheduler elsewhere leads to the line to write."""
    assert other_names.equivalent_of(name) == text
