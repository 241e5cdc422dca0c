"""The LRs of an optimizer under a factor: scaled for everything that reads them, unscaled for schedulers and checkpoints."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR

from lr_toolkit import ScheduleError, ScheduleWarning
from lr_toolkit.optim.multiplier import LRMultiplier
from tests.helpers.capturing import captured
from tests.helpers.optimizers import Still, lrs, new_group, optimizer_of, sgd
from tests.helpers.stepping_others import Hybrid, narrowed_step
from tests.test_budget import calls_of

BASES = [0.1, 0.05, 0.02]


class Doubling:
    """A factor that doubles with each update: half of it for each second group, or nothing but the first group has it."""

    def __init__(self, *, alone: bool = False) -> None:
        self.now = 0.125
        self.alone = alone
        self.count = 0

    @property
    def factors(self) -> tuple[float, ...]:
        """The factor of each group."""
        rest = [1.0] * self.count if self.alone else [self.now, self.now / 2] * self.count
        return (self.now, *rest[: self.count - 1])

    def regroup(self, groups: Sequence[dict[str, Any]]) -> None:
        """Count the groups."""
        self.count = len(groups)

    def advance(self) -> None:
        """Double."""
        self.now *= 2


class Alike(Doubling):
    """The same factor for all groups."""

    @property
    def factors(self) -> tuple[float, ...]:
        """The factor of each group."""
        return (self.now,) * self.count


def tensor(lr: float) -> torch.Tensor:
    """A tensor LR in double precision."""
    return torch.tensor(lr, dtype=torch.float64)


KINDS: dict[str, Callable[[], list[Any]]] = {
    "numbers": lambda: list(BASES),
    "one number": lambda: BASES[:1],
    "whole numbers": lambda: [1, 2],
    "tensors": lambda: [tensor(lr) for lr in BASES],
    "one tensor": lambda: [tensor(BASES[0])],
    "tensors of two precisions": lambda: [tensor(0.5), torch.tensor(0.25), tensor(0.125)],
    "views of one buffer": lambda: list(torch.tensor(BASES, dtype=torch.float64).unbind()),
    "views of a part of a buffer": lambda: list(torch.tensor([*BASES, 1.0], dtype=torch.float64).unbind())[:3],
    "views in another order": lambda: list(torch.tensor(BASES, dtype=torch.float64).unbind())[::-1],
    "one tensor for all": lambda: [tensor(0.1)] * 3,
    "one place for all": lambda: list(tensor(0.1).expand(3).unbind()),
}


def test_an_optimizer_has_a_multiplier_only_while_it_has_a_factor() -> None:
    """`of` makes it if there is none, `around` does not, and the removal of the last factor takes it away."""
    optimizer, factor = sgd([0.1, 0.05]), Doubling()
    assert LRMultiplier.around(optimizer) is None
    multiplier = LRMultiplier.of(optimizer)
    multiplier.add(factor)
    assert LRMultiplier.around(optimizer) is LRMultiplier.of(optimizer) is multiplier
    multiplier.remove(factor)
    assert LRMultiplier.around(optimizer) is None


def test_factors_are_those_in_use_and_may_be_kept() -> None:
    """The product of all factors for each group; what was read before an update does not change."""
    optimizer = sgd([0.1, 0.05])
    multiplier = LRMultiplier.of(optimizer)
    multiplier.add(Doubling(alone=True))
    multiplier.add(Doubling(alone=True))
    kept = multiplier.factors
    assert kept == (0.125**2, 1.0)
    optimizer.step()
    assert kept == (0.125**2, 1.0)
    assert multiplier.factors == (0.25**2, 1.0)
    assert lrs(optimizer) == [0.1 * 0.25**2, 0.05]


@pytest.mark.parametrize("make_factor", [Doubling, Alike])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_lr_is_the_unscaled_lr_times_the_factor(kind: str, make_factor: type[Doubling]) -> None:
    """At each update, with a scheduler that reads the LR back; tensors keep their identity."""
    plain, optimizer, factor = sgd(KINDS[kind]()), sgd(KINDS[kind]()), make_factor()
    if kind == "one tensor for all":  # torch's own scheduler would move it once for each group
        for group in plain.param_groups:
            group["lr"] = group["lr"].clone()
    alone, scheduler = CosineAnnealingLR(plain, 9), CosineAnnealingLR(optimizer, 9)
    multiplier = LRMultiplier.of(optimizer)
    tensors = [group["lr"] for group in optimizer.param_groups]
    multiplier.wrap(scheduler)
    multiplier.add(factor)

    for _ in range(5):
        expected = [lr * scale for lr, scale in zip(lrs(plain), factor.factors, strict=True)]
        assert lrs(optimizer) == pytest.approx(expected, rel=1e-12)
        assert [group["lr"] for group in optimizer.state_dict()["param_groups"]] == lrs(plain)
        for stepped, its_scheduler in ((plain, alone), (optimizer, scheduler)):
            stepped.step()
            its_scheduler.step()

    multiplier.remove(factor)
    assert lrs(optimizer) == lrs(plain)
    for group, before in zip(optimizer.param_groups, tensors, strict=True):
        assert group["lr"] is before or not isinstance(before, torch.Tensor)


@pytest.mark.parametrize("kind", KINDS)
def test_a_direct_write_is_seen_in_every_kind_of_lr(kind: str) -> None:
    """Even a write in place; it becomes the unscaled LR, and is reported once."""
    optimizer, factor = sgd(KINDS[kind]()), Alike()
    LRMultiplier.of(optimizer).add(factor)
    expected = [lr / 0.125 for lr in lrs(optimizer)]

    for index, group in enumerate(optimizer.param_groups):
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(0.75)
        else:
            group["lr"] = 0.75
        expected[index] = 0.75
        if index == 0:
            with pytest.warns(ScheduleWarning, match="^LR702: .*parameter group 0 of SGD was written to directly"):
                optimizer.step()
        else:
            optimizer.step()
        assert lrs(optimizer) == pytest.approx([lr * factor.now for lr in expected], rel=1e-7), kind


@pytest.mark.parametrize("kind", KINDS)
def test_groups_that_join_or_are_loaded_are_adopted(kind: str) -> None:
    """Groups that are added by the method or to the list, or replaced by a load, hold their unscaled LR times the factor."""
    optimizer = sgd(KINDS[kind]())
    unscaled = lrs(optimizer)
    state = copy.deepcopy(optimizer.state_dict())  # the state shares a tensor LR with the group
    LRMultiplier.of(optimizer).add(Alike())

    are_tensors = isinstance(optimizer.param_groups[0]["lr"], torch.Tensor)
    for lr in (0.5, 0.25):
        unscaled.append(lr)
        optimizer.add_param_group(new_group(tensor(lr) if are_tensors else lr))
        assert lrs(optimizer) == [lr * 0.125 for lr in unscaled]

    late = {
        **optimizer.param_groups[0],
        "params": [torch.nn.Parameter(torch.ones(1))],
        "lr": tensor(0.75) if are_tensors else 0.75,
    }
    optimizer.param_groups.append(late)
    optimizer.step()
    assert lrs(optimizer) == [lr * 0.25 for lr in [*unscaled, 0.75]]

    del optimizer.param_groups[len(KINDS[kind]()) :]
    optimizer.load_state_dict(state)
    optimizer.step()
    assert lrs(optimizer) == [lr * 0.5 for lr in unscaled[:-2]]


def drop(groups: list[Any], late: Any) -> list[int | None]:
    """The first group leaves; returns the former index of each present group, ``None`` for the late group."""
    del groups[0]
    return [1, 2]


def swap(groups: list[Any], late: Any) -> list[int | None]:
    """The last group moves to the front."""
    groups.insert(0, groups.pop())
    return [2, 0, 1]


def replace(groups: list[Any], late: Any) -> list[int | None]:
    """The late group takes the place of the first."""
    groups[0] = late
    return [None, 1, 2]


def drop_and_join(groups: list[Any], late: Any) -> list[int | None]:
    """As many groups as before, each in another place."""
    del groups[0]
    groups.append(late)
    return [1, 2, None]


@pytest.mark.parametrize("where", ["between updates", "in an unscaled context"])
@pytest.mark.parametrize("change", [drop, swap, replace, drop_and_join])
@pytest.mark.parametrize("kind", [kind for kind, make in KINDS.items() if len(make()) == 3])
def test_a_group_keeps_its_lr_wherever_it_stands(kind: str, change: Any, where: str) -> None:
    """The unscaled LR belongs to the group, not to its place in the list; a group that has joined brings its own."""
    optimizer, factor = sgd(KINDS[kind]()), Alike()
    unscaled = lrs(optimizer)
    multiplier = LRMultiplier.of(optimizer)
    multiplier.add(factor)
    optimizer.step()
    are_tensors = isinstance(optimizer.param_groups[0]["lr"], torch.Tensor)
    lr = tensor(0.75) if are_tensors else 0.75
    late = {**optimizer.param_groups[0], **new_group(lr)}
    with multiplier.unscaled() if where == "in an unscaled context" else nullcontext():
        was = change(optimizer.param_groups, late)
    left = [0.75 if index is None else unscaled[index] for index in was]

    for _ in range(2):
        optimizer.step()
        assert lrs(optimizer) == [lr * factor.now for lr in left]
    multiplier.remove(factor)
    assert lrs(optimizer) == left


def test_another_group_in_the_place_of_the_only_group() -> None:
    """It brings its own LR, and is ramped."""
    optimizer, factor = sgd([0.5]), Alike()
    LRMultiplier.of(optimizer).add(factor)
    optimizer.param_groups[0] = {**optimizer.param_groups[0], **new_group(0.75)}
    optimizer.step()

    assert lrs(optimizer) == [0.75 * 0.25]


def test_a_scheduler_may_replace_a_tensor_by_a_number() -> None:
    """As timm's schedulers do: the unscaled LR is what the scheduler leaves, of any kind."""

    class Replacing:
        def __init__(self, optimizer: Optimizer) -> None:
            self.optimizer = optimizer

        def step(self) -> None:
            for group in self.optimizer.param_groups:
                group["lr"] = float(group["lr"]) / 2

    optimizer = sgd([tensor(0.5), tensor(0.25)])
    scheduler, multiplier = Replacing(optimizer), LRMultiplier.of(optimizer)
    multiplier.wrap(scheduler)
    multiplier.add(Alike())

    scheduler.step()

    assert lrs(optimizer) == [0.25 * 0.125, 0.125 * 0.125]
    assert all(isinstance(group["lr"], float) for group in optimizer.param_groups)


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("make_factor", [Doubling, Alike])
def test_tensor_lrs_are_never_brought_to_the_host(buffered: bool, make_factor: type[Doubling]) -> None:
    """Everything works on a device without values, so no update waits for a GPU."""

    class Halving:
        def __init__(self, optimizer: Optimizer) -> None:
            self.optimizer = optimizer

        def step(self) -> None:
            for group in self.optimizer.param_groups:
                group["lr"].mul_(0.5)

    given = torch.empty(3, device="meta").unbind() if buffered else [torch.empty((), device="meta") for _ in range(3)]
    optimizer = optimizer_of(given, kind=Still)
    scheduler, multiplier = Halving(optimizer), LRMultiplier.of(optimizer)
    multiplier.wrap(scheduler)
    multiplier.add(make_factor())

    for _ in range(3):
        multiplier.reset()
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("kind", ["number", "tensor"])
def test_an_update_takes_as_many_calls_for_all_groups_as_for_a_few(kind: str) -> None:
    """No function of Python or C, and no operation of torch, is called once for each group."""
    calls = []
    for count in (2, 200):
        optimizer = sgd(list(torch.rand(count).unbind()) if kind == "tensor" else [0.1] * count)
        multiplier = LRMultiplier.of(optimizer)
        multiplier.add(Alike())

        def update(multiplier: LRMultiplier = multiplier, optimizer: SGD = optimizer) -> None:
            multiplier.reset()
            multiplier._before_step(optimizer, (), {})
            multiplier._after_step(optimizer, (), {})
            with multiplier.unscaled():
                pass

        update()
        calls.append(calls_of(update))

    assert calls[0] == calls[1]


