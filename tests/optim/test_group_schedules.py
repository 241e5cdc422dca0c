"""A schedule for each parameter group, and schedules of other keys of the groups: values, resumes, late groups, refusals."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD, AdamW, Optimizer

from lr_toolkit import (
    Horizon,
    ReduceOnPlateau,
    Schedule,
    ScheduledLR,
    ScheduleError,
    ScheduleWarning,
    absolute,
    cosine,
    linear,
    warmup,
)
from lr_toolkit.schedules.peers.translate import translate_call
from tests.helpers.capturing import captured
from tests.helpers.optimizers import Still, parameter, resume, saved

KEYS = ("lr", "weight_decay", "momentum")
UPDATES = 12
RUN = Horizon(UPDATES)
LR = {"backbone": "warmup(4) >> linear()", "layer_*": "step(3, gamma=0.5)", "*": "cosine(end=0.1)"}
DECAY = {"backbone": "linear(end=2.0)", "head": "absolute(cosine(start=0.05, end=0.2))"}
MOMENTUM = "absolute(linear(start=0.85, end=0.95, over=6) >> hold())"


def groups(tensor: bool = False) -> list[dict[str, Any]]:
    """Four groups with names, base LRs and weight decays of their own."""
    facts = [("backbone", 1e-4, 0.05), ("layer_0", 2e-4, 0.0), ("layer_1", 3e-4, 0.02), ("head", 1e-3, 0.01)]
    numbers = [
        (name, lr, decay) if not tensor else (name, torch.tensor(lr), torch.tensor(decay)) for name, lr, decay in facts
    ]
    return [{"params": [parameter()], "name": name, "lr": lr, "weight_decay": decay} for name, lr, decay in numbers]


def sgd_of_groups() -> SGD:
    """An optimizer with momentum."""
    return SGD(groups(), momentum=0.9)


def scheduled(optimizer: Optimizer, **options: Any) -> ScheduledLR:
    """The schedules above."""
    return ScheduledLR(optimizer, LR, RUN, weight_decay=DECAY, momentum=MOMENTUM, **options)


def flat(values: Mapping[str, tuple[float, ...]]) -> dict[str, float]:
    """One entry for each number."""
    return {f"{name}-{key}": value for name, each in values.items() for key, value in zip(KEYS, each, strict=True)}


def expected(k: int) -> dict[str, float]:
    """LR, weight decay and momentum of each group at update k, from the timelines alone."""

    def factor(text: str) -> float:
        return Schedule.parse(text).resolve(RUN)(k)

    momentum = factor("linear(start=0.85, end=0.95, over=6) >> hold()")
    values = {
        "backbone": (1e-4 * factor(LR["backbone"]), 0.05 * factor("linear(end=2.0)"), momentum),
        "layer_0": (2e-4 * factor(LR["layer_*"]), 0.0, momentum),
        "layer_1": (3e-4 * factor(LR["layer_*"]), 0.02, momentum),
        "head": (1e-3 * factor(LR["*"]), factor("cosine(start=0.05, end=0.2)"), momentum),
    }
    return flat(values)


def present(optimizer: Optimizer) -> dict[str, float]:
    """The same, as the optimizer has them now; of the groups that it was made with."""
    return flat({group["name"]: tuple(float(group[key]) for key in KEYS) for group in optimizer.param_groups[:4]})


def follow(optimizer: Optimizer, scheduler: ScheduledLR, first: int, last: int) -> None:
    """Take updates, and compare what each of them uses with the closed forms."""
    for k in range(first, last):
        assert present(optimizer) == pytest.approx(expected(k), rel=1e-15)
        optimizer.step()
        scheduler.step()


def test_each_group_follows_its_schedules() -> None:
    """A name, a pattern and the rest; LR, weight decay and momentum, relative and absolute, at every update."""
    optimizer = sgd_of_groups()
    scheduler = scheduled(optimizer)

    follow(optimizer, scheduler, 0, UPDATES)
    assert present(optimizer) == pytest.approx(expected(UPDATES), rel=1e-15)
    assert [binding.key for binding in scheduler.bindings] == ["lr", "momentum", "weight_decay"]
    assert scheduler.bindings[2].members == (0, 3)


@pytest.mark.parametrize("update", range(UPDATES))
def test_a_resume_at_each_update_changes_nothing(update: int) -> None:
    """All keys of all groups go on as in the run that was not interrupted; the state is plain data."""
    optimizer = sgd_of_groups()
    scheduler = scheduled(optimizer)
    follow(optimizer, scheduler, 0, update)
    states = saved(optimizer, scheduler)

    optimizer = sgd_of_groups()
    scheduler = scheduled(optimizer)
    resume(optimizer, scheduler, states)
    follow(optimizer, scheduler, update, UPDATES)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))], ids=["copy", "pickle"]
)
def test_a_copy_goes_on(copied: Any) -> None:
    """A copy of optimizer and scheduler in the middle of a run follows all keys."""
    optimizer = sgd_of_groups()
    scheduler = scheduled(optimizer)
    follow(optimizer, scheduler, 0, 5)

    optimizer, scheduler = copied((optimizer, scheduler))
    follow(optimizer, scheduler, 5, UPDATES)


def test_betas_are_driven_by_place() -> None:
    """Each place has a schedule of its own or keeps its value, and the entry stays a tuple."""
    optimizer = AdamW([parameter()], lr=1e-3, betas=(0.9, 0.95))
    scheduler = ScheduledLR(optimizer, "hold()", Horizon(4), betas=(None, absolute(linear(start=0.95, end=0.99))))
    for k in range(4):
        assert optimizer.param_groups[0]["betas"] == (0.9, pytest.approx(0.95 + 0.01 * k, rel=1e-15))
        optimizer.step()
        scheduler.step()

    assert optimizer.param_groups[0]["betas"] == (0.9, 0.99)
    assert optimizer.param_groups[0]["initial_betas"] == (0.9, 0.95)


@pytest.mark.parametrize("options", [{}, {"anneal_strategy": "linear"}, {"three_phase": True, "pct_start": 0.25}])
def test_the_note_about_torchs_momentum_is_right(options: dict[str, Any]) -> None:
    """The momentum that the translation of OneCycleLR prints is torch's at every update."""
    steps = 40
    theirs = SGD([parameter()], lr=0.1, momentum=0.9)
    torchs = torch.optim.lr_scheduler.OneCycleLR(theirs, max_lr=0.1, total_steps=steps, **options)
    call = ", ".join(
        ["opt", "max_lr=0.1", f"total_steps={steps}", *(f"{key}={value!r}" for key, value in options.items())]
    )
    translation = translate_call(f"OneCycleLR({call})")
    assert translation is not None
    (note,) = (note for note in translation.notes if "momentum=absolute" in note)
    text = note.partition("momentum=")[2].partition(", for Adam")[0]
    ours = SGD([parameter()], lr=0.1, momentum=0.9)
    scheduler = ScheduledLR(ours, translation.schedule, Horizon(steps), momentum=text)
    for _ in range(steps - 1):
        for key in ("lr", "momentum"):
            assert ours.param_groups[0][key] == pytest.approx(theirs.param_groups[0][key], rel=1e-9)
        for optimizer, each in ((ours, scheduler), (theirs, torchs)):
            optimizer.step()
            each.step()


