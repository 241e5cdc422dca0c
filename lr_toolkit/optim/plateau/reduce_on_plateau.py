"""The plateau rule: a metric that stops improving lowers a gain on top of any timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.optim.plateau.rule import ANSWERS, MetricRule, MetricRuleState

__all__ = ["ReduceOnPlateau"]


class ReduceOnPlateau(MetricRule):
    """Lower the learning rate when a metric has stopped improving, on top of any schedule.

        lr(k) = base_lr * timeline(k) * gain,    gain starts at 1 and is multiplied by ``factor`` at each reduction

    With ``hold()`` this is torch's ``ReduceLROnPlateau``. Unlike it, it composes: after a ``warmup(...)``, on a
    ``cosine()``. The gain is kept per parameter group, and ``min_lr`` and ``eps`` are compared with base LR x gain, so that a
    warmed-up or decayed LR does not disturb them.

    Args:
        monitor: the name of the metric, as given to ``self.log``.
        mode: ``"min"`` if lower is better, ``"max"`` if higher is.
        factor: the gain is multiplied by it at a reduction; above 0 and below 1.
        patience: readings without improvement that are allowed; the next one reduces.
        threshold: how much better than the best a reading must be to count.
        threshold_mode: ``"rel"`` for a share of the best, ``"abs"`` for an amount.
        cooldown: readings after a reduction during which nothing counts as bad.
        min_lr: base LR x gain is never brought below it; one number, or one for each parameter group.
        eps: a reduction by no more than this is not made.
        smooth: compare the mean of so many latest readings, for a noisy metric; 1 compares each reading.
        every: read a training metric (``self.log`` in ``training_step``) every so many updates. By default a metric is
            read each time that a validation, or a training epoch, has produced it.

    Raises:
        ScheduleError: for a missing ``monitor`` or a value out of its range.

    Example:
        >>> from lr_toolkit import hold, warmup
        >>> plateau = ReduceOnPlateau(monitor="val_loss", factor=0.5, patience=3)
        >>> plateau
        ReduceOnPlateau(monitor='val_loss', factor=0.5, patience=3)
        >>> schedule = warmup("500 steps") >> hold()
        >>> # in configure_optimizers:
        >>> # return lr_toolkit.configure_optimizers(optimizer, schedule, self.trainer, plateau=plateau)

    Reference:
        torch's ``ReduceLROnPlateau``. A NaN reading, which torch counts as bad, is reported and ignored.
    """

    __slots__ = ()

    @answer_arguments("ReduceOnPlateau", "ReduceOnPlateau(monitor='val_loss', patience=5)", ANSWERS)
    def __init__(
        self,
        monitor: str = "",
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
        smooth: int = 1,
        every: int | None = None,
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
        )

    def read(self, state: MetricRuleState, value: float) -> tuple[MetricRuleState, int]:
        """The state after a reading, and -1 if it calls for a reduction."""
        state, value = self.smoothed(state, value)
        if self.is_better(value, state.best):
            after = replace(state, best=value, bad=0)
        else:
            after = replace(state, bad=state.bad + 1)
        if after.cooldown > 0:
            after = replace(after, bad=0, cooldown=after.cooldown - 1)
        if after.bad > self.patience:
            return replace(after, bad=0, cooldown=self.cooldown), -1
        return after, 0