def test_a_captured_update_does_not_count() -> None:
    """Nothing of the ramp gets into the CUDA graph, and a warning describes the effect on its replays."""
    optimizer = sgd([tensor(0.5)])
    multiplier = LRMultiplier.of(optimizer)
    multiplier.add(Alike())
    optimizer.step()
    version = optimizer.param_groups[0]["lr"]._version

    message = r"^LR703: .*SGD is captured in a CUDA graph.*warmup\('500 steps'\) >> cosine\(\)"
    with captured(), pytest.warns(ScheduleWarning, match=message):
        optimizer.step()
    assert optimizer.param_groups[0]["lr"]._version == version
    assert lrs(optimizer) == [0.5 * 0.25]

    optimizer.step()
    assert lrs(optimizer) == [0.5 * 0.5]


def test_an_lr_that_is_no_number_is_written_as_it_is() -> None:
    """NaN differs from itself, but is no direct write."""
    for given in ([float("nan")], [float("nan"), 0.1]):
        optimizer = sgd(given)
        LRMultiplier.of(optimizer).add(Alike())
        optimizer.step()
        assert lrs(optimizer)[1:] == [0.1 * 0.25][: len(given) - 1]


MIXED = r"parameter group 0 is a number \(0.1\) and that of group 1 is a tensor.*lr=torch\.tensor\(0\.1\) in group 0"


