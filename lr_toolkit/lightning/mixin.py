"""The mixin for a LightningModule whose schedule is an attribute or a hyperparameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, final, get_args

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning._compat import saved_hyperparameters
from lr_toolkit.lightning.configure import TooLong, configure_optimizers
from lr_toolkit.lightning.trainer_of_optimizer import attached_trainer
from lr_toolkit.optim import MetricRule, OnChange
from lr_toolkit.optim.plateau import MetricRuleLike
from lr_toolkit.schedules import Duration, DurationLike, Horizon, Schedule
from lr_toolkit.schedules.absolute_levels import Absolute
from lr_toolkit.schedules.group_schedules import GroupSchedules, GroupSchedulesLike, as_text, has_function
from lr_toolkit.schedules.horizon import HorizonLike
from lr_toolkit.schedules.written_value import holds_call, is_written

if TYPE_CHECKING:
    from torch.optim import Optimizer

__all__ = ["ScheduleMixin", "find_schedule", "find_setting"]


class ScheduleMixin:
    """Gives a LightningModule its ``configure_optimizers``: write ``schedule`` and ``build_optimizer``.

    A plain class. Put it before ``LightningModule`` (of ``lightning`` or ``pytorch_lightning``) in the list of bases. Each
    setting below is taken from the instance's attribute, a property, the hyperparameter of that name or the class's attribute,
    in this order. Each is a value of this package, the text that ``repr`` prints, or a mapping of its arguments, so that it may come
    from YAML, a command line or a sweep. Hyperparameters keep a schedule as its text: checkpoints load with
    ``weights_only=True``, and loggers show it.

    Some names have another meaning in many modules. A hyperparameter is the module's own, and is not read, if it is

    - a number or a flag under ``horizon``, ``plateau``, ``interval``, ``on_change`` or ``too_long``; a float or a flag under ``rewarm``,
    - a text without a call, a list, or a mapping without ``steps`` under ``horizon``,
    - a number, or a text or list without a call (``0.1``, ``"(0.9, 0.95)"``) under ``momentum``, ``betas`` or ``weight_decay``.

    Any other value is meant for the mixin, and a wrong one is refused.

    Attributes:
        schedule: a ``Schedule`` or its text; or a mapping of the names of parameter groups, which they have in the optimizer
            (``{"params": ..., "name": "head"}``), to schedules, ``"*"`` for all others.
        interval: ``"step"`` (default) or ``"epoch"``, as for ``scheduler_config``.
        plateau: a ``ReduceOnPlateau`` or ``GreedyLR``, or ``None``; a mapping without a class has the arguments of the first.
        horizon: the length of the run, in place of the Trainer's; its text or ``{"steps": 1000, "steps_per_epoch": 100}``.
        on_change: how to go on from a checkpoint that was saved under another plan, as for ``ScheduledLR``.
        rewarm: the length of a second warmup after such a change.
        too_long: ``"error"`` refuses a schedule that is longer than the run, ``"cut"`` trains on its beginning.
        momentum: a schedule of the momentum, as for ``ScheduledLR``; a number is the module's own.
        betas: schedules of the betas, one for each place; numbers are the module's own.
        weight_decay: a schedule of the weight decay; a number is the module's own.
        other_schedules: schedules of other keys of the parameter groups, by key.

    Raises:
        ScheduleError: if the mixin stands after ``LightningModule``, if there is no schedule or optimizer, or if a setting is
            misspelled.

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

    schedule: GroupSchedulesLike
    interval: Literal["step", "epoch"] = "step"
    plateau: MetricRuleLike | None = None
    horizon: HorizonLike | None = None
    on_change: OnChange = "error"
    rewarm: DurationLike | None = None
    too_long: TooLong = "error"
    # Modules use these names for numbers, buffers and layers, too. A value in this class would hide the last two.
    momentum: Any
    betas: Any
    weight_decay: Any
    other_schedules: Any

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
            attached_trainer(self),
            **{name: find_setting(self, name) for name in _SETTINGS if name != "schedule"},
        )

    def save_hyperparameters(self, *args: Any, frame: Any = None, **kwargs: Any) -> None:
        """Lightning's own method. Every schedule among the hyperparameters is kept as its text."""
        if frame is None:
            here = inspect.currentframe()
            frame = here.f_back if here else None
        super().save_hyperparameters(*args, frame=frame, **kwargs)  # type: ignore[misc]  # LightningModule's
        for kept in saved_hyperparameters(self):  # type: ignore[arg-type]  # a LightningModule, too
            for name in _SETTINGS.keys() & kept.keys():
                if has_function(kept[name]):  # its text cannot be read
                    self.__dict__.setdefault(name, kept[name])
            kept.update({key: as_text(value) for key, value in kept.items()})


@final
@dataclass(frozen=True, slots=True)
class _Setting:
    """How the values of a setting are distinguished from values that a module keeps under the same name, or a similar one.

    Attributes:
        accepts: whether a hyperparameter of this name is meant for the mixin; a wrong value is refused later.
        is_value: whether a value under a similar name is meant for the mixin.
        may_be_theirs: whether an attribute that is not accepted is the module's own.
    """

    accepts: Callable[[Any], bool]
    is_value: Callable[[Any], bool]
    may_be_theirs: bool = False


