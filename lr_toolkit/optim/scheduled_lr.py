"""The one place where a timeline meets an optimizer."""

from __future__ import annotations

import math
import operator
import warnings
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lr_toolkit.errors import ScheduleError
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.group_writer import GroupWriter
from lr_toolkit.optim.plateau.gains import Gains
from lr_toolkit.optim.plateau.rule import MetricRule
from lr_toolkit.optim.resume import CLASS, FORMAT, Host, OnChange, check_policy, refuse_foreign, route_after
from lr_toolkit.optim.updates import GradientProbe, hookable_optimizers, is_captured, warn_of_constants
from lr_toolkit.schedules import Duration, DurationLike, Horizon, Schedule, ScheduleLike
from lr_toolkit.schedules.routes import Plan, Route, horizon_from
from lr_toolkit.schedules.shapes import Hold
from lr_toolkit.schedules.timeline import Segment

__all__ = ["ScheduledLR"]

_NOWHERE = Segment(0, 0, Hold(), lambda _: 1.0, None, (1.0, 0.0))


@final
class ScheduledLR(LRScheduler):
    """A torch scheduler that follows a schedule exactly, in Lightning or in a plain loop.

        lr(k) = (base_lr * a(k) + b(k)) * gain

    for the k-th update, k = 0 for the first, with (a, b) from the schedule's timeline and gain = 1 unless a reaction
    to a metric moved it. Computed afresh at every step, so it neither drifts nor needs replaying.

    A ``step()`` counts only where an optimizer update really happened since the last one: updates that a ``GradScaler``
    skipped move nothing (a fused optimizer skips inside of its step, which counts). A parameter group that is added later
    (unfreezing) brings its base LR as its ``lr`` and joins the timeline where the run is, not at its beginning: added at
    update 500, it begins at base * a(500) + b(500).

    Once an update was captured in a CUDA graph, whose replays call no ``optimizer.step()``, every ``step()`` counts; an LR in
    the host's memory (a number, a CPU tensor) is a constant of the graph, and a warning says so at the capture.

    Args:
        optimizer: a torch optimizer; each group's base LR is its ``initial_lr``, or its ``lr`` where there is none.
        schedule: a ``Schedule`` or its text.
        horizon: the length of the run, in whatever this loop's ``scheduler.step()`` counts.
        last_epoch: the last update that was taken, as in torch: -1 to begin.
        plateau: a reaction to a metric, which the loop hands to ``observe``.
        on_change: how to go on where a checkpoint was saved under another plan (schedule, horizon or base LR):
            ``"error"`` (default) shows where each of the others leads; ``"replan"`` follows the new plan at the same
            update, ``"keep"`` the saved plan to its end and its last LR after that, ``"stretch"`` spreads what is left of
            the saved plan over the updates that are left, ``"continue"`` runs the new plan's remaining decay from the LR in
            use. The LR is continuous under the last two. None of them acts where nothing has changed, where the new plan
            agrees with the saved one on every update already taken, or where its open ``hold`` around this update is longer.
        rewarm: how long to warm up again where the plan has changed, in front of whichever of these, and only there.

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

    needs_gradient: bool = False
    """Count an update only where some parameter has a gradient: Lightning steps the optimizer without one, too."""
    host: Host | None = None
    """Who can say how long the run is, also when it goes on from a checkpoint: what the helpers make of the Trainer."""
    levels: list[float]
    """What is multiplied by the timeline's factor, base LR x gain of each group: another list after each change of them."""

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: ScheduleLike,
        horizon: Horizon,
        *,
        last_epoch: int = -1,
        plateau: MetricRule | None = None,
        on_change: OnChange = "error",
        rewarm: DurationLike | None = None,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ScheduleError(
                f"ScheduledLR(optimizer={type(optimizer).__name__}): must be a torch optimizer, alone. Write "
                "ScheduledLR(torch.optim.AdamW(model.parameters(), lr=1e-3), schedule, horizon); or, in a ScheduleMixin, def "
                "build_optimizer(self): return torch.optim.AdamW(self.parameters(), lr=1e-3)."
            )
        self.schedule = Schedule.parse(schedule)
        self.horizon = horizon
        self.timeline = self.schedule.resolve(horizon)
        self.on_change: OnChange = on_change
        self.rewarm = None if rewarm is None else Duration.of(rewarm, "ScheduledLR", "rewarm")
        check_policy(self.on_change, self.rewarm)
        _refuse_start(last_epoch, optimizer)
        hookable_optimizers(optimizer)  # or an error, before anything is written
        bases = [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
        self._gains = Gains(plateau, len(bases))
        self._refuse(bases)
        self._asked = Plan(self.timeline, tuple(bases))
        self._route: Route = self._asked
        self._phase = _NOWHERE  # the phase of the last update: most steps stay in it
        self._writer = GroupWriter(optimizer)
        self._updated = False
        self._captured = False
        self._bindings: tuple[Binding, ...] | None = None
        super().__init__(optimizer, last_epoch)
        self._watch()

    def _refuse(self, bases: list[float]) -> None:
        """Refuse what would go wrong with these base LRs, before anything is written to the optimizer."""
        floor = max((getattr(phase, "end_lr", None) or 0.0 for phase in self.schedule.phases), default=0.0)
        for at, base in enumerate(bases):
            if floor > base:
                raise ScheduleError(
                    f"ScheduledLR: end_lr={floor!r} lies above the base LR {base!r} of parameter group {at}, whose LR would "
                    "climb. Write a lower end_lr, or a floor relative to each group's base LR: end=0.1."
                )
        self._gains.refuse(len(bases))

    # --- following the plan ---

    def _initial_step(self) -> None:
        # torch's constructor calls this: it counts from last_epoch to the first update to come.
        self.base_lrs = list(self._asked.base_lrs)
        self._step_count = 1
        self.last_epoch += 1
        self.levels = self._writer.bind(self._route.bases, self._gains.values)
        self._write()

    def step(self, epoch: int | None = None) -> None:
        """Move on by one update, if the optimizer took one since the last call; ``epoch`` jumps to that update."""
        if epoch is not None:
            self.last_epoch = _whole(epoch, self.plateau)
        elif self._captured and is_captured():
            raise ScheduleError(
                "scheduler.step() was called while a CUDA graph is captured, so every replay would write the same learning rate. "
                "UpdateRecorder optimizer.step() alone, and call scheduler.step() after each graph.replay()."
            )
        elif self._updated or self._captured:
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
        """Give the reaction a new reading of its metric; what it does acts from the next update on.

        Raises:
            ScheduleError: where this scheduler was made without ``plateau=``.
        """
        self._adopt_groups()
        if self._gains.observe(float(value), self._route.bases):
            self.levels = self._writer.relevel(self._route.bases, self._gains.values)
            self._write()

    def rebase(self, new: float | Sequence[float]) -> None:
        """Give the groups other base LRs, from the next update on: the way to mean what ``group["lr"] = x`` does not.

        Args:
            new: one LR for every group, or one for each.

        Raises:
            ScheduleError: where there is not one for each group, or one is negative or not finite.
        """
        self._adopt_groups()
        try:
            many = [float(one) for one in (new if isinstance(new, Sequence) else [new] * len(self.base_lrs))]
        except (TypeError, ValueError):
            many = []
        if len(many) != len(self.base_lrs) or not all(0.0 <= base < math.inf for base in many):
            raise ScheduleError(
                f"rebase({new!r}): must be one LR, or one for each of the {len(self.base_lrs)} parameter groups. "
                "Write scheduler.rebase(1e-4)."
            )
        self._refuse(many)
        self._follow(self._route.rebased(many))
        self._write()

    @property
    def plateau(self) -> MetricRule | None:
        """The reaction to a metric, if there is one."""
        return self._gains.reaction

    @property
    def was_observed(self) -> bool:
        """Whether the reaction was given a reading."""
        return self._gains.was_observed

    @property
    def route(self) -> Route:
        """What is followed: the plan that was asked for, or what ``on_change`` made of it at a resume."""
        return self._route

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """What is followed at this moment: a new value after each change of base values, timelines or gains."""
        gains = tuple(self._gains.values)
        if self._bindings is None or self._bindings[0].route is not self._route or self._bindings[0].gains != gains:
            self._bindings = (Binding("lr", self._route, gains),)
        return self._bindings

    def planned(self, k: int) -> list[float]:
        """The LR of each group at update ``k``, under the route and the gains of this moment."""
        gains = self._gains.values
        if isinstance(self._route, Plan):
            a, b = self._route.timeline.affine(k)
            return [base * gain * a + b * gain for base, gain in zip(self._route.bases, gains, strict=True)]
        return [lr * gain for lr, gain in zip(self._route.lrs(k), gains, strict=True)]

    def follows(self, k: int, lrs: Sequence[float]) -> bool:
        """Whether ``lrs`` are, bit for bit, what was written to the groups for update ``k``; cheap, and never a false yes."""
        phase = self._phase
        if phase.floor is None and phase.start <= k < phase.end:
            a = phase.curve(k - phase.start)
            return lrs == [level * a for level in self.levels]
        return lrs == self.planned(k)

    def get_lr(self) -> list[float | Tensor]:
        """The LR of each group for the update to come."""
        return list(self.planned(self.last_epoch))

    def get_last_lr(self) -> list[float | Tensor]:
        """The LR of each group that the last ``step()`` wrote, as floats: no device is waited for."""
        return self.get_lr()

    def _write(self) -> None:
        # Every step comes here: the writer is asked by identity and length, without a call.
        k, phase, writer, groups = self.last_epoch, self._phase, self._writer, self.optimizer.param_groups
        if not (phase.start <= k < phase.end and groups is writer.groups and len(groups) == writer.count):
            self._adopt_groups()
            if not isinstance(self._route, Plan):
                writer.write_each(self.planned(k))
                return
            self._phase = phase = self._route.timeline.segment(k)
        if phase.floor is None:
            writer.scale(phase.curve(k - phase.start))
        else:
            writer.write(*phase.affine(k))

    def _adopt_groups(self) -> None:
        """Take in groups that were added since: their base LR is the ``lr`` that they came with."""
        count = len(self._gains.values)
        if len(self.optimizer.param_groups) < count:
            raise ScheduleError(
                f"ScheduledLR: the optimizer had {count} parameter groups and has {len(self.optimizer.param_groups)} now. Keep the "
                "group and write scheduler.rebase([...]) with 0.0 in its place, or build a new scheduler."
            )
        late = self.optimizer.param_groups[count:]
        if late:
            bases = [float(group.get("initial_lr", group["lr"])) for group in late]
            self._refuse([*self._asked.base_lrs, *bases])
            self._asked = self._asked.rebased([*self._asked.base_lrs, *bases])
            self._gains.values += [1.0] * len(late)
            self._follow(self._route.rebased([*self._route.bases, *bases]))
        elif not self._writer.is_current:
            self.levels = self._writer.bind(self._route.bases, self._gains.values)

    def _follow(self, route: Route) -> None:
        self._route = route
        self._phase = _NOWHERE
        self.base_lrs = list(route.bases)
        for group, base in zip(self.optimizer.param_groups, route.bases, strict=True):
            group["initial_lr"] = base
        self.levels = self._writer.bind(route.bases, self._gains.values)

    def __repr__(self) -> str:
        return f"ScheduledLR({self.schedule!r}, update {self.last_epoch} of {self.horizon.steps})"

    # --- noticing real updates ---

    def _watch(self) -> None:
        me = weakref.ref(self)  # the optimizer must not keep a scheduler alive that its owner has dropped
        has_gradient = GradientProbe().has_gradient

        def before(*_: Any) -> None:
            scheduler = me()
            if scheduler is None:
                return
            # Every update comes here: writer.is_current, without its call.
            groups, writer = scheduler.optimizer.param_groups, scheduler._writer
            if not (groups is writer.groups and len(groups) == writer.count):
                if is_captured():
                    raise ScheduleError(
                        "ScheduledLR: a CUDA graph captures an update of parameter groups that are new, or were loaded, and whose "
                        "learning rates are not written yet. Take one update before the capture, or call "
                        "scheduler.load_state_dict(state)."
                    )
                scheduler._write()

        def after(optimizer: Optimizer, *_: Any) -> None:
            scheduler = me()
            if scheduler is None:
                return
            if scheduler.needs_gradient and not has_gradient(optimizer):
                scheduler._step_count = max(scheduler._step_count, 2)  # the order of the calls is right
            else:
                scheduler._updated = True
                # A CUDA graph replays this update without coming here again: every step() counts until the next call.
                scheduler._captured = is_captured()
                if scheduler._captured:
                    warn_of_constants(optimizer)

        for one in hookable_optimizers(self.optimizer):
            one.register_step_pre_hook(before)
            one.register_step_post_hook(after)

    def __getstate__(self) -> dict[str, Any]:
        # A bound phase holds functions, and is found again at the next step; the host is not this scheduler's to copy.
        return {**self.__dict__, "_phase": None, "host": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy or an unpickled scheduler holds a copied optimizer, which comes without hooks.
        self.__dict__.update(state, _phase=_NOWHERE)
        self._watch()

    # --- checkpoints ---

    def state_dict(self) -> dict[str, Any]:
        """Plain data: the counter, and what was being followed, to notice at resume that it has changed."""
        self._adopt_groups()
        return {
            "class": CLASS,
            "format": FORMAT,
            "last_epoch": self.last_epoch,
            "updated": self._updated,
            "asked": self._asked.to_state(),
            **({"run": self.host.said} if self.host else {}),
            "route": self._route.to_state(),
            "base_lrs": list(self._route.bases),
            "lrs": self._route.lrs(self.last_epoch),
            **self._gains.state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a ``state_dict``: same counter, same gains; the LRs are computed and written.

        Where the schedule, the horizon or a base LR is not what it was, ``on_change`` decides; by default that is an error
        which shows where each policy leads. A new plan that agrees with the old one on all updates already taken, or whose
        open ``hold`` around this update is longer, is followed without asking. Gains that a reaction has brought about stay also
        where there is no ``plateau`` any more, with a warning. Another ``plateau`` on the same metric goes on from them and from the
        best value; on another metric it begins anew, from the gains.

        Raises:
            ScheduleError: for a changed plan without a policy or with one that leads nowhere, the state of another class,
                of an optimizer with other groups, or of a newer version. Nothing is changed then.
        """
        refuse_foreign(state_dict, len(self.optimizer.param_groups), self.horizon.unit)
        self._adopt_groups()
        asked, kept = self._asked_after(state_dict)
        route = route_after(state_dict, asked, on_change=self.on_change, rewarm=self.rewarm, kept=kept)
        self._asked, self.timeline, self.horizon = asked, asked.timeline, asked.timeline.horizon
        self.last_epoch = state_dict["last_epoch"]
        self._gains.load(state_dict)
        # optimizer.load_state_dict has put the checkpoint's initial_lr back.
        self._follow(route)
        self._updated = state_dict.get("updated", False)
        self._write()

    def _asked_after(self, state: Mapping[str, Any]) -> tuple[Plan, Literal["steps", "epochs"] | None]:
        """The plan that is asked for, on the run as its checkpoint leaves it, and in what a run at another rate is as long."""
        if self.host is None or "run" not in state:
            return self._asked, None
        horizon = self.host.horizon_after(state["run"], horizon_from(state["asked"]), state["last_epoch"])
        return Plan(self.schedule.resolve(horizon), self._asked.base_lrs), self.host.kept(state["run"])


def _whole(update: object, reaction: MetricRule | None) -> int:
    """``update`` as the number of an update, or the error that shows it."""
    try:
        number = operator.index(update)  # type: ignore[arg-type]  # index() is the test
    except TypeError:
        number = -1
    if number < 0:
        metric = (
            reaction
            and f", and scheduler.observe(value) for a reading of {reaction.monitor!r} (no reduce_on_plateau in Lightning)"
        )
        raise ScheduleError(
            f"scheduler.step({update!r}): updates are counted by whole numbers from 0. Write scheduler.step() for the next "
            f"one{metric or ''}."
        )
    return number


def _refuse_start(last_epoch: object, optimizer: Optimizer) -> None:
    """Refuse to begin at an update that is none, or late without knowing the base LRs."""
    if not isinstance(last_epoch, int) or last_epoch < -1:
        raise ScheduleError(
            f"ScheduledLR(last_epoch={last_epoch!r}): must be the last update that was taken, counted from 0. Write last_epoch=-1 "
            "to begin."
        )
    if last_epoch >= 0 and not all("initial_lr" in group for group in optimizer.param_groups):
        raise ScheduleError(
            f"ScheduledLR(last_epoch={last_epoch}): to begin later, each group's base LR has to be known. Write it as "
            "group['initial_lr'], or go on from a checkpoint: scheduler.load_state_dict(state)."
        )