def test_numbers_and_tensors_in_one_optimizer_are_refused() -> None:
    """The message names the kind of LR of each group; the optimizer is unchanged."""
    optimizer = sgd([0.1, tensor(0.05)])
    with pytest.raises(ScheduleError, match=MIXED):
        LRMultiplier.of(optimizer)
    assert lrs(optimizer) == [0.1, 0.05]
    assert LRMultiplier.around(optimizer) is None


def test_a_group_of_the_other_kind_is_refused_before_it_is_added() -> None:
    """The groups go on as they were."""
    optimizer, factor = sgd([0.1]), Alike()
    multiplier = LRMultiplier.of(optimizer)
    multiplier.add(factor)
    with pytest.raises(ScheduleError, match=MIXED):
        optimizer.add_param_group(new_group(tensor(0.25)))
    optimizer.step()
    assert lrs(optimizer) == [0.1 * 0.25]


def test_a_mixture_does_not_keep_a_ramp_from_ending() -> None:
    """A tensor group that is appended to the list is refused at the update; the unscaled LRs are left behind."""
    optimizer, factor = sgd([0.1]), Alike()
    multiplier = LRMultiplier.of(optimizer)
    multiplier.add(factor)
    late = {**optimizer.param_groups[0], **new_group(tensor(0.25))}
    optimizer.param_groups.append(late)
    with pytest.raises(ScheduleError, match=MIXED):
        optimizer.step()
    multiplier.remove(factor)
    assert lrs(optimizer) == [0.1, 0.25]
    assert LRMultiplier.around(optimizer) is None


