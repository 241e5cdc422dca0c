"""The greedy rule: a metric that keeps improving raises a gain on top of any timeline, and lowers it otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.optim.plateau.rule import ANSWERS, MetricRule, MetricRuleState, bound_of, is_bound, is_count, is_number

__all__ = ["GreedyLR"]


class GreedyLR(MetricRule):
    """Raise the learning rate while a metric improves, and lower it when it does not, on top of any schedule.

        lr(k) = base_lr * timeline(k) * gain,    gain starts at 1 and is divided or multiplied by ``factor``

    With ``hold()`` this is the ``GreedyLR`` of transformers; like ``ReduceOnPlateau``, and in its place, it composes with
    any schedule: after a ``warmup(...)``, on a ``cosine()``. It suits a metric that is read often: ``every=``.

    Args:
        monitor: the name of the metric, as given to ``self.log``.
        mode: ``"min"`` if lower is better, ``"max"`` if higher is.
        factor: a reduction multiplies the gain by it, a rise divides; above 0 and below 1.
        patience: so many readings in a row may be better, or not; the next one moves the LR.
        threshold: how much better than the best a reading must be to count.
        threshold_mode: ``"rel"`` for a share of the best, ``"abs"`` for an amount.
        cooldown: readings after a reduction that do not count.
        min_lr: base LR x gain is never brought below it; one number, or one for each parameter group.
        eps: a move by no more than this is not made.
        smooth: compare the mean of so many latest readings, for a noisy metric; 1 compares each reading.
        every: read a training metric (``self.log`` in ``training_step``) every so many updates. By default a metric is
            read each time that a validation, or a training epoch, has produced it.
        max_lr: base LR x gain is never raised above it; one number, or one for each parameter group. What lies above it
            already can only fall. It has to be given: how far an LR may rise without harm only you can know.
        warmup: readings after a rise that do not count.

    Raises:
        ScheduleError: for a missing ``monitor`` or ``max_lr``, or a value out of its range.

    Example:
        >>> from lr_toolkit import GreedyLR, Horizon, ScheduledLR, hold
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        >>> greedy = GreedyLR(monitor="loss", factor=0.5, patience=0, max_lr=0.3)
        >>> scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=5), plateau=greedy)
        >>> lrs = []
        >>> for loss in (3.0, 2.0, 2.5, 2.6):
        ...     scheduler.observe(loss)
        ...     lrs.append(scheduler.get_last_lr()[0])
        >>> lrs
        [0.2, 0.3, 0.15, 0.075]

    Reference:
        GreedyLR, https://arxiv.org/abs/2512.14527, and transformers' class of that name, whose ``min_lr`` is 1e-3 by default and
        whose ``smooth=True, window_size=50`` is ``smooth=50`` here. Its ``reset_start``, which begins anew after a long time at
        ``min_lr``, is left out. A NaN reading is reported and otherwise ignored.
    """

    __slots__ = ("max_lr", "warmup")
    _fields: ClassVar[tuple[str, ...]] = (*MetricRule._fields, "max_lr", "warmup")

    max_lr: float | tuple[float, ...] | None
    warmup: int

    @answer_arguments("GreedyLR", "GreedyLR(monitor='val_loss', max_lr=1e-2)", ANSWERS)
    def __init__(
        self,
        monitor: str = "",
        mode: Literal["min", "max"] = "min",
        factor: float = 0.95,
        patience: int = 10,
        threshold: float = 1e-6,
        threshold_mode: Literal["rel", "abs"] = "abs",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
        smooth: int = 1,
        every: int | None = None,
        max_lr: float | Sequence[float] | None = None,
        warmup: int = 0,
    ) -> None:
        self._set_checked(
            monitor=monitor,
            mode=mode,
            factor=factor,
            patience=patience,
            threshold=threshold,
            threshold_mode=threshold_mode,
            cooldown=cooldown,
            min_lr=min_lr,
            eps=eps,
            smooth=smooth,
            every=every,
            max_lr=max_lr,
            warmup=warmup,
        )

    def _checks(self) -> dict[str, tuple[object, str, str]]:
        high, low = self.max_lr, self.min_lr
        is_above = not (is_number(high) and is_number(low)) or low <= high  # type: ignore[operator]  # numbers, as was asked
        return {
            **MetricRule._checks(self),
            "max_lr": (
                is_bound(high) and is_above,
                f"be the highest LR that may be reached, not below min_lr={low!r}, or one for each group",
                "1e-2" if is_above else repr(low),
            ),
            "warmup": (is_count(self.warmup), "be a whole number of readings, zero or more", "5"),
        }

    def read(self, state: MetricRuleState, value: float) -> tuple[MetricRuleState, int]:
        """The state after a reading, and the direction of the LR: -1 down, 1 up, 0 neither."""
        state, value = self.smoothed(state, value)
        if state.cooldown > 0:
            return replace(state, bad=0, good=0, cooldown=state.cooldown - 1), 0
        if self.is_better(value, state.best):
            after = replace(state, best=value, bad=0, good=state.good + 1)
        else:
            after = replace(state, bad=state.bad + 1, good=0)
        if after.good > self.patience:
            return replace(after, good=0, cooldown=self.warmup), 1
        if after.bad > self.patience:
            return replace(after, bad=0, cooldown=self.cooldown), -1
        return after, 0

    def next_lr(self, level: float, direction: int, group: int) -> float:
        """Base LR x gain of a parameter group after a move from ``level``."""
        if direction < 0 or self.max_lr is None:
            return MetricRule.next_lr(self, level, direction, group)
        higher = min(level / self.factor, bound_of(self.max_lr, group))
        return higher if direction and higher - level > self.eps else level
