"""Plateaus that read another value than the one that was meant, or at another time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.report import plural

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["lost_reading", "plateau_cadence", "plateau_metric", "wrong_mode"]

_MOST_EPOCHS = 100
_MOST_BATCHES = 10**6
_OURS = "scheduler_config(..., plateau=ReduceOnPlateau(...)) reads each value once, whatever the cadence."


def _plateaus(scene: RunInfo) -> list[Any]:
    return [one for one in scene.configs if one.reduce_on_plateau and one.monitor]


def _is_validated(scene: RunInfo, monitor: str) -> bool:
    """Whether a plateau's metric comes from validation: as sanity validation showed, or, without it, as it is called."""
    if scene.validated:
        return monitor in scene.validated
    return any(word in monitor.lower() for word in ("val", "dev", "test"))


def plateau_cadence(scene: RunInfo) -> Iterator[str]:
    """A plateau that steps more or less often than its metric is produced."""
    trainer = scene.trainer
    if not trainer.enable_validation:
        return
    for config in _plateaus(scene):
        if not _is_validated(scene, config.monitor):
            continue
        every = trainer.check_val_every_n_epoch
        if every is None:
            yield from _validations_across_epochs(scene, config)
        elif config.interval == "epoch" and config.frequency % every:
            what = "Lightning raises at its first step" if config.strict else "values are counted again"
            if config.frequency > every:
                what = "some values are never read"
            yield (
                f"The plateau steps every {plural(config.frequency, 'epoch')}, and {config.monitor!r} is produced every "
                f"{every} epochs: {what}. Write frequency={every}. {_OURS}"
            )
        elif config.interval == "epoch":
            per_epoch = len(_validations(scene))
            if per_epoch > 1:
                yield (
                    f"The plateau sees one of the {per_epoch} values of {config.monitor!r} that an epoch produces "
                    f"(val_check_interval={trainer.val_check_interval}). {_OURS}"
                )
        else:
            yield from _within_epochs(scene, config, every)


def _validations(scene: RunInfo) -> list[int]:
    """The batches of an epoch, counted from 1, after which validation runs."""
    every, batches = scene.trainer.val_check_batch, scene.course.batches
    if every is None or batches == float("inf") or every in (0, float("inf")):
        return []
    return list(range(int(every), int(batches) + 1, int(every)))


def _within_epochs(scene: RunInfo, config: Any, every: int) -> Iterator[str]:
    """Step-wise plateaus act after an update only, and as often as that: between two validations they read the first again."""
    validations, batches, accumulation = _validations(scene), scene.course.batches, scene.course.accumulation(0)
    if not validations:
        return
    epochs = _epochs(scene, 2 * every)
    values = np.add.outer(epochs[every - 1 :: every] * int(batches), validations).ravel()
    wrong = _misread(config, len(epochs), _steps(config, epochs, int(batches), accumulation), values)
    if wrong:
        yield (
            f"The plateau steps after updates (interval='step', frequency={config.frequency} in batches, accumulate_grad_batches="
            f"{accumulation}), and {config.monitor!r} is produced by validation: {wrong}. {_OURS}"
        )


