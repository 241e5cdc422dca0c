"""A combination of optimizers trains, saves and fails as its optimizers do one after another."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from lr_toolkit import CombinedOptimizer, Horizon, ScheduledLR, ScheduleError, hold
from tests.helpers.combined_nets import weights
from tests.helpers.optimizers import through_a_file

Make = Callable[[Any], Optimizer]

# Each has a combination's optimizers: the first gets the matrices, the second the vectors, a third the last bias.
COMBINATIONS: dict[str, dict[str, Make]] = {
    "sgd and adamw": {
        "sgd": lambda parameters: SGD(parameters, lr=0.05, momentum=0.9, nesterov=True),
        "adamw": lambda parameters: AdamW(parameters, lr=0.01),
    },
    "three": {
        "rms": lambda parameters: RMSprop(parameters, lr=0.01),
        "adagrad": lambda parameters: Adagrad(parameters, lr=0.02),
        "adam": lambda parameters: Adam(parameters, lr=0.01, amsgrad=True),
    },
    "one": {"adamw": lambda parameters: AdamW(parameters, lr=0.01)},
    "fused": {
        "adamw": lambda parameters: AdamW(parameters, lr=0.01, fused=True),
        "adam": lambda parameters: Adam(parameters, lr=0.02, fused=True),
    },
    "fused and not": {
        "fused": lambda parameters: AdamW(parameters, lr=0.01, fused=True),
        "sgd": lambda parameters: SGD(parameters, lr=0.02, momentum=0.9, fused=False),
    },
}
if hasattr(torch.optim, "Muon"):  # torch 2.9 brought it
    COMBINATIONS["muon and adamw"] = {
        "muon": lambda parameters: torch.optim.Muon(parameters, lr=0.02),
        "adamw": lambda parameters: AdamW(parameters, lr=0.01),
    }


def network(seed: int = 0) -> nn.Sequential:
    """Two layers in float32."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def optimizers_of(net: nn.Module, combination: str) -> dict[str, Optimizer]:
    """The optimizers of a combination, each with its own parameters."""
    makes = COMBINATIONS[combination]
    parts: list[list[nn.Parameter]] = [[], [], []]
    for parameter in net.parameters():
        parts[0 if parameter.ndim == 2 else 1].append(parameter)
    if len(makes) == 3:
        parts[2].append(parts[1].pop())
    if len(makes) == 1:
        parts = [parts[0] + parts[1]]
    return {name: make(part) for (name, make), part in zip(makes.items(), parts, strict=False)}


def combined(net: nn.Module, combination: str = "sgd and adamw") -> CombinedOptimizer:
    """A combination on a network."""
    return CombinedOptimizer(**optimizers_of(net, combination))


def backward(net: nn.Module, update: int, scaler: torch.amp.GradScaler | None = None) -> torch.Tensor:
    """Give each parameter its gradient of that update."""
    inputs = torch.randn(8, 4, generator=torch.Generator().manual_seed(update))
    loss: torch.Tensor = net(inputs).square().mean()
    (scaler.scale(loss) if scaler else loss).backward()
    return loss.detach()


def train(net: nn.Module, optimizers: list[Any], updates: range) -> None:
    """Step all optimizers, one after another, in each update."""
    for update in updates:
        for optimizer in optimizers:
            optimizer.zero_grad()
        backward(net, update)
        for optimizer in optimizers:
            optimizer.step()


# --- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_trains_as_its_optimizers_do_one_after_another(combination: str) -> None:
    """Bit for bit, over 20 updates."""
    ours, theirs = network(), network()
    by_hand = optimizers_of(theirs, combination)

    train(ours, [combined(ours, combination)], range(20))
    train(theirs, list(by_hand.values()), range(20))

    assert weights(ours) == weights(theirs) != weights(network())


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_follows_a_schedule_as_its_optimizers_do(combination: str) -> None:
    """One scheduler for the combination equals one for each of its optimizers."""
    ours, theirs = network(), network()
    optimizer, by_hand = combined(ours, combination), list(optimizers_of(theirs, combination).values())
    horizon = Horizon(12)
    scheduler = ScheduledLR(optimizer, "warmup(3) >> cosine(end=0.1)", horizon)
    schedulers = [ScheduledLR(each, "warmup(3) >> cosine(end=0.1)", horizon) for each in by_hand]

    for update in range(12):
        train(ours, [optimizer], range(update, update + 1))
        scheduler.step()
        train(theirs, by_hand, range(update, update + 1))
        for each in schedulers:
            each.step()

    assert weights(ours) == weights(theirs)
    assert scheduler.last_epoch == 12
    assert scheduler.get_last_lr() == [lr for each in schedulers for lr in each.get_last_lr()]