def test_any_key_of_a_group_can_be_driven() -> None:
    """Also one that only a user's optimizer has."""
    optimizer = Still([{"params": [parameter()], "lr": 0.1, "rho": 2.0}])
    scheduler = ScheduledLR(optimizer, "hold()", Horizon(4), other_schedules={"rho": "linear(end=0.5)"})
    optimizer.step()
    scheduler.step()

    assert optimizer.param_groups[0]["rho"] == 2.0 * 0.875


def test_tensors_are_filled_in_place() -> None:
    """A tensor of any key keeps its identity and holds the value, as a captured graph needs it."""
    optimizer = Still(groups(tensor=True))
    scheduler = ScheduledLR(optimizer, LR, RUN, weight_decay=DECAY)
    held = [group[key] for group in optimizer.param_groups for key in ("lr", "weight_decay")]
    for k in range(UPDATES):
        for group in optimizer.param_groups:
            for key in ("lr", "weight_decay"):
                assert group[key].item() == pytest.approx(expected(k)[f"{group['name']}-{key}"], rel=1e-6)
        optimizer.step()
        scheduler.step()

    now = [group[key] for group in optimizer.param_groups for key in ("lr", "weight_decay")]
    assert all(before is after for before, after in zip(held, now, strict=True))


def test_another_key_that_is_a_constant_of_a_cuda_graph_is_reported() -> None:
    """A scheduled weight decay is a number: each replay uses the value of the capture. One without a schedule may be a number."""
    weight = parameter("meta")
    optimizer = Still(
        [
            {
                "params": [weight],
                "lr": torch.tensor(0.1, device="meta"),
                "initial_lr": 0.1,
                "weight_decay": 0.2,
                "eps": 1e-8,
            }
        ]
    )
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    with captured():
        optimizer.step()

    del scheduler
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10), weight_decay="linear()")
    message = (
        r"LR706: .*the weight_decay of parameter group 0 is a number.*\(0\.2\).*Leave out the schedule of weight_decay"
    )
    with captured(), pytest.warns(ScheduleWarning, match=message):
        optimizer.step()
    assert scheduler.has_update