@pytest.mark.parametrize("kind", [kind for kind, make in KINDS.items() if len(make()) > 1])
def test_groups_that_are_stepped_one_after_another_take_one_update(kind: str) -> None:
    """As DeepSpeed does it: each inner step sees its group's LR, and the factor moves after the last one."""
    optimizer, factor, used = sgd(KINDS[kind]()), Alike(), []
    unscaled = lrs(optimizer)
    optimizer.register_step_pre_hook(lambda stepped, *_: used.append(float(stepped.param_groups[0]["lr"])))
    multiplier = LRMultiplier.of(optimizer)
    multiplier.add(factor)

    for _ in range(3):
        narrowed_step(optimizer)
        multiplier.reset()

    assert used == pytest.approx([lr * now for now in (0.125, 0.25, 0.5) for lr in unscaled])
    assert [float(group["lr"]) for group in optimizer.state_dict()["param_groups"]] == unscaled
    multiplier.remove(factor)
    assert lrs(optimizer) == unscaled


def test_a_scheduler_that_steps_inside_a_narrowed_step_is_no_change_of_groups() -> None:
    """The list is a part of the known groups then; a list that is still shorter after the batch is a change."""
    optimizer, factor = sgd(BASES), Alike()
    multiplier = LRMultiplier.of(optimizer)
    multiplier.add(factor)
    groups = optimizer.param_groups

    optimizer.param_groups = groups[:1]
    with multiplier.unscaled():
        pass
    optimizer.param_groups = groups
    multiplier.reset()
    assert lrs(optimizer) == [lr * 0.125 for lr in BASES]
    assert len(multiplier.factors) == 3

    optimizer.param_groups = groups[1:]
    multiplier.reset()
    assert lrs(optimizer) == [lr * 0.125 for lr in BASES[1:]]
    assert len(multiplier.factors) == 2