def test_the_closure_is_evaluated_once() -> None:
    """With gradients enabled, before the first optimizer steps; its loss is returned."""
    net = network()
    optimizer, before = combined(net), weights(net)
    seen = []

    def closure() -> torch.Tensor:
        seen.append((torch.is_grad_enabled(), weights(net) == before))
        return backward(net, 0)

    with torch.no_grad():
        loss = optimizer.step(closure)

    assert seen == [(True, True)]
    assert float(loss) == float(backward(network(), 0))
    assert weights(net) != before


def test_zero_grad_resets_every_gradient() -> None:
    """To none, or to zero."""
    net = network()
    optimizer = combined(net)
    backward(net, 0)
    optimizer.zero_grad(set_to_none=False)
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in net.parameters())
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())


# --- a GradScaler -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clips", [False, True])
@pytest.mark.parametrize("combination", COMBINATIONS)
def test_a_grad_scaler_steps_as_one_optimizer(combination: str, clips: bool) -> None:
    """The weights are those of steps by hand; an infinite gradient of one optimizer skips the update of all."""
    ours, theirs = network(), network()
    optimizer, by_hand = combined(ours, combination), list(optimizers_of(theirs, combination).values())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)

    for update in range(6):
        scale = scaler.get_scale()
        optimizer.zero_grad()
        backward(ours, update, scaler)
        if update == 3:
            list(ours.parameters())[-1].grad[0] = torch.inf  # type: ignore[index]  # it has a gradient
        if clips:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(ours.parameters(), 0.1)
        before = weights(ours)
        scaler.step(optimizer)
        scaler.update()
        if update == 3:
            assert weights(ours) == before
            assert scaler.get_scale() == scale / 2
            continue
        for each in by_hand:
            each.zero_grad()
        backward(theirs, update)
        if clips:
            nn.utils.clip_grad_norm_(theirs.parameters(), 0.1)
        for each in by_hand:
            each.step()

    assert weights(ours) == weights(theirs)
    assert not [each for each in (optimizer, *optimizer.optimizers.values()) if hasattr(each, "found_inf")]


@pytest.mark.parametrize(
    ("combination", "expected"), [("fused", True), ("fused and not", False), ("sgd and adamw", False)]
)
def test_only_a_combination_of_fused_optimizers_unscales_in_its_step(combination: str, expected: bool) -> None:
    """Otherwise one of them would step with scaled gradients."""
    assert combined(network(), combination)._step_supports_amp_scaling is expected


# --- groups -----------------------------------------------------------------------------------------------------------


def test_the_groups_are_those_of_the_optimizers() -> None:
    """The same dicts, whatever happens to them."""
    net = network()
    optimizer = combined(net)
    sgd, adamw = optimizer.optimizers.values()

    def held() -> list[Any]:
        return [*sgd.param_groups, *adamw.param_groups]

    assert list(map(id, optimizer.param_groups)) == list(map(id, held()))
    assert optimizer.param_groups is optimizer.param_groups
    adamw.load_state_dict(adamw.state_dict())
    assert list(map(id, optimizer.param_groups)) == list(map(id, held()))
    optimizer.load_state_dict(optimizer.state_dict())
    assert list(map(id, optimizer.param_groups)) == list(map(id, held()))


def parameters(count: int) -> list[nn.Parameter]:
    """That many vectors."""
    return [nn.Parameter(torch.ones(2)) for _ in range(count)]