def test_a_second_scheduler_begins_at_the_own_values() -> None:
    """A later scheduler takes the value that the group was made with, not the one that the first left behind."""
    optimizer = SGD([parameter()], lr=0.1, momentum=0.9)
    first = ScheduledLR(optimizer, "hold()", Horizon(2), momentum="linear(end=0.5)")
    for _ in range(2):
        optimizer.step()
        first.step()
    assert optimizer.param_groups[0]["momentum"] == 0.45

    del first
    ScheduledLR(optimizer, "hold()", Horizon(2), momentum="linear(end=0.5)")
    assert optimizer.param_groups[0]["momentum"] == 0.9


@pytest.mark.parametrize(
    ("group", "lr"), [("layer_7", "step(3, gamma=0.5)"), ("later", "cosine(end=0.1)"), (None, "cosine(end=0.1)")]
)
def test_a_group_that_joins_follows_the_schedule_for_its_name(group: str | None, lr: str) -> None:
    """From its first update on, and after a resume."""
    optimizer = sgd_of_groups()
    scheduler = scheduled(optimizer)
    follow(optimizer, scheduler, 0, 5)
    late = {"params": [parameter()], "lr": 0.5, "weight_decay": 0.3} | ({"name": group} if group else {})
    optimizer.add_param_group(late)
    factor = Schedule.parse(lr).resolve(RUN)
    optimizer.step()
    assert optimizer.param_groups[4]["lr"] == 0.5 * factor(5)
    scheduler.step()

    states = saved(optimizer, scheduler)
    optimizer = sgd_of_groups()
    scheduler = scheduled(optimizer)
    optimizer.add_param_group({**late, "params": [parameter()]})
    resume(optimizer, scheduler, states)
    for k in range(6, UPDATES):
        joined = optimizer.param_groups[4]
        assert joined["lr"] == pytest.approx(0.5 * factor(k), rel=1e-15)
        assert joined["weight_decay"] == 0.3
        assert joined["momentum"] == expected(k)["head-momentum"]
        optimizer.step()
        scheduler.step()


def test_a_pattern_may_wait_for_a_group() -> None:
    """Nothing is called so yet; the group that joins follows it."""
    optimizer = SGD([{"params": [parameter()], "name": "head"}], lr=0.1)
    scheduler = ScheduledLR(optimizer, {"head": "hold()", "backbone*": "linear()"}, Horizon(10))
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    optimizer.add_param_group({"params": [parameter()], "name": "backbone", "lr": 0.01})
    optimizer.step()

    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01 * 0.6]


def test_a_group_without_a_schedule_is_refused_when_it_joins() -> None:
    """The error names it; the optimizer's other groups keep their LRs."""
    optimizer = SGD([{"params": [parameter()], "name": "head"}], lr=0.1)
    scheduler = ScheduledLR(optimizer, {"head": "hold()"}, Horizon(10))
    optimizer.add_param_group({"params": [parameter()], "name": "backbone", "lr": 0.01})
    with pytest.raises(
        ScheduleError, match=r"no schedule is for parameter group 'backbone'.*'\*': hold\(\).*'backbone': hold\(\)"
    ):
        optimizer.step()
    assert scheduler.last_epoch == 0


