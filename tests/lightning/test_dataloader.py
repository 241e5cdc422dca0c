"""The training dataloader is set up once in a fit, also at a resume: a stream that can be read once loses no sample."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch.optim import SGD
from torch.utils.data import DataLoader, IterableDataset

from lr_toolkit import LRMonitor, configure_optimizers
from tests.helpers.runs import Net, loader, trainer

pytestmark = [
    pytest.mark.needs("lightning>=2.6", "fit takes weights_only"),
    pytest.mark.filterwarnings(
        "ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable|does not have many workers|processes fork)"
    ),
]


class Once(IterableDataset[torch.Tensor]):
    """Samples 1, 2, 3 ... of a source that gives each of them once; an epoch reads five."""

    def __init__(self, source: Iterator[int]) -> None:
        self.source = source
        self.begun = 0

    def __iter__(self) -> Iterator[torch.Tensor]:
        self.begun += 1
        for _ in range(5):
            yield torch.full((1,), float(next(self.source)))


class Reads(Net):
    """Trains on a stream; saves a checkpoint after ``save`` batches and ends there."""

    def __init__(self, answer: Any, source: Iterator[int], save: tuple[int, Path] | None = None) -> None:
        super().__init__(answer)
        self.source, self.save = source, save
        self.seen: list[float] = []
        self.streams: list[Once] = []
        self.asked_in: list[tuple[int, int]] = []

    def train_dataloader(self) -> Any:
        """A loader over the source."""
        self.asked_in.append((self.trainer.current_epoch, self.trainer.global_step))
        self.streams.append(Once(self.source))
        return DataLoader(self.streams[-1], batch_size=1)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        self.seen.append(batch.item())
        return super().training_step(batch, batch_idx)

    def on_train_batch_end(self, *_: Any) -> None:
        if self.save and len(self.seen) == self.save[0]:
            self.trainer.save_checkpoint(self.save[1])
            self.trainer.should_stop = True


def plain(net: Net, optimizer: Any) -> Any:
    """No scheduler: what Lightning does by itself."""
    return optimizer


def per_update(net: Net, optimizer: Any) -> Any:
    """A schedule in updates."""
    return configure_optimizers(optimizer, "warmup(2) >> cosine()", net.trainer)


def per_epoch(net: Net, optimizer: Any) -> Any:
    """A schedule that moves per epoch."""
    return configure_optimizers(optimizer, "cosine()", net.trainer, interval="epoch")


# Updates before the checkpoint, and the limits of both runs.
RESUMES: dict[str, tuple[int, dict[str, Any]]] = {
    "in mid-epoch": (3, {"max_epochs": 3, "limit_train_batches": 5}),
    "at the end of an epoch": (5, {"max_epochs": 3, "limit_train_batches": 5}),
    "max_steps": (3, {"max_steps": 14}),
    "max_steps and max_epochs": (3, {"max_steps": 14, "max_epochs": 3}),
}


def resumed(answer: Any, name: str, folder: Path, **options: Any) -> Reads:
    """The module of a run that went on from a checkpoint."""
    updates, limits = RESUMES[name]
    path = folder / f"{answer.__name__}.ckpt"
    trainer(**limits).fit(Reads(answer, iter(range(1, 100)), (updates, path)))
    net = Reads(answer, iter(range(101, 200)))
    trainer(**limits, **options).fit(net, ckpt_path=path, weights_only=True)
    return net


@pytest.mark.parametrize("late", [False, True], ids=["one device", "as a sharded strategy"])
@pytest.mark.parametrize("name", RESUMES)
def test_a_stream_is_begun_once_at_a_resume(
    name: str, late: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The resumed run sees the samples that it sees without a schedule, from as many streams and starts of them."""
    monkeypatch.setattr(SingleDeviceStrategy, "restore_checkpoint_after_setup", late)
    alone = resumed(plain, name, tmp_path)
    answers = (per_update, per_epoch) if "max_steps" not in name else (per_update,)
    nets = [resumed(answer, name, tmp_path, callbacks=[LRMonitor()]) for answer in answers]

    assert alone.seen[0] == 101
    for net in nets:
        assert net.seen == alone.seen
        assert [stream.begun for stream in net.streams] == [stream.begun for stream in alone.streams]


@pytest.mark.parametrize("name", RESUMES)
def test_a_module_is_asked_for_its_dataloader_where_the_run_goes_on(name: str, tmp_path: Path) -> None:
    """``train_dataloader`` reads the epoch and the update of the checkpoint, as it does without a schedule; afterwards too."""
    alone, net = (resumed(answer, name, tmp_path) for answer in (plain, per_update))

    assert net.asked_in == alone.asked_in
    assert net.asked_in[0][1] > 0


def test_a_dataloader_that_is_reloaded_is_reloaded_as_often(tmp_path: Path) -> None:
    """With ``reload_dataloaders_every_n_epochs`` the module is asked in the same epochs as without a schedule."""

    class Reloads(Net):
        def __init__(self, answer: Any, save: Path | None = None) -> None:
            super().__init__(answer)
            self.save, self.asked_in = save, list[int]()

        def train_dataloader(self) -> Any:
            self.asked_in.append(self.trainer.current_epoch)
            return loader(4)

        def on_train_epoch_end(self) -> None:
            if self.save and self.current_epoch == 1:
                self.trainer.save_checkpoint(self.save)

    def asked(answer: Any) -> list[int]:
        options = {"max_epochs": 6, "reload_dataloaders_every_n_epochs": 2}
        trainer(**options).fit(Reloads(answer, tmp_path / "cut.ckpt"))
        net = Reloads(answer)
        trainer(**options).fit(net, ckpt_path=tmp_path / "cut.ckpt", weights_only=True)
        return net.asked_in

    assert asked(per_update) == asked(plain)


# --- workers, in the words of Lightning's test of a stream that is begun twice (#19427) ---------------------------------


class Queued(IterableDataset[Any]):
    """Reads from a queue, which gives each item once."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    def __iter__(self) -> Iterator[Any]:
        for _ in range(5):
            yield self.queue.get(timeout=5)


def scheduled(module: L.LightningModule) -> Any:
    """SGD under a schedule of ours."""
    return configure_optimizers(SGD(module.parameters(), lr=0.1), "cosine()", module.trainer, on_change="replan")


def test_a_worker_reads_a_queue_once(tmp_path: Path) -> None:
    """Two fits, the second from the checkpoint of the first, read the 20 items of a queue that has 20."""
    queue: Any = multiprocessing.get_context("fork").Queue()
    for _ in range(20):
        queue.put(np.random.default_rng(0).random(32, dtype=np.float32))
    for epochs, begin in ((2, None), (4, tmp_path / "cut.ckpt")):
        module: Any = BoringModel()
        module.configure_optimizers = lambda module=module: scheduled(module)
        data = DataLoader(Queued(queue), num_workers=1, batch_size=None, persistent_workers=True)
        run = trainer(max_epochs=epochs, limit_train_batches=5, limit_val_batches=0)
        run.fit(module, data, ckpt_path=begin, weights_only=begin is not None or None)
        run.save_checkpoint(tmp_path / "cut.ckpt")
        assert run.global_step == 5 * epochs

    assert queue.empty()
