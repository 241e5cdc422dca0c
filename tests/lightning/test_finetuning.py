"""Schedules beside ``BackboneFinetuning``, which writes the LR of the backbone as each epoch begins."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import BackboneFinetuning
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR

from lr_toolkit import LRMonitor, LRWarmup, ReduceOnPlateau, ScheduleWarning, configure_optimizers
from tests.helpers.fits import Recorder
from tests.helpers.runs import Net, loader, trainer

EPOCHS, BATCHES = 5, 8
UPDATES = EPOCHS * BATCHES


class Transfer(Net):
    """A head under a schedule, and a backbone that the callback unfreezes; ``used`` has the LRs of each update."""

    tensor = False

    def __init__(self, answer: Any, save: Path | None = None) -> None:
        super().__init__(answer)
        self.backbone, self.save = self.first, save

    def optimizer(self) -> SGD:
        """The head alone."""
        optimizer = SGD(self.second.parameters(), lr=torch.tensor(0.1, dtype=torch.float64) if self.tensor else 0.1)  # type: ignore[arg-type]  # torch takes both
        optimizer.register_step_post_hook(self._record)
        return optimizer

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """A metric that never improves."""
        self.log("val_loss", 1.0)

    def on_train_batch_end(self, *_: Any) -> None:
        """Save a checkpoint after each batch."""
        if self.save:
            self.trainer.save_checkpoint(self.save / f"{self.trainer.global_step}.ckpt")


def ours(text: str, **options: Any) -> Any:
    """A schedule of this package."""
    return lambda net, optimizer: configure_optimizers(optimizer, text, net.trainer, **options)


def torchs(steps: int, interval: str, floor: float = 0.0) -> Any:
    """torch's cosine, which multiplies the LR that it finds."""
    return lambda net, optimizer: {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": CosineAnnealingLR(optimizer, steps, floor), "interval": interval},
    }


def lrs(answer: Any, *callbacks: Any, tensor: bool = False, save: Path | None = None, **options: Any) -> list[Any]:
    """The LRs of each update. A finding is an error."""
    net = Transfer(answer, save)
    net.tensor = tensor
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScheduleWarning)
        run = trainer(max_epochs=EPOCHS, callbacks=list(callbacks), log_every_n_steps=1, limit_val_batches=1)
        run.fit(net, loader(BATCHES), loader(1), **options)
    return net.lrs


CALLBACKS: dict[str, dict[str, Any]] = {
    "as Lightning documents it": {"lambda_func": lambda epoch: 1.5},
    "doubles, and aligns with the head": {},
    "rises above the head": {"should_align": False, "lambda_func": lambda epoch: 4.0},
    "a constant of its own": {"backbone_initial_lr": 0.01, "lambda_func": lambda epoch: 1.0},
}
PLANS: dict[str, tuple[Any, Any]] = {
    "per update": (ours("cosine()"), torchs(UPDATES, "step")),
    "per epoch": (ours("cosine()", interval="epoch"), torchs(EPOCHS, "epoch")),
    "an absolute floor": (ours("cosine(end_lr=1e-3)"), torchs(UPDATES, "step", 1e-3)),
}


@pytest.mark.parametrize("tensor", [False, True], ids=["number", "tensor"])
@pytest.mark.parametrize("callback", CALLBACKS)
@pytest.mark.parametrize("plan", PLANS)
def test_each_update_has_the_lr_that_torch_gives_it(plan: str, callback: str, tensor: bool) -> None:
    """As an epoch begins each group has what the callback wrote; within it both decay, as under torch's cosine. No finding."""
    made, authority = PLANS[plan]
    used = lrs(made, LRMonitor(strict=True), BackboneFinetuning(1, **CALLBACKS[callback]), tensor=tensor)

    assert [len(row) for row in used] == [1] * BATCHES + [2] * (UPDATES - BATCHES)
    # With tensors torch's schedulers fill the one that the callback remembers: the numbers are what it means.
    right = lrs(authority, BackboneFinetuning(1, **CALLBACKS[callback]))
    assert used == [pytest.approx(row, rel=1e-9) for row in right]


