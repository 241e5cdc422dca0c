"""What each configuration accepts and refuses, and where a schedule differs from its library on purpose."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from torch.optim import SGD, lr_scheduler

import lr_toolkit
from lr_toolkit import Horizon, Schedule, ScheduleError, cosine, linear, step, warmup
from lr_toolkit.schedules import peers
from lr_toolkit.schedules.peers.peer import PEERS
from lr_toolkit.schedules.peers.translate import translate_call
from tests.data.peers.stepping import stepped

NAMES = [(library, name) for library, peer in PEERS.items() for name in peer.configurations]
WITH_OBJECTS = {"LambdaLR", "SequentialLR", "ChainedScheduler"}
STRANGE = [
    "x",
    "5%",
    None,
    -1,
    0,
    1.5,
    float("nan"),
    float("inf"),
    10**400,
    True,
    [],
    [1],
    {},
    {"a": 1},
    object(),
    b"1",
]


def example_of(library: str, name: str) -> dict[str, Any]:
    """The arguments in the example of a configuration, by position or by name."""
    call = ast.parse(f"f({PEERS[library].examples[name]})", mode="eval").body
    assert isinstance(call, ast.Call)
    parameters = PEERS[library].parameters(name)
    positional = dict(zip(parameters, map(ast.literal_eval, call.args), strict=False))
    return positional | {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}


@pytest.mark.parametrize(("library", "name"), [(library, name) for library, name in NAMES if name not in WITH_OBJECTS])
def test_each_example_is_a_schedule_with_a_text(library: str, name: str) -> None:
    """The call that messages show for each configuration works, fits a long run, and has a text that is read back."""
    translation = PEERS[library].translate(name, **example_of(library, name))
    timeline = translation.schedule.resolve(Horizon(200_000, steps_per_epoch=1000))
    values = timeline.values(range(0, 200_000, 997), base_lr=translation.base_lr or 0.1)

    assert (values >= 0).all()
    assert Schedule.parse(repr(translation.schedule)) == translation.schedule


@pytest.mark.parametrize(("library", "name"), [(library, name) for library, name in NAMES if name not in WITH_OBJECTS])
def test_a_strange_value_is_refused_with_a_message(library: str, name: str) -> None:
    """Whatever is given for an argument, there is a schedule or a ``ScheduleError`` that names the configuration."""
    example = example_of(library, name)
    for argument in PEERS[library].parameters(name):
        for value in STRANGE:
            refused = ""
            try:
                PEERS[library].translate(name, **{**example, argument: value})
            except ScheduleError as error:
                refused = str(error)
            assert refused.startswith((f"{library}.", f"{library}(")) or not refused


def test_every_scheduler_of_torch_is_known() -> None:
    """Each class of ``torch.optim.lr_scheduler`` has a schedule, or is refused with the line to write."""
    classes = {name for name in lr_scheduler.__all__ if name != "LRScheduler"}

    assert classes <= set(PEERS["torch"].names)


def test_every_schedule_of_transformers_is_known() -> None:
    """Each ``lr_scheduler_type``, and each function that makes a schedule, has a schedule or is refused."""
    types = {member.value for member in transformers.SchedulerType}
    functions = {
        name for name in vars(transformers.optimization) if name.startswith("get_") and "adafactor" not in name
    }

    assert types <= set(PEERS["transformers"].names)
    assert functions <= set(PEERS["transformers"].names)
    assert peers.transformers(transformers.SchedulerType.COSINE, num_warmup_steps=5) == peers.transformers("cosine", 5)


@pytest.mark.parametrize("library", PEERS)
def test_an_unknown_name_is_answered_with_a_near_one(library: str) -> None:
    """A name with a typing error is answered with the name that is meant, and with all that are known."""
    name = next(iter(PEERS[library].configurations))
    with pytest.raises(ScheduleError) as refused:
        PEERS[library].translate(name[:-1] + "_")

    assert f"Did you mean {name!r}?" in str(refused.value)
    assert all(repr(known) in str(refused.value) for known in PEERS[library].configurations)


@pytest.mark.parametrize(
    ("library", "name"), [(library, name) for library, peer in PEERS.items() for name in peer.refused]
)
def test_what_is_no_function_of_time_is_refused_with_the_line_to_write(library: str, name: str) -> None:
    """A rule for a metric, a recursion and a search are refused; the message shows what to write."""
    with pytest.raises(ScheduleError, match=rf"^{library}\.{name}: .*Write "):
        PEERS[library].translate(name)


@pytest.mark.parametrize(
    ("library", "name", "arguments"),
    [
        (
            "torch",
            "ReduceLROnPlateau",
            {"mode": "max", "factor": 0.5, "patience": 3, "threshold_mode": "abs", "cooldown": 2},
        ),
        ("keras", "ReduceLROnPlateau", {"monitor": "loss", "mode": "auto", "min_delta": 1e-3, "min_lr": 1e-6}),
        (
            "timm",
            "PlateauLRScheduler",
            {"decay_rate": 0.2, "patience_t": 4, "cooldown_t": 1, "lr_min": 1e-6, "mode": "max"},
        ),
        ("optax", "reduce_on_plateau", {"factor": 0.3, "rtol": 1e-3, "accumulation_size": 5}),
        ("transformers", "greedy", {"factor": 0.9, "patience": 5, "smooth": True}),
    ],
)
def test_the_line_for_a_metric_can_be_written(library: str, name: str, arguments: dict[str, Any]) -> None:
    """The rule in the answer exists here, with the arguments that both have."""
    with pytest.raises(ScheduleError) as refused:
        PEERS[library].translate(name, **arguments)
    call = ast.parse(str(refused.value).partition("plateau=")[2].removesuffix(")."), mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    given = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    rule = getattr(lr_toolkit, call.func.id)(**given)

    assert {key: getattr(rule, key) for key in given} == given
    assert rule.factor == arguments.get("factor", arguments.get("decay_rate", 0.1))


def test_the_functions_are_the_libraries() -> None:
    """``peers`` has one function for each library, which returns the schedule of its translation."""
    assert {name for name, value in vars(peers).items() if callable(value)} == set(PEERS)
    assert peers.torch("StepLR", 30) == PEERS["torch"].translate("StepLR", 30).schedule == step(30)
    assert peers.megatron(max_lr=0.1, lr_decay_steps=100) == linear(over=100)
    assert peers.torchtitan(warmup_steps=10) == Schedule.parse("warmup(9) >> hold(1) >> linear()")


def test_an_optimizer_may_be_given_as_the_library_wants_it() -> None:
    """An optimizer in the first place, or by name, is left out."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)

    assert peers.torch("StepLR", optimizer, 30) == peers.torch("StepLR", optimizer=optimizer, step_size=30) == step(30)