def test_a_momentum_above_1_of_a_late_group_is_refused() -> None:
    """As at the beginning: its base value times a factor above 1 would diverge."""
    optimizer = SGD([{"params": [parameter()], "name": "head", "momentum": 0.5}], lr=0.1)
    scheduler = ScheduledLR(optimizer, "hold()", Horizon(10), momentum="linear(end=1.5)")
    optimizer.add_param_group({"params": [parameter()], "name": "late", "momentum": 0.9})
    with pytest.raises(ScheduleError, match=r"momentum of parameter group 'late' would rise to 1\.35"):
        optimizer.step()
    assert scheduler.last_epoch == 0


def test_a_plateau_and_a_rebase_move_the_lr_alone() -> None:
    """Gains and base LRs act on the LR; weight decay and momentum follow their schedules."""
    optimizer = sgd_of_groups()
    scheduler = scheduled(optimizer, plateau=ReduceOnPlateau("val_loss", patience=0, factor=0.5))
    scheduler.rebase([2e-4, 4e-4, 6e-4, 2e-3])
    for value in (1.0, 2.0):
        scheduler.observe(value)

    assert present(optimizer) == pytest.approx(expected(0), rel=1e-15)  # twice the base LRs x a gain of a half


@pytest.mark.parametrize("on_change", ["replan", "keep", "stretch", "continue", "restart"])
def test_a_changed_plan_of_another_key_asks_and_obeys(on_change: Any) -> None:
    """The error lists the values under each policy; the one that is chosen acts on the weight decay as on an LR."""

    def build(end: float, horizon: Horizon, **options: Any) -> tuple[SGD, ScheduledLR]:
        optimizer = SGD([parameter()], lr=0.1, weight_decay=0.1)
        return optimizer, ScheduledLR(optimizer, "hold()", horizon, weight_decay=linear(end=end), **options)

    optimizer, scheduler = build(0.0, Horizon(10))
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    states = saved(optimizer, scheduler)

    optimizer, scheduler = build(0.5, Horizon(20))
    with pytest.raises(ScheduleError, match=r"its weight_decay was to be 0\.06"):
        resume(optimizer, scheduler, states)
    optimizer, scheduler = build(0.5, Horizon(20), on_change=on_change)
    resume(optimizer, scheduler, states)
    scheduler.step(12)
    values = {
        "replan": 0.1 * (1 - 0.5 * 12 / 20),
        "keep": 0.0,
        "stretch": 0.1 * 0.6 * 8 / 16,
        "continue": 0.05 + 0.01 * 8 / 16,
        "restart": 0.1 * (1 - 0.5 * 8 / 16),
    }
    assert optimizer.param_groups[0]["weight_decay"] == pytest.approx(values[on_change], rel=1e-12)


@pytest.mark.parametrize(("saved_end", "values"), [(2.0, (0.14, 0.145, 0.15)), (4.0, (0.22, 0.185, 0.15))])
def test_continue_lets_another_key_rise(saved_end: float, values: tuple[float, ...]) -> None:
    """The weight decay goes from the value in use to the new end, from below as from above; the LR has a cooldown."""

    def build(schedule: str, end: float, steps: int, **options: Any) -> tuple[SGD, ScheduledLR]:
        optimizer = SGD([parameter()], lr=0.1, weight_decay=0.1)
        return optimizer, ScheduledLR(optimizer, schedule, Horizon(steps), weight_decay=linear(end=end), **options)

    optimizer, scheduler = build("hold()", saved_end, 10)
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    states = saved(optimizer, scheduler)

    optimizer, scheduler = build("hold(4) >> linear()", 1.5, 8, on_change="continue")
    resume(optimizer, scheduler, states)
    found = []
    for k in (4, 6, 8):
        scheduler.step(k)
        found.append(optimizer.param_groups[0]["weight_decay"])
    assert found == pytest.approx(values, rel=1e-12)


def test_continue_refuses_another_key_that_rises_and_falls() -> None:
    """Its message names the key and shows the schedule."""
    plan = "linear(end=2.0, over=5) >> linear(end=1.0)"
    optimizer = SGD([parameter()], lr=0.1, weight_decay=0.1)
    scheduler = ScheduledLR(optimizer, "hold()", Horizon(10), weight_decay="linear()")
    scheduler.step(4)
    states = saved(optimizer, scheduler)
    scheduler = ScheduledLR(optimizer, "hold()", Horizon(10), weight_decay=plan, on_change="continue")
    with pytest.raises(ScheduleError, match=r"rises and falls.*replan.*schedule of weight_decay"):
        resume(optimizer, scheduler, states)