def test_a_backbone_that_is_aligned_stays_on_the_lr_of_the_head() -> None:
    """From the epoch in which it has reached the head, in each update."""
    used = lrs(ours("cosine()"), BackboneFinetuning(1))

    assert used[2 * BATCHES][1] < used[2 * BATCHES][0]
    assert all(backbone == pytest.approx(head, rel=1e-12) for head, backbone in used[4 * BATCHES :])


@pytest.mark.parametrize("first", [True, False])
def test_the_place_in_the_list_of_callbacks_does_not_matter(first: bool) -> None:
    """The monitor logs what each update used, and finds nothing, before the callback and behind it."""
    recorder, monitor = Recorder(), LRMonitor(strict=True)
    callbacks = [monitor, BackboneFinetuning(1)]
    net = Transfer(ours("warmup(4) >> cosine()"))
    trainer(
        max_epochs=EPOCHS, callbacks=callbacks if first else callbacks[::-1], logger=recorder, log_every_n_steps=1
    ).fit(net, loader(BATCHES))

    rows = [[row[name] for name in sorted(row) if name.startswith("lr/")] for _, row in recorder.lrs("lr/")]
    assert rows == [pytest.approx(row) for row in net.lrs]
    assert monitor.findings == ()


def test_beside_a_ramp_and_a_plateau() -> None:
    """A ramp multiplies what is used without it; a plateau's gain stays in what the callback reads from the head."""
    plateau = ReduceOnPlateau(monitor="val_loss", patience=1, factor=0.5)
    made = ours("linear()", plateau=plateau)
    alone = lrs(made, BackboneFinetuning(1))
    warm = lrs(made, LRWarmup("2 epochs", interval="epoch"), BackboneFinetuning(1))

    ramp = [1 / 3] * BATCHES + [2 / 3] * BATCHES + [1.0] * (UPDATES - 2 * BATCHES)
    assert warm == [pytest.approx([lr * factor for lr in row]) for row, factor in zip(alone, ramp, strict=True)]
    for epoch in range(1, EPOCHS):
        heads = [head for head, _ in alone[epoch * BATCHES : (epoch + 1) * BATCHES]]
        backbones = [backbone for _, backbone in alone[epoch * BATCHES : (epoch + 1) * BATCHES]]
        assert [lr / heads[0] for lr in heads] == pytest.approx([lr / backbones[0] for lr in backbones])


def test_an_lr_from_which_the_schedule_cannot_go_on_lasts_one_update() -> None:
    """Below an absolute floor no base LR gives what the callback wrote: LR601 names the callback, and the group has its floor."""
    callback = BackboneFinetuning(1, backbone_initial_lr=0.06, lambda_func=lambda epoch: 0.1)
    net = Transfer(ours("cosine(end_lr=0.05)"))
    with pytest.warns(ScheduleWarning, match="LR601: .*BackboneFinetuning writes"):
        trainer(max_epochs=3, callbacks=[callback, LRMonitor()]).fit(net, loader(BATCHES))

    assert net.lrs[2 * BATCHES][1] == pytest.approx(0.006)
    assert all(backbone >= 0.05 for _, backbone in net.lrs[2 * BATCHES + 1 :])


@pytest.mark.needs("lightning>=2.6", "fit takes weights_only")
@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
def test_a_resume_is_exact(tmp_path: Path) -> None:
    """Before the backbone joins and after it, in mid-epoch."""
    # After the last batch of an epoch Lightning begins the next one without the hook in which the callback writes.
    whole = lrs(ours("cosine(end_lr=1e-3)"), BackboneFinetuning(1), save=tmp_path)
    assert whole == [pytest.approx(row) for row in lrs(torchs(UPDATES, "step", 1e-3), BackboneFinetuning(1))]
    for update in (3, 9, 15, 21, 39):
        path = tmp_path / f"{update}.ckpt"
        rest = lrs(ours("cosine(end_lr=1e-3)"), BackboneFinetuning(1), ckpt_path=path, weights_only=True)
        assert rest == whole[update:], update