@pytest.mark.parametrize(
    ("arguments", "schedule"),
    [
        ({"num_warmup_steps": 10}, warmup(10, start=0.0) >> cosine()),
        ({"warmup_ratio": 0.1}, warmup("10%", start=0.0) >> cosine()),
        ({"warmup_steps": 0.1}, warmup("10%", start=0.0) >> cosine()),
        ({"warmup_ratio": 1 / 30}, warmup("3.3333%", start=0.0) >> cosine()),
        ({"warmup_steps": 10}, warmup(10, start=0.0) >> cosine()),
        ({"warmup_ratio": 0.05, "num_training_steps": 99}, warmup(5, start=0.0) >> cosine(over=94)),
        ({"warmup_steps": 0.05, "num_training_steps": 99}, warmup(5, start=0.0) >> cosine(over=94)),
    ],
)
def test_the_warmup_of_transformers_has_three_names(arguments: dict[str, Any], schedule: Schedule) -> None:
    """A warmup in updates or as a share, with or without the run's length; a share of a known length is rounded up."""
    assert peers.transformers("cosine", **arguments) == schedule


@pytest.mark.needs("transformers>=5.2", "warmup_steps may be a share")
@pytest.mark.parametrize("share", [0.001, 0.05, 0.3333, 0.99])
def test_a_share_is_rounded_up_as_in_transformers(share: float) -> None:
    """A warmup as a share of a run of known length has as many updates as ``TrainingArguments`` gives it."""
    updates = transformers.TrainingArguments.get_warmup_steps(SimpleNamespace(warmup_steps=share), 99)

    assert peers.transformers("linear", warmup_steps=share, num_training_steps=99) == peers.transformers(
        "linear", updates, 99
    )


@pytest.mark.parametrize(
    "name", ["linear", "cosine", "polynomial", "cosine_with_restarts", "cosine_warmup_with_min_lr"]
)
def test_without_a_length_the_schedule_takes_that_of_the_run(name: str) -> None:
    """Left out, the length of the run is that of the horizon: the LRs are those of the schedule with the length."""
    arguments = {"num_warmup_steps": 5} | ({"min_lr_rate": 0.1} if "min_lr" in name else {})
    open_schedule = peers.transformers(name, **arguments)
    fixed = peers.transformers(name, **arguments, num_training_steps=40)

    for schedule in (open_schedule, fixed):
        assert schedule.resolve(Horizon(40)).values(range(41), base_lr=0.1) == pytest.approx(
            fixed.resolve(Horizon(60)).values(range(41), base_lr=0.1), rel=1e-12
        )


# --- what was refused as a defect -------------------------------------------------------------------------------------


