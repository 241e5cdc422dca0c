"""The one place where timelines meet an optimizer."""

from __future__ import annotations

import math
import operator
import warnings
import weakref
from collections.abc import Sequence
from typing import Any, Literal, final

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.optim.base_lrs import BASE_OF_ZERO, base_of, set_initial_lr
from lr_toolkit.optim.binding import Binding, GroupError
from lr_toolkit.optim.group_writer import GroupWriter
from lr_toolkit.optim.on_change import (
    OnChange,
    RunLength,
    binding_after,
    binding_over,
    check_fit,
    check_policy,
    check_state,
    spread,
)
from lr_toolkit.optim.plateau.gains import Gains
from lr_toolkit.optim.plateau.rule import MetricRule
from lr_toolkit.optim.state import CLASS, FORMAT, configured_state, followed_state, loaded_values, upgraded
from lr_toolkit.optim.step_calls import IdleSteps, schedulers_on
from lr_toolkit.optim.updates import GradientProbe, UpdateTracker, hookable_optimizers, is_captured, warn_of_constants
from lr_toolkit.schedules import Duration, DurationLike, Horizon, Schedule, ScheduleLike
from lr_toolkit.schedules.changed import describe_change
from lr_toolkit.schedules.horizon import HORIZON_ANSWERS, horizon_from
from lr_toolkit.schedules.timeline import Phase, ResolvedTimeline

__all__ = ["ScheduledLR"]


