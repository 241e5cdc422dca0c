"""A script: a training process is killed several times, and resumes from the last whole checkpoint each time.

``python -m tests.helpers.killed FOLDER KILLS`` writes a report to ``FOLDER/report.json``. Each training process is a fork
of one that has imported everything, and ends by SIGKILL, during training or while a checkpoint is written.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from lr_toolkit import ScheduleMixin
from tests.helpers.runs import trainer

EPOCHS, BATCHES = 20, 13


class Shuffled:
    """A loader with another order in each epoch that saves its position; Lightning calls ``set_epoch`` of its sampler."""

    def __init__(self) -> None:
        self.sampler, self.epoch, self.position = self, 0, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return BATCHES

    def __iter__(self) -> Iterator[torch.Tensor]:
        # Lightning knows the length and does not exhaust the iterator, so an epoch ends when the next one begins.
        self.position %= BATCHES
        order = torch.randperm(BATCHES, generator=torch.Generator().manual_seed(self.epoch))
        while self.position < BATCHES:
            self.position += 1
            yield torch.full((2, 4), 0.1 + order[self.position - 1].item() / BATCHES)

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.position = state["position"]


class Killed(ScheduleMixin, L.LightningModule):
    """Signals each update to the parent process, and writes its LR to a file that survives a kill."""

    schedule = "warmup('10%') >> cosine(end=0.01)"

    def __init__(self, log: Path, pipe: int | None) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = torch.nn.Linear(4, 3)
        self.log_file, self.pipe = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), pipe

    def training_step(self, batch: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.layer(batch).tanh().square().mean()
        return loss

    def build_optimizer(self) -> torch.optim.Optimizer:
        optimizer = torch.optim.Adam(self.parameters(), lr=0.05)
        optimizer.register_step_post_hook(self._record)
        return optimizer

    def _record(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        os.write(self.log_file, (optimizer.param_groups[0]["lr"].hex() + "\n").encode())
        self.signal(b"u")

    def signal(self, event: bytes) -> None:
        """Send an event to the parent process."""
        if self.pipe is not None:
            os.write(self.pipe, event)


class SignallingIO(TorchCheckpointIO):
    """Signals the beginning and the end of each write of a checkpoint."""

    def __init__(self, net: Killed) -> None:
        super().__init__()
        self.net = net

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        self.net.signal(b"s")
        super().save_checkpoint(*args, **kwargs)
        self.net.signal(b"w")


class SaveOften(L.Callback):
    """Saves after every second batch, and at the end of an epoch.

    It does not save after the last batch of an epoch, as ``ModelCheckpoint(every_n_train_steps=...)`` may: Lightning 2.6 resumes
    from there, but a checkpoint of the next epoch then records that no epoch has begun, and a second resume repeats that epoch.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, out: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % 2:
            self.save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self.save(trainer)

    def save(self, trainer: L.Trainer) -> None:
        """Write a file that is named for the update."""
        trainer.save_checkpoint(self.folder / f"{trainer.global_step:04d}.ckpt")


def live(folder: Path, life: str, pipe: int | None) -> None:
    """Train from the last whole checkpoint, if there is one, to the end of the run."""
    net = Killed(folder / f"{life}.log", pipe)
    callbacks = [SaveOften(folder / "checkpoints")]
    run = trainer(max_epochs=EPOCHS, callbacks=callbacks, plugins=[SignallingIO(net)])
    run.fit(net, Shuffled(), ckpt_path=last_whole(folder / "checkpoints"))
    (folder / f"{life}.json").write_text(json.dumps([weight.tolist() for weight in net.parameters()]))


def last_whole(folder: Path) -> Path | None:
    """The newest checkpoint that loads with ``weights_only=True``."""
    for path in sorted(folder.glob("*.ckpt"), reverse=True):
        try:
            torch.load(path, weights_only=True)
        except (RuntimeError, EOFError):
            continue
        return path
    return None


def run_life(folder: Path, life: str, chance: random.Random | None) -> bytes:
    """Train in a fork, which is killed at a random moment if there is a ``chance``, and return the events that it signalled."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            live(folder, life, writer)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    events = b""
    if chance is not None:
        event, times = chance.choice([b"u", b"s"]), chance.randint(1, 8)
        while events.count(event) < times and (more := os.read(reader, 1)):
            events += more
        time.sleep(chance.uniform(0, 0.004))
        os.kill(child, signal.SIGKILL)
    while more := os.read(reader, 4096):
        events += more
    os.close(reader)
    status = os.waitpid(child, 0)[1]
    expected = signal.SIGKILL if chance else 0
    if status != expected:
        raise SystemExit(f"life {life} ended with status {status}")
    return events


def main() -> None:
    """A run without a kill, and a run with many."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(7)
    whole, killed = folder / "whole", folder / "killed"
    whole.mkdir()
    killed.mkdir()
    run_life(whole, "0", None)
    used: list[str] = []
    writing = 0
    for life in range(kills + 1):
        path = last_whole(killed / "checkpoints")
        used = used[: int(path.stem) if path else 0]
        events = run_life(killed, str(life), chance if life < kills else None)
        writing += events.count(b"s") > events.count(b"w")
        used += (killed / f"{life}.log").read_text().split()
    report = {
        "lrs": [(whole / "0.log").read_text().split(), used],
        "weights": [
            json.loads((whole / "0.json").read_text()),
            json.loads((killed / f"{kills}.json").read_text()),
        ],
        "killed while writing": writing,
    }
    (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
