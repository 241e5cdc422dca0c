"""Resumes from checkpoints during the ramp: with the callback, and without it as if it had never been there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch.optim import Optimizer, lr_scheduler

from lr_toolkit import LRWarmup, ScheduleError, ScheduleWarning, configure_optimizers
from tests.helpers.runs import BASES, Net, loader, trainer, with_scheduler

BATCHES, EPOCHS = 4, 3


class Validated(Net):
    """Has a validation, so that a checkpoint can be saved at its end."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """A metric that never improves."""
        self.log("val_loss", torch.ones(()))


class Saver(L.Callback):
    """Saves at the end of each update, validation and epoch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Save within the epoch."""
        if trainer.global_step % BATCHES:
            trainer.save_checkpoint(self.folder / f"update-{trainer.global_step}.ckpt")

    def on_validation_end(self, trainer: L.Trainer, module: Any) -> None:
        """Save before the epoch ends."""
        if not trainer.sanity_checking:
            trainer.save_checkpoint(self.folder / f"validation-{trainer.global_step}.ckpt")

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        """Save as ModelCheckpoint does."""
        trainer.save_checkpoint(self.folder / f"epoch-{trainer.global_step}.ckpt")


SCHEDULERS: dict[str, Callable[[Net, Optimizer], Any]] = {
    "none": lambda net, o: o,
    "recursive per step": with_scheduler(lambda o: lr_scheduler.CosineAnnealingLR(o, 9), "step"),
    "recursive per epoch": with_scheduler(lambda o: lr_scheduler.ExponentialLR(o, 0.5), "epoch"),
    "closed form": with_scheduler(lambda o: lr_scheduler.LambdaLR(o, lambda k: 1 / (1 + k)), "step"),
    "ours per step": lambda net, o: configure_optimizers(o, "cosine()", net.trainer),
    "ours per epoch": lambda net, o: configure_optimizers(o, "cosine()", net.trainer, interval="epoch"),
}
WARMUPS: dict[str, Callable[[], LRWarmup]] = {
    "per step": lambda: LRWarmup(10, shape="cosine"),
    "per epoch": lambda: LRWarmup("100%", interval="epoch"),
}


def run(answer: Any, *callbacks: L.Callback, ckpt: Path | None = None) -> list[list[float]]:
    """The LRs of each update of a run, or of its rest after a resume."""
    net = Validated(answer)
    made = trainer(max_epochs=EPOCHS, callbacks=list(callbacks))
    made.fit(net, loader(BATCHES), loader(1), ckpt_path=ckpt)
    return net.lrs


# Lightning warns of a callback that is gone, and of a resume within an epoch.
@pytest.mark.filterwarnings("ignore:Be aware that when using .ckpt_path")  # the callback is left out on purpose
# Lightning's warning of a plain loader.
@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("ramp", WARMUPS)
@pytest.mark.needs("lightning>=2.6", "fit takes weights_only")
def test_resumed_from_every_point_of_the_ramp(name: str, ramp: str, tmp_path: Path) -> None:
    """With the callback the LRs are those of the uninterrupted run, without it those of a run without a ramp."""
    answer, warmup = SCHEDULERS[name], WARMUPS[ramp]
    plain, whole = run(answer), run(answer, warmup(), Saver(tmp_path))

    assert whole != plain
    for ckpt in sorted(tmp_path.iterdir()):
        taken = int(ckpt.stem.split("-")[1])
        assert run(answer, warmup(), ckpt=ckpt) == whole[taken:], ckpt.stem
        assert run(answer, ckpt=ckpt) == plain[taken:], ckpt.stem


# Lightning's warning of a plain loader.
@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
def test_a_plateau_resumes_from_an_epochs_end_as_without_a_ramp(tmp_path: Path) -> None:
    """Torch's plateau loses the step that Lightning takes after saving, with the ramp and without it."""

    def answer(net: Net, optimizer: Optimizer) -> Any:
        plateau = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}

    (tmp_path / "plain").mkdir()
    (tmp_path / "warm").mkdir()
    run(answer, Saver(tmp_path / "plain"))
    run(answer, LRWarmup(10), Saver(tmp_path / "warm"))

    for taken in (4, 8):
        plain = run(answer, ckpt=tmp_path / "plain" / f"epoch-{taken}.ckpt")
        warm = run(answer, LRWarmup(10), ckpt=tmp_path / "warm" / f"epoch-{taken}.ckpt")
        factors = [min(1, (k + 1) / 11) for k in range(taken, 12)]
        assert warm == [[pytest.approx(lr * f) for lr in lrs] for lrs, f in zip(plain, factors, strict=True)]