def _is(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types) and not isinstance(value, bool)


def _choice(*choices: str) -> _Setting:
    return _Setting(_is(str), lambda value: isinstance(value, str) and value in choices)


def _is_written_as(kind: type, *names: str) -> Callable[[Any], bool]:
    """Whether a value is of this class, or the text of a call of it."""
    return lambda value: (
        isinstance(value, kind) or (isinstance(value, str) and value.partition("(")[0].strip() in names)
    )


def _is_horizon(value: Any) -> bool:
    return isinstance(value, Horizon) or is_written(value, "steps")


def _is_schedule(value: Any) -> bool:
    try:
        return isinstance(value, (str, Schedule, Mapping)) and bool(GroupSchedules.of(value))
    except ScheduleError:
        return False


def _holds_schedule(value: Any) -> bool:
    """Whether a value is a schedule, a call of a builder as text, or holds one; anything else is the module's own."""
    if isinstance(value, Mapping):
        return any(map(_holds_schedule, value.values()))
    if isinstance(value, str):
        return holds_call(value)
    if is_list(value):
        return any(map(_holds_schedule, value))
    return isinstance(value, (Schedule, Absolute, GroupSchedules))


def _is_mapping_of_schedules(value: Any) -> bool:
    return isinstance(value, Mapping) or _holds_schedule(value)


_SETTINGS: Mapping[str, _Setting] = {
    "schedule": _Setting(lambda _: True, _is_schedule),
    "interval": _choice("step", "epoch"),
    "plateau": _Setting(
        lambda value: not isinstance(value, (bool, int, float)),
        _is_written_as(MetricRule, "ReduceOnPlateau", "GreedyLR"),
    ),
    "horizon": _Setting(_is_horizon, _is_written_as(Horizon, "Horizon")),
    "on_change": _choice(*get_args(OnChange)),
    "rewarm": _Setting(_is(str, int, Duration), _is(str, int, Duration)),
    "too_long": _choice(*get_args(TooLong)),
    **dict.fromkeys(
        ("momentum", "betas", "weight_decay"), _Setting(_holds_schedule, _holds_schedule, may_be_theirs=True)
    ),
    "other_schedules": _Setting(_is_mapping_of_schedules, _holds_schedule, may_be_theirs=True),
}


def find_schedule(module: ScheduleMixin) -> GroupSchedulesLike:
    """The schedule of a module, or its schedules by the names of parameter groups.

    Raises:
        ScheduleError: if it has none, or a setting is misspelled.
    """
    found = find_setting(module, "schedule")
    if found is None:
        raise ScheduleError(
            f"{type(module).__name__} has no schedule. Write schedule = warmup('5%') >> cosine() in the class, or "
            "self.schedule = ... in its __init__."
        )
    return found  # type: ignore[no-any-return]  # GroupSchedules.of checks it


def find_setting(module: ScheduleMixin, name: str) -> Any:
    """A setting of a module: its own attribute, its property, its hyperparameter, or its class's attribute.

    Raises:
        ScheduleError: if the module does not set it, and has a value for it under a similar name.
    """
    setting = _SETTINGS[name]
    found = _found(module, name, setting)
    if name == "horizon" and isinstance(found, int) and not isinstance(found, bool):
        raise ScheduleError(
            f"{type(module).__name__}.horizon = {found}: may be a number of the module itself, such as the steps of a forecast. Write "
            f"horizon = Horizon(steps={found}) if it is the length of the run; otherwise give it another name."
        )
    return None if setting.may_be_theirs and not setting.accepts(found) else found


def _found(module: ScheduleMixin, name: str, setting: _Setting) -> Any:
    """What a module has for a setting, from the first of the places that has it."""
    own = vars(module).get(name)
    is_theirs = setting.may_be_theirs and own is not None and not setting.accepts(own)
    if not is_theirs and (own is not None or (name in vars(module) and name != "schedule")):
        return own
    in_class = inspect.getattr_static(type(module), name, None)
    hyperparameter = _hyperparameters(module).get(name)
    if hyperparameter is not None and setting.accepts(hyperparameter) and not hasattr(in_class, "__get__"):
        return hyperparameter
    if in_class is inspect.getattr_static(ScheduleMixin, name, None):
        _refuse_similar_name(module, name, setting)
    return getattr(module, name, None)  # asked of the instance, because the class may define it as a property


def _refuse_similar_name(module: ScheduleMixin, name: str, setting: _Setting) -> None:
    """Refuse a value for this setting under a misspelled name, which nothing would follow."""
    classes = (kind for kind in type(module).__mro__ if issubclass(kind, ScheduleMixin) and kind is not ScheduleMixin)
    sources = [vars(module), _hyperparameters(module), *map(vars, classes)]
    values: dict[str, Any] = dict(chain.from_iterable(source.items() for source in reversed(sources)))
    for near in get_close_matches(name, values.keys() - _SETTINGS.keys(), cutoff=0.8):
        if setting.is_value(values[near]):
            raise ScheduleError(
                f"{type(module).__name__}.{near} = {shorten(values[near])}: ScheduleMixin has no setting {near!r}, so nothing would "
                f"follow it. Write {name} = {shorten(values[near])}."
            )


def _hyperparameters(module: Any) -> Mapping[str, Any]:
    return getattr(module, "hparams", {})
