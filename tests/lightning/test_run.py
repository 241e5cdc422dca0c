"""``horizon_of``: the number of optimizer updates that then happen in real Trainers, found without changing the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch.optim import Optimizer

from lr_toolkit import Horizon, ScheduleError, horizon_of
from tests.helpers.runs import RUNS, Net, Run, loader, stream, trainer

# A loader whose length is known is one of the cases.
pytestmark = pytest.mark.filterwarnings("ignore:Your `IterableDataset` has `__len__` defined")


def asks(net: Net, optimizer: Optimizer) -> Optimizer:
    """Ask for the horizon when the helpers do."""
    net.horizon = horizon_of(net.trainer)
    return optimizer


def asks_in_epochs(net: Net, optimizer: Optimizer) -> Optimizer:
    """Ask for it in epochs."""
    net.horizon = horizon_of(net.trainer, "epoch")
    return optimizer


@pytest.mark.parametrize("name", RUNS)
def test_the_horizon_is_what_then_happens(name: str) -> None:
    """An optimizer hook counts the updates of the horizon, in all and in each epoch. The horizon is the one in the table."""
    run = RUNS[name]
    net = Net(asks)
    run.fit(net)

    assert net.horizon == run.horizon
    assert len(net.used) == net.horizon.steps
    lengths = net.horizon.epoch_steps
    if lengths is not None:
        ended = net.per_epoch if sum(run.per_epoch or []) == run.steps else net.per_epoch[:-1]
        assert ended == [lengths[min(epoch, len(lengths) - 1)] for epoch in range(len(ended))]


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.per_epoch])
def test_the_horizon_in_epochs_is_the_epochs_that_begin(name: str) -> None:
    """``interval="epoch"`` gives the number of epochs that begin."""
    run = RUNS[name]
    net = Net(asks_in_epochs)
    run.fit(net)

    assert net.horizon == Horizon(run.epochs, unit="epoch")
    assert len(net.per_epoch) == run.epochs


REFUSED: dict[str, tuple[Run, str]] = {
    "stream without a length": (
        Run({"max_epochs": 2}, lambda: stream(6), None, 0),
        r"no length.*Trainer\(max_steps=10_000\).*limit_train_batches=500.*horizon=Horizon\(steps=10_000",
    ),
    "max_epochs=-1": (Run({"max_epochs": -1}, lambda: loader(4), None, 0), r"without end.*max_epochs=10.*horizon="),
    "only max_time": (
        Run({"max_time": {"seconds": 1}}, lambda: loader(4), None, 0),
        r"without end \(max_epochs=-1, or only max_time\).*horizon=",
    ),
    "no batches": (Run({"max_epochs": 2}, lambda: loader(0), None, 0), r"no training batches.*limit_train_batches"),
    "limit_train_batches=0": (Run({"max_epochs": 2, "limit_train_batches": 0}, lambda: loader(4), None, 0), r"above 0"),
    "max_epochs=0": (Run({"max_epochs": 0}, lambda: loader(4), None, 0), r"max_epochs"),
    "max_steps=0": (Run({"max_steps": 0}, lambda: loader(4), None, 0), r"max_steps"),
}


# Runs without an end, and without data, are among the cases.
@pytest.mark.filterwarnings("ignore:`max_epochs` was not set", "ignore:Total length of .* across ranks is zero")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_known_is_refused(name: str) -> None:
    """An unknown length is a ``ScheduleError`` before the first update. The message gives the reason and the call to write."""
    run, message = REFUSED[name]
    net = Net(asks)
    with pytest.raises(ScheduleError, match=rf"(?s)horizon_of\(trainer\): .*{message}"):
        run.fit(net)

    assert net.used == []


@pytest.mark.parametrize("options", [{"max_epochs": 2}, {"max_epochs": 9, "max_steps": 10}])
def test_the_epochs_of_a_stream_are_known_only_from_max_epochs(options: dict[str, int]) -> None:
    """In epochs a stream's length is ``max_epochs``. It is not known if ``max_steps`` may end the run earlier."""
    net = Net(asks_in_epochs)
    if "max_steps" in options:
        with pytest.raises(ScheduleError, match=r"no length.*max_epochs=10.*Horizon\(steps=10, unit='epoch'\)"):
            trainer(**options).fit(net, stream(6))
    else:
        trainer(**options).fit(net, stream(6))
        assert net.horizon == Horizon(2, unit="epoch")


