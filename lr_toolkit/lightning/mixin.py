"""The mixin: a LightningModule whose schedule is an attribute or a hyperparameter."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import saved_hyperparameters
from lr_toolkit.lightning.configure import configure_optimizers
from lr_toolkit.optim import MetricRule, OnChange
from lr_toolkit.schedules import DurationLike, Horizon, Schedule, ScheduleLike

if TYPE_CHECKING:
    from torch.optim import Optimizer

__all__ = ["ScheduleMixin"]


class ScheduleMixin:
    """Gives a LightningModule its ``configure_optimizers``: write ``schedule`` and ``build_optimizer``.

    A plain class, to stand before ``LightningModule`` (of ``lightning`` or ``pytorch_lightning``). The schedule is looked
    for as an attribute of the instance, as the hyperparameter ``schedule``, as an attribute of the class, in this order.
    Hyperparameters keep a schedule as its text, so that checkpoints load with ``weights_only=True`` and loggers show it. The
    others are attributes alone: ``self.plateau = plateau`` in ``__init__`` for one that is an argument.

    Attributes:
        schedule: a ``Schedule`` or its text.
        interval: ``"step"`` (default) or ``"epoch"``, as for ``scheduler_config``.
        plateau: a ``ReduceOnPlateau`` or ``GreedyLR``, or ``None``.
        horizon: the length of the run, instead of what the Trainer says.
        on_change: how to go on from a checkpoint that was saved under another plan, as for ``ScheduledLR``.
        rewarm: how long to warm up again then.

    Raises:
        ScheduleError: where the mixin stands after ``LightningModule``, or there is no schedule or optimizer.

    Example:
        >>> import lightning as L
        >>> import torch
        >>> from lr_toolkit import ScheduleMixin, cosine, warmup
        >>> class Classifier(ScheduleMixin, L.LightningModule):
        ...     schedule = warmup("5%") >> cosine(end=0.1)
        ...
        ...     def build_optimizer(self):
        ...         return torch.optim.AdamW(self.parameters(), lr=3e-4)
    """

    schedule: ScheduleLike
    interval: Literal["step", "epoch"] = "step"
    plateau: MetricRule | None = None
    horizon: Horizon | None = None
    on_change: OnChange = "error"
    rewarm: DurationLike | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        names = [one.__name__ for one in cls.__mro__]
        if "LightningModule" in names[: names.index("ScheduleMixin")]:
            raise ScheduleError(
                f"class {cls.__name__}: LightningModule stands before ScheduleMixin and hides its configure_optimizers. "
                f"Write class {cls.__name__}(ScheduleMixin, L.LightningModule)."
            )

    def build_optimizer(self) -> Optimizer:
        """The optimizer, with each group's base LR as its ``lr``. Write it in your module."""
        build = getattr(super(), "build_optimizer", None)  # of a class that this one stands before
        if build is not None:
            return build()  # type: ignore[no-any-return]  # found by name
        raise ScheduleError(
            f"{type(self).__name__} has no optimizer. Write def build_optimizer(self): return "
            "torch.optim.AdamW(self.parameters(), lr=3e-4)."
        )

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """What Lightning asks for: the optimizer, and its scheduler for the length of this run."""
        return configure_optimizers(
            self.build_optimizer(),
            self._find_schedule(),
            self.trainer,  # type: ignore[attr-defined]  # LightningModule's, which this class stands before
            interval=self.interval,
            plateau=self.plateau,
            horizon=self.horizon,
            on_change=self.on_change,
            rewarm=self.rewarm,
        )

    def save_hyperparameters(self, *args: Any, frame: Any = None, **kwargs: Any) -> None:
        """Lightning's own, with every schedule kept as its text."""
        if frame is None:
            here = inspect.currentframe()
            frame = here.f_back if here else None
        super().save_hyperparameters(*args, frame=frame, **kwargs)  # type: ignore[misc]  # LightningModule's
        for kept in saved_hyperparameters(self):  # type: ignore[arg-type]  # a LightningModule, which this class stands before
            schedules = {key: value for key, value in kept.items() if isinstance(value, Schedule)}
            if "schedule" in schedules and not schedules["schedule"].has_text:
                self.__dict__.setdefault("schedule", schedules["schedule"])
            kept.update({key: repr(value) for key, value in schedules.items()})

    def _find_schedule(self) -> ScheduleLike:
        own = self.__dict__.get("schedule")
        asked: Any = getattr(self, "hparams", {}).get("schedule")
        # Asked of the instance, for a property: torch's modules take an attribute of the class before one of their own.
        found = own if own is not None else asked if asked is not None else getattr(self, "schedule", None)
        if found is None:
            raise ScheduleError(
                f"{type(self).__name__} has no schedule. Write schedule = warmup('5%') >> cosine() in the class, or "
                "self.schedule = ... in its __init__."
            )
        return found  # type: ignore[no-any-return]  # whatever it is, Schedule.parse looks at it
