"""Checks for plateaus that read another value than the intended one, or read it at the wrong time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.source import words_of
from lr_toolkit.lightning.plateau_reader import nearest_names
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.report import plural

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["watched_metrics"]

_FIX = "scheduler_config(..., plateau=ReduceOnPlateau(...)) reads each value once, whatever the cadence."


def _plateaus(info: RunInfo) -> list[Any]:
    """The configs of torch's plateaus that Lightning steps; under manual optimization the module does."""
    return [config for config in info.configs if info.is_automatic and config.reduce_on_plateau and config.monitor]


# --- when a plateau reads ---------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class _Validations:
    """When validation runs: after these batches of an epoch (counted from 1), every ``epochs`` epochs.

    ``period`` is the number of batches between two validations; ``is_regular`` is ``False`` if it counts the batches of all
    epochs and an epoch begins anywhere between two validations.
    """

    period: int
    batches: NDArray[np.int64]
    epochs: int
    is_regular: bool


def _validations(info: RunInfo) -> _Validations | None:
    """When validation runs, ``None`` if it never does or if the length of an epoch is not known."""
    every, batches = info.trainer.val_check_batch, info.layout.batches
    if not every or math.isinf(every) or math.isinf(batches):
        return None
    period, length, epochs = int(every), int(batches), info.trainer.check_val_every_n_epoch
    first = min(period, length)
    is_regular = epochs is not None or length % period == 0 or period % length == 0
    return _Validations(period, np.arange(first, length + 1, first), epochs or max(period // length, 1), is_regular)


def _validated(info: RunInfo, interval: str) -> Iterator[Any]:
    """The plateaus with this interval that read a metric of validation."""
    for config in _plateaus(info) if info.trainer.enable_validation else ():
        if config.interval == interval and _is_validated(info, config.monitor):
            yield config


def _is_validated(info: RunInfo, monitor: str) -> bool:
    """Whether validation produces a metric: the sanity validation shows it; without one, the name has to."""
    if info.validated:
        return monitor in info.validated
    return any(word in monitor.lower() for word in ("val", "dev", "test"))


@check("LR403", "The plateau's frequency does not match the frequency of validation")
def other_frequency(info: RunInfo) -> Iterator[str]:
    """Report a plateau per epoch that steps between validations or skips some."""
    every_n_epochs, validations = info.trainer.check_val_every_n_epoch, _validations(info)
    for config in _validated(info, "epoch"):
        if every_n_epochs is not None:
            period, step = every_n_epochs, config.frequency
            cadence, fix = f"every {plural(period, 'epoch')}", f"Write frequency={period}. "
        elif validations is not None:
            period, step = validations.period, config.frequency * int(info.layout.batches)
            cadence, fix = f"every {period} batches of all epochs (check_val_every_n_epoch=None)", ""
        else:
            continue
        if step % period:
            what = "Lightning raises at its first step" if config.strict else "values are counted again"
            yield (
                f"The plateau steps every {plural(config.frequency, 'epoch')}, and {config.monitor!r} is produced {cadence}: "
                f"{'some values are never read' if step > period else what}. {fix}{_FIX}"
            )


@check("LR404", "The plateau sees one of several validations of an epoch")
def one_of_several(info: RunInfo) -> Iterator[str]:
    """Report a plateau per epoch if validation runs more often than that."""
    validations = _validations(info)
    if validations is None or len(validations.batches) == 1 or not validations.is_regular:
        return
    for config in _validated(info, "epoch"):
        yield (
            f"The plateau sees one of the {len(validations.batches)} values of {config.monitor!r} that an epoch produces "
            f"(val_check_interval={info.trainer.val_check_interval}). {_FIX}"
        )


@check("LR405", "A plateau that steps after updates reads values twice or misses some")
def misread_by_steps(info: RunInfo) -> Iterator[str]:
    """Report a plateau per step whose steps do not match the validations one to one.

    Such a plateau steps after an update, at the batches of an epoch that ``frequency`` divides, in every epoch.
    """
    validations = _validations(info)
    if validations is None:
        return
    for config in _validated(info, "step"):
        accumulation, batches = info.layout.accumulation(0), int(info.layout.batches)
        steps = np.arange(config.frequency, batches + 1, config.frequency)
        steps = steps[(steps % accumulation == 0) | (steps == batches)]
        wrong = _misread(config, steps, validations, info.layout.epochs)
        if wrong:
            yield (
                f"The plateau steps after updates (interval='step', frequency={config.frequency} in batches, "
                f"accumulate_grad_batches={accumulation}), and {config.monitor!r} is produced by validation: {wrong}. {_FIX}"
            )


def _misread(config: Any, steps: NDArray[np.int64], validations: _Validations, epochs: int) -> str:
    """What goes wrong if a plateau steps after these batches of each epoch."""
    if not validations.is_regular:
        return (
            f"validation runs every {validations.period} batches of all epochs, the plateau counts those of each epoch"
        )
    latest = np.searchsorted(validations.batches, steps, side="right") - 1  # -1: before the first value of the epoch
    early = int((latest < 0).sum()) + len(steps) * (validations.epochs - 1)
    if early and config.strict:
        return f"Lightning raises, as it steps before there is any {config.monitor!r}"
    reads = np.bincount(latest[latest >= 0], minlength=len(validations.batches))
    if epochs > validations.epochs:
        reads[-1] += early
    wrong = []
    if (reads == 0).any():
        wrong.append(f"it sees {np.count_nonzero(reads)} of the {len(reads)} values of {config.monitor!r} in an epoch")
    if (reads > 1).any():
        wrong.append(f"it counts values of {config.monitor!r} more than once")
    return ", and ".join(wrong)


@check("LR406", "This resume loses a reading of the plateau")
def lost_reading(info: RunInfo) -> Iterator[str]:
    """Report a checkpoint that an epoch saved before its plateau stepped, or in mid-epoch."""
    trainer = info.trainer
    for config in _plateaus(info) if trainer.ckpt_path else ():
        epochs, every = trainer.current_epoch, config.frequency
        read = getattr(config.scheduler, "last_epoch", None)
        if config.interval != "epoch" or not config.strict or read is None:
            continue
        # Lightning steps no plateau at the end of an epoch that it began before the checkpoint.
        if read < epochs // every or (trainer.fit_loop.restarting and (epochs + 1) % every == 0):
            yield (
                f"This resume loses a reading of {config.monitor!r}, so the plateau reduces the learning rate later than it would "
                "have: Lightning saves the checkpoint of an epoch before the plateau steps, and skips its step in an epoch that "
                "is resumed. plateau=ReduceOnPlateau(...) of this package loses one only if every_n_train_steps saves the checkpoint "
                "just before a validation."
            )


# --- what a plateau reads ---------------------------------------------------------------------------------------------


@check("LR402", "The plateau watches a metric that validation does not produce")
def unknown_metric(info: RunInfo) -> Iterator[str]:
    """Report a metric that the sanity validation did not log, if it logged one with a similar name.

    Any other metric may come from training, or be skipped in the sanity validation.
    """
    for monitor in watched_metrics(info):
        if not info.validated or monitor in info.validated:
            continue
        near = nearest_names(monitor, info.validated, cutoff=0.8)
        if near:
            yield (
                f"The plateau watches {monitor!r}, which validation did not produce. Did you mean monitor={near[0]!r}?"
            )


def watched_metrics(info: RunInfo) -> list[str]:
    """The metrics that plateaus of torch and of this package read when an epoch or a validation ends."""
    rules = [config.scheduler.plateau for config in info.configs if isinstance(config.scheduler, ScheduledLR)]
    ours = [rule.monitor for rule in rules if rule and rule.every is None and info.is_automatic]
    return [*(config.monitor for config in _plateaus(info)), *ours]


# Words that show which values of a metric are better.
_HIGHER = {
    *(
        "acc",
        "accuracy",
        "auc",
        "auroc",
        "bleu",
        "dice",
        "f1",
        "iou",
        "map",
        "miou",
        "precision",
        "psnr",
        "r2",
        "recall",
    ),
    *("rouge", "rouge1", "rouge2", "rougel", "ssim"),
}
_LOWER = {"cer", "err", "error", "loss", "mae", "mse", "nll", "perplexity", "ppl", "rmse", "wer"}
# Words that reverse the direction or make another quantity of the metric.
_CHANGED = {
    *(
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
    ),
    *("minus", "neg", "negative", "one", "ratio", "reduction", "std", "var", "variance"),
}


@check("LR401", "The plateau has the wrong mode for its metric")
def wrong_mode(info: RunInfo) -> Iterator[str]:
    """Report a plateau that waits for an accuracy to fall or a loss to rise; a name with words of both kinds is skipped."""
    for config in info.configs:
        rule = getattr(config.scheduler, "plateau", None) or config.scheduler
        monitor = getattr(rule, "monitor", None) or (config.monitor if config.reduce_on_plateau else None)
        mode = getattr(rule, "mode", None)
        if not monitor or mode not in ("min", "max"):
            continue
        better, right_mode, against, others = (
            ("higher", "max", _HIGHER, _LOWER) if mode == "min" else ("lower", "min", _LOWER, _HIGHER)
        )
        words = words_of(monitor)
        if words & against and not words & (others | _CHANGED):
            is_torch = rule is config.scheduler
            call = "ReduceLROnPlateau(..., " if is_torch else f"{type(rule).__name__}(monitor={monitor!r}, "
            yield (
                f"The plateau has mode={mode!r}, and of {monitor!r} a {better} value is better: it is going to reduce the "
                f"learning rate while the metric improves. Write {call}mode={right_mode!r})."
            )
