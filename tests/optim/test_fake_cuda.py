"""The code for CUDA devices on machines without one: fake tensors have a device and no values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import AdamW
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from lr_toolkit import Horizon, ReduceOnPlateau, ScheduledLR
from lr_toolkit.lightning.monitor.callback_metrics import put_metrics
from lr_toolkit.lightning.monitor.recorder import UpdateRecorder
from lr_toolkit.optim.multiplier import LRMultiplier
from tests.helpers.operations import Operations
from tests.helpers.optimizers import Still, are_same, held, move, optimizer_of
from tests.optim.test_group_writer import RUN, SCHEDULES
from tests.optim.test_multiplier import Alike, Doubling

# LRMultiplier finds the views of one buffer by their addresses. torch warns that those of fake tensors are all 0.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor:UserWarning")

COPIES = (torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default)


class NoWaiting(Operations):
    """Refuses operations for which the host waits for a device: a copy from it, and a blocking copy to it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Record, check and run an operation."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func.namespace == "aten":
            self.names.append(str(func))
        if func in COPIES:
            source = next(leaf.device.type for leaf in reversed(tree_leaves(args)) if isinstance(leaf, Tensor))
            waits = not (kwargs.get("non_blocking") or (func is COPIES[0] and len(args) > 2 and args[2]))
            assert source == result.device.type or (source == "cpu" and not waits), (
                f"{func} waits: {source} to {result.device}"
            )
        return result


class WithoutGuards(TorchFunctionMode):
    """Calls operations directly: a CPU build of torch has no device guard for these methods of a fake CUDA tensor."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the operation instead of the method."""
        if func is Tensor.copy_:
            func = torch.ops.aten.copy_.default
        if func is Tensor.__getitem__ and isinstance(args[1], int):
            return torch.ops.aten.select.int(args[0], 0, args[1])
        if func is torch.tensor:
            kwargs = {name: value for name, value in (kwargs or {}).items() if name != "pin_memory"}
        return func(*args, **(kwargs or {}))


@contextmanager
def fake_cuda() -> Iterator[NoWaiting]:
    """In this context tensors are fake, ``device="cuda"`` works without a device, and the host may not wait for it."""
    with FakeTensorMode(), WithoutGuards(), NoWaiting() as seen:
        yield seen


def fake(n: int, kind: Any = Still, *, buffered: bool = False) -> Any:
    """An optimizer of ``n`` groups on the fake device; the host knows the base LRs."""
    lrs = torch.empty(n, device="cuda").unbind() if buffered else [torch.empty((), device="cuda") for _ in range(n)]
    optimizer = optimizer_of(list(lrs), "cuda", kind)
    for group in optimizer.param_groups:
        group["initial_lr"] = 0.1
    return optimizer


@pytest.mark.parametrize("kind", [Still, partial(AdamW, capturable=True)], ids=["Still", "AdamW"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_nothing_waits_for_a_gpu(schedule: str, kind: Any) -> None:
    """Construction, steps, a reduction, both loads and a second warmup never wait for the device."""
    with fake_cuda():
        optimizer = fake(20, kind)
        plateau = ReduceOnPlateau(monitor="loss", patience=0)
        scheduler = ScheduledLR(optimizer, schedule, RUN, plateau=plateau)
        before = held(optimizer)
        move(optimizer, scheduler, 3)
        for reading in (1.0, 2.0, 3.0):
            scheduler.observe(reading)
        scheduler.load_state_dict(scheduler.state_dict())
        optimizer.param_groups = [
            {**group, "lr": group["lr"].clone()} for group in optimizer.param_groups
        ]  # as a load does
        move(optimizer, scheduler, 3)
        longer = Horizon(2 * 10**6)
        other = ScheduledLR(fake(20, kind), schedule, longer, plateau=plateau, on_change="stretch", rewarm=5)
        other.load_state_dict(scheduler.state_dict())
        move(other.optimizer, other, 3)

        assert are_same(held(optimizer), before)
        assert {lr.device.type for lr in held(optimizer)} == {"cuda"}
    assert all(type(lr) is float for lr in scheduler.get_last_lr())


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("make_factor", [Doubling, Alike])
def test_a_ramp_and_a_monitor_take_as_many_operations_for_many_groups(make_factor: Any, buffered: bool) -> None:
    """What an update adds under a warmup and a capture, scheduler included, does not grow with the groups, nor waits."""
    seen = []
    for n in (3, 100):
        with fake_cuda() as operations:
            optimizer = fake(n, buffered=buffered)
            scheduler, multiplier, recorder = (
                ScheduledLR(optimizer, "cosine()", RUN),
                LRMultiplier.of(optimizer),
                UpdateRecorder(optimizer),
            )
            multiplier.wrap(scheduler)
            multiplier.add(make_factor())
            move(optimizer, scheduler)
            operations.names.clear()
            move(optimizer, scheduler)
            multiplier.reset()
            seen.append(list(operations.names))
            assert recorder.latest is not None
    assert seen[0] == seen[1]


def test_metrics_are_put_on_the_device_without_a_wait() -> None:
    """All values for ``EarlyStopping`` and ``ModelCheckpoint`` go to the device in one copy."""
    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cuda")), callback_metrics={})
    with fake_cuda():
        put_metrics(trainer, {"lr/a": 0.1, "lr/b": 0.2})

    assert [value.device.type for value in trainer.callback_metrics.values()] == ["cuda"] * 2


def test_the_fake_device_refuses_operations_that_wait() -> None:
    """Without these errors the tests above could not fail."""
    with fake_cuda():
        lr = torch.empty((), device="cuda")
        for wait in (lr.item, lr.tolist, lambda: float(lr), lambda: bool(lr), lr.cpu, lambda: torch.equal(lr, lr)):
            with pytest.raises((RuntimeError, AssertionError)):
                wait()
        for wait in (lambda: lr.copy_(torch.tensor(1.0)), lambda: torch.tensor([0.1], device="cuda")):
            with pytest.raises(AssertionError, match="waits: cpu to cuda"):
                wait()
        lr.copy_(torch.tensor(1.0), non_blocking=True)