@pytest.mark.parametrize("held", ["attributes", "list", "dict"])
def test_a_hybrid_takes_one_update_and_saves_the_unscaled_lrs(held: str) -> None:
    """The steps of its optimizers count as one update; the state of each holds the unscaled LRs of its groups."""
    optimizers, factor = [sgd([0.1, 0.05]), sgd([0.02])], Alike()
    hybrid = Hybrid(list(optimizers), held)
    multiplier = LRMultiplier.of(hybrid)
    multiplier.add(factor)
    for _ in range(2):
        hybrid.step()
    assert lrs(hybrid) == [lr * 0.5 for lr in (0.1, 0.05, 0.02)]
    saved = [[group["lr"] for group in optimizer.state_dict()["param_groups"]] for optimizer in optimizers]
    assert saved == [[0.1, 0.05], [0.02]]


def test_an_update_whose_groups_are_not_all_stepped_ends_with_the_batch() -> None:
    """A hybrid may step one of its optimizers now and then."""
    first, second, factor = sgd([0.1]), sgd([0.02]), Alike()
    multiplier = LRMultiplier.of(Hybrid([first, second]))
    multiplier.add(factor)
    first.step()
    assert lrs(first) == [0.1 * 0.125]
    multiplier.reset()
    assert [*lrs(first), *lrs(second)] == [0.1 * 0.25, 0.02 * 0.25]


class Joined(Hybrid):
    """A hybrid whose list of groups is made anew each time."""

    param_groups = property(  # type: ignore[assignment]  # an attribute in torch
        lambda self: [group for optimizer in self.optimizers for group in optimizer.param_groups], lambda self, _: None
    )


def test_a_hybrid_without_a_list_of_its_own_is_loaded_in_parts() -> None:
    """The unscaled LRs of the optimizer that is loaded are its state's; those of the other optimizer do not change."""
    first, second, factor = sgd([0.1, 0.05]), sgd([0.02]), Alike()
    hybrid = Joined([first, second])
    multiplier = LRMultiplier.of(hybrid)
    multiplier.add(factor)
    hybrid.step()
    states = [copy.deepcopy(optimizer.state_dict()) for optimizer in (first, second)]
    states[0]["param_groups"][1]["lr"] = 0.5
    for optimizer, state in zip((first, second), states, strict=True):
        optimizer.load_state_dict(state)
    assert lrs(hybrid) == [lr * 0.25 for lr in (0.1, 0.5, 0.02)]

    hybrid.step()
    multiplier.reset()
    assert lrs(hybrid) == [lr * 0.5 for lr in (0.1, 0.5, 0.02)]
    multiplier.remove(factor)
    assert [*lrs(first), *lrs(second)] == [0.1, 0.5, 0.02]