def test_a_second_warmup_is_for_the_lr_alone() -> None:
    """A weight decay and a beta that changed as well follow the policy: a warmup would take a beta to almost 0."""

    def build(end: float, **options: Any) -> tuple[AdamW, ScheduledLR]:
        optimizer = AdamW([parameter()], lr=0.1, weight_decay=0.1, betas=(0.9, 0.99))
        keys = {"weight_decay": linear(end=end), "betas": (None, linear(end=0.9 + end / 10))}
        return optimizer, ScheduledLR(optimizer, linear(end=end), Horizon(10), **keys, **options)

    optimizer, scheduler = build(0.0)
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    states = saved(optimizer, scheduler)

    optimizer, scheduler = build(0.5, on_change="replan", rewarm=3)
    resume(optimizer, scheduler, states)
    group = optimizer.param_groups[0]
    assert group["lr"] == pytest.approx(0.1 * 0.8 / 4, rel=1e-12)
    assert group["weight_decay"] == pytest.approx(0.1 * 0.8, rel=1e-12)
    assert group["betas"][1] == pytest.approx(0.99 * 0.98, rel=1e-12)


def test_a_schedule_for_other_groups_asks() -> None:
    """The error names the key, and the groups that have a schedule in the checkpoint and now."""

    def build(decay: Any) -> tuple[SGD, ScheduledLR]:
        optimizer = sgd_of_groups()
        return optimizer, ScheduledLR(optimizer, "hold()", Horizon(10), weight_decay=decay)

    states = saved(*build({"backbone": "linear()"}))
    optimizer, scheduler = build({"backbone": "linear()", "head": "linear()"})
    with pytest.raises(
        ScheduleError, match=r"schedule for weight_decay is for the parameter groups 0, 3 now, and was for 0\."
    ):
        resume(optimizer, scheduler, states)


def test_the_policies_of_another_key_name_it() -> None:
    """In the table under which the plan has changed."""

    def build(decay: Any, **options: Any) -> ScheduledLR:
        return ScheduledLR(sgd_of_groups(), "hold()", Horizon(10), weight_decay=decay, **options)

    before = build("linear()")
    before.step(4)
    state = before.state_dict()
    with pytest.raises(ScheduleError, match=r"on_change='keep' .* the saved plan, then its last weight_decay"):
        build("cosine()").load_state_dict(state)


def test_a_change_is_described_for_every_group() -> None:
    """In words, each once, also if the schedule of the first group is the same."""
    optimizer = sgd_of_groups()
    scheduler = ScheduledLR(optimizer, {"backbone": "hold()", "*": "linear()"}, Horizon(10))
    scheduler.step(4)
    scheduler.recalculate(Horizon(20))

    assert "what was left of linear() lasts until update 20" in scheduler.change
    assert scheduler.change.count("linear()") == 1


@pytest.mark.parametrize("policy", ["keep", "replan"])
def test_a_policy_logs_that_a_schedule_is_for_other_groups(policy: Any, caplog: pytest.LogCaptureFixture) -> None:
    """And that one has come or gone; the schedules of the code act."""
    before, now = (
        ScheduledLR(sgd_of_groups(), "hold()", Horizon(10), on_change=policy, **options)
        for options in (
            {"weight_decay": {"backbone": "linear()"}},
            {"weight_decay": "linear()", "momentum": "linear()"},
        )
    )
    now.load_state_dict(before.state_dict())

    (record,) = [record.getMessage() for record in caplog.records if "weight_decay" in record.getMessage()]
    assert "now there is a schedule for momentum that the checkpoint does not have, and the schedule for" in record
    assert record.endswith(f"and was for 0. It goes on like that: on_change={policy!r}.")
    now.step(5)
    assert now.optimizer.param_groups[0]["momentum"] == pytest.approx(0.45)