def ours(text: str, updates: int, lr: float = 1.0) -> list[float]:
    """The LR of each update under the translation of a call."""
    translation = translate_call(text)
    assert translation is not None
    base = lr if translation.base_lr is None else translation.base_lr
    return translation.schedule.resolve(Horizon(updates)).values(range(updates), base_lr=base).tolist()


def test_a_cosine_does_not_climb_again() -> None:
    """After ``T_max`` torch's cosine climbs to the base LR again; ours stays at its end."""
    theirs = stepped(lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 4), 1.0, 9)

    assert theirs[8] == pytest.approx(1.0)
    assert ours("CosineAnnealingLR(opt, 4)", 9)[4:] == [0.0] * 5


def test_transformers_cosine_does_not_climb_again() -> None:
    """After the last update the cosine of transformers climbs again; ours stays at its end."""
    theirs = stepped(lambda optimizer: transformers.get_cosine_schedule_with_warmup(optimizer, 2, 6), 1.0, 11)

    assert theirs[10] == pytest.approx(1.0)
    assert ours("get_cosine_schedule_with_warmup(opt, 2, 6)", 11)[6:] == [0.0] * 5


def test_a_length_of_zero_is_refused() -> None:
    """With ``total_iters=0`` torch stays at ``start_factor`` for ever, and ours is refused."""
    assert stepped(lambda optimizer: lr_scheduler.LinearLR(optimizer, 0.25, total_iters=0), 1.0, 3) == [0.25] * 3
    with pytest.raises(ScheduleError, match="total_iters=0 must be a whole number, 1 or more"):
        peers.torch("LinearLR", 0.25, total_iters=0)


def test_a_peak_between_two_updates_is_moved_to_an_update() -> None:
    """``OneCycleLR`` whose peak lies between two updates never uses ``max_lr``; ours does, at the nearest update."""
    theirs = stepped(
        lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=25, cycle_momentum=False), 1.0, 24
    )
    translated = translate_call("OneCycleLR(opt, 1.0, total_steps=25, cycle_momentum=False)")

    assert max(theirs) < 0.999
    assert max(ours("OneCycleLR(opt, 1.0, total_steps=25)", 24)) == 1.0
    assert translated is not None
    assert translated.notes == ("torch's peak lies between two updates, at 6.5; here it is update 7.",)


def test_a_division_by_zero_of_one_cycle_is_refused() -> None:
    """``pct_start`` of a single update makes torch divide by zero, and ours is refused with the reason."""
    with pytest.raises(ZeroDivisionError):
        stepped(
            lambda optimizer: lr_scheduler.OneCycleLR(
                optimizer, 1.0, total_steps=10, pct_start=0.1, cycle_momentum=False
            ),
            1.0,
            9,
        )
    with pytest.raises(ScheduleError, match="leaves a phase without an update, for which torch divides by zero"):
        peers.torch("OneCycleLR", 1.0, total_steps=10, pct_start=0.1)


def test_min_lr_is_an_lr_for_each_group() -> None:
    """In transformers a group with a tenth of the default LR ends at a tenth of ``min_lr``; ours ends at ``min_lr``."""
    optimizer = SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.01}], lr=0.1)
    scheduler = transformers.get_cosine_with_min_lr_schedule_with_warmup(optimizer, 0, 10, min_lr=1e-3)
    for _ in range(10):
        optimizer.step()
        scheduler.step()
    schedule = peers.transformers("cosine_with_min_lr", num_training_steps=10, min_lr=1e-3)

    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)
    assert schedule.resolve(Horizon(10))(10, base_lr=0.01) == pytest.approx(1e-3)


def test_restarts_between_two_updates_are_moved_to_an_update() -> None:
    """Seven updates in two cycles: transformers restarts between two updates, ours at the nearest one."""
    schedule = peers.transformers("cosine_with_restarts", num_training_steps=7, num_cycles=2)
    theirs = stepped(
        lambda optimizer: transformers.get_cosine_with_hard_restarts_schedule_with_warmup(optimizer, 0, 7, 2), 1.0, 7
    )

    assert 1.0 not in theirs[1:]
    assert schedule.resolve(Horizon(7)).values(range(7)).tolist().count(1.0) == 2


def test_a_warmup_that_deepspeed_would_cut_is_refused() -> None:
    """Its first LR is used twice, so a warmup as long as the run lasts one update longer; what the message offers fits the run."""
    with pytest.raises(ScheduleError, match=r"Write warmup_num_steps=4, or total_num_steps=6\."):
        peers.deepspeed("WarmupDecayLR", total_num_steps=5, warmup_num_steps=5)
    for total, up in ((5, 4), (6, 5)):
        schedule = peers.deepspeed("WarmupDecayLR", total_num_steps=total, warmup_num_steps=up)
        assert schedule.resolve(Horizon(total))(0) == 0