@pytest.mark.parametrize("given", [None, "auto", 100])
def test_only_a_trainer_has_a_horizon(given: Any) -> None:
    """Anything else is refused with the call to write."""
    with pytest.raises(ScheduleError, match=r"horizon_of\(trainer=.*self\.trainer"):
        horizon_of(given)


def test_a_trainer_without_a_module_has_none() -> None:
    """A Trainer that is not fitting has no training data to count."""
    with pytest.raises(ScheduleError, match=r"no training data yet.*configure_optimizers"):
        horizon_of(trainer(max_epochs=2))


def test_a_second_fit_counts_its_own_data() -> None:
    """A Trainer that fits again with other data counts the batches of that data."""
    net = Net(asks)
    fitted = trainer(max_epochs=2)
    fitted.fit(net, loader(4))
    fitted.fit_loop.max_epochs = 3
    fitted.fit(net, loader(6))

    assert net.horizon.steps_per_epoch == 6


@pytest.mark.parametrize(
    ("limits", "more", "left"),
    [({"max_epochs": 2}, {"max_epochs": 5}, 12), ({"max_steps": 6}, {"max_steps": 13}, 7)],
    ids=["epochs", "updates"],
)
def test_a_second_fit_that_goes_on_counts_what_is_left(limits: Any, more: dict[str, int], left: int) -> None:
    """After its limit was raised, a Trainer goes on with a new optimizer. Its horizon is the rest of the run."""
    net, host = Net(asks), trainer(**limits)
    host.fit(net, loader(4))
    net.used.clear()
    (name, limit), *_ = more.items()
    setattr(host.fit_loop if name == "max_epochs" else host.fit_loop.epoch_loop, name, limit)
    host.fit(net, loader(4))

    assert net.horizon.steps == len(net.used) == left


@pytest.mark.parametrize(
    ("limits", "less", "whole"),
    [({"max_epochs": 2}, {"max_epochs": 1}, 4), ({"max_steps": 6}, {"max_steps": 5}, 5)],
    ids=["epochs", "updates"],
)
def test_a_second_fit_beyond_its_limit_takes_no_update(limits: Any, less: dict[str, int], whole: int) -> None:
    """A Trainer beyond its limit trains no more. Its horizon is the whole run."""
    net, host = Net(asks), trainer(**limits)
    host.fit(net, loader(4))
    net.used.clear()
    (name, limit), *_ = less.items()
    setattr(host.fit_loop if name == "max_epochs" else host.fit_loop.epoch_loop, name, limit)
    host.fit(net, loader(4))

    assert (net.horizon.steps, net.used) == (whole, [])


def test_the_data_is_asked_for_once() -> None:
    """``horizon_of`` does not make Lightning request the training data a second time."""

    class Counting(Net):
        asked = 0

        def train_dataloader(self) -> Any:
            self.asked += 1
            return loader(4)

    net = Counting(asks)
    trainer(max_epochs=2).fit(net)

    assert net.asked == 1
    assert net.horizon == Horizon(8, 4)


def test_a_million_epochs_are_counted_at_once() -> None:
    """The work does not grow with the number of epochs: a million of them, cut by ``max_steps``, take no time."""

    class Enough(Exception):
        pass

    def ask(net: Net, optimizer: Optimizer) -> Optimizer:
        net.horizon = horizon_of(net.trainer)
        raise Enough

    net = Net(ask)
    with pytest.raises(Enough):
        trainer(max_epochs=2_000_000, max_steps=1_000_000).fit(net, loader(1))

    assert net.horizon == Horizon(1_000_000, 1)


# --- a dataloader that keeps its position -----------------------------------------------------------------------------