@pytest.mark.parametrize(
    ("schedule", "value"), [("hold(level=1.5)", 1.5), ("linear(start=0.9, end=1.0)", 0.9), ("hold(level=1.0)", 1.0)]
)
def test_a_state_that_would_bring_a_beta_of_1_is_damaged(schedule: str, value: float) -> None:
    """No undamaged state has one; the optimizer keeps its values."""
    optimizer = AdamW(groups(), lr=0.1)
    scheduler = ScheduledLR(optimizer, "hold()", Horizon(10), betas=(None, "absolute(hold(level=0.9))"))
    before, state = [group["betas"] for group in optimizer.param_groups], copy.deepcopy(scheduler.state_dict())
    followed = state["followed"]["betas[1]"]
    followed["timelines"][0]["schedule"], followed["values"] = schedule, [value] * len(followed["values"])

    with pytest.raises(ScheduleError, match=r"the state is damaged: the betas\[1\] of parameter group 'backbone'"):
        scheduler.load_state_dict(state)
    assert [group["betas"] for group in optimizer.param_groups] == before


def test_a_schedule_that_was_added_or_removed_asks() -> None:
    """By default the error names the key; with a policy the new schedule acts, or the saved value stays."""

    def build(**options: Any) -> tuple[SGD, ScheduledLR]:
        optimizer = SGD([parameter()], lr=0.1, momentum=0.9)
        return optimizer, ScheduledLR(optimizer, "hold()", Horizon(10), **options)

    both = {}
    for name, options in (("without", {}), ("with", {"momentum": "linear(end=0.5)"})):
        optimizer, scheduler = build(**options)
        for _ in range(4):
            optimizer.step()
            scheduler.step()
        both[name] = saved(optimizer, scheduler)

    optimizer, scheduler = build(momentum="linear(end=0.5)")
    with pytest.raises(ScheduleError, match=r"now there is a schedule for momentum.*on_change='replan'"):
        resume(optimizer, scheduler, both["without"])
    optimizer, scheduler = build(momentum="linear(end=0.5)", on_change="replan")
    resume(optimizer, scheduler, both["without"])
    scheduler.step(4)
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.9 * 0.8, rel=1e-15)

    optimizer, scheduler = build()
    with pytest.raises(ScheduleError, match="the schedule for momentum that the checkpoint has is gone"):
        resume(optimizer, scheduler, both["with"])
    optimizer, scheduler = build(on_change="replan")
    resume(optimizer, scheduler, both["with"])
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.9 * 0.8, rel=1e-15)


def test_a_recalculation_spreads_all_keys() -> None:
    """What is left of each schedule of each group lasts until the new end."""
    optimizer = sgd_of_groups()
    scheduler = scheduled(optimizer)
    follow(optimizer, scheduler, 0, 6)
    before = present(optimizer)
    scheduler.recalculate(Horizon(UPDATES + 6))

    assert present(optimizer) == pytest.approx(before, rel=1e-12)
    scheduler.step(UPDATES + 6)
    assert present(optimizer) == pytest.approx(expected(UPDATES), rel=1e-12)


SHAPES = [
    "cosine(end=0.1)",
    "linear()",
    "warmup(3) >> hold()",
    "step(4, gamma=0.3)",
    "polynomial(2.0, end=0.2)",
    "hold()",
]


