"""Parameter groups in a real Trainer: each group's LR at each update, the names in the logs, and a resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch.optim import AdamW, Optimizer

from lr_toolkit import Horizon, LRMonitor, Schedule, configure_optimizers, param_groups
from tests.helpers.fits import csv_logger, csv_rows, fit
from tests.helpers.trees import sequential

SCHEDULE = "warmup(3) >> cosine(end=0.1)"
BASE, DECAY, LAYERS = 1e-2, 0.75, 5


class Finetuned(L.LightningModule):
    """Five layers with biases: ten groups."""

    def __init__(self) -> None:
        super().__init__()
        self.network = sequential(1, 4, 4, 4, 4, 1)
        self.used: list[dict[str, float]] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """A loss that depends on each parameter."""
        return self.network(batch[0]).square().mean()

    def configure_optimizers(self) -> Any:
        """AdamW over the groups, under one schedule."""
        groups = param_groups(self, lr=BASE, weight_decay=0.05, layer_decay=DECAY)
        optimizer = AdamW(groups)
        optimizer.register_step_post_hook(self._record)
        return configure_optimizers(optimizer, SCHEDULE, self.trainer)

    def _record(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self.used.append({group["name"]: group["lr"] for group in optimizer.param_groups})


def planned(updates: int, steps: int) -> list[dict[str, float]]:
    """The closed form: base * decay ** (depth - layer) * factor of the schedule."""
    timeline = Schedule.parse(SCHEDULE).resolve(Horizon(steps))
    return [
        {
            f"layer{layer}{ending}": BASE * DECAY ** (LAYERS - 1 - layer) * timeline(k)
            for layer in range(LAYERS)
            for ending in ("", ".no_decay")
        }
        for k in range(updates)
    ]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_ten_groups_follow_one_schedule(accumulate: int, tmp_path: Path) -> None:
    """At each update each group has its own factor of the schedule, and the logs show it under the group's name."""
    net = Finetuned()
    options = {"accumulate_grad_batches": accumulate, "log_every_n_steps": 1, "max_epochs": 2}
    monitor = LRMonitor()
    fit(net, monitor, logger=csv_logger(tmp_path), **options)
    updates = 16 // accumulate
    expected = planned(updates, updates)

    assert net.used == [{name: pytest.approx(lr, rel=1e-12) for name, lr in row.items()} for row in expected]
    assert len(expected[0]) == 10
    assert monitor.findings == ()
    for name in expected[0]:
        assert [lr for _, lr in csv_rows(tmp_path, f"lr/{name}")] == [row[name] for row in net.used]


def test_groups_resume(tmp_path: Path) -> None:
    """A run that is interrupted after an epoch and resumed uses the LRs of the run that was not."""
    first, second = Finetuned(), Finetuned()
    path = tmp_path / "last.ckpt"

    class Interrupts(L.Callback):
        """Saves after the first epoch."""

        def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
            if trainer.current_epoch == 0:
                trainer.save_checkpoint(path)

    fit(first, Interrupts(), max_epochs=2)
    fit(second, max_epochs=2, ckpt_path=path)

    assert second.used == first.used[8:]
    assert torch.load(path, weights_only=True)["optimizer_states"][0]["param_groups"][0]["name"] == "layer0"
