"""A LightningCLI with a schedule at its top level, for any LightningModule that only builds an optimizer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from types import MethodType
from typing import TYPE_CHECKING, Any, Literal

from lightning.pytorch.cli import LightningCLI
from torch.optim import Optimizer
from typing_extensions import override

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import configured_value
from lr_toolkit.lightning.configure import TooLong, configure_optimizers
from lr_toolkit.optim import GreedyLR, OnChange, ReduceOnPlateau
from lr_toolkit.schedules import Absolute, Duration, Horizon, Schedule
from lr_toolkit.schedules.group_schedules import GroupSchedules

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule
    from lightning.pytorch.cli import LightningArgumentParser

__all__ = ["LRSchedulerCLI"]

_SCHEDULE_HELP = (
    "the text of a schedule, \"warmup('5%') >> cosine()\"; or a mapping of the names of parameter groups to texts, "
    "'*' for all others."
)


class LRSchedulerCLI(LightningCLI):
    """A ``LightningCLI`` whose ``--schedule`` gives any LightningModule its scheduler, for the length of the run.

        python train.py fit --optimizer SGD --optimizer.lr 0.1 --schedule "warmup('5%') >> cosine()" --trainer.max_epochs 10

    The module, or ``--optimizer``, builds the optimizer, and knows nothing of schedules. The arguments are those of
    ``configure_optimizers``, on the command line and in a YAML file: ``--interval``, ``--plateau.monitor``, ``--horizon``,
    ``--on_change``, ``--rewarm``, ``--too_long``, ``--momentum``, ``--betas``, ``--weight_decay``, ``--other_schedules``. Without
    ``--schedule`` it is Lightning's class, whose arguments, methods and attributes it has. A plan that does not fit the run ends the
    command with the error in one line and the exit status 2.

    Raises:
        ScheduleError: when ``configure_optimizers`` is called, if the module returns a scheduler already, or not one optimizer.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import LRSchedulerCLI
        >>> # in train.py: LRSchedulerCLI(MyModule, MyDataModule)

    Reference:
        LightningCLI, whose ``--lr_scheduler`` is stepped once per epoch, and needs the length of the run.
    """

    @override
    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add Lightning's arguments, and those of the schedule."""
        super().add_core_arguments_to_parser(parser)
        # By itself it is not None | ..., whose errors name each type that was tried.
        parser.add_argument("--schedule", type=GroupSchedules, help=_SCHEDULE_HELP)
        parser.add_function_arguments(_schedule_arguments)

    @override
    def instantiate_classes(self) -> None:
        """Make the module, the data and the Trainer, and let the module's optimizer follow the schedule."""
        try:
            super().instantiate_classes()
        except ValueError as error:  # jsonargparse names each type that it has tried, around our error
            refused = _schedule_error(error)
            if refused is None:
                raise
            self.parser.error(str(refused))
        names = ("schedule", *inspect.signature(_schedule_arguments).parameters)
        settings = {name: configured_value(self, name) for name in names}
        if settings["schedule"] is not None:
            build: Any = self.model.configure_optimizers
            follow = partial(_follow_schedule, build=build.__func__, settings=settings)
            update_wrapper(follow, inspect.unwrap(build))  # Lightning asks whether the method is overridden
            self.model.configure_optimizers = MethodType(follow, self.model)

    def fit(self, model: LightningModule, **kwargs: Any) -> None:
        """Train, or end the command with the error of a plan that cannot be followed."""
        try:
            self.trainer.fit(model, **kwargs)
        except ScheduleError as error:
            self.parser.error(str(error))


def _schedule_arguments(
    interval: Literal["step", "epoch"] = "step",
    plateau: ReduceOnPlateau | GreedyLR | None = None,
    horizon: Horizon | None = None,
    on_change: OnChange = "error",
    rewarm: Duration | None = None,
    too_long: TooLong = "error",
    momentum: Schedule | Absolute | dict[str, Schedule | Absolute] | None = None,
    betas: list[Schedule | Absolute | dict[str, Schedule | Absolute] | None] | None = None,
    weight_decay: Schedule | Absolute | dict[str, Schedule | Absolute] | None = None,
    other_schedules: dict[str, Schedule | Absolute | dict[str, Schedule | Absolute]] | None = None,
) -> None:
    """The learning-rate schedule.

    Args:
        interval: "step" to move after every optimizer update, "epoch" to move once per epoch.
        plateau: a rule that reacts to a metric, on top of the schedule.
        horizon: the length of the run, in place of the Trainer's: a number of steps, or Horizon(steps=..., steps_per_epoch=...).
        on_change: how to go on from a checkpoint that was saved under another plan.
        rewarm: the length of a second warmup after such a change: "500 steps", "3 epochs", "5%".
        too_long: "error" refuses a schedule that is longer than the run, "cut" trains on its beginning.
        momentum: a schedule of the momentum.
        betas: schedules of the betas, one for each place.
        weight_decay: a schedule of the weight decay.
        other_schedules: schedules of other keys of the parameter groups, by key.
    """


def _follow_schedule(
    module: LightningModule, *, build: Callable[[LightningModule], Any], settings: Mapping[str, Any]
) -> Any:
    """What ``configure_optimizers`` of the module returns, with the schedule of the command line."""
    return configure_optimizers(
        _only_optimizer(build(module), type(module).__name__), trainer=module.trainer, **settings
    )


def _only_optimizer(answer: Any, name: str) -> Optimizer:
    """The one optimizer in what ``configure_optimizers`` has returned."""
    parts = answer if is_list(answer) else [answer]
    schedulers: Any = None
    if len(parts) == 2 and all(map(is_list, parts)):
        parts, schedulers = parts
    only: Any = parts[0] if len(parts) == 1 else None
    if isinstance(only, Mapping):
        only, schedulers = only.get("optimizer"), schedulers or only.get("lr_scheduler")
    if schedulers:
        raise ScheduleError(
            f"{name}.configure_optimizers returns a scheduler already, and --schedule would be a second one: return the optimizer "
            "alone, or leave out --schedule."
        )
    if not isinstance(only, Optimizer):
        raise ScheduleError(
            f"{name}.configure_optimizers must return one optimizer for --schedule, and returns "
            f"{'several' if len(parts) > 1 else 'none'}: return torch.optim.AdamW(self.parameters(), lr=3e-4), or several as one "
            "CombinedOptimizer."
        )
    return only


def _schedule_error(error: BaseException | None) -> ScheduleError | None:
    """Our error, if it is behind this one."""
    while error is not None and not isinstance(error, ScheduleError):
        error = error.__cause__ or error.__context__
    return error