@settings(max_examples=40, deadline=None)
@given(
    plans=st.lists(st.tuples(st.sampled_from(SHAPES), st.sampled_from([None, *SHAPES])), min_size=1, max_size=6),
    steps=st.integers(8, 40),
    data=st.data(),
)
def test_any_groups_equal_their_timelines(plans: list[tuple[str, str | None]], steps: int, data: st.DataObject) -> None:
    """However many groups, each value is base x factor of the schedule for its name, before and after a resume."""

    def build() -> tuple[Optimizer, ScheduledLR]:
        made = [
            {"params": [parameter()], "name": f"g{index}", "lr": 0.1 / (index + 1), "weight_decay": 0.01 * (index + 1)}
            for index in range(len(plans))
        ]
        optimizer = Still(made)
        decays = {f"g{index}": decay for index, (_, decay) in enumerate(plans) if decay}
        lrs = {f"g{index}": lr for index, (lr, _) in enumerate(plans)}
        return optimizer, ScheduledLR(optimizer, lrs, Horizon(steps), weight_decay=decays or None)

    def check(optimizer: Optimizer, k: int) -> None:
        for index, (group, (lr, decay)) in enumerate(zip(optimizer.param_groups, plans, strict=True)):
            factors = [Schedule.parse(text).resolve(Horizon(steps))(k) if text else 1.0 for text in (lr, decay)]
            assert group["lr"] == pytest.approx(0.1 / (index + 1) * factors[0], rel=1e-12)
            assert group["weight_decay"] == pytest.approx(0.01 * (index + 1) * factors[1], rel=1e-12)

    update = data.draw(st.integers(0, steps))
    optimizer, scheduler = build()
    scheduler.step(update)
    check(optimizer, update)
    states = saved(optimizer, scheduler)
    optimizer, scheduler = build()
    resume(optimizer, scheduler, states)
    check(optimizer, update)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelled group": ({"schedule": {"hed": "cosine()", "*": "hold()"}}, r"called 'hed'.*Write 'head'"),
    "a name that no group has, without a rest": (
        {"schedule": {"body": "cosine()"}},
        r"called 'body'.*The groups are 'backbone', .*For all groups without an entry of their own write '\*'\.$",
    ),
    "a name that no group has, beside the rest": (
        {"schedule": {"body": "cosine()", "*": "hold()"}},
        r"pattern: 'body\*'\.$",
    ),
    "a group that is not there": (
        {"schedule": {"decoder": "cosine()", "*": "hold()"}},
        r"'name': 'decoder'.*'decoder\*'",
    ),
    "groups without a schedule": ({"schedule": {"head": "cosine()"}}, r"no schedule is for parameter group 'backbone'"),
    "an empty mapping": ({"schedule": {}}, r"must have the names of parameter groups as its keys"),
    "numbers in place of names": ({"schedule": {0: "cosine()"}}, r"\{0: 'cosine\(\)'\} must have the names"),
    "a number as schedule": ({"schedule": {"*": 0.1}}, r"Schedule\.parse\(0\.1\): is no schedule"),
    "a text with an error": ({"schedule": {"*": "cosin()"}}, r"Did you mean cosine\(\.\.\.\)"),
    "a mapping within a mapping": (
        {"schedule": {"*": {"head": "cosine()"}}},
        r"A mapping of the names.*Write one schedule",
    ),
    "absolute for an LR": ({"schedule": absolute("linear()")}, r"factors of the base LR.*Write linear\(\)"),
    "absolute with an LR in it": (
        {"weight_decay": "absolute(linear(end_lr=0.1))"},
        r"each level is a value already.*end=",
    ),
    "an LR as a level of another key": ({"weight_decay": linear(end_lr=0.01)}, r"is an LR \(end_lr=.*absolute\(linear"),
    "absolute in a sum": (
        {"weight_decay": "absolute(linear(over=3)) >> hold()"},
        r"around the whole schedule.*absolute\(linear\(\.\.\.\) >> hold\(\)\)",
    ),
    "absolute within absolute": ({"weight_decay": "absolute(absolute(hold()))"}, r"around the whole schedule"),
    "an absolute momentum of 1": (
        {"momentum": "absolute(hold())"},
        r"rise to 1,.*Its levels are values.*write absolute\(linear\(start=0\.85, end=0\.95\)\), or hold\(level=0\.95\)",
    ),
    "a number as weight decay": (
        {"weight_decay": 0.1},
        r"weight_decay: 0\.1 is a number.*Write weight_decay=0\.1 for the optimizer",
    ),
    "a number as text": ({"weight_decay": "0.1"}, r"weight_decay: '0\.1' is a number"),
    "numbers as betas": ({"kind": AdamW, "betas": (0.9, 0.99)}, r"betas\[0\]: 0\.9 is a number"),
    "a number for a group": ({"weight_decay": {"head": 0.1}}, r"weight_decay: 0\.1 is a number"),
    "nothing for a group": ({"weight_decay": {"head": None, "*": "linear()"}}, r"weight_decay: .*'head': hold\(\)"),
    "one schedule for betas": (
        {"kind": AdamW, "betas": "linear()"},
        r"has 2 numbers.*Write betas=\(None, linear\(\)\) for the last",
    ),
    "a mapping of places": (
        {"kind": AdamW, "betas": {"head": (None, "linear()")}},
        r"Write betas=\(None, \{'head': 'linear\(\)'\}\)",
    ),
    "a list for one number": ({"weight_decay": ["linear()"]}, r"is one number.*Write weight_decay=linear\(\)"),
    "an LR among the others": ({"other_schedules": {"lr": "hold()"}}, r"'lr'.*Write it as the schedule"),
    "parameters among the others": ({"other_schedules": {"params[0]": "hold()"}}, r"'params\[0\]'"),
    "a name among the others": ({"other_schedules": {"": "hold()"}}, r"other_schedules: ''"),
    "a number as a key": ({"other_schedules": {0: "hold()"}}, r"other_schedules: 0"),
    "others that are no mapping": (
        {"other_schedules": "hold()"},
        r"other_schedules='hold\(\)'.*other_schedules=\{'eps': 'hold",
    ),
    "a momentum twice": (
        {"momentum": "hold()", "other_schedules": {"momentum": "linear()"}},
        r"'momentum'.*twice",
    ),
    "a beta twice": (
        {"kind": AdamW, "betas": ("hold()", None), "other_schedules": {"betas[0]": "linear()"}},
        r"'betas\[0\]'.*twice",
    ),
    "an absolute that is too long": ({"weight_decay": absolute(linear(over=99))}, r"99 steps"),
    "momentum of Adam": (
        {"kind": AdamW, "momentum": "linear()"},
        r"first of its betas. Write betas=\(absolute\(linear\(start=0.85, end=0.95\)\), None\)\.",
    ),
    "an absolute momentum of Adam": (
        {"kind": AdamW, "momentum": "absolute(hold(level=0.8))"},
        r"first of its betas. Write betas=\(absolute\(hold\(level=0.8\)\), None\)\.",
    ),
    "a momentum above 1 before a jump": (
        {"momentum": absolute("linear(start=0.9, end=1.2, over=5) >> hold(level=0.9)")},
        r"would rise to 1\.14",
    ),
    "betas of SGD": ({"betas": ("linear()", None)}, r"no parameter group that it is for has a number 'betas\[0\]'"),
    "a momentum for groups that may join": (
        {"momentum": {"late*": "linear()"}},
        r"No group that is there.*Write \{'late\*': linear\(\), 'backbone': hold\(\)\}",
    ),
    "a third beta": ({"kind": AdamW, "betas": (None, None, "linear()")}, r"has a number 'betas\[2\]'"),
    "a misspelled key": ({"other_schedules": {"weight_dcay": "linear()"}}, r"Write weight_decay="),
    "an unknown key": ({"other_schedules": {"temperature": "linear()"}}, r"The keys are dampening, differentiable"),
    "a key that is no number": ({"other_schedules": {"nesterov": "linear()"}}, r"has a number 'nesterov'"),
    "a decay of 0": (
        {"weight_decay": {"layer_0": "linear()"}},
        r"is 0, and a schedule multiplies it.*absolute\(\.\.\.\)",
    ),
    "a momentum above 1": ({"momentum": "linear(end=1.2)"}, r"would rise to 1\.08, and must stay below 1"),
    "a beta of 1": ({"kind": AdamW, "betas": (None, absolute("linear(start=0.9, end=1.0)"))}, r"would rise to 1,"),
    "a schedule that is too long for one group": (
        {"schedule": {"head": warmup(99) >> cosine(), "*": "hold()"}},
        r"warmup\(99\)",
    ),
    "a floor above one group's base": (
        {"schedule": {"head": "linear(end_lr=1.0)", "*": "hold()"}},
        r"parameter group 'head'",
    ),
    "an argument of another name": ({"wd": "linear()"}, r"there is no argument 'wd'"),
    "a list of schedules": ({"schedule": ["cosine()", "linear()"]}, r"Phases are joined by >>"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_schedule_is_refused(case: str) -> None:
    """The message shows what was given and what to write, and the values of the optimizer are unchanged."""
    options, message = WRONG[case]
    options = {"schedule": LR, **options}
    kind = options.pop("kind", SGD)
    optimizer = kind(groups(), **({"momentum": 0.9} if kind is SGD else {}))
    before = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    with pytest.raises(ScheduleError, match=message):
        ScheduledLR(optimizer, options.pop("schedule"), horizon=RUN, **options)

    now = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    assert now == before