def groups(*names: str | None) -> list[dict[str, Any]]:
    """A group for each name; ``None`` for a group without one."""
    return [{"params": parameters(1)} | ({"name": name} if name else {}) for name in names]


NAMES: dict[str, tuple[list[str | None], list[str | None], list[str]]] = {
    "one group each": ([None], [None], ["a", "b"]),
    "several": ([None], [None, None], ["a", "b/pg1", "b/pg2"]),
    "given": (["backbone"], ["norms", "head"], ["backbone", "norms", "head"]),
    "some given": (["backbone", None], ["head"], ["backbone", "a/pg2", "head"]),
    "the same twice": (["head"], ["head"], ["head", "b/head"]),
    "of the other": (["b"], [None], ["b", "b/pg1"]),
}


@pytest.mark.parametrize("case", NAMES)
def test_each_group_has_a_name_of_its_own(case: str) -> None:
    """Its own, or one that is made of the name of its optimizer."""
    first, second, expected = NAMES[case]
    optimizer = CombinedOptimizer(a=SGD(groups(*first), lr=0.1), b=AdamW(groups(*second)))

    assert [group["name"] for group in optimizer.param_groups] == expected
    assert [group["optimizer"] for group in optimizer.param_groups] == ["a"] * len(first) + ["b"] * len(second)


@pytest.mark.parametrize("way", ["the combination", "the optimizer in it"])
def test_a_group_that_is_added_comes_last(way: str) -> None:
    """It keeps the positions of the others, on which the base LRs of a scheduler depend, and joins the schedule."""
    optimizer = CombinedOptimizer(a=SGD(groups(None), lr=0.1), b=AdamW(groups(None), lr=0.01))
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(4))
    optimizer.step()
    scheduler.step()
    if way == "the combination":
        optimizer.add_param_group({"params": parameters(1), "optimizer": "a", "lr": 1.0})
    else:
        optimizer.optimizers["a"].add_param_group({"params": parameters(1), "lr": 1.0})
    optimizer.step()
    scheduler.step()

    assert [group["name"] for group in optimizer.param_groups] == ["a", "b", "a/pg2"]
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.005, 0.5])
    assert len(optimizer.optimizers["a"].param_groups) == 2


def test_a_list_of_groups_that_is_assigned_goes_to_the_optimizers() -> None:
    """Lightning's BaseFinetuning restores the groups of a resumed run like this."""
    net = network()
    optimizer = combined(net)
    copies = [dict(group) for group in reversed(optimizer.param_groups)]
    optimizer.param_groups = copies

    assert list(map(id, optimizer.param_groups)) == list(map(id, copies))
    assert optimizer.optimizers["adamw"].param_groups == [copies[0]]
    backward(net, 0)
    optimizer.step()


def test_defaults_are_those_on_which_all_agree() -> None:
    """Each optimizer's own remain in its groups."""
    optimizer = combined(network())

    assert optimizer.defaults["foreach"] is None
    assert "betas" not in optimizer.defaults
    assert "lr" not in optimizer.defaults


def test_the_state_is_a_view_of_the_states() -> None:
    """What is written to it, as Lightning does to move it to a device, arrives in the optimizer of that parameter."""
    net = network()
    optimizer = combined(net)
    train(net, [optimizer], range(2))
    inner = list(optimizer.optimizers.values())

    assert list(optimizer.state) == [*inner[0].state, *inner[1].state]
    assert len(optimizer.state) == 4
    for parameter in list(optimizer.state):
        optimizer.state[parameter] = {"moved": True}
    assert [len(each.state) for each in inner] == [2, 2]
    parameter = net[0].bias
    del optimizer.state[parameter]
    assert parameter not in inner[1].state
    optimizer.state[parameter]["fresh"] = 1
    assert inner[1].state[parameter] == {"fresh": 1}
    with pytest.raises(KeyError):
        optimizer.state[nn.Parameter(torch.ones(1))]


