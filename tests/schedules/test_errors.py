"""What is refused before the first update; the message names the argument, the value and the call to write."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch

from lr_toolkit import (
    Duration,
    Horizon,
    Schedule,
    ScheduleError,
    clipped,
    cosine,
    cosine_restarts,
    custom,
    exponential,
    exponential_to,
    hold,
    hyperbolic,
    infinite,
    inverse_sqrt,
    inverse_time,
    linear,
    multistep,
    one_cycle,
    one_minus_sqrt,
    piecewise,
    polynomial,
    power_cool,
    power_law,
    repeat,
    rex,
    scaled,
    slanted_triangular,
    stairs,
    step,
    tanh,
    triangular,
    warmup,
    wsd_s,
)

HUGE = 10**5000  # Python prints no number of so many digits
RUN = Horizon(100)
UNEVEN = Horizon(100, [40, 20, 40])


def bad(value: object) -> Any:
    """A value of the wrong type, on purpose."""
    return value


def on(schedule: Schedule | str, horizon: Any = RUN) -> object:
    """The timeline."""
    return Schedule.parse(schedule).resolve(horizon)


REFUSED: list[tuple[str, Callable[[], object], list[str]]] = [
    # --- the first spellings that people try
    ("steps", lambda: bad(warmup)(steps=500), ["steps is called over", "Write warmup(over=500)"]),
    (
        "a warmup of another phase",
        lambda: bad(inverse_sqrt)(warmup=4000),
        ["Write warmup(over=4000) >> inverse_sqrt(timescale='5%')"],
    ),
    ("an argument of nobody", lambda: bad(cosine)(foo=3, end=0.1), ["no argument 'foo'", "Write cosine(end=0.1)"]),
    ("a bar", lambda: bad(warmup(5)) | cosine(), ["no other operator than >>", "Write warmup(5) >> cosine()"]),
    ("a sum", lambda: bad(warmup(5)) + "cosine()", ["no other operator than >>", "Write warmup(5) >> 'cosine()'"]),
    ("a product", lambda: bad(cosine()) * 0.5, ["cosine() * 0.5", "Write scaled(cosine(), 0.5)"]),
    ("a product with a tensor", lambda: torch.tensor(0.5) * bad(cosine()), ["Write scaled(cosine(), 0.5)"]),
    (
        "the optimizer in the place of the schedule",
        lambda: Schedule.parse(bad(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1))),
        ["Schedule.parse(SGD): is no schedule", "Write configure_optimizers(optimizer, schedule, self.trainer)"],
    ),
    # --- durations: more in test_durations.py
    (
        "a bare float",
        lambda: warmup(bad(0.05)),
        ["warmup(over=0.05)", "no unit", "over='5%'", "over=500", "over='3 epochs'"],
    ),
    (
        "a bare whole float",
        lambda: hold(bad(3.0)),
        ["hold(over=3.0)", "no unit", "over=3 or over='3 steps'", "over='3 epochs'"],
    ),
    ("a float of a run", lambda: cosine(over=bad(1.0)), ["cosine(over=1.0)", "over='100%'"]),
    (
        "a float between",
        lambda: step(bad(30.0)),
        ["step(every=30.0)", "no unit", "every=30 or every='30 steps'", "every='30 epochs'"],
    ),
    (
        "a float milestone",
        lambda: multistep(bad([0.5])),
        ["multistep(at=[..., 0.5, ...])", "at=[..., '50%', ...]", "at=[..., 500, ...]"],
    ),
    ("a NaN duration", lambda: warmup(bad(math.nan)), ["warmup(over=nan)", "over='5%'"]),
    ("an infinite duration", lambda: warmup(bad(math.inf)), ["warmup(over=inf)", "over='5%'"]),
    ("apples", lambda: warmup("5 apples"), ["warmup(over='5 apples')", "is not a duration", "over='5%'"]),
    (
        "apples between",
        lambda: exponential(0.9, every="5 apples"),
        ["exponential(every='5 apples')", "every='3 epochs'"],
    ),
    ("a negative duration", lambda: hold(-3), ["hold(over=-3)", "more than zero", "over=500"]),
    ("a negative share", lambda: linear(over="-5%"), ["linear(over='-5%')", "more than zero", "over='5%'"]),
    ("zero steps", lambda: hold(0), ["hold(over=0)", "more than zero"]),
    ("a negative warmup", lambda: warmup(-1), ["warmup(over=-1)", "zero or more", "over=500"]),
    ("zero epochs", lambda: step("0 epochs"), ["step(every='0 epochs')", "more than zero", "every='3 epochs'"]),
    ("a bool", lambda: warmup(True), ["warmup(over=True)", "is not a duration", "over=500"]),
    ("nothing for a warmup", lambda: warmup(bad(None)), ["warmup(over=None)", "is not a duration", "over='5%'"]),
    ("nothing between", lambda: step(bad(None)), ["step(every=None)", "every='3 epochs'"]),
    ("over 100 %", lambda: hold("101%"), ["hold(over='101%')", "more than the whole run", "over='5%'"]),
    ("half a step", lambda: hold("0.5 steps"), ["hold(over='0.5 steps')", "cannot be divided", "over='500 steps'"]),
    ("too fine", lambda: hold("33.33333%"), ["hold(over='33.33333%')", "four decimals", "over='5%'"]),
    ("longer than any run", lambda: hold(10**12), ["hold(over=1000000000000)", "longer than any run"]),
    ("a list as duration", lambda: warmup(bad([5])), ["warmup(over=[5])", "is not a duration"]),
    ("a bad Duration", lambda: Duration("a while"), ["Duration(value='a while')", "value='5%'", "value=500"]),
    # --- numbers
    ("a start above 1", lambda: warmup(5, start=1.5), ["warmup(start=1.5)", "from 0 to 1", "warmup(..., start=0.1)"]),
    ("a start below 0", lambda: warmup(5, start=-0.1), ["warmup(start=-0.1)", "from 0 to 1"]),
    ("a NaN start", lambda: warmup(5, start=math.nan), ["warmup(start=nan)", "from 0 to 1"]),
    ("a start as text", lambda: warmup(5, start=bad("10%")), ["warmup(start='10%')", "from 0 to 1", "start=0.1"]),
    ("a bool start", lambda: warmup(5, start=True), ["warmup(start=True)", "from 0 to 1"]),
    ("a negative end", lambda: cosine(end=-0.1), ["cosine(end=-0.1)", "zero or more", "cosine(..., end=0.1)"]),
    (
        "torch's T_max as end",
        lambda: cosine(100),
        ["cosine(100)", "above 1", "Write cosine(over=100) for", "cosine(end_lr=1e-05) for", "cosine(end=100) to"],
    ),
    (
        "a power's end above 1",
        lambda: bad(polynomial)(2.0, 1.5),
        ["polynomial(2.0, 1.5)", "polynomial(2.0, end_lr=1e-05)", "polynomial(2.0, end=1.5) to climb"],
    ),
    (
        "torch's total_iters as end",
        lambda: bad(polynomial)(2.0, 100),
        [
            "polynomial(2.0, 100)",
            "Write polynomial(2.0, over=100) for",
            "polynomial(2.0, end_lr=1e-05) for",
            "polynomial(2.0, end=100) to climb",
        ],
    ),
    (
        "a length as end and one",
        lambda: cosine(100, over=50),
        ["cosine(100)", "Write cosine(end_lr=1e-05, over=50) for", "cosine(end=100, over=50) to climb"],
    ),
    (
        "an end beyond runs",
        lambda: cosine(1e300),
        ["cosine(1e+300)", "Write cosine(end_lr=1e-05)", "cosine(end=1e+300) to climb"],
    ),
    ("a builder for a schedule", lambda: Schedule.parse(bad(cosine)), ["<function cosine", "Write cosine()"]),
    ("phases in a list", lambda: Schedule.parse(bad([hold(5)])), ["[hold(5)]", ">>"]),
    ("an infinite end", lambda: linear(end=math.inf), ["linear(end=inf)", "finite", "end=0.1"]),
    ("a NaN end", lambda: one_minus_sqrt(end=math.nan), ["one_minus_sqrt(end=nan)", "finite", "end=0.1"]),
    ("no end", lambda: cosine(bad(None)), ["cosine(end=None)", "zero or more", "end=0.1"]),
    ("an end beyond floats", lambda: cosine(end=10**400), ["cosine(end=1000", "finite", "end=0.1"]),
    ("a share as end", lambda: cosine(bad("10%")), ["cosine(end='10%')", "Write cosine(..., end=0.1)."]),
    (
        "a length as end",
        lambda: cosine(bad("50 epochs")),
        ["cosine(end='50 epochs')", "Write cosine(..., over='50 epochs')."],
    ),
    ("a word as end", lambda: cosine(bad("low")), ["cosine(end='low')", "Write cosine(..., end=0.1)."]),
    ("a share as gamma", lambda: step(5, gamma=bad("50%")), ["step(gamma='50%')", "Write step(..., gamma=0.5)."]),
    ("a decimal end", lambda: cosine(bad(Decimal("0.1"))), ["cosine(end=Decimal('0.1'))", "end=0.1"]),
    ("a complex end", lambda: cosine(bad(0.1j)), ["cosine(end=0.1j)", "end=0.1"]),
    ("an end in an array", lambda: cosine(bad(np.array([0.1]))), ["cosine(end=array([0.1]))", "end=0.1"]),
    ("a negative end_lr", lambda: linear(end_lr=-1e-5), ["linear(end_lr=-1e-05)", "zero or more", "end_lr=1e-5"]),
    (
        "end and end_lr",
        lambda: cosine(0.1, end_lr=1e-5),
        ["cosine(end=0.1, end_lr=1e-05)", "either", "Write cosine(end=0.1) or"],
    ),
    (
        "end and end_lr of a polynomial",
        lambda: polynomial(2.0, end=0.1, end_lr=1e-5, over=9),
        ["Write polynomial(2.0, end=0.1, over=9) or polynomial(2.0, end_lr=1e-05, over=9)."],
    ),
    ("power zero", lambda: polynomial(0), ["polynomial(power=0)", "above zero", "polynomial(..., power=2.0)"]),
    ("power below zero", lambda: polynomial(-1.0), ["polynomial(power=-1.0)", "above zero"]),
    ("power NaN", lambda: polynomial(math.nan), ["polynomial(power=nan)", "above zero"]),
    ("power as text", lambda: polynomial(bad("2")), ["polynomial(power='2')", "power=2.0"]),
    ("gamma zero", lambda: step(5, gamma=0), ["step(gamma=0)", "above zero", "step(..., gamma=0.1)"]),
    ("gamma below zero", lambda: multistep([5], gamma=-0.5), ["multistep(gamma=-0.5)", "above zero", "gamma=0.1"]),
    ("gamma infinite", lambda: exponential(math.inf), ["exponential(gamma=inf)", "finite", "gamma=0.95"]),
    ("gamma as text", lambda: step(5, gamma=bad("0.1")), ["step(gamma='0.1')", "gamma=0.1"]),
    ("gamma as bool", lambda: step(5, gamma=True), ["step(gamma=True)", "gamma=0.1"]),
    (
        "growth beyond floats",
        lambda: on(exponential(2.0, every=1), Horizon(5000)),
        ["exponential(gamma=2.0)", "beyond every float", "5000 steps", "gamma=0.9"],
    ),
    ("stairs beyond floats", lambda: on(step(1, gamma=1e10)), ["step(gamma=10000000000.0)", "beyond every float"]),
    # --- milestones
    ("unsorted", lambda: multistep([60, 30]), ["multistep(at=[..., 60, 30, ...])", "rising", "multistep([30, 60])"]),
    (
        "unsorted with the rest",
        lambda: multistep([60, 30], gamma=0.5, over="50%"),
        ["Write multistep([30, 60], gamma=0.5, over='50%')."],
    ),
    ("twice", lambda: multistep([30, 30, 60]), ["30, 30", "each once", "multistep([30, 60])"]),
    (
        "unsorted in two units",
        lambda: on(multistep(["50%", 3])),
        ["'50%', 3", "rising", "multistep([3, '50%'])"],
    ),
    (
        "unsorted in epochs that differ",
        lambda: on(multistep(["2 epochs", 50]), UNEVEN),
        ["'2 epochs', 50", "multistep([50, '2 epochs'])"],
    ),
    ("no milestone", lambda: multistep([]), ["multistep(at=[])", "hold()", "multistep(at=['50%', '75%'])"]),
    ("a text of milestones", lambda: multistep("30, 60"), ["multistep(at='30, 60')", "a list", "at=['50%', '75%']"]),
    ("one number", lambda: multistep(bad(30)), ["multistep(at=30)", "a list", "at=['50%', '75%']"]),
    ("one duration", lambda: multistep(bad(Duration(30))), ["multistep(at=Duration(30))", "a list"]),
    ("no list", lambda: multistep(bad(None)), ["multistep(at=None)", "a list"]),
    ("milestones with factors", lambda: multistep(bad({30: 0.1})), ["multistep(at={30: 0.1})", "a list"]),
    ("a set of milestones", lambda: multistep(bad({30})), ["multistep(at={30})", "a list"]),
    ("bytes", lambda: multistep(bad(b"30")), ["multistep(at=b'30')", "a list"]),
    (
        "a milestone of zero",
        lambda: multistep([0, 30]),
        ["multistep(at=[..., 0, ...])", "more than zero", "at=[..., 500, ...]"],
    ),
    (
        "a milestone at the end",
        lambda: on(multistep([50, 100])),
        ["multistep(at=[..., 100])", "100 steps", "never act", "Write multistep([50]), or", "at=['50%', '75%']"],
    ),
    (
        "a milestone after its phase",
        lambda: on("hold(90) >> multistep([20])"),
        ["multistep(at=[..., 20])", "10 steps", "never act", "Write hold(), or"],
    ),
    # --- schedules
    (
        "two open phases",
        lambda: cosine() >> hold(),
        ["cosine() and hold()", "both leave their length open", "cosine(over='50%')"],
    ),
    (
        "two open phases with arguments",
        lambda: warmup(5) >> cosine(end=0.1) >> linear(),
        ["cosine(end=0.1) and linear()", "cosine(end=0.1, over='50%')"],
    ),
    ("no phase", lambda: Schedule(()), ["Schedule(phases=())", "warmup('5%') >> cosine()"]),
    ("a text as phases", lambda: Schedule(bad("cosine()")), ["Schedule(phases='cosine()')", "Schedule.parse("]),
    ("a number as phases", lambda: Schedule(bad(5)), ["Schedule(phases=5)", "warmup('5%') >> cosine()"]),
    (
        "a list of phases",
        lambda: Schedule(bad([hold().phases[0]])),
        ["Schedule(phases=[Hold(", "warmup('5%') >> cosine()"],
    ),
    (
        "schedules as phases",
        lambda: Schedule(bad((hold(),))),
        ["Schedule(phases=(hold(),))", "warmup('5%') >> cosine()"],
    ),
    ("then a number", lambda: hold(5).then(bad(5)), ["Schedule.parse(5)", "cosine(end=0.1)"]),
    ("then a builder", lambda: hold(5).then(bad(cosine)), ["<function cosine", "Write cosine()"]),
    # --- on a run
    (
        "longer than the run",
        lambda: on(warmup(60) >> hold(60)),
        ["take 120 steps", "the run has 100", "over='5%'", "warmup(60) >> hold(60)", "Horizon(steps=100)"],
    ),
    (
        "half an update longer",
        lambda: on("hold('50%') >> hold('0.51 epochs')", Horizon(11, 11)),
        ["take 11.11 steps", "the run has 11"],
    ),
    (
        "a hundred thousandth of an update longer",
        lambda: on("warmup('50.0001%') >> hold('50%')", Horizon(10)),
        ["take more than 10 steps, and the run has 10"],
    ),
    ("more than a whole", lambda: on("warmup('60%') >> hold('60%')"), ["take 120 steps", "the run has 100"]),
    (
        "nothing left",
        lambda: on("warmup(60) >> cosine(end=0.1) >> hold(40)"),
        ["take 100 steps", "leave nothing for cosine(end=0.1)", "the run has 100"],
    ),
    (
        "less than nothing left",
        lambda: on("warmup(60) >> cosine() >> hold('60%')"),
        ["take 120 steps", "leave nothing for cosine()"],
    ),
    (
        "unknown epochs",
        lambda: on("warmup('2 epochs') >> cosine()"),
        [
            "'2 epochs'",
            "steps_per_epoch=",
            "'500 steps'",
            "'5%'",
            "warmup('2 epochs') >> cosine() on Horizon(steps=100)",
        ],
    ),
    (
        "an unknown default epoch",
        lambda: on("exponential(0.9)"),
        ["'1 epoch'", "steps_per_epoch=", "exponential(0.9) on"],
    ),
    ("a milestone in unknown epochs", lambda: on("multistep(['3 epochs'])"), ["'3 epochs'", "steps_per_epoch="]),
    ("stairs in unknown epochs", lambda: on("step('3 epochs')"), ["'3 epochs'", "steps_per_epoch="]),
    (
        "endless",
        lambda: on("hold()", Horizon(10**11)),
        ["hold() on Horizon(steps=100000000000)", "any run", "steps=1000"],
    ),
    (
        "an endless epoch",
        lambda: on("hold()", Horizon(10, [4, 10**13])),
        ["hold() on Horizon(steps=10, steps_per_epoch=(4, 10000000000000))", "or epoch", "steps_per_epoch=100"],
    ),
    ("a fraction as horizon", lambda: cosine().resolve(bad(100.0)), ["horizon=100.0", "Write Horizon(steps=1000)"]),
    # --- custom
    ("no function", lambda: custom(bad(0.5)), ["custom(fn=0.5)", "function", "custom(lambda i: 0.95**i)"]),
    ("a negative factor", lambda: on(custom(lambda i: -1.0)), ["custom(<lambda>)", "-1.0", "step 0", "zero or more"]),
    ("a NaN factor", lambda: on(custom(lambda i: math.nan)), ["custom(<lambda>)", "nan", "step 0"]),
    ("an infinite factor", lambda: on(custom(lambda i: math.inf)), ["custom(<lambda>)", "inf"]),
    (
        "a function that returns nothing",
        lambda: on(custom(bad(lambda i: None))),
        ["custom(<lambda>)", "None", "0.95**i"],
    ),
    ("a text as factor", lambda: on(custom(bad(lambda i: "half"))), ["custom(<lambda>)", "'half'", "0.95**i"]),
    ("a factor beyond floats", lambda: on(custom(lambda i: 10**400)), ["custom(<lambda>)", "0.95**i"]),
    ("a negative factor in between", lambda: on(custom(lambda i: -1.0 if i == 50 else 1.0)), ["-1.0", "step 50"]),
    (
        "a function that raises",
        lambda: on(custom(lambda i: [1.0, 0.5][i])),
        ["custom(<lambda>)", "raised IndexError('list index out of range') for step 2", "0.95**i"],
    ),
    ("a negative last factor", lambda: on(custom(lambda i: 98.5 - i)), ["-0.5", "step 99"]),
    # --- arguments of single shapes
    ("cosine to the power zero", lambda: cosine(power=0), ["cosine(power=0)", "above zero", "power=2.0"]),
    ("cosine with k of text", lambda: cosine(k=bad("2")), ["cosine(k='2')", "above zero", "k=1.5"]),
    ("polynomial with k zero", lambda: polynomial(1.0, k=0.0), ["polynomial(k=0.0)", "above zero", "k=2.0"]),
    ("a level below zero", lambda: hold(level=-0.1), ["hold(level=-0.1)", "zero or more", "level=0.1"]),
    (
        "a level twice",
        lambda: hold(5, level=0.1, level_lr=1e-5),
        ["level is either", "Write hold(5, level=0.1) or hold(5, level_lr=1e-05)."],
    ),
    ("a level by position", lambda: bad(hold)(5, 0.1), ["hold(5, 0.1)", "Write hold(over=5, level=0.1)."]),
    ("rex with beta zero", lambda: rex(beta=0.0), ["rex(beta=0.0)", "above zero", "beta=0.5"]),
    (
        "an exponential to zero",
        exponential_to,
        ["exponential_to(): ends at zero", "exponential_to(end=0.01)"],
    ),
    (
        "an exponential to an LR of zero",
        lambda: exponential_to(end_lr=0.0, over=5),
        ["ends at zero", "Write exponential_to(end=0.01, over=5)", "exponential_to(end_lr=0.0, ratio=0.1, over=5)"],
    ),
    (
        "an exponential from zero",
        lambda: on("linear(over=5) >> exponential_to(1.0)"),
        ["exponential_to(end=1.0): begins at zero", "exponential_to(end=1.0, start=0.01)"],
    ),
    (
        "an end that lies too far below the start",
        lambda: on("exponential_to(1e-300, start=1e40)"),
        ["exponential_to(end=1e-300, start=1e+40): ", "Write exponential_to(end=1e-300, ratio=0.1, start=1e+40)"],
    ),
    (
        "an end that lies too far above the start",
        lambda: on("exponential_to(end=1e300, start=1e-40)"),
        ["exponential_to(end=1e+300, start=1e-40): ", "Write exponential_to(end=1e+300, ratio=0.1, start=1e-40)"],
    ),
    ("a ratio of one", lambda: exponential_to(ratio=1.0), ["ratio=1.0", "Write linear()"]),
    ("a ratio below zero", lambda: exponential_to(ratio=-0.5), ["exponential_to(ratio=-0.5)", "above zero"]),
    (
        "tanh upside down",
        lambda: tanh(lower=3.0, upper=-7.0),
        ["lower must lie below upper", "tanh(lower=-7.0, upper=3.0)"],
    ),
    ("tanh too wide", lambda: tanh(upper=1000.0), ["tanh(upper=1000.0)", "from -100 to 100"]),
    ("tanh of text", lambda: tanh(lower=bad("low")), ["tanh(lower='low')", "a number"]),
    (
        "a hyperbola shorter than its phase",
        lambda: on(hyperbolic(50)),
        ["hyperbolic(50)", "shorter than the phase, which takes 100 steps", "Write hyperbolic(200)"],
    ),
    ("a hyperbola without a unit", lambda: hyperbolic(bad(50.0)), ["hyperbolic(limit=50.0)", "no unit", "limit=50"]),
    ("a timescale without a unit", lambda: inverse_time(bad(0.1)), ["inverse_time(timescale=0.1)", "timescale='10%'"]),
    ("inverse time to the power zero", lambda: inverse_time(5, power=0), ["inverse_time(power=0)", "power=0.5"]),
    ("inverse time at rate zero", lambda: inverse_time(5, rate=0), ["inverse_time(rate=0)", "rate=1.0"]),
    (
        "inverse time from zero",
        lambda: on("linear(over=5) >> inverse_time(5)"),
        ["inverse_time(5): begins at 0", "Write hold()", "inverse_time(5, start=1.0)"],
    ),
    ("inverse square root of nothing", lambda: inverse_sqrt(0), ["inverse_sqrt(timescale=0)", "more than zero"]),
    ("a power law without a unit", lambda: power_law(bad(0.2)), ["power_law(knee=0.2)", "knee='20%'"]),
    ("a fall that begins below", lambda: power_cool(scale=0.5), ["power_cool(scale=0.5)", "1 or more", "scale=2.0"]),
    ("a fall that passes zero", lambda: power_cool(beyond=0.9), ["power_cool(beyond=0.9)", "1 or more", "beyond=1.05"]),
    ("a fall to the power zero", lambda: power_cool(0), ["power_cool(power=0)", "above zero"]),
    # --- warmups
    (
        "an unknown climb",
        lambda: warmup(5, shape=bad("sqrt")),
        ["warmup(shape='sqrt')", "'linear', 'cosine'", "warmup(5, shape='cosine')"],
    ),
    ("a climb in a list", lambda: warmup(5, shape=bad(["linear"])), ["warmup(shape=['linear'])", "must be one of"]),
    (
        "an unknown peak",
        lambda: warmup(5, peak=bad("first")),
        ["warmup(peak='first')", "'after', 'last'", "peak='last'"],
    ),
    (
        "a constant warmup without a level",
        lambda: warmup(5, shape="constant"),
        ["warmup(5, shape='constant')", "needs its level", "warmup(5, shape='constant', start=0.1)"],
    ),
    ("a first LR below zero", lambda: warmup(5, start_lr=-1.0), ["warmup(start_lr=-1.0)", "zero or more"]),
    ("a start twice", lambda: warmup(5, start=0.1, start_lr=1e-5), ["start is either", "warmup(5, start=0.1)"]),
    (
        "a first LR above the base LR",
        lambda: warmup(5, start_lr=0.1).resolve(RUN)(0, base_lr=0.01),
        ["warmup(start_lr=0.1)", "above the base LR 0.01", "start=0.1"],
    ),
    # --- piecewise
    ("no levels", lambda: piecewise([5]), ["piecewise(...)", "levels=[...]", "levels_lr=[...]", "at=['50%', '75%']"]),
    ("levels twice", lambda: piecewise([5], levels=[1, 2], levels_lr=[1, 2]), ["either as factors", "or as LRs"]),
    (
        "a level too few",
        lambda: piecewise([5, 9], levels=[1.0, 0.5]),
        ["2 milestones and levels 2 levels", "one level more"],
    ),
    ("levels without milestones", lambda: piecewise([], levels=[1.0]), ["0 milestones", "at=['50%', '75%']"]),
    ("a negative level", lambda: piecewise([5], levels=[1.0, -0.5]), ["levels=[..., -0.5, ...]", "zero or more"]),
    ("a NaN level", lambda: piecewise([5], levels_lr=[1.0, math.nan]), ["levels_lr=[..., nan, ...]", "finite"]),
    ("one level", lambda: piecewise([5], levels=bad(0.5)), ["levels=0.5", "a list"]),
    ("levels in a text", lambda: piecewise([5], levels=bad("1, 0.5")), ["levels='1, 0.5'", "a list"]),
    (
        "a path of another kind",
        lambda: piecewise([5], levels=[1, 2], shape=bad("spline")),
        ["shape='spline'", "'cosine'"],
    ),
    ("unsorted levels", lambda: piecewise([9, 5], levels=[1, 2, 3]), ["at=[..., 9, 5, ...]", "rising order"]),
    ("unsorted levels in two units", lambda: on(piecewise(["50%", 3], levels=[1, 2, 3])), ["'50%', 3", "rising order"]),
    ("a level at the end", lambda: on(piecewise([100], levels=[1, 2])), ["milestone 100 (at=100)", "100 steps"]),
    (
        "a path beyond the end",
        lambda: on(piecewise([101], levels=[1, 2], shape="linear")),
        ["milestone 101", "100 steps"],
    ),
    ("one milestone for levels", lambda: piecewise(bad(5), levels=[1, 2]), ["piecewise(at=5)", "a list"]),
    # --- schedules of schedules
    (
        "an open cycle",
        lambda: repeat(cosine()),
        ["repeat(cosine())", "leaves its length open", "repeat(cosine(), times=3)"],
    ),
    ("no cycles", lambda: repeat(cosine(), 0), ["repeat(times=0)", "whole number", "repeat(cosine(), 3)"]),
    (
        "a cycle longer than every float",
        lambda: repeat(cosine(over=5), 3, growth=1e308).resolve(Horizon(100)),
        ["about 10^617 steps", "100"],
    ),
    (
        "a cycle higher than every float",
        lambda: repeat(cosine(), 3, gamma=1e308).resolve(Horizon(100)),
        ["gamma=1e+308", "within its 3 cycles", "gamma=0.5"],
    ),
    ("half a cycle", lambda: repeat(cosine(), bad(2.5)), ["repeat(times=2.5)", "whole number"]),
    ("cycles as a bool", lambda: repeat(cosine(), True), ["repeat(times=True)", "whole number"]),
    ("too many cycles", lambda: repeat(cosine(), 10**6), ["repeat(times=1000000)", "from 1 to 10000"]),
    (
        "another rest",
        lambda: repeat(cosine(), 3, rest=bad("drop")),
        ["repeat(rest='drop')", "'stretch', 'cut'", "rest='cut'"],
    ),
    ("growth of zero", lambda: repeat(cosine(), 3, growth=0), ["repeat(growth=0)", "above zero", "growth=2.0"]),
    (
        "cycles that grow beyond floats",
        lambda: on(repeat(linear(over=1), gamma=1e10)),
        ["repeat(linear(over=1), gamma=10000000000.0)", "beyond every float", "100 cycles", "gamma=0.5"],
    ),
    ("cycles that vanish", lambda: repeat(cosine(over=9), growth=0.5), ["become shorter", "growth=0.5", "times=3"]),
    ("gamma of zero", lambda: repeat(cosine(), 3, gamma=0), ["repeat(gamma=0)", "above zero"]),
    (
        "cycles that do not fit",
        lambda: on(repeat(cosine(over=30), 4)),
        ["take 120 steps", "the run has 100"],
    ),
    (
        "a cycle longer than the run",
        lambda: on(repeat(cosine(over=300))),
        ["a cycle is longer than its 100 steps", "repeat(cosine(), 3)"],
    ),
    (
        "cycles that do not fit their phase",
        lambda: on(repeat(cosine(over=30), 3, over=70) >> hold()),
        ["2 of 3 cycles fit into its 70 steps", "times=2"],
    ),
    (
        "a cycle without an update",
        lambda: on(repeat(linear(over="0.001%")), Horizon(50)),
        ["cycles without an update", "longer cycles"],
    ),
    (
        "a cycle that begins at its end",
        lambda: on(linear(over=5) >> repeat(linear(), 3)),
        ["linear(): begins at 0 times", "Write hold()", "repeat(linear(), times=3)"],
    ),
    ("scaled by zero", lambda: scaled(cosine(), 0.0), ["scaled(by=0.0)", "above zero", "hold(level=0.0)"]),
    ("scaled by a word", lambda: scaled(cosine(), bad("half")), ["Schedule.parse('half')", "cannot read 'half'"]),
    ("scaled by a bool", lambda: scaled(cosine(), True), ["scaled(by=True)", "scaled(cosine(), 0.5)"]),
    ("scaled by an LR", lambda: scaled(cosine(), hold(level_lr=1e-3)), ["scaled(by=hold(level_lr=0.001))", "no LRs"]),
    ("a number scaled", lambda: scaled(bad(0.1), 0.5), ["Schedule.parse(0.1)", "is no schedule"]),
    ("two factors at once", lambda: scaled(cosine(), bad([0.1, 0.2])), ["scaled(by=[0.1, 0.2])", "a schedule"]),
    (
        "clipped by nothing",
        lambda: clipped(cosine()),
        ["clipped(cosine()): has no limit", "clipped(cosine(), min=0.1)"],
    ),
    (
        "a floor above the ceiling",
        lambda: clipped(cosine(), min=0.9, max=0.1),
        ["the floor lies above the ceiling", "clipped(cosine(), min=0.1, max=0.9)"],
    ),
    (
        "a floor above the ceiling of a group",
        lambda: clipped(cosine(), min=0.5, max_lr=1e-3).resolve(RUN)(0, base_lr=0.1),
        ["the floor lies above the ceiling", "Write both as factors"],
    ),
    ("a floor twice", lambda: clipped(cosine(), min=0.1, min_lr=1e-5), ["min is either", "clipped(cosine(), min=0.1)"]),
    (
        "too many stairs",
        lambda: on(stairs(cosine(), 1), Horizon(10**5)),
        ["stairs(every=1)", "more than 10000", "every='1%'"],
    ),
    ("stairs without a unit", lambda: stairs(cosine(), bad(0.1)), ["stairs(every=0.1)", "every='10%'"]),
    (
        "longer than its phase",
        lambda: on("scaled(warmup(30) >> hold(30), 0.5, over=50) >> hold()"),
        ["take 60 steps", "the schedule around them has 50"],
    ),
    (
        "two open phases within and without",
        lambda: scaled(cosine(), 0.5) >> hold(),
        ["scaled(cosine(), 0.5) and hold()", "scaled(cosine(), 0.5, over='50%')"],
    ),
    # --- recipes
    (
        "restarts of nothing",
        cosine_restarts,
        ["cosine_restarts(first=None, times=None)", "cosine_restarts(times=3)"],
    ),
    ("restarts without a unit", lambda: cosine_restarts(bad(10.0)), ["cosine_restarts(first=10.0)", "first=10"]),
    ("a triangle without a unit", lambda: triangular(bad(0.3)), ["triangular(up=0.3)", "up='30%'"]),
    (
        "one cycle of another shape",
        lambda: one_cycle(shape=bad("cos")),
        ["one_cycle(shape='cos')", "'cosine', 'linear'"],
    ),
    ("one cycle of four phases", lambda: one_cycle(phases=bad(4)), ["one_cycle(phases=4)", "2, 3", "phases=2"]),
    ("one cycle of phases as a flag", lambda: one_cycle(phases=bad(True)), ["one_cycle(phases=True)", "2, 3"]),
    (
        "a slant that climbs",
        lambda: slanted_triangular(ratio=0.5),
        ["slanted_triangular(ratio=0.5)", "above 1", "ratio=32.0"],
    ),
    (
        "an unknown cooldown",
        lambda: wsd_s(5, 5, shape=bad("exp")),
        ["wsd_s(shape='exp')", "'one_minus_sqrt'", "hold() >>"],
    ),
    ("a plateau below zero", lambda: infinite(5, 5, 5, plateau=-1.0), ["cosine(end=-1.0)", "zero or more"]),
    # --- horizons
    ("no steps", lambda: Horizon(0), ["Horizon(steps=0)", "whole number above zero", "Horizon(steps=1000"]),
    ("negative steps", lambda: Horizon(-5), ["Horizon(steps=-5)", "above zero"]),
    ("steps as float", lambda: Horizon(bad(1000.0)), ["Horizon(steps=1000.0)", "whole number", "steps=1000"]),
    ("steps as bool", lambda: Horizon(True), ["Horizon(steps=True)", "whole number"]),
    ("steps as text", lambda: Horizon(bad("1000")), ["Horizon(steps='1000')", "whole number"]),
    ("infinite steps", lambda: Horizon(bad(math.inf)), ["Horizon(steps=inf)", "whole number"]),
    (
        "an unknown unit",
        lambda: Horizon(10, unit=bad("steps")),
        ["Horizon(unit='steps')", "unit='step'", "unit='epoch'"],
    ),
    ("a unit that is a list", lambda: Horizon(10, unit=bad(["step"])), ["Horizon(unit=['step'])", "unit='step'"]),
    (
        "epochs in epochs",
        lambda: Horizon(90, 100, unit="epoch"),
        ["steps_per_epoch=100, unit='epoch'", "Horizon(steps=90, unit='epoch')"],
    ),
    ("an epoch of zero", lambda: Horizon(10, 0), ["Horizon(steps_per_epoch=0)", "whole number", "steps_per_epoch=100"]),
    ("an epoch of a half", lambda: Horizon(10, bad(2.5)), ["Horizon(steps_per_epoch=2.5)", "whole number"]),
    ("one epoch of zero", lambda: Horizon(10, [4, 0]), ["Horizon(steps_per_epoch=0)", "whole number"]),
    ("one epoch of True", lambda: Horizon(10, [4, True]), ["Horizon(steps_per_epoch=True)", "whole number"]),
    (
        "no epochs",
        lambda: Horizon(10, []),
        ["Horizon(steps_per_epoch=[])", "for each epoch", "steps_per_epoch=[4, 4, 2]"],
    ),
    ("epochs in a text", lambda: Horizon(10, bad("442")), ["Horizon(steps_per_epoch='442')", "whole number"]),
    ("epochs in a table", lambda: Horizon(10, bad(np.ones((2, 2), int))), ["Horizon(steps_per_epoch=[1, 1])", "whole"]),
    ("epochs in floats", lambda: Horizon(10, bad(np.ones(2))), ["Horizon(steps_per_epoch=1.0)", "whole number"]),
    ("no epochs in an array", lambda: Horizon(10, bad(np.ones(0))), ["Horizon(steps_per_epoch=[])", "for each epoch"]),
    # --- text: more in test_schedule.py
    ("a call", lambda: on("print('x')"), ["Schedule.parse(\"print('x')\")", "cannot read 'print'", "The builders are"]),
    (
        "an attribute",
        lambda: on("cosine.__globals__"),
        ["cannot read 'cosine.__globals__'", "warmup('5%') >> cosine(end=0.1)"],
    ),
    ("a misspelt builder", lambda: on("warmpu(5)"), ["cannot read 'warmpu'", "Did you mean warmup(...)?"]),
    (
        "a misspelt argument",
        lambda: on("warmup(5, begin=0)"),
        ["'begin'", "warmup(over, *, shape, peak, start, start_lr)"],
    ),
    ("an argument twice", lambda: on("cosine(end=0.1, end=0.2)"), ["cosine(end=0.1, end=0.2)", "each once"]),
    ("arithmetic", lambda: on("warmup(2 * 5)"), ["cannot read '2 * 5'", "a string such as '5%'"]),
    ("a function", lambda: on("custom(fn)"), ["custom(fn)", "build this schedule in code"]),
    ("a wrong argument in text", lambda: on("warmup(0.1)"), ["warmup(over=0.1)", "over='10%'"]),
    ("no text", lambda: on(""), ["Schedule.parse('')", "warmup('5%') >> cosine(end=0.1)"]),
    ("10 MB of brackets", lambda: on("(" * 10**7), ["10000000 characters", "warmup('5%') >> cosine(end=0.1)"]),
    # --- numbers that cannot be printed
    (
        "a huge duration",
        lambda: warmup(HUGE),
        ["warmup(over=<int too long to print>)", "longer than any run", "over=500"],
    ),
    ("a huge milestone", lambda: multistep([5, HUGE]), ["multistep(at=[..., <int too long", "longer than any run"]),
    ("huge milestones", lambda: multistep(bad({HUGE})), ["multistep(at=<set too long to print>)", "a list"]),
    ("a huge end", lambda: cosine(end=HUGE), ["cosine(end=<int too long to print>)", "finite", "end=0.1"]),
    ("a huge end in text", lambda: on("cosine(end=0x" + "F" * 5000 + ")"), ["cosine(end=<int too long", "end=0.1"]),
    ("a huge T_max", lambda: bad(cosine)(T_max=HUGE), ["T_max=<int too long to print>", "over"]),
    (
        "a huge run",
        lambda: on("hold()", Horizon(HUGE)),
        ["hold() on <Horizon too long to print>", "longer than any run"],
    ),
    (
        "huge epochs in epochs",
        lambda: Horizon(9, [HUGE], unit="epoch"),
        ["steps_per_epoch=<list too long to print>, unit='epoch'", "Horizon(steps=9, unit='epoch')"],
    ),
    ("a huge factor", lambda: on(custom(lambda i: -HUGE)), ["returned <int too long to print> for step 0", "0.95**i"]),
    ("a huge update", lambda: hold().resolve(RUN).values([HUGE]), ["<list too long to print>", "timeline(0)"]),
    # --- updates
    ("a negative update", lambda: hold().resolve(RUN)(-1), ["timeline(-1)", "from 0", "timeline(0)"]),
    ("half an update", lambda: hold().resolve(RUN)(bad(0.5)), ["timeline(0.5)", "whole numbers"]),
    ("updates in floats", lambda: hold().resolve(RUN).values([0.0, 1.0]), ["[0.0, 1.0]", "whole numbers"]),
    *(
        (
            f"a base LR of {value!r}",
            lambda value=value: hold().resolve(RUN).values([0], base_lr=value),
            [f"timeline(k, base_lr={value!r})", "a finite number, zero or more", "base_lr=1e-3"],
        )
        for value in ("1e-3", b"1", True, -1.0, math.nan, math.inf, [0.1], 1j)
    ),
    ("a huge base LR", lambda: hold().resolve(RUN)(0, base_lr=HUGE), ["base_lr=<int too long", "base_lr=1e-3"]),
    (
        "a factor of an absolute floor",
        lambda: cosine(end_lr=1e-5).resolve(RUN)(0),
        ["cosine(end_lr=1e-05)", "absolute LR", "timeline(k, base_lr=1e-3)"],
    ),
]


@pytest.mark.parametrize(("call", "parts"), [pytest.param(call, parts, id=name) for name, call, parts in REFUSED])
def test_it_is_refused_with_a_message_that_helps(call: Callable[[], object], parts: list[str]) -> None:
    """The message of the ScheduleError has the argument, the value and the call to write, in a readable length."""
    with pytest.raises(ScheduleError) as refused:
        call()

    message = str(refused.value)
    assert [part for part in parts if part not in message] == [], message
    assert len(message) < 700
    assert message.count("\n") == 0


def test_the_table_is_long_and_names_each_case_once() -> None:
    """There are more than a hundred refusals, and none of them hides another of its name."""
    assert len({name for name, _, _ in REFUSED}) == len(REFUSED) > 100


def test_the_error_is_a_value_error() -> None:
    """``except ValueError`` catches it."""
    with pytest.raises(ValueError, match="no unit"):
        warmup(bad(0.5))


@pytest.mark.parametrize(
    "schedule",
    [
        "hold('50%') >> linear(over='50%')",
        "warmup(99) >> cosine()",
        "warmup(50) >> hold(50)",
        "warmup('1%')",
        "multistep([99])",
        "step(1000)",
        "cosine(over='50%') >> cosine(start=1.0)",
        "hold('0.001%') >> cosine()",
    ],
)
def test_a_schedule_that_just_fits_is_not_refused(schedule: str) -> None:
    """The limits themselves are inside: a run filled to its last update, one update left, a share of no update."""
    assert on(schedule)


@pytest.mark.parametrize("every", ["'0.0001 epochs'", "'0.0003%'", 7])
def test_the_longest_run_is_counted_without_overflow(every: object) -> None:
    """With 10^11 - 1 steps the last update has the same LR alone and in an array, whatever the interval."""
    n = 10**11 - 1
    for text in (f"step({every}, gamma=0.9999999)", f"exponential(0.9999999, every={every})"):
        timeline = Schedule.parse(text).resolve(Horizon(n, n))

        assert timeline.values([n // 2, n - 1]).tolist() == [timeline(n // 2), timeline(n - 1)]
