"""The one place where a timeline meets an optimizer."""

from __future__ import annotations

import math
import warnings
import weakref
from dataclasses import asdict
from typing import Any, final

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lr_toolkit.errors import ScheduleError
from lr_toolkit.optim.plateau import PlateauState, ReduceOnPlateau
from lr_toolkit.schedules import Horizon, Schedule, ScheduleLike

__all__ = ["ScheduledLR"]

_FORMAT = 1


@final
class ScheduledLR(LRScheduler):
    """A torch scheduler that follows a schedule exactly, in Lightning or in a plain loop.

        lr(k) = (base_lr * a(k) + b(k)) * gain

    for the k-th update, k = 0 for the first, with (a, b) from the schedule's timeline and gain = 1 unless a plateau
    reaction lowered it. Computed afresh at every step, so it neither drifts nor needs replaying.

    A ``step()`` counts only where an optimizer update really happened since the last one: updates that a ``GradScaler``
    skipped move nothing. A parameter group that is added later brings its base LR as its ``lr`` and follows the timeline
    from its first update on.

    Args:
        optimizer: a torch optimizer; each group's base LR is its ``initial_lr``, or its ``lr`` where there is none.
        schedule: a ``Schedule`` or its text.
        horizon: the length of the run, in whatever this loop's ``scheduler.step()`` counts.
        last_epoch: the last update that was taken, as in torch: -1 to begin.
        plateau: a reaction to a metric, which the loop hands to ``observe``.

    Raises:
        ScheduleError: where the schedule does not fit the horizon, ``end_lr`` lies above a group's base LR, or the
            optimizer is none of torch's. Nothing is changed then.

    Example:
        >>> import torch
        >>> from lr_toolkit import Horizon, linear
        >>> weight = torch.nn.Parameter(torch.zeros(1))
        >>> optimizer = torch.optim.SGD([weight], lr=0.1)
        >>> scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=4))
        >>> used = []
        >>> for _ in range(4):
        ...     used.append(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        >>> [round(lr, 3) for lr in used]
        [0.1, 0.075, 0.05, 0.025]
        >>> scheduler.get_last_lr()
        [0.0]

    Reference:
        torchtitan checkpoints only the counter and computes the rest; torch's own schedulers are recursive on
        ``group["lr"]``, drift, and climb again after the end.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: ScheduleLike,
        horizon: Horizon,
        *,
        last_epoch: int = -1,
        plateau: ReduceOnPlateau | None = None,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ScheduleError(
                f"ScheduledLR(optimizer={type(optimizer).__name__}): must be a torch optimizer. Write "
                "ScheduledLR(torch.optim.AdamW(model.parameters(), lr=1e-3), schedule, horizon)."
            )
        self.schedule = Schedule.parse(schedule)
        self.horizon = horizon
        self.timeline = self.schedule.resolve(horizon)
        self.plateau = plateau
        self._state = plateau.start if plateau else None
        self._gains: list[float] = []
        self._updated = False
        self._refuse(optimizer)
        super().__init__(optimizer, last_epoch)
        self._watch()

    def _refuse(self, optimizer: Optimizer) -> None:
        """Refuse what would go wrong with this optimizer, before anything is written to it."""
        bases = [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
        floor = max((getattr(phase, "end_lr", None) or 0.0 for phase in self.schedule.phases), default=0.0)
        for at, base in enumerate(bases):
            if floor > base:
                raise ScheduleError(
                    f"ScheduledLR: end_lr={floor!r} lies above the base LR {base!r} of parameter group {at}, whose LR would "
                    "climb. Write a lower end_lr, or a floor relative to each group's base LR: end=0.1."
                )
        floors = self.plateau.min_lr if self.plateau else 0.0
        if isinstance(floors, tuple) and len(floors) != len(bases):
            raise ScheduleError(
                f"ReduceOnPlateau(min_lr={floors!r}): {len(floors)} values for {len(bases)} parameter groups. Write one number, "
                "or one for each group."
            )

    # --- following the plan ---

    def _initial_step(self) -> None:
        # torch's constructor calls this: it counts from last_epoch to the first update to come.
        self.base_lrs = [float(base) for base in self.base_lrs]
        self._gains = [1.0] * len(self.base_lrs)
        self._step_count = 1
        self.last_epoch += 1
        self._write()

    def step(self, epoch: int | None = None) -> None:
        """Move on by one update, if the optimizer took one since the last call; ``epoch`` jumps to that update."""
        if epoch is not None:
            self.last_epoch = epoch
        elif self._updated:
            self.last_epoch += 1
        else:
            if self._step_count == 1:
                warnings.warn(
                    "scheduler.step() came before any optimizer.step(), so the learning rate stays where it is. Call "
                    "optimizer.step() first (a GradScaler that skips the first updates does no harm); to look at a "
                    "schedule without training, use schedule.resolve(horizon).values(range(n)).",
                    UserWarning,
                    stacklevel=2,
                )
                self._step_count += 1
            return
        self._updated = False
        self._step_count += 1
        self._write()

    def observe(self, value: float | Tensor) -> None:
        """Give the plateau reaction a new reading of its metric; a reduction acts from the next update on.

        Raises:
            ScheduleError: where this scheduler was made without ``plateau=``.
        """
        if self.plateau is None or self._state is None:
            raise ScheduleError("observe() needs a reaction: ScheduledLR(..., plateau=ReduceOnPlateau(monitor='val_loss')).")
        reading = float(value)
        if math.isnan(reading):
            warnings.warn(f"{self.plateau.monitor!r} is NaN: the plateau reaction ignores it.", UserWarning, stacklevel=2)
            return
        self._state, reduce = self.plateau.read(self._state, reading)
        if reduce:
            self._adopt_groups()
            for at, base in enumerate(self.base_lrs):
                level = base * self._gains[at]
                lower = self.plateau.reduced(level, at)
                if lower != level:
                    self._gains[at] = lower / base
            self._write()

    def get_lr(self) -> list[float | Tensor]:
        """The learning rate of each group for the update to come."""
        a, b = self.timeline.affine(self.last_epoch)
        return [(base * a + b) * gain for base, gain in zip(self.base_lrs, self._gains)]

    def get_last_lr(self) -> list[float | Tensor]:
        """The learning rate of each group that the last ``step()`` wrote, as floats."""
        return self.get_lr()

    def _write(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.base_lrs):
            self._adopt_groups()
        a, b = self.timeline.affine(self.last_epoch)
        for group, base, gain in zip(groups, self.base_lrs, self._gains):
            lr = (base * a + b) * gain
            if isinstance(group["lr"], Tensor):
                # Filled in place: a captured CUDA graph or a compiled step keeps reading the same tensor.
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr

    def _adopt_groups(self) -> None:
        """Take in groups that were added since: their base LR is the ``lr`` that they came with."""
        for group in self.optimizer.param_groups[len(self.base_lrs) :]:
            base = float(group.setdefault("initial_lr", float(group["lr"])))
            self.base_lrs.append(base)
            self._gains.append(1.0)

    def __repr__(self) -> str:
        return f"ScheduledLR({self.schedule!r}, update {self.last_epoch} of {self.horizon.steps})"

    # --- noticing real updates ---

    def _watch(self) -> None:
        me = weakref.ref(self)  # the optimizer must not keep a scheduler alive that its owner has dropped

        def before(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            scheduler = me()
            if scheduler is not None and len(optimizer.param_groups) != len(scheduler.base_lrs):
                scheduler._write()

        def after(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            scheduler = me()
            if scheduler is not None:
                scheduler._updated = True

        self.optimizer.register_step_pre_hook(before)
        self.optimizer.register_step_post_hook(after)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy or an unpickled scheduler holds a copied optimizer, which comes without hooks.
        self.__dict__.update(state)
        self._watch()

    # --- checkpoints ---

    def state_dict(self) -> dict[str, Any]:
        """Plain data: the counter, and what was being followed, to notice at resume that it has changed."""
        horizon = self.horizon
        per_epoch = horizon.steps_per_epoch
        return {
            "class": "lr_toolkit.ScheduledLR",
            "format": _FORMAT,
            "last_epoch": self.last_epoch,
            "schedule": repr(self.schedule),
            "horizon": {
                "steps": horizon.steps,
                "steps_per_epoch": per_epoch if per_epoch is None or isinstance(per_epoch, int) else list(per_epoch),
                "unit": horizon.unit,
            },
            "base_lrs": list(self.base_lrs),
            "gains": list(self._gains),
            "plateau": asdict(self._state) if self._state else None,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a ``state_dict``: same counter, same gains; the LRs are computed and written.

        Where the schedule, the horizon or a base LR is not what it was, this scheduler's own plan goes on at the same
        update, with a warning that names both.

        Raises:
            ScheduleError: where the state was saved by another class, or by a newer version.
        """
        if state_dict.get("class") != "lr_toolkit.ScheduledLR":
            keys = ", ".join(sorted(map(str, state_dict))) or "nothing"
            raise ScheduleError(
                f"ScheduledLR.load_state_dict: this state was saved by another scheduler (it holds {keys}). Build the "
                "scheduler that saved it, or start this one at the same update: "
                f"ScheduledLR(..., last_epoch={state_dict.get('last_epoch', 0)!r} - 1)."
            )
        if state_dict["format"] > _FORMAT:
            raise ScheduleError(
                f"ScheduledLR.load_state_dict: the state has format {state_dict['format']}, and this version reads up to "
                f"{_FORMAT}. Install the version of lr_toolkit that saved it, or a newer one."
            )
        self._adopt_groups()
        own = self.state_dict()
        changed = [
            f"{name}: {state_dict[name]} -> {own[name]}"
            for name in ("schedule", "horizon", "base_lrs")
            if state_dict[name] != own[name]
        ]
        if changed:
            warnings.warn(
                f"The plan is not the one that was saved ({'; '.join(changed)}). The new plan goes on at update "
                f"{state_dict['last_epoch']}.",
                UserWarning,
                stacklevel=2,
            )
        self.last_epoch = state_dict["last_epoch"]
        self._gains = (list(state_dict["gains"]) + [1.0] * len(self.base_lrs))[: len(self.base_lrs)]
        saved = state_dict["plateau"]
        if self.plateau is not None:
            self._state = PlateauState(**saved) if saved else self.plateau.start
        for group, base in zip(self.optimizer.param_groups, self.base_lrs):
            group["initial_lr"] = base
        self._updated = False
        self._write()