def test_the_checkpoint_is_plain_data(tmp_path: Path) -> None:
    """The state loads with ``weights_only=True``, and the optimizer's LR is the LR without the ramp."""
    run(SCHEDULERS["none"], LRWarmup(10), Saver(tmp_path))

    saved = torch.load(tmp_path / "update-3.ckpt", weights_only=True)

    (state,) = saved["callbacks"].values()
    assert state == {"format": 1, "ramp": "LRWarmup(10)", "began": 0, "taken": [3]}
    assert [group["lr"] for group in saved["optimizer_states"][0]["param_groups"]] == BASES


# Lightning's warning of a plain loader.
@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
def test_another_ramp_goes_on_after_as_many_updates(tmp_path: Path) -> None:
    """A ramp that was changed does not begin again, and a warning names both."""
    run(SCHEDULERS["none"], LRWarmup(10), Saver(tmp_path))

    with pytest.warns(
        ScheduleWarning, match=r"^LR704: .*\(LRWarmup\(10\)\): LRWarmup\(7\) goes on after as many updates"
    ):
        lrs = run(SCHEDULERS["none"], LRWarmup(7), ckpt=tmp_path / "update-3.ckpt")

    assert lrs[0] == pytest.approx([base * 4 / 8 for base in BASES])


# Lightning's warning of a plain loader.
@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
def test_a_ramp_that_is_new_at_resume_begins_there(tmp_path: Path) -> None:
    """If the checkpoint holds no ramp, the ramp begins with the resumed run, per update or per epoch."""
    run(SCHEDULERS["none"], Saver(tmp_path))

    per_step = run(SCHEDULERS["none"], LRWarmup(3), ckpt=tmp_path / "epoch-4.ckpt")
    per_epoch = run(SCHEDULERS["none"], LRWarmup("1 epoch", interval="epoch"), ckpt=tmp_path / "epoch-4.ckpt")

    assert [lrs[0] for lrs in per_step] == pytest.approx([0.025, 0.05, 0.075, *[0.1] * 5])
    assert [lrs[0] for lrs in per_epoch] == pytest.approx([0.05] * 4 + [0.1] * 4)


def test_a_state_that_waits_for_its_run_is_saved_again() -> None:
    """A callback that saves and restores everything before training starts, as LearningRateFinder does, loses nothing."""
    warmup = LRWarmup(3)
    state = {"format": 1, "ramp": "LRWarmup(3)", "began": 0, "taken": [2]}

    warmup.load_state_dict(state)

    assert warmup.state_dict() == state


def test_states_that_do_not_fit_are_refused() -> None:
    """A newer format or another number of optimizers is refused."""
    state = {"format": 2, "ramp": "LRWarmup(3)", "began": 0, "taken": [1]}
    with pytest.raises(ScheduleError, match="format 2"):
        LRWarmup(3).load_state_dict(state)

    class Two(LRWarmup):  # type: ignore[misc]  # only to put a state in
        def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            self.load_state_dict({**state, "format": 1, "taken": [1, 1]})

    with pytest.raises(ScheduleError, match="ramps of 2 optimizers, and this run has 1"):
        run(SCHEDULERS["none"], Two(3))
