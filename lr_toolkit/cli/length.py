"""The options that give the length of a run."""

from __future__ import annotations

import argparse
import math

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.horizon import Horizon

__all__ = ["add_length", "horizon_from", "updates_per_epoch", "whole"]

_SAMPLES = {"batch_size": 128, "accumulate": 4, "devices": 8}
"""The options that need ``--samples``, each with an example."""


def add_length(command: argparse.ArgumentParser) -> None:
    """Add the options to a command."""
    group = command.add_argument_group(
        "the length of the run",
        "Write --steps; or --epochs with --steps-per-epoch, or with the samples of the data set, from which the updates of an epoch "
        "follow as in Lightning: each device gets ceil(samples / devices) of them, an epoch has ceil(those / batch size) batches, and "
        "ceil(batches / accumulate) updates, because the last, shorter accumulation counts.",
    )
    group.add_argument(
        "--steps", type=whole, metavar="N", help="the optimizer updates of the run (Lightning's max_steps)"
    )
    group.add_argument("--epochs", type=whole, metavar="N", help="the epochs of the run (Lightning's max_epochs)")
    group.add_argument("--steps-per-epoch", type=whole, metavar="N", help="the updates of an epoch")
    group.add_argument("--samples", type=whole, metavar="N", help="the samples of the training data set")
    group.add_argument("--batch-size", type=whole, metavar="N", help="the samples of a batch on one device")
    group.add_argument(
        "--accumulate", type=whole, metavar="N", help="batches per update (accumulate_grad_batches); default: 1"
    )
    group.add_argument("--devices", type=whole, metavar="N", help="the devices that share the data; default: 1")
    group.add_argument("--drop-last", action="store_true", help="the data loader leaves out a last, shorter batch")
    group.add_argument(
        "--interval",
        choices=("step", "epoch"),
        default="step",
        help="epoch: the scheduler is stepped once per epoch; default: %(default)s",
    )


def whole(text: str) -> int:
    """The whole number that an option has, also in the form 1e5.

    Example:
        >>> whole("1000"), whole("1e5"), whole("10_000")
        (1000, 100000, 10000)
    """
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
        if number.is_integer():
            return int(number)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{shorten(text)} is no whole number. Write one, such as 1000")


def horizon_from(parsed: argparse.Namespace) -> Horizon:
    """The length of the run that the options describe.

    Raises:
        ScheduleError: if an option is missing, contradicts another, or is no possible number.
    """
    for name, example in {"steps": 1000, "epochs": 10, "steps_per_epoch": 100, "samples": 50000, **_SAMPLES}.items():
        value = getattr(parsed, name)
        if value is not None and value < 1:
            raise ScheduleError(f"{_option(name)} {value}: must be above zero. Write {_option(name)} {example}.")
    if parsed.steps is None and parsed.epochs is None:
        raise ScheduleError("How long is the run? Write --steps 1000, or --epochs 10 --steps-per-epoch 100.")
    if parsed.steps is not None and parsed.epochs is not None:
        raise ScheduleError(
            "--steps and --epochs both give the length of the run. Write one of them: the one that ends it first."
        )
    if parsed.interval == "epoch":
        return _horizon_in_epochs(parsed)
    per_epoch = _per_epoch(parsed)
    if parsed.steps is not None:
        return Horizon(parsed.steps, per_epoch)
    if per_epoch is None:
        raise ScheduleError(
            f"--epochs {parsed.epochs} needs the updates of an epoch. Write --steps-per-epoch 100, or --samples 50000 --batch-size 128; "
            "for a scheduler that is stepped once per epoch --interval epoch."
        )
    return Horizon(parsed.epochs * per_epoch, per_epoch)


def updates_per_epoch(
    samples: int, batch_size: int, *, accumulate: int = 1, devices: int = 1, drop_last: bool = False
) -> int:
    """The optimizer updates of an epoch in a Trainer, with the sampler that Lightning gives to several devices.

    Example:
        >>> updates_per_epoch(50_000, 128, accumulate=4, devices=8)
        13
    """
    share = -(-samples // devices)  # DistributedSampler fills up with samples that it repeats
    batches = share // batch_size if drop_last else -(-share // batch_size)
    return math.ceil(batches / accumulate)


def _per_epoch(parsed: argparse.Namespace) -> int | None:
    """The updates of an epoch, if they are given or follow from the samples."""
    with_samples = [name for name in _SAMPLES if getattr(parsed, name) is not None]
    if parsed.samples is None:
        if with_samples or parsed.drop_last:
            name = _option(with_samples[0]) if with_samples else "--drop-last"
            raise ScheduleError(f"{name} needs the size of the data set. Write --samples 50000 too.")
        per_epoch: int | None = parsed.steps_per_epoch
        return per_epoch
    if parsed.steps_per_epoch is not None:
        raise ScheduleError("--steps-per-epoch and --samples both give the length of an epoch. Write one of them.")
    if parsed.batch_size is None:
        raise ScheduleError("--samples needs the size of a batch. Write --batch-size 128 too.")
    updates = updates_per_epoch(
        parsed.samples,
        parsed.batch_size,
        accumulate=parsed.accumulate or 1,
        devices=parsed.devices or 1,
        drop_last=parsed.drop_last,
    )
    if not updates:
        raise ScheduleError(
            f"--samples {parsed.samples} --batch-size {parsed.batch_size}: an epoch has no whole batch. Leave out --drop-last, or "
            "write a smaller --batch-size."
        )
    return updates


def _horizon_in_epochs(parsed: argparse.Namespace) -> Horizon:
    """The horizon of a scheduler that is stepped once per epoch, which needs nothing but their number."""
    if parsed.epochs is None:
        raise ScheduleError("--interval epoch needs the number of epochs. Write --epochs 90 in place of --steps.")
    others = [name for name in ("steps_per_epoch", "samples", *_SAMPLES) if getattr(parsed, name) is not None]
    if others or parsed.drop_last:
        name = _option(others[0]) if others else "--drop-last"
        raise ScheduleError(f"--interval epoch counts epochs alone. Leave out {name}.")
    return Horizon(parsed.epochs, unit="epoch")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
