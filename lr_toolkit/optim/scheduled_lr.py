"""The one place where timelines meet an optimizer."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, final

from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.optim.driven_groups import DrivenGroups
from lr_toolkit.optim.keys import BASE_OF_ZERO
from lr_toolkit.optim.on_change import OnChange, RunLength, check_policy
from lr_toolkit.optim.plan import Plan
from lr_toolkit.optim.plan_reader import PlanReader
from lr_toolkit.optim.plateau.gains import Gains
from lr_toolkit.optim.plateau.rule import MetricRule
from lr_toolkit.optim.plateau.written_rule import MetricRuleLike, read_rule
from lr_toolkit.optim.state import CLASS, FORMAT, configured_state, followed_state, loaded_values, upgraded
from lr_toolkit.optim.state_fit import check_fit, check_state
from lr_toolkit.optim.update_watch import UpdateWatch
from lr_toolkit.optim.updates import call_at_updates, hookable_optimizers, is_captured
from lr_toolkit.schedules import Duration, DurationLike, Horizon
from lr_toolkit.schedules.group_schedules import GroupSchedulesLike
from lr_toolkit.schedules.horizon import HORIZON_ANSWERS, HorizonLike, read_horizon, same_in_other_unit
from lr_toolkit.schedules.keyed_schedules import schedules_by_key

__all__ = ["ScheduledLR"]


_ANSWERS = HORIZON_ANSWERS | {
    "interval": "Leave it out, and write Horizon(steps=10, unit='epoch') if scheduler.step() is called once per epoch.",
    "verbose": "Leave it out: scheduler.get_last_lr() has the learning rates.",
}


@final
class ScheduledLR(PlanReader):
    """A torch scheduler that follows a schedule exactly, in Lightning or in a plain loop.

        lr(k) = base_lr * timeline(k) * gain
        momentum(k) = base_momentum * timeline(k)      # and so each other key that has a schedule

    for the k-th update, k = 0 for the first. The gain is 1 unless a rule for a metric has moved it. The LR is computed afresh
    at every step, so it does not drift, and nothing is replayed at a resume.

    A ``step()`` counts only if an optimizer update really happened since the last one: updates that a ``GradScaler`` skipped
    move nothing (a fused optimizer skips inside of its step, which counts). A parameter group that is added later (unfreezing)
    brings its base LR as its ``lr`` and joins the timeline at the current update: added at update 500, it begins at
    base * timeline(500).

    Once an update was captured in a CUDA graph, whose replays call no ``optimizer.step()``, every ``step()`` counts. An LR in
    host memory (a number, a CPU tensor) is a constant of the graph; a warning reports it at the capture.

    Args:
        optimizer: a torch optimizer; each group's base LR is its ``initial_lr``, or its ``lr`` if there is none.
        schedule: a ``Schedule`` or its text; or a mapping of the names of parameter groups to them. A group has its name in the
            optimizer, ``{"params": ..., "name": "head"}``. A name is also for the groups below it (``"head"`` for
            ``"head.no_decay"``), it may be a pattern (``"layer_*"``), and ``"*"`` is for all groups that no other entry is for.
        horizon: the length of the run, in the unit that this loop's ``scheduler.step()`` counts: a ``Horizon``, its text, or its
            arguments as a mapping.
        last_epoch: the last update that was taken, as in torch: -1 to begin.
        plateau: a rule for a metric (``ReduceOnPlateau``, ``GreedyLR``); the loop hands the metric to ``observe``.
        on_change: how to go on if a checkpoint was saved under another plan (schedule, horizon or base LR):
            ``"error"`` (default) lists the LRs under each of the others; ``"replan"`` follows the new plan at the same
            update, ``"keep"`` the saved plan to its end and then its last LR, ``"stretch"`` spreads what is left of the saved
            plan over the updates that are left, ``"continue"`` runs the new plan's remaining decay from the LR in use,
            ``"restart"`` runs the new plan from its beginning over the updates that are left. The LR is continuous under
            ``"stretch"`` and ``"continue"``. None of them acts if nothing has changed, if the new plan has the same LRs as the
            saved one on every update already taken, or if its open ``hold`` around this update is longer.
        rewarm: how long the LR warms up again if its plan has changed, in front of any of these policies.
        momentum: a schedule of the momentum, or schedules by the names of groups; groups that none is for keep their value. Levels
            are factors of the value that each group has (``initial_momentum``, if it has that), or the values themselves in
            ``absolute(schedule)``.
        betas: the same for betas, a schedule or ``None`` for each place: ``betas=(None, absolute(linear(start=0.95, end=0.99)))``.
        weight_decay: the same for the weight decay. A group without decay keeps its 0.
        other_schedules: the same for other keys of the parameter groups, by key.

    Raises:
        ScheduleError: if a schedule does not fit the horizon, if ``end_lr`` lies above a group's base LR, if a group or a key that
            is named does not exist, or if the optimizer is none of torch's. Nothing is changed then.

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

        A schedule for each group, and schedules of the momentum and of the weight decay of one group:

        >>> from lr_toolkit import absolute, hold
        >>> body, head = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
        >>> groups = [{"params": [body], "name": "body"}, {"params": [head], "name": "head", "weight_decay": 0.1}]
        >>> optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
        >>> scheduler = ScheduledLR(
        ...     optimizer,
        ...     {"head": linear(), "*": hold()},
        ...     Horizon(steps=4),
        ...     momentum=absolute(linear(start=0.8, end=0.9)),
        ...     weight_decay={"head": linear(end=2.0)},
        ... )
        >>> optimizer.step()
        >>> scheduler.step()
        >>> [[round(group[key], 3) for key in ("lr", "momentum", "weight_decay")] for group in optimizer.param_groups]
        [[0.1, 0.825, 0], [0.075, 0.825, 0.125]]

    Reference:
        torchtitan, which checkpoints only the counter and computes the rest. torch's own schedulers are recursive on
        ``group["lr"]``, drift, and climb again after the end.
    """

    needs_gradient: bool = False
    """Count an update only if some parameter has a gradient: Lightning steps the optimizer even without one."""
    warns_of_no_reading: bool = True
    """Warn at the end of the schedule if the rule for a metric was given no reading; off if another part of the package does."""
    is_cut: bool = False
    """The run is the beginning of the horizon on purpose, as in a trial."""
    run_length: RunLength | None = None
    """Reports how long the run is, including after a resume; the helpers make it of the Trainer."""
    moves_with: Literal["step", "update", "epoch"] = "step"
    """What moves this scheduler on. ``"step"``: each ``step()``. ``"update"``: each update of its optimizer, by itself.
    ``"epoch"``: each epoch, at whose end its owner calls ``advance()``. In the last two a ``step()`` without a number does nothing.
    """

    @answer_arguments("ScheduledLR", "ScheduledLR(optimizer, schedule, Horizon(steps=1000))", _ANSWERS)
    def __init__(
        self,
        optimizer: Optimizer,
        schedule: GroupSchedulesLike,
        horizon: HorizonLike,
        *,
        last_epoch: int = -1,
        plateau: MetricRuleLike | None = None,
        on_change: OnChange = "error",
        rewarm: DurationLike | None = None,
        momentum: GroupSchedulesLike | None = None,
        betas: Sequence[GroupSchedulesLike | None] | None = None,
        weight_decay: GroupSchedulesLike | None = None,
        other_schedules: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ScheduleError(
                f"ScheduledLR(optimizer={type(optimizer).__name__}): must be a torch optimizer, alone. Write "
                "ScheduledLR(torch.optim.AdamW(model.parameters(), lr=1e-3), schedule, horizon); or, in a ScheduleMixin, def "
                "build_optimizer(self): return torch.optim.AdamW(self.parameters(), lr=1e-3)."
            )
        named = {"momentum": momentum, "betas": betas, "weight_decay": weight_decay}
        schedules = schedules_by_key(schedule, named, other_schedules)
        self.horizon = cast("Horizon", read_horizon(horizon))
        self.on_change: OnChange = on_change
        self.rewarm = None if rewarm is None else Duration.of(rewarm, "ScheduledLR", "rewarm")
        check_policy(self.on_change, self.rewarm)
        _check_start(last_epoch, optimizer)
        hookable_optimizers(optimizer)  # or an error, before anything is written
        self._gains = Gains(read_rule(plateau), len(optimizer.param_groups))
        self._gains.check_groups(len(optimizer.param_groups))
        self._plan = Plan.of(schedules, optimizer.param_groups, self.horizon, self._gains.values)
        if not any(self._plan.lr.bases):
            warn("LR264", BASE_OF_ZERO.format(type(optimizer).__name__))
        self._loaded: list[list[float]] | None = None  # the values of a state that was loaded, until they are written
        super().__init__(optimizer, last_epoch)
        self._watch = UpdateWatch(optimizer)
        call_at_updates(self, optimizer, ScheduledLR._before_update, ScheduledLR._after_update)

    # --- following the plan ---

    def _initial_step(self) -> None:
        # torch's constructor calls this: it counts from last_epoch to the first update to come.
        self._step_count = 1
        self.last_epoch += 1
        self._groups = DrivenGroups(self.optimizer, self._plan.followed)
        self.base_lrs = list(self._plan.lr.bases)
        self._write()

    def step(self, epoch: int | None = None) -> None:
        """Move on by one update, if the optimizer took one since the last call; ``epoch`` jumps to that update."""
        if epoch is not None or self.moves_with == "step":
            self.advance(epoch)

    def advance(self, epoch: int | None = None) -> None:
        """Do what ``step()`` does, whatever this scheduler moves with."""
        if epoch is not None:
            self.last_epoch = _checked_update(epoch, self.plateau)
            self._watch.note_move()
        elif self._watch.counts(self.last_epoch, is_in_order=self.needs_gradient):
            self.last_epoch += 1
        else:
            return
        self._step_count += 1
        self._write()
        if self.last_epoch == self.horizon.steps > 1 and self.plateau is not None:
            self._warn_of_no_reading(self.plateau)

    def _warn_of_no_reading(self, rule: MetricRule) -> None:
        """Warn at the end of the schedule if nobody has handed over a value of the metric."""
        if self.warns_of_no_reading and not self.was_observed:
            warn(
                "LR265",
                f"{type(rule).__name__}(monitor={rule.monitor!r}) was given no reading in the whole run, so it never moved the learning "
                "rate. Hand over each value of the metric: scheduler.observe(val_loss).",
            )

    def observe(self, value: float | Tensor) -> None:
        """Give the rule a new reading of its metric; a move of the LR acts from the next update on.

        Raises:
            ScheduleError: if this scheduler was made without ``plateau=``.
        """
        self._adopt_groups()
        if self._gains.observe(float(value), self._plan.lr.bases):
            self._follow(self._plan.with_gains(self._gains.values))
            self._write()

    def rebase(self, new: float | Sequence[float]) -> None:
        """Give the groups other base LRs, from the next update on. A direct write to ``group["lr"]`` lasts one update only.

        Args:
            new: one LR for every group, or one for each.

        Raises:
            ScheduleError: if there is not one for each group, or if one is negative or not finite.
        """
        self._adopt_groups()
        count = len(self._plan.lr.bases)
        try:
            bases = [float(base) for base in (new if isinstance(new, Sequence) else [new] * count)]
        except (TypeError, ValueError):
            bases = []
        if len(bases) != count or not all(0.0 <= base < math.inf for base in bases):
            raise ScheduleError(
                f"rebase({new!r}): must be one LR, or one for each of the {count} parameter groups. "
                "Write scheduler.rebase(1e-4)."
            )
        self._follow(self._plan.rebased(bases))
        self._write()

    def recalculate(self, horizon: HorizonLike) -> bool:
        """Go on over another length of the run, from the update to come.

        Before the first update the schedule is resolved anew. Later the plan on the new horizon is followed if it has the same
        LRs on all updates already taken, or if its open ``hold`` around this update is longer or shorter. Otherwise
        ``on_change`` decides; under ``"error"`` what is left of the schedule is spread over the updates that are left, so the LR
        is continuous and the schedule ends with the run. A state that is saved later goes on in a scheduler that is built as this
        one was.

        Args:
            horizon: the length of the whole run, including the updates already taken.

        Returns:
            Whether something else is followed now.

        Raises:
            ScheduleError: if the horizon counts in another unit, or if no update was taken yet and the schedule does not fit it.

        Example:
            >>> import torch
            >>> from lr_toolkit import Horizon, linear
            >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            >>> scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=4))
            >>> for _ in range(2):
            ...     optimizer.step()
            ...     scheduler.step()
            >>> scheduler.recalculate(Horizon(steps=10))
            True
            >>> [round(scheduler.planned(k)[0], 4) for k in (2, 6, 10)]
            [0.5, 0.25, 0.0]
        """
        run = cast("Horizon", read_horizon(horizon))
        if run.unit != self.horizon.unit:
            raise ScheduleError(
                f"recalculate({run!r}): this scheduler counts {self.horizon.unit}s. Write {same_in_other_unit(run)}."
            )
        self._adopt_groups()
        plan = self._plan.over(self.horizon, run, self.last_epoch, self.on_change, is_used=self.has_update)
        before, self.horizon, self._plan = self._plan, run, plan
        if plan.followed == before.followed:
            return False
        self._follow(plan)
        self._write()
        return True

    # --- the parameter groups ---

    def _write(self) -> None:
        if not self._groups.are_same():
            self._adopt_groups()
        self._groups.write(self.last_epoch)
        self._loaded = None

    def _follow(self, plan: Plan) -> None:
        """Follow another plan, from the next write on."""
        self._plan = plan
        self.base_lrs = list(plan.lr.bases)
        self._groups.follow(plan.followed)

    def _adopt_groups(self) -> None:
        """Take in groups that were added since, and the groups of a state that the optimizer has loaded.

        The base LR of a late group is the ``lr`` that it came with.
        """
        if self._groups.are_same():
            return
        if self._groups.reattach():
            groups = self.optimizer.param_groups
            self._gains.check_groups(len(groups))
            plan = self._plan.joined_by(groups, self.horizon)
            self._gains.add_groups(len(groups) - self._groups.count)
            self._follow(plan)
        self._groups.update_known()

    # --- noticing real updates ---

    def _before_update(self) -> None:
        if self.moves_with == "update":
            self._watch.begin_update()
        if not self._groups.are_same():
            self.write_new_groups()

    def write_new_groups(self) -> None:
        """Write the values of groups that have joined since the last step, or were loaded; an update does so at its beginning."""
        if self._groups.are_same() or not self._groups.are_new():
            return
        if is_captured():
            raise ScheduleError(
                "ScheduledLR: a CUDA graph captures an update of parameter groups that are new, or were loaded, and whose "
                "learning rates are not written yet. Take one update before the capture, or call "
                "scheduler.load_state_dict(state)."
            )
        # Another LR than ours stays: SWALR, a dampening or the first part of a SequentialLR may be in charge.
        known, planned = self._groups.count, self._planned()
        holding = self._groups.holding(known, planned)
        self._adopt_groups()
        if self._loaded is not None:  # the optimizer's state was loaded after that of this scheduler
            holding = self._groups.holding(known, self._loaded, planned)
        self._groups.write_where(holding, self.last_epoch)

    def leave_groups(self) -> None:
        """Keep what a state has put into the groups, because another scheduler is in charge of them now."""
        self._adopt_groups()

    def _planned(self) -> list[list[float]]:
        """What is planned for the update to come, for each key."""
        return [binding.values(self.last_epoch) for binding in self._plan.followed]

    def _after_update(self, optimizer: Optimizer) -> None:
        """Note that an update happened, if it did, and move on with it if nobody calls ``step()``."""
        self._watch.note_update(optimizer, self._plan.followed, needs_gradient=self.needs_gradient)
        if self.moves_with == "update" and self._watch.ends_update(optimizer, self._groups.known):
            self._advance_within_step()

    def _advance_within_step(self) -> None:
        """Move on in a hook of the optimizer, where DeepSpeed may have left only some of the groups."""
        present = self.optimizer.param_groups
        if len(present) < self._groups.count:
            self.optimizer.param_groups = self._groups.known
        try:
            self.advance()
        finally:
            self.optimizer.param_groups = present

    def end_start(self) -> None:
        """Warn of calls of ``step()`` that came before training; to be called as it begins, where ``step()`` itself does not warn."""
        self._watch.end_start()

    def end_batch(self) -> None:
        """End the updates of a batch; to be called between two batches if this scheduler moves with updates.

        A step of the optimizer that raised is forgotten. An update that was stepped in parts has ended.
        """
        if self._watch.ends_batch():
            self.advance()

    def __getstate__(self) -> dict[str, Any]:
        # The length of the run is reported by a Trainer, which is not this scheduler's to copy.
        return {**self.__dict__, "run_length": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy or an unpickled scheduler holds a copied optimizer, which comes without hooks.
        self.__dict__.update(state)
        call_at_updates(self, self.optimizer, ScheduledLR._before_update, ScheduledLR._after_update)

    # --- checkpoints ---

    def state_dict(self) -> dict[str, Any]:
        """Plain data: the counter, and what was followed, to notice at a resume that it has changed."""
        self._adopt_groups()
        return {
            "class": CLASS,
            "format": FORMAT,
            "last_epoch": self.last_epoch,
            "updated": self._watch.has_update,
            "configured": {binding.key: configured_state(binding) for binding in self._plan.configured},
            "followed": {binding.key: followed_state(binding, self.last_epoch) for binding in self._plan.followed},
            **({"run": self.run_length.record} if self.run_length else {}),
            **self._gains.to_state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a ``state_dict``: same counter, same gains; the LRs are computed and written.

        An LR that neither this scheduler nor the saved one has written stays until the next ``step()``, as with torch's
        schedulers: something else is in charge (SWALR, a dampening, the first part of a SequentialLR).

        If the schedule, the horizon or a base LR is not what it was, ``on_change`` decides; by default that is an error that
        lists the LRs under each policy. A new plan that has the same LRs on all updates already taken, or whose open ``hold``
        around this update is longer, is followed without a decision. Gains that a rule has moved stay even if there is no
        ``plateau`` any more, with a warning. Another ``plateau`` on the same metric goes on from them and from the best value; on
        another metric it begins anew, from the gains.

        Raises:
            ScheduleError: for a changed plan without a policy or with one that cannot be followed, the state of another class,
                of an optimizer with other groups, or of a newer version. Nothing is changed then.
        """
        check_state(state_dict, self.horizon.unit)
        state = upgraded(state_dict)
        check_fit(state, len(self.optimizer.param_groups), self.horizon.unit)
        self._adopt_groups()
        plan = self._plan.after(state, self.run_length, on_change=self.on_change, rewarm=self.rewarm)
        loaded = [loaded_values(state, binding) for binding in plan.followed]
        holding = self._groups.holding(self._groups.count, loaded, self._planned())
        self.horizon = plan.horizon
        self.last_epoch = state["last_epoch"]
        self._gains.load(state, plan.lr.gains)
        # optimizer.load_state_dict has put the checkpoint's initial_lr back.
        self._follow(plan)
        self._watch.has_update = state.get("updated", False)
        self._groups.write_where(holding, self.last_epoch)
        self._loaded = loaded
        if self.run_length is not None and "run" in state:
            self.horizon = self.run_length.adopt(state["run"]) or self.horizon


def _check_start(last_epoch: object, optimizer: Optimizer) -> None:
    """Refuse to begin at something that is no update, or late without the base LRs."""
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


def _checked_update(update: object, rule: MetricRule | None) -> int:
    """``update`` as the number of an update, or the error that shows it."""
    try:
        number = operator.index(update)  # type: ignore[arg-type]  # index() is the test
    except TypeError:
        number = -1
    if number < 0:
        metric = (
            f", and scheduler.observe(value) for a reading of {rule.monitor!r} (no reduce_on_plateau in Lightning)"
            if rule
            else ""
        )
        raise ScheduleError(
            f"scheduler.step({update!r}): updates are counted by whole numbers from 0. Write scheduler.step() for the next "
            f"update{metric}."
        )
    return number