# --- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_goes_on_from_a_file_bit_for_bit(combination: str) -> None:
    """Its state loads with ``weights_only=True``, and the training goes on as if it had not been interrupted."""
    whole, first, second = network(), network(), network(seed=1)
    train(whole, [combined(whole, combination)], range(12))
    optimizer = combined(first, combination)
    train(first, [optimizer], range(5))
    state = through_a_file(optimizer.state_dict())
    second.load_state_dict(first.state_dict())
    resumed = combined(second, combination)
    resumed.load_state_dict(state)
    train(second, [resumed], range(5, 12))

    assert weights(second) == weights(whole)


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_copy_goes_on_by_itself(way: str) -> None:
    """Its optimizers are copies too, and hooks stay with the first one."""
    net = network()
    optimizer = combined(net)
    train(net, [optimizer], range(3))
    calls: list[Any] = []
    if way == "deepcopy":  # a hook that is a local function cannot be pickled, and torch leaves hooks out
        optimizer.register_step_post_hook(lambda *_: calls.append(1))
    pair = (net, optimizer)
    other, copied = copy.deepcopy(pair) if way == "deepcopy" else pickle.loads(pickle.dumps(pair))
    train(other, [copied], range(3, 6))
    assert calls == []
    assert weights(other) != weights(net)
    train(net, [optimizer], range(3, 6))

    assert weights(other) == weights(net)
    assert len(calls) == (3 if way == "deepcopy" else 0)


def test_the_state_has_the_format_of_torch() -> None:
    """Parameters are numbered in the order of the groups, as in the state of one optimizer that has them all."""
    net, reference = network(), network()
    ordered = [reference[0].weight, reference[2].weight, reference[0].bias, reference[2].bias]
    whole = AdamW([{"params": ordered[:2]}, {"params": ordered[2:]}], lr=0.01)
    optimizer = CombinedOptimizer(
        a=AdamW([net[0].weight, net[2].weight], lr=0.01), b=AdamW([net[0].bias, net[2].bias], lr=0.01)
    )
    train(net, [optimizer], range(3))
    train(reference, [whole], range(3))
    state, expected = optimizer.state_dict(), whole.state_dict()

    assert list(state["state"]) == list(expected["state"]) == [0, 1, 2, 3]
    assert all(
        torch.equal(state["state"][k][key], value) for k in range(4) for key, value in expected["state"][k].items()
    )
    for group, wanted in zip(state["param_groups"], expected["param_groups"], strict=True):
        assert {key: group[key] for key in wanted} == wanted
        assert group.keys() - wanted.keys() == {"name", "optimizer"}


def test_goes_on_from_a_distributed_checkpoint() -> None:
    """``torch.distributed.checkpoint`` names the parameters, and keeps groups and states alone."""
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

    net, other = network(), network(seed=1)
    optimizer, resumed = combined(net), combined(other)
    train(net, [optimizer], range(4))
    state = get_optimizer_state_dict(net, optimizer)
    assert {"0.weight", "0.bias", "2.weight", "2.bias"} == state["state"].keys()
    other.load_state_dict(net.state_dict())
    set_optimizer_state_dict(other, resumed, copy.deepcopy(state))
    train(net, [optimizer], range(4, 8))
    train(other, [resumed], range(4, 8))

    assert weights(other) == weights(net)