def _validations_across_epochs(scene: RunInfo, config: Any) -> Iterator[str]:
    """``check_val_every_n_epoch=None`` counts the batches of all epochs, and a plateau those of each, or epochs."""
    every, batches = scene.trainer.val_check_batch, scene.course.batches
    if not every or math.isinf(batches):
        return
    every, batches, frequency = int(every), int(batches), config.frequency
    epochs = _epochs(scene, 2 * (every // math.gcd(every, batches)) * frequency)
    values = np.arange(every, len(epochs) * batches + 1, every)
    if config.interval == "epoch":
        steps = np.arange(frequency, len(epochs) + 1, frequency) * batches
        pace = "epoch" if frequency == 1 else f"{frequency} epochs"
        left_out = frequency  # who asks for every second epoch means it
    else:
        steps = _steps(config, epochs, batches, scene.course.accumulation(0))
        pace = "update" if frequency == 1 else f"{frequency} batches of an epoch"
        left_out = 1
    wrong = _misread(config, len(epochs), steps, values, left_out)
    if wrong:
        yield (
            f"Validation runs every {every} batches of all epochs (check_val_every_n_epoch=None), and the plateau steps every "
            f"{pace}: {wrong}. {_OURS}"
        )


def _epochs(scene: RunInfo, period: int) -> NDArray[np.int64]:
    """The epochs to look at: then all begins again, and what goes wrong shows before long."""
    most = max(_MOST_BATCHES // max(int(scene.course.batches), 1), 2)
    return np.arange(min(max(scene.course.epochs, 1), period, _MOST_EPOCHS, most))


def _steps(config: Any, epochs: NDArray[np.int64], batches: int, accumulation: int) -> NDArray[np.int64]:
    """The batches of the run, counted from 1, after which a step-wise plateau steps."""
    within = np.arange(config.frequency, batches + 1, config.frequency)
    within = within[(within % accumulation == 0) | (within == batches)]
    steps: NDArray[np.int64] = np.add.outer(epochs * batches, within).ravel()
    return steps


def _misread(config: Any, epochs: int, steps: NDArray[np.int64], values: NDArray[np.int64], left_out: int = 1) -> str:
    """What goes wrong with these steps and values, each told by the batch after which it comes; a value comes first."""
    read = np.searchsorted(values, steps, side="right")  # the number of the value, from 1
    found = read[read > 0]
    seen, last = len(set(found.tolist())), int(found.max(initial=0)) if len(steps) else len(values)
    wrong = []
    if config.strict and len(found) < len(read):
        wrong.append(f"Lightning raises, as it steps before there is any {config.monitor!r}")
    if seen < last // left_out:
        wrong.append(f"it sees {seen} of {last} values of {config.monitor!r} in {plural(epochs, 'epoch')}")
    if seen < len(found):
        wrong.append(f"it counts values of {config.monitor!r} more than once")
    return ", and ".join(wrong)


def plateau_metric(scene: RunInfo) -> Iterator[str]:
    """A plateau whose metric validation does not produce, where it produces one of nearly that name.

    Without such a name nothing is said: the metric may come from training, or be left out of sanity validation.
    """
    ours = [one.scheduler.plateau for one in scene.configs if isinstance(one.scheduler, ScheduledLR)]
    validating = [one.monitor for one in ours if one and one.every is None]
    for monitor in [*(one.monitor for one in _plateaus(scene)), *validating]:
        if not scene.validated or monitor in scene.validated:
            continue
        near = get_close_matches(monitor, scene.validated, n=1, cutoff=0.8)
        if near:
            yield (
                f"The plateau watches {monitor!r}, which validation did not produce. Did you mean monitor={near[0]!r}?"
            )


def lost_reading(scene: RunInfo) -> Iterator[str]:
    """A resume that loses a reading: from a checkpoint that an epoch saved before its plateau stepped, or in mid-epoch."""
    trainer = scene.trainer
    for config in _plateaus(scene) if trainer.ckpt_path else ():
        epochs, every = trainer.current_epoch, config.frequency
        read = getattr(config.scheduler, "last_epoch", None)
        if config.interval != "epoch" or not config.strict or read is None:
            continue
        # Lightning steps no plateau at the end of an epoch that it has begun again.
        if read < epochs // every or (trainer.fit_loop.restarting and (epochs + 1) % every == 0):
            yield (
                f"This resume loses a reading of {config.monitor!r}, so the plateau reduces the learning rate later than it would "
                "have: Lightning saves the checkpoint of an epoch before the plateau steps, and leaves out its step in an epoch "
                "that is resumed. plateau=ReduceOnPlateau(...) of this package loses none."
            )


# Words that say of a metric which way is better, and words that turn it round or make another quantity of it.
_HIGHER = {"acc", "accuracy", "auc", "auroc", "bleu", "dice", "f1", "iou", "map", "miou", "precision", "psnr", "r2"}
_HIGHER |= {"recall", "rouge", "rouge1", "rouge2", "rougel", "ssim"}
_LOWER = {"cer", "err", "error", "loss", "mae", "mse", "nll", "perplexity", "ppl", "rmse", "wer"}
_TURNED = {
    "1",
    "decrease",
    "delta",
    "diff",
    "difference",
    "drop",
    "gain",
    "gap",
    "improvement",
    "increase",
    "inv",
    "inverse",
}
_TURNED |= {"minus", "neg", "negative", "one", "ratio", "reduction", "std", "var", "variance"}


def wrong_mode(scene: RunInfo) -> Iterator[str]:
    """A plateau that waits for an accuracy to fall, or for a loss to rise; a name with words of both kinds says nothing."""
    for config in scene.configs:
        scheduler = config.scheduler
        if isinstance(scheduler, ScheduledLR):
            reaction = scheduler.plateau
            monitor, mode = (reaction.monitor, reaction.mode) if reaction else ("", "")
        else:
            monitor = config.monitor if config.reduce_on_plateau else ""
            mode = getattr(scheduler, "mode", "")
        if not monitor or mode not in ("min", "max"):
            continue
        words = set(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", monitor).lower()))
        against, others = (_HIGHER, _LOWER) if mode == "min" else (_LOWER, _HIGHER)
        if words & against and not words & (others | _TURNED):
            better, other = ("higher", "max") if mode == "min" else ("lower", "min")
            if isinstance(scheduler, ScheduledLR):
                call = f"{type(scheduler.plateau).__name__}(monitor={monitor!r}, mode={other!r})"
            else:
                call = f"ReduceLROnPlateau(..., mode={other!r})"
            yield (
                f"The plateau has mode={mode!r}, and of {monitor!r} a {better} value is better: it is going to reduce the "
                f"learning rate while the metric improves. Write {call}."
            )