@final
class ScheduledLR(LRScheduler):
    """A torch scheduler that follows a schedule exactly, in Lightning or in a plain loop.

        lr(k) = base_lr * timeline(k) * gain

    for the k-th update, k = 0 for the first. The gain is 1 unless a rule for a metric has moved it. The LR is computed afresh
    at every step, so it does not drift, and nothing is replayed at a resume.

    A ``step()`` counts only if an optimizer update really happened since the last one: updates that a ``GradScaler`` skipped
    move nothing (a fused optimizer skips inside of its step, which counts). A parameter group that is added later (unfreezing)
    brings its base LR as its ``lr`` and joins the timeline at the current update: added at update 500, it begins at
    base * timeline(500).

    Once an update was captured in a CUDA graph, whose replays call no ``optimizer.step()``, every ``step()`` counts. An LR in
    host memory (a number, a CPU tensor) is a constant of the graph; a warning says so at the capture.

    Args:
        optimizer: a torch optimizer; each group's base LR is its ``initial_lr``, or its ``lr`` if there is none.
        schedule: a ``Schedule`` or its text.
        horizon: the length of the run, in the unit that this loop's ``scheduler.step()`` counts.
        last_epoch: the last update that was taken, as in torch: -1 to begin.
        plateau: a rule for a metric (``ReduceOnPlateau``, ``GreedyLR``); the loop hands the metric to ``observe``.
        on_change: how to go on if a checkpoint was saved under another plan (schedule, horizon or base LR):
            ``"error"`` (default) lists the LRs under each of the others; ``"replan"`` follows the new plan at the same
            update, ``"keep"`` the saved plan to its end and then its last LR, ``"stretch"`` spreads what is left of the saved
            plan over the updates that are left, ``"continue"`` runs the new plan's remaining decay from the LR in use,
            ``"restart"`` runs the new plan from its beginning over the updates that are left. The LR is continuous under
            ``"stretch"`` and ``"continue"``. None of them acts if nothing has changed, if the new plan has the same LRs as the
            saved one on every update already taken, or if its open ``hold`` around this update is longer.
        rewarm: how long to warm up again if the plan has changed, in front of any of these policies.

    Raises:
        ScheduleError: if the schedule does not fit the horizon, if ``end_lr`` lies above a group's base LR, or if the
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

    @answer_arguments("ScheduledLR", "ScheduledLR(optimizer, schedule, Horizon(steps=1000))", HORIZON_ANSWERS)
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
        self.on_change: OnChange = on_change
        self.rewarm = None if rewarm is None else Duration.of(rewarm, "ScheduledLR", "rewarm")
        check_policy(self.on_change, self.rewarm)
        _check_start(last_epoch, optimizer)
        hookable_optimizers(optimizer)  # or an error, before anything is written
        bases = [base_of(group, index) for index, group in enumerate(optimizer.param_groups)]
        if bases and not any(bases):
            warn("LR264", BASE_OF_ZERO.format(type(optimizer).__name__), stacklevel=3)
        self._gains = Gains(plateau, len(bases))
        self._gains.check_groups(len(bases))
        self.timeline = self.schedule.resolve(horizon)
        names = [group.get("name") for group in optimizer.param_groups]
        self.configured = _bound(Binding.of, "lr", bases, self._gains.values, [self.timeline] * len(bases), names=names)
        """What the code asks for."""
        self.binding = self.configured
        """What is followed: what the code asks for, or what ``on_change`` made of it. Another value after each change."""
        self._updated = False
        self._has_counted = False  # whether a step() has counted since the last update
        self._captured = False
        self._has_peers = False  # whether another scheduler of this class was made for the optimizer
        self._idle_steps = IdleSteps()
        self._loaded: list[float] | None = None  # the LRs of a state that was loaded, until they are written
        super().__init__(optimizer, last_epoch)
        self._watch()

    # --- following the plan ---

    def _initial_step(self) -> None:
        # torch's constructor calls this: it counts from last_epoch to the first update to come.
        self.base_lrs = list(self.binding.bases)
        self._step_count = 1
        self.last_epoch += 1
        self._writer = GroupWriter(self.optimizer, self.binding)
        self._groups, self._count = self.optimizer.param_groups, len(self.optimizer.param_groups)
        self._write()

    def step(self, epoch: int | None = None) -> None:
        """Move on by one update, if the optimizer took one since the last call; ``epoch`` jumps to that update."""
        if epoch is None and self.moves_with != "step":
            return
        self.advance(epoch)

    def advance(self, epoch: int | None = None) -> None:
        """Do what ``step()`` does, whatever this scheduler moves with."""
        if epoch is not None:
            self.last_epoch = self._checked_update(epoch)
        elif self._captured and is_captured():
            raise ScheduleError(
                "scheduler.step() was called while a CUDA graph is captured, so every replay would write the same learning rate. "
                "Capture optimizer.step() alone, and call scheduler.step() after each graph.replay()."
            )
        elif self._updated or self._captured:
            if self._has_peers:
                self._refuse_peers()
            self.last_epoch += 1
            self._has_counted = True
        else:
            self._warn_of_idle_step()
            return
        self._updated = False
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
                stacklevel=3,
            )

    def _warn_of_idle_step(self) -> None:
        """Warn once of a ``step()`` before any update, and once of a loop that calls it more often than ``optimizer.step()``."""
        # Lightning makes the call in the right order, even if a GradScaler skips the first update.
        if self._step_count == 1 and not self.needs_gradient:
            self._step_count += 1
            warnings.warn(
                "scheduler.step() came before any optimizer.step(), so the learning rate stays where it is. Call "
                "optimizer.step() first (a GradScaler that skips the first updates does no harm); to begin at a later update n, "
                "call scheduler.step(n) once; to look at a schedule without training, use schedule.resolve(horizon).values(range(n)).",
                UserWarning,
                stacklevel=3,
            )
        else:
            self._idle_steps.note(self.last_epoch)

    def _refuse_peers(self) -> None:
        """Refuse another scheduler of this class that has moved with the same update: the last one to step would win."""
        if any(other._has_counted and other is not self for other in schedulers_on(self.optimizer)):
            raise ScheduleError(
                f"ScheduledLR: two schedulers drive one {type(self.optimizer).__name__} and move with each of its updates, so each "
                "writes its learning rate over that of the other. Keep one scheduler for each optimizer: warmup('500 steps') >> "
                "cosine() runs one phase after the other. Do not call step() of a scheduler that another one replaces."
            )

    def observe(self, value: float | Tensor) -> None:
        """Give the rule a new reading of its metric; a move of the LR acts from the next update on.

        Raises:
            ScheduleError: if this scheduler was made without ``plateau=``.
        """
        self._adopt_groups()
        if self._gains.observe(float(value), self.binding.bases):
            self.binding = self.binding.with_gains(self._gains.values)
            self._writer.bind(self.binding)
            self._write()

    def rebase(self, new: float | Sequence[float]) -> None:
        """Give the groups other base LRs, from the next update on. A direct write to ``group["lr"]`` lasts one update only.

        Args:
            new: one LR for every group, or one for each.

        Raises:
            ScheduleError: if there is not one for each group, or if one is negative or not finite.
        """
        self._adopt_groups()
        count = len(self.binding.bases)
        try:
            bases = [float(base) for base in (new if isinstance(new, Sequence) else [new] * count)]
        except (TypeError, ValueError):
            bases = []
        if len(bases) != count or not all(0.0 <= base < math.inf for base in bases):
            raise ScheduleError(
                f"rebase({new!r}): must be one LR, or one for each of the {count} parameter groups. "
                "Write scheduler.rebase(1e-4)."
            )
        self._follow(_bound(self.binding.rebased, bases))
        self._write()

    def recalculate(self, horizon: Horizon) -> bool:
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
        if horizon.unit != self.horizon.unit:
            raise ScheduleError(
                f"recalculate({horizon!r}): this scheduler counts {self.horizon.unit}s. Write Horizon(steps={horizon.steps}, "
                f"unit={self.horizon.unit!r})."
            )
        self._adopt_groups()
        update, before = self.last_epoch, self.binding
        timeline = self._resolved(horizon)
        if timeline is None:
            binding = spread(before, update, horizon.steps)
        else:
            plan = _bound(self.configured.with_timelines, [timeline] * len(self.configured.bases))
            in_use = _bound(plan.rebased, before.bases)  # rebase() may have changed them
            binding = binding_over(before, in_use, update, self.on_change)
            if binding.timelines == in_use.timelines:  # nothing is left of the plan up to here
                self.timeline, self.configured = timeline, plan
        self.horizon = horizon
        if binding == before:
            return False
        self._follow(binding)
        self._write()
        return True

    def _resolved(self, horizon: Horizon) -> ResolvedTimeline | None:
        """The schedule on ``horizon``; ``None`` if it does not fit after the first update, where it may be spread."""
        try:
            return self.schedule.resolve(horizon)
        except ScheduleError:
            if not self.last_epoch:
                raise
            return None

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """What is followed, one binding for each key of the parameter groups that is driven."""
        return (self.binding,)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that are followed, with the updates at which they act."""
        return self.binding.timelines[0].phases

    @property
    def change(self) -> str:
        """How the run goes on if it does not follow the plan of its code, in words; empty if it does."""
        return describe_change(self.binding.timelines[0], self.configured.timelines[0])

    @property
    def has_update(self) -> bool:
        """Whether the optimizer took an update since this scheduler moved last."""
        return self._updated

    @property
    def plateau(self) -> MetricRule | None:
        """The rule for a metric, if there is one."""
        return self._gains.rule

    @property
    def was_observed(self) -> bool:
        """Whether the rule was given a reading."""
        return self._gains.was_observed

    def planned(self, k: int) -> list[float]:
        """The LR of each group at update ``k``, under the timelines and the gains of this moment."""
        return self.binding.values(k)

    def get_lr(self) -> list[float | Tensor]:
        """The LR of each group for the update to come."""
        return list(self.planned(self.last_epoch))

    def get_last_lr(self) -> list[float | Tensor]:
        """The LR of each group that the last ``step()`` wrote, as floats: no device is waited for."""
        return self.get_lr()

    def _write(self) -> None:
        self._adopt_groups()
        self._writer.write(self.last_epoch)
        self._loaded = None

    def _adopt_groups(self) -> None:
        """Take in groups that were added since, and the groups of a state that the optimizer has loaded.

        The base LR of a late group is the ``lr`` that it came with.
        """
        groups = self.optimizer.param_groups
        if groups is self._groups and len(groups) == self._count:
            return
        if len(groups) < self._count:
            raise ScheduleError(
                f"ScheduledLR: the optimizer had {self._count} parameter groups and has {len(groups)} now. Keep the "
                "group and write scheduler.rebase([...]) with 0.0 in its place, or build a new scheduler."
            )
        if groups is not self._groups:
            self._writer.reattach()
        late = [base_of(group, index) for index, group in enumerate(groups)][self._count :]
        if late:
            self._gains.check_groups(len(groups))
            configured = _bound(self.configured.rebased, [*self.configured.bases, *late])
            binding = _bound(self.binding.rebased, [*self.binding.bases, *late])
            self._gains.add_groups(len(late))
            self.configured = configured
            self._follow(binding)
        self._groups, self._count = groups, len(groups)

    def _follow(self, binding: Binding) -> None:
        self.binding = binding
        self.base_lrs = list(binding.bases)
        for group, base in zip(self.optimizer.param_groups, binding.bases, strict=True):
            set_initial_lr(group, base)
        self._writer.bind(binding)

    def _checked_update(self, update: object) -> int:
        """``update`` as the number of an update, or the error that shows it."""
        try:
            number = operator.index(update)  # type: ignore[arg-type]  # index() is the test
        except TypeError:
            number = -1
        if number < 0:
            rule = self.plateau
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

    def __repr__(self) -> str:
        return f"ScheduledLR({self.schedule!r}, update {self.last_epoch} of {self.horizon.steps})"

    # --- noticing real updates ---

    def _watch(self) -> None:
        """Register hooks that tell this scheduler of each update, as long as it lives."""
        me = weakref.ref(self)  # the optimizer must not keep a scheduler alive that its owner has dropped

        peers = schedulers_on(self.optimizer)
        peers.add(self)
        if len(peers) > 1:
            for peer in peers:
                peer._has_peers = True

        def before(*_: Any) -> None:
            scheduler = me()
            if scheduler is not None:
                scheduler._before_update()

        def after(optimizer: Optimizer, *_: Any) -> None:
            scheduler = me()
            if scheduler is not None:
                scheduler._after_update(optimizer)

        self._probe = GradientProbe()
        self._tracker = UpdateTracker()
        handles = [
            handle
            for optimizer in hookable_optimizers(self.optimizer)
            for handle in (optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(after))
        ]
        weakref.finalize(self, _remove, handles)

    def _before_update(self) -> None:
        """Write the LRs of groups that have joined since the last step, or were loaded."""
        if self.moves_with == "update":
            self._tracker.begin()
        groups = self.optimizer.param_groups
        if groups is self._groups and len(groups) == self._count:
            return
        # DeepSpeed leaves only some of the groups for a while within a step; that is no change of groups.
        if len(groups) < self._count or (len(groups) == self._count and all(map(operator.is_, groups, self._groups))):
            return
        if is_captured():
            raise ScheduleError(
                "ScheduledLR: a CUDA graph captures an update of parameter groups that are new, or were loaded, and whose "
                "learning rates are not written yet. Take one update before the capture, or call "
                "scheduler.load_state_dict(state)."
            )
        # Another LR than ours stays: SWALR, a dampening or the first part of a SequentialLR may be in charge.
        known = self._count
        holding = self._writer.holding(self._groups[:known], self.planned(self.last_epoch))
        self._adopt_groups()
        if self._loaded is not None:  # the optimizer's state was loaded after that of this scheduler
            holding = self._writer.holding(groups[:known], self._loaded, self.planned(self.last_epoch))
        self._writer.write_where(holding, self.last_epoch)

    def _after_update(self, optimizer: Optimizer) -> None:
        """Note that an update happened, if it did, and move on with it if nobody calls ``step()``."""
        self._has_counted = False
        if self.needs_gradient and not self._probe.has_gradient(optimizer):
            self._step_count = max(self._step_count, 2)  # the order of the calls is right
            self._idle_steps.forget()
        else:
            self._updated = True
            # A CUDA graph replays this update without calling the hook: every step() counts until the next call.
            self._captured = is_captured()
            if self._captured:
                warn_of_constants(optimizer)
        if self.moves_with == "update" and self._tracker.end(optimizer.param_groups, self._groups) and self._updated:
            self._advance_within_step()

    def _advance_within_step(self) -> None:
        """Move on in a hook of the optimizer, where DeepSpeed may have left only some of the groups."""
        present = self.optimizer.param_groups
        if len(present) < self._count:
            self.optimizer.param_groups = self._groups
        try:
            self.advance()
        finally:
            self.optimizer.param_groups = present

    def end_batch(self) -> None:
        """End the updates of a batch; to be called between two batches if this scheduler moves with updates.

        A step of the optimizer that raised is forgotten. An update that was stepped in parts has ended.
        """
        was_taken = self._tracker.reset(self.optimizer.param_groups)
        if was_taken and self._updated and self._tracker.is_in_parts:
            self.advance()

    def __getstate__(self) -> dict[str, Any]:
        # The length of the run is reported by a Trainer, which is not this scheduler's to copy.
        left_out = {"run_length": None, "_groups": None, "_probe": None, "_tracker": None}
        return {**self.__dict__, **left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy or an unpickled scheduler holds a copied optimizer, which comes without hooks.
        self.__dict__.update(state, _groups=state["optimizer"].param_groups)
        self._watch()

    # --- checkpoints ---

    def state_dict(self) -> dict[str, Any]:
        """Plain data: the counter, and what was followed, to notice at a resume that it has changed."""
        self._adopt_groups()
        return {
            "class": CLASS,
            "format": FORMAT,
            "last_epoch": self.last_epoch,
            "updated": self._updated,
            "configured": {"lr": configured_state(self.configured)},
            "followed": {"lr": followed_state(self.binding, self.last_epoch)},
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
        timeline, configured, unchanged_unit = self.timeline, self.configured, None
        if self.run_length is not None and "run" in state:
            saved = horizon_from(state["configured"]["lr"]["horizon"])
            horizon = self.run_length.horizon_after(state["run"], saved, state["last_epoch"])
            unchanged_unit = self.run_length.unchanged_unit(state["run"])
            timeline = self.schedule.resolve(horizon)
            configured = _bound(configured.with_timelines, [timeline] * len(configured.bases))
        binding = binding_after(
            state, configured, on_change=self.on_change, rewarm=self.rewarm, unchanged_unit=unchanged_unit
        )
        loaded = loaded_values(state)
        holding = self._writer.holding(self._groups, loaded, self.planned(self.last_epoch))
        self.timeline, self.horizon, self.configured = timeline, timeline.horizon, configured
        self.last_epoch = state["last_epoch"]
        self._gains.load(state, binding.gains)
        # optimizer.load_state_dict has put the checkpoint's initial_lr back.
        self._follow(binding)
        self._updated = state.get("updated", False)
        self._writer.write_where(holding, self.last_epoch)
        self._loaded = loaded
        if self.run_length is not None and "run" in state:
            self.horizon = self.run_length.adopt(state["run"]) or self.horizon


def _bound(make: Any, *arguments: Any, names: Sequence[object] = ()) -> Binding:
    """A binding, or the error that names the group."""
    try:
        binding: Binding = make(*arguments)
    except GroupError as error:
        named = GroupError(error.reason, error.group, names[error.group] if names else None)
        raise ScheduleError(f"ScheduledLR: {named}") from error.__cause__
    except ScheduleError as error:
        raise ScheduleError(f"ScheduledLR: {error}") from error.__cause__
    return binding


def _remove(handles: Sequence[Any]) -> None:
    for handle in handles:
        handle.remove()


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
