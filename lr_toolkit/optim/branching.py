"""Branches a cooldown from a checkpoint of a stable run, without changing the checkpoint."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, final

import torch

from lr_toolkit.errors import ScheduleError, shorten, warn
from lr_toolkit.optim.state import CLASS, configured_from, followed_from, upgraded
from lr_toolkit.optim.state_fit import check_state
from lr_toolkit.schedules import Duration, DurationLike, Schedule, hold
from lr_toolkit.schedules.horizon import horizon_from, round_half_up
from lr_toolkit.schedules.recipes.cooldowns import COOLDOWNS, Cooldown

__all__ = ["Branch", "branch"]


@final
@dataclass(frozen=True, slots=True)
class Branch:
    """A cooldown that begins at a checkpoint: its schedule, and the end of its run.

    Attributes:
        schedule: a hold up to the checkpoint's update, then the cooldown. Follow it with ``on_change="continue"``.
        max_steps: the Trainer's ``max_steps``.
        update: the update at which the cooldown begins.

    Example:
        >>> state = {"class": "lr_toolkit.ScheduledLR", "last_epoch": 8000}
        >>> state["configured"] = {"lr": {"horizon": {"steps": 10_000, "steps_per_epoch": 500, "unit": "step"}}}
        >>> branch({"global_step": 8000, "lr_schedulers": [state]}, over="3 epochs", shape="linear")
        Branch(schedule=hold(8000) >> linear(over=1500), max_steps=9500, update=8000)
    """

    schedule: Schedule
    max_steps: int
    update: int


def branch(
    checkpoint: str | Path | Mapping[str, Any],
    over: DurationLike,
    shape: Cooldown = "one_minus_sqrt",
    *,
    end: float = 0.0,
) -> Branch:
    """Branch a cooldown from any checkpoint of a run with a stable learning rate.

        hold(update) >> shape(end, over=over),    from the LR in the checkpoint, until max_steps = updates taken + over

    The checkpoint is only read. Any number of branches can start from one trunk, and the trunk itself can go on.

    Args:
        checkpoint: the file or folder that Lightning wrote, or the value that ``torch.load`` returned for it.
        over: the length of the cooldown: updates, epochs as long as the trunk's, or a share of the branch's whole run, which
            includes the trunk up to here.
        shape: the name of the decay.
        end: the floor as a factor of the base LR.

    Warns:
        ScheduleWarning: LR267, if the LR is not constant at that update, but in a warmup or a decay. Cooldowns were measured
            from a constant LR. A builder of yours is known only if the module that registers it was imported.

    Raises:
        ScheduleError: if the file cannot be read without executing code, or if it holds no scheduler of this package, several at
            different updates, one that counts epochs, or one whose LR is zero or below the floor. Also for an unknown shape or a
            wrong duration.

    Example:
        >>> state = {"class": "lr_toolkit.ScheduledLR", "last_epoch": 8000}
        >>> state["configured"] = {"lr": {"horizon": {"steps": 10_000, "steps_per_epoch": 500, "unit": "step"}}}
        >>> cooldown = branch({"global_step": 8000, "lr_schedulers": [state]}, over="20%")  # or a file's name
        >>> cooldown.schedule, cooldown.max_steps
        (hold(8000) >> one_minus_sqrt(over=2000), 10000)
        >>> # model.schedule, model.on_change = cooldown.schedule, "continue"
        >>> # L.Trainer(max_steps=cooldown.max_steps).fit(model, ckpt_path="trunk.ckpt")

    Reference:
        Hägele et al. 2024, https://arxiv.org/abs/2405.18392: cooldowns from one trunk instead of one run per length.
    """
    if shape not in COOLDOWNS:
        raise ScheduleError(
            f"branch(shape={shorten(shape)}): must be one of {', '.join(map(repr, COOLDOWNS))}. Write branch(..., shape='linear')."
        )
    content = _read(checkpoint)
    state = _scheduler_state(content)
    if "global_step" not in content:
        raise _no_checkpoint("a mapping" if isinstance(checkpoint, Mapping) else str(checkpoint))
    begin = state["last_epoch"]
    updates = _cooldown_updates(Duration.of(over, "branch"), begin, state["configured"]["lr"]["horizon"])
    cooldown = COOLDOWNS[shape](end=end, over=updates)
    _check_lr(state, begin, end)
    # Lightning counts the updates of several optimizers together, and those that a GradScaler skips.
    optimizers = max(len(content.get("optimizer_states") or ()), 1)
    return Branch(hold(begin) >> cooldown if begin else cooldown, content["global_step"] + updates * optimizers, begin)


def _read(checkpoint: str | Path | Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of a checkpoint, with its tensors on the meta device."""
    if isinstance(checkpoint, Mapping):
        return checkpoint
    path, name = Path(checkpoint), str(checkpoint)
    if path.is_dir():
        path /= "meta.pt"  # beside the shards that FSDP and ModelParallelStrategy write
    if path.name == "meta.pt" and not path.exists():
        raise ScheduleError(
            f"branch({name!r}): is a folder without meta.pt, which Lightning writes beside the shards of a checkpoint. Give the file "
            "that holds the training state: branch('.../mp_rank_00_model_states.pt', ...) for DeepSpeed."
        )
    try:
        content: Any = torch.load(path, map_location="meta", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch names the objects that it would have to import. If it names none, the file was not saved by torch.
        if "GLOBAL" not in str(error):
            raise _no_checkpoint(name) from None
        raise ScheduleError(
            f"branch({name!r}): the file holds Python objects, which are loaded by running code: do that only if you trust it "
            f"({str(error).splitlines()[0]}). Write branch(torch.load({name!r}, weights_only=False), ...)."
        ) from None
    except (ArithmeticError, AttributeError, EOFError, LookupError, RuntimeError, TypeError, ValueError, struct.error):
        raise _no_checkpoint(name) from None  # the errors of reading arbitrary bytes as a pickle
    if not isinstance(content, Mapping):
        raise _no_checkpoint(name)
    return content


def _no_checkpoint(name: str) -> ScheduleError:
    return ScheduleError(
        f"branch({name!r}): is not a whole checkpoint of Lightning's. Give one that ModelCheckpoint or "
        "trainer.save_checkpoint(path) wrote completely."
    )


def _scheduler_state(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of this package's scheduler in a checkpoint."""
    all_states = content.get("lr_schedulers") or ()
    states = [_checked(state) for state in all_states if isinstance(state, Mapping) and state.get("class") == CLASS]
    if not states:
        raise ScheduleError(
            "branch: the checkpoint holds no scheduler of lr_toolkit, so the LR to decay from is not known. Branch from a "
            "checkpoint with its training state (ModelCheckpoint(save_weights_only=False)) of a run with configure_optimizers(...)."
        )
    counters = sorted({state["last_epoch"] for state in states})
    if len(counters) > 1:
        raise ScheduleError(
            f"branch: the checkpoint's schedulers are at different updates, {', '.join(map(str, counters))}, so they cannot share a "
            "cooldown. Write each schedule yourself: hold(1000) >> one_minus_sqrt(over=200), with on_change='continue'."
        )
    if states[0]["configured"]["lr"]["horizon"]["unit"] == "epoch":
        raise ScheduleError(
            f"branch: the checkpoint's scheduler was stepped once per epoch. Write hold('{counters[0]} epochs') >> "
            "one_minus_sqrt(), with interval='epoch' and on_change='continue', and a larger Trainer(max_epochs=...)."
        )
    return states[0]


def _checked(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """A scheduler's state in the current format; a state that is written by hand may hold the counter and the horizon alone."""
    if "format" in state:
        check_state(state, "step")
        return upgraded(state)
    return state


def _check_lr(state: Mapping[str, Any], begin: int, end: float) -> None:
    """Refuse an LR of zero or below the floor. Warn if the LR differs from the one before and from the one after."""
    if "followed" not in state:  # a state that is written by hand
        return
    saved = state["followed"]["lr"]
    now, bases = saved["values"], saved["bases"]
    if not any(now):
        raise ScheduleError(
            f"branch: at update {begin}, the LR is 0 and cannot decay. Branch from an earlier checkpoint."
        )
    below = [(lr, base) for lr, base in zip(now, bases, strict=True) if lr < end * base * (1 - 1e-9)]
    if below:
        lr, base = below[0]
        raise ScheduleError(
            f"branch(end={end}): at update {begin}, the LR is {lr:.6g}, which is below the floor, {end * base:.6g}. Write a lower "
            f"one: branch(..., end={lr / base / 10:.1g})."
        )
    try:
        followed = followed_from(saved, begin, configured_from(state["configured"]["lr"]))
    except ScheduleError:  # a Python function, or a builder that no imported module has registered
        return
    without_gains = followed.with_gains([1.0] * len(followed.bases))
    before, now, after = (without_gains.values(update) for update in (max(begin - 1, 0), begin, begin + 1))
    if begin and before != now != after:
        phase = next(phase for phase in followed.timelines[0].phases if phase.end > begin)
        lr, base = max(zip(followed.values(begin), followed.bases, strict=True))
        warn(
            "LR267",
            f"branch: update {begin} lies in {phase.text}, where the LR is not constant: {lr:.3g} of a base LR of {base:.3g}. Hägele "
            "et al. describe cooldowns from a stable phase. Branch from a checkpoint of one, as of warmup('500 steps') >> hold().",
        )


def _cooldown_updates(over: Duration, begin: int, saved: Mapping[str, Any]) -> int:
    """The length of the cooldown in updates."""
    if over.unit == "%":
        if over.amount == 100 or begin == 0:
            raise ScheduleError(
                f"branch(over={over.literal}): leaves nothing for the trunk. Write over='20%' or over=2000."
            )
        return max(round_half_up(begin * over.amount / (100 - over.amount)), 1)
    return max(round_half_up(horizon_from(saved).after(Fraction(begin), over)) - begin, 1)
