"""``UpdateRecorder`` records what an update used: floats as they are, tensors as copies on their device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import Optimizer

from lr_toolkit import ScheduleWarning
from lr_toolkit.lightning.monitor.recorder import UpdateRecorder, numbers
from tests.helpers.capturing import captured
from tests.helpers.operations import Operations
from tests.helpers.optimizers import Still, optimizer_of


def still(*lrs: Any) -> Optimizer:
    """An optimizer with one group per LR, whose update is nothing."""
    return optimizer_of(lrs, kind=Still)


MIXES: dict[str, list[Any]] = {
    "floats": [0.5, 0.25],
    "a float and an int": [0.5, 1],
    "NumPy's": [np.float64(0.5), 0.25],
    "tensors": [torch.tensor(0.5), torch.tensor(0.25)],
    "tensors of two shapes": [torch.tensor([0.5]), torch.tensor(0.25)],
    "tensors of two precisions": [torch.tensor(0.5), torch.tensor(0.1, dtype=torch.float64)],
    "a float and a tensor": [0.5, torch.tensor(0.25)],
}


@pytest.mark.parametrize("lrs", MIXES.values(), ids=MIXES)
def test_a_later_write_does_not_change_the_record(lrs: list[Any]) -> None:
    """Numbers of every kind are recorded as they were at the update, whatever a scheduler writes after it."""
    lrs = [lr.clone() if isinstance(lr, torch.Tensor) else lr for lr in lrs]
    wanted = [float(lr) for lr in lrs]
    optimizer = still(*lrs)
    recorder = UpdateRecorder(optimizer)
    optimizer.step()
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(9.0)
        else:
            group["lr"] = 9.0

    assert recorder.latest.lrs == wanted
    assert all(type(lr) is float for lr in recorder.latest.lrs)


@pytest.mark.parametrize("late", [0.125, torch.tensor(0.125)], ids=["float", "tensor"])
@pytest.mark.parametrize("first", [0.5, torch.tensor(0.5)], ids=["floats", "tensors"])
def test_a_group_may_join_with_an_lr_of_another_kind(first: Any, late: Any) -> None:
    """Updates before and after the group joined are recorded right."""
    optimizer = still(first)
    recorder = UpdateRecorder(optimizer)
    optimizer.step()
    assert recorder.latest.lrs == [0.5]
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": late})
    for _ in range(2):
        optimizer.step()
        assert recorder.latest.lrs == [0.5, 0.125]


def test_tensors_are_copied_by_one_operation_and_never_read() -> None:
    """A hundred tensor LRs of one kind need one ``stack`` per update; it works on ``meta``, which cannot be read."""
    optimizer = still(*(torch.tensor(0.1, device="meta") for _ in range(100)))
    recorder = UpdateRecorder(optimizer)
    optimizer.step()
    with Operations() as operations:
        optimizer.step()

    assert [name for name in operations.names if name.startswith("aten.")] == ["aten.stack.default"]
    assert recorder.latest is not None
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        _ = recorder.latest.lrs


def test_a_captured_update_is_not_recorded() -> None:
    """During the capture of a CUDA graph no update is recorded and no operation is added to the graph; a warning is given."""
    optimizer = still(torch.tensor(0.1, device="meta"))
    recorder = UpdateRecorder(optimizer)
    optimizer.step()
    before = recorder.latest

    with (
        captured(),
        Operations() as operations,
        pytest.warns(ScheduleWarning, match=r"^LR707: .*captured in a CUDA graph.*get_last_lr\(\)"),
    ):
        optimizer.step()

    assert recorder.latest is before
    assert not any(name.startswith("aten.") for name in operations.names)


@pytest.mark.parametrize(
    ("values", "reads"),
    [([0.1] * 9, 0), (torch.full((9,), 0.1).unbind(), 0), ([0.1, *torch.full((8,), 0.1).unbind()], 8)],
    ids=["numbers", "tensors", "mixed"],
)
def test_tensors_in_one_place_are_read_at_once(values: Any, reads: int) -> None:
    """Tensors alone are read at once, however many there are; only tensors beside numbers are read one by one."""
    with Operations() as operations:
        read = numbers(values)

    assert read == pytest.approx([0.1] * 9)
    assert operations.names.count("aten._local_scalar_dense.default") == reads


def test_a_closed_recorder_records_nothing() -> None:
    """After ``close`` nothing is recorded."""
    optimizer = still(0.5)
    recorder = UpdateRecorder(optimizer)
    recorder.close()
    optimizer.step()

    assert recorder.latest is None


def test_an_optimizer_that_steps_another_on_the_same_groups_is_recorded() -> None:
    """SAM's ``second_step`` updates through an inner optimizer, past its own ``step``: that update is recorded."""

    class Sam(Optimizer):
        def __init__(self, lr: float) -> None:
            super().__init__([torch.nn.Parameter(torch.zeros(1))], {"lr": lr})
            self.base_optimizer = still(lr)
            self.base_optimizer.param_groups = self.param_groups

        def second_step(self) -> None:
            self.base_optimizer.step()

    optimizer = Sam(0.5)
    recorder = UpdateRecorder(optimizer)
    optimizer.param_groups[0]["lr"] = 0.25
    optimizer.second_step()

    assert recorder.latest is not None
    assert recorder.latest.lrs == [0.25]
    recorder.close()
    optimizer.param_groups[0]["lr"] = 0.125
    optimizer.second_step()
    assert recorder.latest.lrs == [0.25]
