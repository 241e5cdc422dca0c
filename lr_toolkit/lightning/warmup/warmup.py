"""The callback that warms up whatever schedulers a Trainer has, also those that the user cannot change."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal, final

from lightning.pytorch.callbacks import Callback
from torch.optim import Optimizer
from typing_extensions import override

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning._compat import is_trial
from lr_toolkit.lightning.run import horizon_of
from lr_toolkit.lightning.warmup.conflicts import exempt_from_ramp, refuse_companions, schedulers_of, warn_of_warmups
from lr_toolkit.lightning.warmup.optimizer_ramp import OptimizerRamp
from lr_toolkit.optim.group_values import has_rates
from lr_toolkit.optim.multiplier import LRMultiplier
from lr_toolkit.schedules import Duration, DurationLike, Horizon
from lr_toolkit.schedules.horizon import round_half_up
from lr_toolkit.schedules.ramps import SHAPES, UNTUNED

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["LRWarmup"]

_FORMAT = 1


@final
class LRWarmup(Callback):
    """Multiplies the learning rate of whatever schedulers the Trainer has by a ramp, without disturbing them.

        lr(k) = (what the scheduler alone would have used) * ramp(k)

    for the k-th update of each optimizer since the ramp began, k = 0 for the first. Works with every scheduler of torch,
    with plateaus, with those of other packages, with a ``ScheduledLR``, with none; with one or several optimizers; under
    manual optimization; with tensor LRs (groups that share one get one each, for good). Everyone who reads ``group["lr"]``
    sees the LR in use; ``get_last_lr()`` of a scheduler, and the checkpoint, hold the LR without the ramp. So a run resumed
    without this callback goes on as if it had never been there, and one resumed with it goes on at the same point of the
    ramp. Once the ramp is over, and when training ends, nothing of it is left.

    =========================== ==================================================================================
    ``"linear"``                (k + 1) / (W + 1), or start + (1 - start) k / W
    ``"cosine"``                sin^2(pi/2 (k + 1) / (W + 1)), or start + (1 - start) sin^2(pi/2 k / W)
    ``"constant"``              start, which has to be given, then 1
    ``"exponential"``           1 - exp(-(k + 1) / W): 63 % after ``over``, 95 % after three times that
    ``"untuned_linear"``        min(1, (k + 1) (1 - beta2) / 2)
    ``"untuned_exponential"``   1 - exp(-(k + 1) (1 - beta2))
    ``"radam"``                 RAdam's rectification sqrt((r-4)(r-2)R / ((R-4)(R-2)r)), from the first update with
                                r > 4; R = 2 / (1 - beta2) - 1, r = R - 2 t beta2^t / (1 - beta2^t)
    =========================== ==================================================================================

    W is ``over`` in updates (in epochs with ``interval="epoch"``); the first three are 1 from k = W on. The last three take
    Adam's second beta from each parameter group, as the decimal that it is written as.

    An update counts when ``optimizer.step()`` ran: not one that a ``GradScaler`` skips (a fused optimizer skips inside of its
    step, which counts), nor the replay of a CUDA graph, in which the ramp stands still (a warning says so at the capture). An
    optimizer that steps another one on the same groups, as SAM does, may leave the count to that one. A group that is added
    in mid-ramp brings its LR without the ramp, and is ramped too; an optimizer that takes the place of another one climbs on
    where that one was. A direct write to ``group["lr"]`` during the ramp is reported; the value becomes the LR without the
    ramp from the next update on. Schedulers, the module's ``lr_scheduler_step`` and ``BackboneFinetuning`` or another
    ``BaseFinetuning`` may write freely: they see, and leave, the LR without the ramp. ``StochasticWeightAveraging`` has to
    begin after it.

    Args:
        over: how long the ramp lasts: ``"500 steps"``, ``"5%"``, ``"2 epochs"``. Not given for the untuned shapes.
        start: the factor of the first update, from 0 to 1; ``None`` for the shape's own. The exponential and the untuned
            shapes have none to choose.
        shape: one of the table.
        interval: ``"step"`` to climb at every update, ``"epoch"`` at every epoch, for durations in epochs or shares.
        optimizers: the indices of the optimizers to warm up; ``None`` for all.
        groups: the indices, or names (``group["name"]``), of the parameter groups to warm up; ``None`` for all, also those
            that are added later. Two callbacks on different groups keep apart; where they overlap the ramps multiply.
        horizon: the length of the run, instead of what the Trainer says.

    Raises:
        ScheduleError: for arguments out of range; and, when training starts, for a ramp longer than the run (under
            ``fast_dev_run`` a warning; under manual optimization the number of updates is not known), a relative duration
            where the run's length cannot be known, an optimizer without betas for an untuned shape or whose updates cannot
            be seen, groups that do not exist, and ``StochasticWeightAveraging`` in mid-ramp.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import LRWarmup
        >>> LRWarmup("5%", shape="cosine")
        LRWarmup('5%', shape='cosine')
        >>> trainer = L.Trainer(max_epochs=10, callbacks=[LRWarmup("500 steps")])

    Reference:
        pytorch_warmup's dampening (whose untuned periods are truncated, 1999 of 2000); Ma & Yarats 2019,
        https://arxiv.org/abs/1910.04209; RAdam, Liu et al. 2019, https://arxiv.org/abs/1908.03265.
    """

    def __init__(
        self,
        over: DurationLike | None = None,
        start: float | None = None,
        shape: str = "linear",
        interval: Literal["step", "epoch"] = "step",
        *,
        optimizers: Sequence[int] | None = None,
        groups: Sequence[int | str] | None = None,
        horizon: Horizon | None = None,
    ) -> None:
        self.shape = shape
        self.interval = interval
        self.over = None if over is None else Duration.of(over, "LRWarmup")
        self.start = None if start is None else _factor(start)
        self.optimizers = _chosen("optimizers", optimizers)
        self.groups = _chosen("groups", groups)
        self.horizon = horizon
        self._refuse()
        # What is ramped, not how: a ramp that was changed between two runs still finds its place. Lightning asks at every hook.
        self._state_key = self._generate_state_key(interval=interval, optimizers=self.optimizers, groups=self.groups)
        self._saved: dict[str, Any] | None = None
        self._ascents: list[OptimizerRamp] | None = None
        self._strategy: Any = None  # the Trainer's, who holds the list of its optimizers; none before this joins
        self._list: Any = None  # as it was last seen
        self._known: list[OptimizerRamp] = []  # the latest that there were, also where no optimizer is left
        self._unhide: Callable[[], None] = _nothing

    def _refuse(self) -> None:
        """Refuse arguments that do not go together."""
        shape, interval, over = self.shape, self.interval, self.over
        if shape not in SHAPES and shape not in UNTUNED:
            raise ScheduleError(f"LRWarmup(shape={shape!r}): write one of {', '.join(map(repr, [*SHAPES, *UNTUNED]))}.")
        if interval not in ("step", "epoch"):
            raise ScheduleError(f"LRWarmup(interval={interval!r}): write interval='step' or interval='epoch'.")
        if shape in UNTUNED:
            if over is not None or self.start is not None or interval == "epoch":
                raise ScheduleError(
                    f"{self!r}: this shape takes its length from Adam's second beta, in updates. Write LRWarmup(shape={shape!r})."
                )
            return
        if over is None:
            raise ScheduleError(
                f"{self!r}: must say how long the ramp lasts. Write LRWarmup('500 steps') or LRWarmup('5%')."
            )
        if shape == "constant" and self.start is None:
            raise ScheduleError(
                f"{self!r}: must say the factor that is held. Write LRWarmup({over.literal}, 0.1, 'constant')."
            )
        if shape == "exponential" and self.start is not None:
            raise ScheduleError(
                f"{self!r}: the first factor follows from the length, 1 - exp(-1 / W). Write LRWarmup({over.literal}, "
                "shape='exponential'), or another shape."
            )
        if interval == "epoch" and over.unit == "steps":
            raise ScheduleError(
                f"{self!r}: the ramp climbs once per epoch, so {str(over)!r} has no meaning. Write LRWarmup('{over.amount} epochs', "
                f"interval='epoch') or a share of the run ('5%'), or interval='step'."
            )
        self._refuse_horizon()

    def _refuse_horizon(self) -> None:
        horizon: object = self.horizon
        if horizon is None:
            return
        if not isinstance(horizon, Horizon):
            raise ScheduleError(
                f"LRWarmup(horizon={shorten(horizon)}): must be a Horizon. Write horizon=Horizon(steps=10_000)."
            )
        if horizon.unit != self.interval:
            raise ScheduleError(
                f"LRWarmup(interval={self.interval!r}, horizon={horizon!r}): the horizon counts another unit. Write "
                f"horizon=Horizon(steps={horizon.steps}, unit={self.interval!r})."
            )

    def __repr__(self) -> str:
        shown = [] if self.over is None else [self.over.literal]
        usual = {
            "start": None,
            "shape": "linear",
            "interval": "step",
            "optimizers": None,
            "groups": None,
            "horizon": None,
        }
        given = {name: getattr(self, name) for name in usual}
        shown += [f"{name}={value!r}" for name, value in given.items() if value != usual[name]]
        return f"LRWarmup({', '.join(shown)})"

    # --- a run ---

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # A checkpoint's state comes after this hook; what an earlier run left behind is not this run's.
        if stage == "fit":
            self._end()
            self._saved = self._ascents = None
            self._known = []

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not before: by now the checkpoint is restored, and LearningRateFinder has had its runs and chosen the LR.
        self._strategy = trainer.strategy
        ascents, self._list = self.ascents(trainer), self._strategy._optimizers
        self._unhide = exempt_from_ramp(trainer, pl_module)
        for one in ascents:
            own = _own(one.optimizer, trainer, pl_module)
            one.begin(own)
            if trainer.global_step == 0:
                with LRMultiplier.of(one.optimizer).bare():
                    warn_of_warmups(repr(self), own)
            if one.is_over:
                one.end()

    def _follow(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the optimizers and schedulers that there are now, where somebody has exchanged them in mid-ramp."""
        self._strategy = trainer.strategy
        found, self._list = trainer.optimizers, self._strategy._optimizers
        before, after = self._ascents or [], []
        self._known = before or self._known
        at = range(len(found)) if self.optimizers is None else [one for one in self.optimizers if int(one) < len(found)]
        chosen = [found[int(one)] for one in at if has_rates(found[int(one)])] if self._known else []
        for one, optimizer in zip_longest(before, chosen):
            if one is not None and one.optimizer is optimizer:
                one.guard(_own(optimizer, trainer, pl_module))
                after.append(one)
                continue
            if one is not None:
                one.end()
            if optimizer is not None:
                where = one or self._known[0]  # one that joins climbs along
                fresh = OptimizerRamp(self, optimizer, where.length, where.began, where.taken)
                if not fresh.is_over:
                    fresh.begin(_own(optimizer, trainer, pl_module))
                after.append(fresh)
        self._ascents = after

    def ascents(self, trainer: Trainer) -> list[OptimizerRamp]:
        """How the LR of each chosen optimizer is going to climb in the run that begins, after what a checkpoint says.

        Asked by ``on_train_start``, or by who stands before this callback in the Trainer's list and wants to know then.
        """
        if self._ascents is None:
            chosen = self._optimizers(trainer)
            horizon = self._horizon_of(trainer)
            length = self._length(horizon)
            saved = self._saved or {}
            began = saved.get("began", trainer.current_epoch)
            self._fit(trainer, horizon, length)
            refuse_companions(trainer, repr(self), self._end_epoch(horizon, length, began))
            taken = _counts(saved, len(chosen), self)
            made = [OptimizerRamp(self, one, length, began, done) for one, done in zip(chosen, taken, strict=True)]
            for one in made:
                one.enter(trainer.current_epoch)
            self._ascents = made
        return self._ascents

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._follow(trainer, pl_module)
        for one in self._ascents or ():
            one.enter(trainer.current_epoch)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._strategy is None or self._strategy._optimizers is not self._list:
            self._follow(trainer, pl_module)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        for one in self._ascents or ():
            if one.is_over:
                one.end()
            elif one.shadow is not None:
                one.shadow.settle()

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for one in self._ascents or ():
            one.enter(trainer.current_epoch + 1)
            if one.is_over:
                one.end()

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._end()

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._end()

    def _end(self) -> None:
        for one in self._ascents or ():
            one.end()
        self._unhide()
        self._unhide = _nothing

    # --- checkpoints ---

    @property
    @override
    def state_key(self) -> str:
        return self._state_key

    @override
    def state_dict(self) -> dict[str, Any]:
        if self._saved is not None and self._ascents is None:
            return self._saved  # LearningRateFinder saves and restores everything before training starts
        ascents = self._ascents or []
        return {
            "format": _FORMAT,
            "ramp": repr(self),
            "began": ascents[0].began if ascents else 0,
            "taken": [one.taken for one in ascents],
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict["format"] > _FORMAT:
            raise ScheduleError(
                f"LRWarmup.load_state_dict: the state has format {state_dict['format']}, and this version reads up to {_FORMAT}. "
                "Install the version of lr_toolkit that saved it, or a newer one."
            )
        if state_dict["ramp"] != repr(self):
            warnings.warn(
                f"The ramp is not the one that was saved ({state_dict['ramp']}): {self!r} goes on after as many updates.",
                UserWarning,
                stacklevel=2,
            )
        self._saved = state_dict if state_dict["taken"] else None

    # --- what fits this run ---

    def _optimizers(self, trainer: Trainer) -> list[Optimizer]:
        found = trainer.optimizers
        if not all(at in range(len(found)) for at in self.optimizers or ()):
            raise ScheduleError(
                f"{self!r}: the Trainer has {len(found)} optimizers. Write optimizers=[{len(found) - 1}]."
            )
        chosen = found if self.optimizers is None else [found[int(at)] for at in self.optimizers]
        for one in chosen:
            kinds = isinstance(one, Optimizer), has_rates(one)
            if not all(kinds):
                raise ScheduleError(
                    f"{self!r}: {type(one).__name__} is no torch optimizer with an lr in each parameter group, so there is "
                    "nothing to ramp. Write optimizers=[...] for those that have one, or warm up in the strategy's own configuration."
                )
            self._refuse_groups(one)
        return list(chosen)

    def _refuse_groups(self, optimizer: Optimizer) -> None:
        count = len(optimizer.param_groups)
        names = [group.get("name") for group in optimizer.param_groups]
        for asked in self.groups or ():
            if asked not in range(count) and asked not in names:
                there = ", ".join(str(at) if name is None else f"{at} ({name!r})" for at, name in enumerate(names))
                raise ScheduleError(
                    f"{self!r}: {type(optimizer).__name__} has no parameter group {asked!r}. Its groups are {there}: write "
                    "groups=[0], or optimizers=[...] for the optimizer that has it."
                )

    def _horizon_of(self, trainer: Trainer) -> Horizon | None:
        """The length of the run; ``None`` where it is not known and the ramp does not need it."""
        if self.horizon is not None:
            return self.horizon
        try:
            return horizon_of(trainer, self.interval)
        except ScheduleError as unknown:
            if (
                self.over is None
                or self.over.unit == "steps"
                or (self.over.unit == "epochs" and self.interval == "epoch")
            ):
                return None
            raise ScheduleError(
                f"{self!r}: {str(self.over)!r} needs the length of the run. {unknown} For the ramp alone, write LRWarmup('500 "
                "steps'), or LRWarmup(..., horizon=Horizon(steps=10_000, steps_per_epoch=500))."
            ) from unknown

    def _length(self, horizon: Horizon | None) -> int:
        """The length of the ramp in updates, or epochs; 0 for an untuned one."""
        if self.over is None:
            return 0
        if horizon is None:
            return round_half_up(self.over.amount)
        return round_half_up(horizon.after(Fraction(0), self.over))

    def _fit(self, trainer: Trainer, horizon: Horizon | None, length: int) -> None:
        """Refuse a ramp that is longer than the run."""
        manual = self.interval == "step" and not trainer.lightning_module.automatic_optimization
        if horizon is None or manual or length <= horizon.steps:
            return
        unit = "updates" if self.interval == "step" else "epochs"
        misfit = f"{self!r}: the ramp takes {length} {unit} and the run has {horizon.steps}"
        if not is_trial(trainer):
            raise ScheduleError(f"{misfit}. Write a shorter one, for example over='5%', or a longer run.")
        warnings.warn(f"fast_dev_run cuts the ramp: {misfit}.", UserWarning, stacklevel=2)

    def _end_epoch(self, horizon: Horizon | None, length: int, began: int) -> Fraction | None:
        """The epoch at which the ramp ends; ``None`` where it has no end, or no known one."""
        if self.shape in UNTUNED or self.shape == "exponential":
            return None
        if self.interval == "epoch":
            return Fraction(began + length)
        if horizon is None or horizon.epoch_steps is None:
            return None
        return horizon.epoch_at(horizon.step_at(Fraction(began)) + length)


def _own(optimizer: Optimizer, trainer: Trainer, module: LightningModule) -> list[Any]:
    """The schedulers of an optimizer."""
    return [one for one in schedulers_of(trainer, module) if one.optimizer is optimizer]


def _nothing() -> None:
    """There is nobody to give the ramp back to."""


def _counts(saved: dict[str, Any], optimizers: int, warmup: LRWarmup) -> list[int]:
    taken: list[int] = saved.get("taken", [0] * optimizers)
    if len(taken) != optimizers:
        raise ScheduleError(
            f"{warmup!r}: the checkpoint holds the ramps of {len(taken)} optimizers, and this run has {optimizers}. Write "
            "optimizers=[...] for those that are the same."
        )
    return taken


def _factor(start: object) -> float:
    good = isinstance(start, (int, float)) and not isinstance(start, bool) and 0 <= start <= 1
    if not good:
        raise ScheduleError(
            f"LRWarmup(start={shorten(start)}): must be a factor of the LR, from 0 to 1. Write LRWarmup('5%', start=0.1)."
        )
    return float(start)  # type: ignore[arg-type]  # checked above


def _chosen(name: str, asked: Any) -> tuple[int | str, ...] | None:
    if asked is None:
        return None
    kinds = (int, str) if name == "groups" else (int,)
    is_list = isinstance(asked, (list, tuple)) and len(asked) > 0
    if not is_list or not all(isinstance(one, kinds) and not isinstance(one, bool) for one in asked):
        what, write = ("indices or names", "[0, 'head']") if name == "groups" else ("indices", "[0]")
        raise ScheduleError(
            f"LRWarmup({name}={shorten(asked)}): must be a list of {what}. Write LRWarmup('5%', {name}={write})."
        )
    return tuple(asked)
