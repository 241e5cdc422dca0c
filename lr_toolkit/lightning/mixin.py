"""The mixin for a LightningModule whose schedule is an attribute or a hyperparameter."""

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

__all__ = ["ScheduleMixin", "find_schedule"]


class ScheduleMixin:
    """Gives a LightningModule its ``configure_optimizers``: write ``schedule`` and ``build_optimizer``.

    A plain class. Put it before ``LightningModule`` (of ``lightning`` or ``pytorch_lightning``) in the list of bases. The
    schedule is taken from the instance's attribute, the hyperparameter ``schedule`` or the class's attribute, in this order.
    Hyperparameters keep a schedule as its text, so that checkpoints load with ``weights_only=True`` and loggers show it. The
    other settings are attributes only: write ``self.plateau = plateau`` in ``__init__`` if one is an argument.

    Attributes:
        schedule: a ``Schedule`` or its text.
        interval: ``"step"`` (default) or ``"epoch"``, as for ``scheduler_config``.
        plateau: a ``ReduceOnPlateau`` or ``GreedyLR``, or ``None``.
        horizon: the length of the run, in place of the Trainer's.
        on_change: how to go on from a checkpoint that was saved under another plan, as for ``ScheduledLR``.
        rewarm: the length of a second warmup after such a change.

    Raises:
        ScheduleError: if the mixin stands after ``LightningModule``, or if there is no schedule or optimizer.

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
        names = [base.__name__ for base in cls.__mro__]
        if "LightningModule" in names[: names.index("ScheduleMixin")]:
            raise ScheduleError(
                f"class {cls.__name__}: LightningModule stands before ScheduleMixin and hides its configure_optimizers. "
                f"Write class {cls.__name__}(ScheduleMixin, L.LightningModule)."
            )

    def build_optimizer(self) -> Optimizer:
        """The optimizer, with each group's base LR as its ``lr``. Write this method in your module."""
        build = getattr(super(), "build_optimizer", None)  # of a class behind the mixin in the list of bases
        if build is not None:
            return build()  # type: ignore[no-any-return]  # found by name
        raise ScheduleError(
            f"{type(self).__name__} has no optimizer. Write def build_optimizer(self): return "
            "torch.optim.AdamW(self.parameters(), lr=3e-4)."
        )

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimizer, and its scheduler for the length of this run, as Lightning expects them."""
        return configure_optimizers(
            self.build_optimizer(),
            find_schedule(self),
            _trainer_of(self),
            interval=self.interval,
            plateau=self.plateau,
            horizon=self.horizon,
            on_change=self.on_change,
            rewarm=self.rewarm,
        )

    def save_hyperparameters(self, *args: Any, frame: Any = None, **kwargs: Any) -> None:
        """Lightning's own method. Every schedule among the hyperparameters is kept as its text."""
        if frame is None:
            here = inspect.currentframe()
            frame = here.f_back if here else None
        super().save_hyperparameters(*args, frame=frame, **kwargs)  # type: ignore[misc]  # LightningModule's
        for kept in saved_hyperparameters(self):  # type: ignore[arg-type]  # a LightningModule, too
            schedules = {key: value for key, value in kept.items() if isinstance(value, Schedule)}
            if "schedule" in schedules and not schedules["schedule"].has_text:
                self.__dict__.setdefault("schedule", schedules["schedule"])
            kept.update({key: repr(value) for key, value in schedules.items()})


def _trainer_of(module: Any) -> Any:
    """The module's Trainer; ``None`` if it has none and needs none, because ``horizon`` says how long the run is."""
    try:
        return module.trainer
    except RuntimeError:
        if module.horizon is None:
            raise
        return None


def find_schedule(module: ScheduleMixin) -> ScheduleLike:
    """The schedule of a module: its own attribute, its hyperparameter, or its class's attribute.

    Raises:
        ScheduleError: if it has none.
    """
    own = module.__dict__.get("schedule")
    if own is not None:
        return own  # type: ignore[no-any-return]  # Schedule.parse checks it
    hyperparameter: Any = getattr(module, "hparams", {}).get("schedule")
    if hyperparameter is not None:
        return hyperparameter  # type: ignore[no-any-return]  # as above
    # Asked of the instance, because the class may define it as a property.
    found: Any = getattr(module, "schedule", None)
    if found is None:
        raise ScheduleError(
            f"{type(module).__name__} has no schedule. Write schedule = warmup('5%') >> cosine() in the class, or "
            "self.schedule = ... in its __init__."
        )
    return found  # type: ignore[no-any-return]  # as above