class Resumable:
    """A loader of eight numbers that saves its position, as torchdata's ``StatefulDataLoader``."""

    def __init__(self) -> None:
        self.position = 0

    def __len__(self) -> int:
        return 8

    def __iter__(self) -> Iterator[torch.Tensor]:
        while self.position < 8:
            self.position += 1
            yield torch.full((1, 1), float(self.position))
        self.position = 0

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.position = state["position"]


class Watching(Net):
    """Records the samples of its training, and saves a checkpoint after the third batch of the first epoch."""

    def __init__(self, answer: Any, save: Path | None = None) -> None:
        super().__init__(answer)
        self.save = save
        self.seen: list[float] = []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        self.seen.append(batch.item())
        return super().training_step(batch, batch_idx)

    def on_train_batch_end(self, *_: Any) -> None:
        if self.save and len(self.seen) == 3:
            self.trainer.save_checkpoint(self.save)


def resumed(answer: Any, folder: Path) -> list[float]:
    """The samples seen after a resume in the middle of an epoch."""
    trainer(max_epochs=1).fit(Watching(answer, folder / "middle.ckpt"), Resumable())
    net = Watching(answer)
    trainer(max_epochs=1).fit(net, Resumable(), ckpt_path=folder / "middle.ckpt", weights_only=True)
    return net.seen


@pytest.mark.parametrize("late", [False, True], ids=["one device", "as a sharded strategy"])
@pytest.mark.needs("lightning>=2.6", "fit takes weights_only")
def test_a_resumable_loader_goes_on_at_its_position(
    late: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After a resume in mid-epoch the loader goes on at the next sample, as it does without ``horizon_of``."""
    # FSDP, DeepSpeed and ModelParallelStrategy request the optimizers before it is known whether there is a checkpoint.
    monkeypatch.setattr(SingleDeviceStrategy, "restore_checkpoint_after_setup", late)
    expected = resumed(lambda net, optimizer: optimizer, tmp_path)

    assert expected[0] > 1
    assert resumed(asks, tmp_path) == expected


@pytest.mark.needs("lightning>=2.6", "fit takes weights_only")
def test_lightnings_own_estimate_makes_it_start_over(tmp_path: Path) -> None:
    """The test above can fail: with ``estimated_stepping_batches`` the first samples are seen a second time (#20550)."""
    # When Lightning fixes this, ``loaded_progress`` is not needed any more.

    def estimates(net: Net, optimizer: Optimizer) -> Optimizer:
        _ = net.trainer.estimated_stepping_batches
        return optimizer

    assert resumed(estimates, tmp_path)[0] == 1


@pytest.mark.needs("lightning>=2.6", "fit takes weights_only")
def test_a_plain_loader_resumes_too(tmp_path: Path) -> None:
    """A resume at the end of an epoch trains the remaining epochs. The horizon is the one of the whole run."""

    class Saving(Net):
        def on_train_epoch_end(self) -> None:
            if self.current_epoch == 0 and not (tmp_path / "first.ckpt").exists():
                self.trainer.save_checkpoint(tmp_path / "first.ckpt")

    trainer(max_epochs=3).fit(Saving(asks), loader(4))
    net = Saving(asks)
    trainer(max_epochs=3).fit(net, loader(4), ckpt_path=tmp_path / "first.ckpt", weights_only=True)

    assert net.horizon == Horizon(12, 4)
    assert net.per_epoch == [4, 4]


@pytest.mark.slow
def test_two_ranks_share_the_horizon(two_ranks: dict[str, list[dict[str, Any]]]) -> None:
    """On two gloo ranks with half of the batches each, the horizon is the number of updates that happen on both."""
    for rank in two_ranks["plain"]:
        assert rank["horizon"] == [8, 4]
        assert len(rank["lrs"]) == 8


def test_the_private_parts_of_lightning_are_there() -> None:
    """The private attributes that ``horizon_of`` uses exist in this Lightning."""
    loop = L.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu").fit_loop

    assert loop._combined_loader is None
    assert callable(loop.setup_data)