class Counting(SGD):
    """Keeps something beside the states of its parameters."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, lr=0.1)
        self.steps = 0

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]  # torch has overloads
        """Count."""
        self.steps += 1
        self.state["last"] = {"step": self.steps}  # type: ignore[index]  # what some optimizers do
        return super().step(closure)

    def state_dict(self) -> dict[str, Any]:
        """With the count."""
        return {**super().state_dict(), "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """With the count."""
        super().load_state_dict(state_dict)
        self.steps = state_dict["steps"]


def test_what_an_optimizer_adds_to_its_state_comes_back() -> None:
    """Entries beside the groups, and states that belong to no parameter."""
    net = network()

    def make() -> CombinedOptimizer:
        return CombinedOptimizer(
            first=Counting([net[0].weight, net[2].weight]), second=Counting([net[0].bias, net[2].bias])
        )

    optimizer, resumed = make(), make()
    train(net, [optimizer], range(3))
    optimizer.optimizers["second"].step()
    resumed.load_state_dict(through_a_file(optimizer.state_dict()))
    first, second = resumed.optimizers.values()

    assert isinstance(first, Counting)
    assert isinstance(second, Counting)
    assert (first.steps, second.steps) == (3, 4)
    assert first.state["last"] == {"step": 3}  # type: ignore[index]  # what some optimizers do


def test_groups_that_joined_late_keep_their_order_in_a_state() -> None:
    """A run that builds all groups at once takes the order of the run in which one joined later, with its LRs."""
    late, early = parameters(1), parameters(2)
    optimizer = CombinedOptimizer(a=SGD(early[:1], lr=0.1), b=SGD(early[1:], lr=0.2))
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(4))
    optimizer.add_param_group({"params": late, "optimizer": "a", "lr": 0.4})
    optimizer.step()
    scheduler.step()
    resumed = CombinedOptimizer(
        a=SGD([{"params": early[:1]}, {"params": late, "lr": 0.4}], lr=0.1), b=SGD(early[1:], lr=0.2)
    )
    resumed.load_state_dict(optimizer.state_dict())
    then = ScheduledLR(resumed, "linear()", Horizon(4))
    then.load_state_dict(scheduler.state_dict())

    assert [group["name"] for group in resumed.param_groups] == ["a", "b", "a/pg2"]
    assert then.get_last_lr() == scheduler.get_last_lr() == pytest.approx([0.075, 0.15, 0.3])
    assert [group["lr"] for group in resumed.optimizers["a"].param_groups] == pytest.approx([0.075, 0.3])


def test_hooks_run_on_the_combination_and_on_each_optimizer() -> None:
    """Around steps, and around saving and loading; a hook may change the state."""
    net = network()
    optimizer = combined(net)
    calls: list[str] = []
    for name, each in {"all": optimizer, **optimizer.optimizers}.items():
        each.register_step_pre_hook(lambda *_, name=name: calls.append(f"before step {name}"))
        each.register_step_post_hook(lambda *_, name=name: calls.append(f"after step {name}"))
        each.register_state_dict_pre_hook(lambda *_, name=name: calls.append(f"before saving {name}"))
        each.register_state_dict_post_hook(lambda *_, name=name: calls.append(f"after saving {name}"))
        each.register_load_state_dict_pre_hook(lambda *_, name=name: calls.append(f"before loading {name}"))
        each.register_load_state_dict_post_hook(lambda *_, name=name: calls.append(f"after loading {name}"))
    optimizer.register_state_dict_post_hook(lambda _, state: {**state, "note": 1})
    optimizer.register_load_state_dict_pre_hook(lambda _, state: calls.append(f"note {state['note']}"))

    for kind, act in {
        "step": optimizer.step,
        "saving": optimizer.state_dict,
        "loading": lambda: optimizer.load_state_dict(optimizer.state_dict()),
    }.items():
        calls.clear()
        act()
        seen = [call for call in calls if kind in call]
        parts = [f"{when} {kind} {name}" for name in optimizer.optimizers for when in ("before", "after")]
        assert seen == [f"before {kind} all", *parts, f"after {kind} all"]
    assert "note 1" in calls


# --- mistakes ---------------------------------------------------------------------------------------------------------

SHARED = nn.Parameter(torch.ones(2))
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "no optimizer": (CombinedOptimizer, r"there is no optimizer. Write CombinedOptimizer\(muon="),
    "no names": (lambda: CombinedOptimizer(SGD(parameters(1)), SGD(parameters(1))), "each optimizer needs a name"),
    "a list": (lambda: CombinedOptimizer(a=[SGD(parameters(1))]), r"a=\[.*must be a torch optimizer"),  # type: ignore[arg-type]
    "LBFGS": (lambda: CombinedOptimizer(a=LBFGS(parameters(1))), r"a=LBFGS\): its step\(\) needs a closure"),
    "a combination": (
        lambda: CombinedOptimizer(a=CombinedOptimizer(b=SGD(parameters(1)))),
        "is a combination already. Write all optimizers into one",
    ),
    "a shared parameter": (
        lambda: CombinedOptimizer(a=SGD([SHARED]), b=AdamW([SHARED])),
        r"a parameter of shape \(2,\) belongs to 'a' and to 'b'",
    ),
    "a group without an optimizer": (
        lambda: combined(network()).add_param_group({"params": parameters(1)}),
        r'and it names none. Write optimizer.add_param_group\({"params": \[...\], "optimizer": "sgd"}\)',
    ),
    "a group of an unknown optimizer": (
        lambda: combined(network()).add_param_group({"params": parameters(1), "optimizer": "adam"}),
        "and its optimizer is 'adam'",
    ),
    "a group with a parameter of another": (
        lambda: CombinedOptimizer(a=SGD([SHARED]), b=SGD(parameters(1))).add_param_group(
            {"params": SHARED, "optimizer": "b"}
        ),
        "belongs to 'a' and to 'b'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_refuses(name: str) -> None:
    """With what was given, and the line to write."""
    call, message = WRONG[name]
    with pytest.raises(ScheduleError, match=message):
        call()


def state_of(**optimizers: Optimizer) -> Any:
    """The state of a combination."""
    return CombinedOptimizer(**optimizers).state_dict()


OTHERS: dict[str, tuple[Callable[[], Any], str]] = {
    "one optimizer": (lambda: AdamW(parameters(2)).state_dict(), "the state of one optimizer, which names no parts"),
    "other names": (
        lambda: state_of(a=SGD(parameters(1)), adamw=AdamW(parameters(1))),
        r"the state of CombinedOptimizer\(a=SGD, adamw=AdamW\).*under the same names",
    ),
    "other classes": (
        lambda: state_of(sgd=SGD(parameters(1)), adamw=Adam(parameters(1))),
        r"the state of CombinedOptimizer\(sgd=SGD, adamw=Adam\)",
    ),
    "more optimizers": (
        lambda: state_of(sgd=SGD(parameters(1)), adamw=AdamW(parameters(1)), more=SGD(parameters(1))),
        "more=SGD",
    ),
    "other groups": (
        lambda: state_of(sgd=SGD(parameters(1)), adamw=AdamW(groups(None, None))),
        r"adamw had groups of \[1, 1\] parameters, and has groups of \[1\]",
    ),
    "other sizes": (
        lambda: state_of(sgd=SGD(parameters(1)), adamw=AdamW(parameters(3))),
        r"adamw had groups of \[3\] parameters, and has groups of \[1\]",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_refuses_the_state_of_others_before_anything_is_changed(name: str) -> None:
    """The error names the optimizers of the state and those that there are."""
    make, message = OTHERS[name]
    optimizer = CombinedOptimizer(sgd=SGD(parameters(1), momentum=0.9), adamw=AdamW(parameters(1)))
    for group in optimizer.param_groups:
        group["params"][0].grad = torch.ones(2)
    optimizer.step()
    before = copy.deepcopy(optimizer.state_dict())

    with pytest.raises(ScheduleError, match=r"^CombinedOptimizer\(sgd=SGD, adamw=AdamW\): this is " + f".*{message}"):
        optimizer.load_state_dict(make())

    assert str(optimizer.state_dict()) == str(before)


# --- torch's own machinery --------------------------------------------------------------------------------------------


def test_schedulers_of_torch_drive_it() -> None:
    """As they drive any optimizer."""
    optimizer = CombinedOptimizer(a=SGD(parameters(1), lr=0.1), b=AdamW(parameters(1), lr=0.01))
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.step()
    scheduler.step()

    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.005]


def test_the_profiler_names_it() -> None:
    """As torch names the step of each optimizer."""
    net = network()
    optimizer = combined(net)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        train(net, [optimizer], range(1))
    seen = {event.name for event in profile.events() or ()}

    assert {f"Optimizer.step#{name}.step" for name in ("CombinedOptimizer", "SGD", "AdamW")} <= seen


def test_a_scheduler_counts_each_update_once() -> None:
    """Also if its optimizers are stepped by hand, one after another."""
    optimizer = combined(network())
    scheduler = ScheduledLR(optimizer, hold(), Horizon(8))
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    for each in optimizer.optimizers.values():
        each.step()
    scheduler.step()

    assert scheduler.last_epoch == 4
