"""A script: a training process is killed again and again, and goes on from the last whole checkpoint each time.

``python -m tests.helpers.killed FOLDER KILLS`` writes to ``FOLDER/told.json`` what happened. Each life is a fork of a
process that has imported everything already, and ends by SIGKILL, during training or while a checkpoint is written.
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
    """A loader with another order in each epoch, which knows where it is; Lightning tells its sampler the epoch."""

    def __init__(self) -> None:
        self.sampler, self.epoch, self.at = self, 0, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return BATCHES

    def __iter__(self) -> Iterator[torch.Tensor]:
        # Lightning knows the length and never asks for more, so the end of an epoch is only seen from the next one.
        self.at %= BATCHES
        order = torch.randperm(BATCHES, generator=torch.Generator().manual_seed(self.epoch))
        while self.at < BATCHES:
            self.at += 1
            yield torch.full((2, 4), 0.1 + order[self.at - 1].item() / BATCHES)

    def state_dict(self) -> dict[str, int]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.at = state["at"]


class Mortal(ScheduleMixin, L.LightningModule):
    """Says each update to whoever watches, and writes its LR where a kill does not reach it."""

    schedule = "warmup('10%') >> cosine(end=0.01)"

    def __init__(self, log: Path, watcher: int | None) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = torch.nn.Linear(4, 3)
        self.log_file, self.watcher = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), watcher

    def training_step(self, batch: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.layer(batch).tanh().square().mean()
        return loss

    def build_optimizer(self) -> torch.optim.Optimizer:
        optimizer = torch.optim.Adam(self.parameters(), lr=0.05)
        optimizer.register_step_post_hook(self._record)
        return optimizer

    def _record(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        os.write(self.log_file, (optimizer.param_groups[0]["lr"].hex() + "\n").encode())
        self.say(b"u")

    def say(self, what: bytes) -> None:
        """Let the watcher know."""
        if self.watcher is not None:
            os.write(self.watcher, what)


class Loud(TorchCheckpointIO):
    """Says when a checkpoint begins to be written, and when it is whole."""

    def __init__(self, net: Mortal) -> None:
        super().__init__()
        self.net = net

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        self.net.say(b"s")
        super().save_checkpoint(*args, **kwargs)
        self.net.say(b"w")


class Keep(L.Callback):
    """Saves after every second batch, and at the end of an epoch.

    Not after the last batch of one, as ``ModelCheckpoint(every_n_train_steps=...)`` may: Lightning 2.6 goes on from there, but
    what it saves in the next epoch says that no epoch is under way, and from that a second resume starts the epoch over.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, out: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % 2:
            self.keep(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self.keep(trainer)

    def keep(self, trainer: L.Trainer) -> None:
        """Write a file that is named for the update."""
        trainer.save_checkpoint(self.folder / f"{trainer.global_step:04d}.ckpt")


def live(folder: Path, life: str, watcher: int | None) -> None:
    """Train, from the last whole checkpoint if there is one, to the end if nobody pulls the plug."""
    net = Mortal(folder / f"{life}.log", watcher)
    made = trainer(max_epochs=EPOCHS, callbacks=[Keep(folder / "kept")], plugins=[Loud(net)])
    made.fit(net, Shuffled(), ckpt_path=last_whole(folder / "kept"))
    (folder / f"{life}.json").write_text(json.dumps([weight.tolist() for weight in net.parameters()]))


def last_whole(kept: Path) -> Path | None:
    """The newest checkpoint that can be read, safely."""
    for path in sorted(kept.glob("*.ckpt"), reverse=True):
        try:
            torch.load(path, weights_only=True)
        except (RuntimeError, EOFError):
            continue
        return path
    return None


def lead(folder: Path, life: str, chance: random.Random | None) -> bytes:
    """One life; with a chance, killed at a moment that it draws. What was heard of it."""
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            live(folder, life, say)
            code = 0
        finally:
            os._exit(code)
    os.close(say)
    heard = b""
    if chance is not None:
        sign, times = chance.choice([b"u", b"s"]), chance.randint(1, 8)
        while heard.count(sign) < times and (more := os.read(hear, 1)):
            heard += more
        time.sleep(chance.uniform(0, 0.004))
        os.kill(child, signal.SIGKILL)
    while more := os.read(hear, 4096):
        heard += more
    os.close(hear)
    status = os.waitpid(child, 0)[1]
    expected = signal.SIGKILL if chance else 0
    if status != expected:
        raise SystemExit(f"life {life} ended with status {status}")
    return heard


def main() -> None:
    """One run without a kill, and one with many."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(7)
    for name in ("whole", "torn"):
        (folder / name).mkdir()
    lead(folder / "whole", "0", None)
    torn, used, writing = folder / "torn", [], 0
    for life in range(kills + 1):
        path = last_whole(torn / "kept")
        used = used[: int(path.stem) if path else 0]
        heard = lead(torn, str(life), chance if life < kills else None)
        writing += heard.count(b"s") > heard.count(b"w")
        used += (torn / f"{life}.log").read_text().split()
    told = {
        "lrs": [(folder / "whole" / "0.log").read_text().split(), used],
        "weights": [
            json.loads((folder / "whole" / "0.json").read_text()),
            json.loads((torn / f"{kills}.json").read_text()),
        ],
        "killed while writing": writing,
    }
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
