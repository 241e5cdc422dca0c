"""The names of arguments in other libraries, and the answer to a builder's call that uses them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce, wraps
from operator import rshift
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import ENDLESS, Duration, decimal

__all__ = ["answering_other_names"]

P = ParamSpec("P")
R = TypeVar("R")
Builders: TypeAlias = "Mapping[str, Callable[..., Any]]"
Call: TypeAlias = "tuple[str, dict[str, Any]]"  # of a builder, by its name, with these arguments

# The names in torch, transformers, optax and Keras, each with its names here; the first that a builder has is meant.
_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "T_0": ("first",),
    "T_max": ("over",),
    "T_mult": ("growth",),
    "alpha": ("end",),
    "base_lr": ("low_lr",),
    "boundaries": ("at",),
    "cut_frac": ("up",),
    "cycle_decay": ("gamma",),
    "cycle_mul": ("growth",),
    "decay_rate": ("gamma", "rate"),
    "decay_steps": ("decay", "timescale", "every", "over"),
    "decay_type": ("shape",),
    "end_factor": ("end",),
    "end_value": ("end_lr",),
    "eta_min": ("end_lr",),
    "exponent": ("power",),
    "factor": ("gamma", "level"),
    "first_cycle_steps": ("first",),
    "first_decay_steps": ("first",),
    "k_decay": ("k",),
    "lr_end": ("end_lr",),
    "lr_lambda": ("fn",),
    "lr_min": ("end_lr",),
    "m_mul": ("gamma",),
    "milestones": ("at",),
    "min_lr": ("end_lr",),
    "min_lr_rate": ("end",),
    "num_cycles": ("times",),
    "num_decay_steps": ("decay",),
    "num_steps": ("over",),
    "num_training_steps": ("over",),
    "num_warmup_steps": ("warmup", "over"),
    "pct_start": ("up",),
    "start_factor": ("start",),
    "step_size": ("every",),
    "step_size_down": ("down",),
    "step_size_up": ("up",),
    "steps": ("over",),
    "t_mul": ("growth",),
    "total_iters": ("over",),
    "transition_steps": ("every", "over"),
    "values": ("levels_lr",),
    "warmup_init_lr": ("start_lr",),
    "warmup_lr_init": ("start_lr",),
    "warmup_ratio": ("warmup", "over"),
    "warmup_steps": ("warmup", "over"),
}
# Their decays contain a climb: the argument of warmup(...) that is meant, and the value that means no climb.
_CLIMBS = {
    "num_warmup_steps": ("over", 0),
    "start_factor": ("start", 1),
    "warmup": ("over", 0),
    "warmup_ratio": ("over", 0),
    "warmup_steps": ("over", 0),
}
_WHOLE_RUN = frozenset(
    {"decay_steps", "num_training_steps"}
)  # left out after a climb: the decay takes what the climb leaves
_NOT_NEEDED = frozenset({"last_epoch", "num_cycles", "optimizer", "verbose"})
_EXAMPLES = {
    "at": ["50%", "75%"],
    "by": 0.5,
    "cooldown": "10%",
    "decay": "20%",
    "every": "30%",
    "gamma": 0.95,
    "knee": "10%",
    "limit": "100%",
    "over": "5%",
    "power": 1.0,
    "schedule": "cosine()",
    "timescale": "5%",
    "up": "10%",
    "warmup": "5%",
}


def answering_other_names(function: Callable[P, R], builders: Builders) -> Callable[P, R]:
    """``function``, with a ``ScheduleError`` for arguments that it does not take, and for anything but a schedule that it returns.

    Args:
        function: the builder.
        builders: all builders by name; the call is tried with them before it is shown.
    """
    signature = inspect.signature(function)
    names = list(signature.parameters)

    @wraps(function)
    def build(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            if args and hasattr(args[0], "param_groups"):
                raise TypeError("takes no optimizer")
            end = names.index("end") if {"end", "over"} <= set(names) else len(args)
            if end < len(args) and _is_length(args[end]):
                raise ScheduleError(_answer_length(function.__name__, args[:end], args[end], kwargs))
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ScheduleError(_answer(function.__name__, builders, args, kwargs, str(error))) from None
        built = function(*args, **kwargs)
        if not hasattr(built, "phases"):
            raise ScheduleError(
                f"{function.__name__}(...): returned {shorten(built)}, and a builder returns a schedule. Write return "
                f"Schedule.parse({shorten(built) if isinstance(built, str) else '...'})."
            )
        return built

    return build


def _is_length(level: Any) -> bool:
    """Whether a number that was given as a level is more likely a length."""
    return isinstance(level, (int, float, np.number)) and not isinstance(level, bool) and bool(level > 1)


def _answer_length(name: str, before: Sequence[Any], level: Any, kwargs: Mapping[str, Any]) -> str:
    """The answer to a length by position in the place of ``end``, as in torch's ``CosineAnnealingLR(optimizer, 100)``."""

    def call(argument: str) -> str:
        others = [f"{key}={_shown(value)}" for key, value in kwargs.items() if key != "end_lr"]
        return f"{name}({', '.join([*map(_shown, before), argument, *others])})"

    is_whole = "over" not in kwargs and level < ENDLESS and float(level).is_integer()
    length = f"{call(f'over={int(level)}')} for a length (torch's T_max), " if is_whole else ""
    given = ", ".join(map(shorten, [*before, level]))
    return (
        f"{name}({given}): {shorten(level)} would be end, a factor of the base value, and above 1 the curve climbs. Write "
        f"{length}{call('end_lr=1e-05')} for an LR, or {call(f'end={_shown(level)}')} to climb."
    )


def _answer(name: str, builders: Builders, args: Sequence[Any], kwargs: Mapping[str, Any], error: str) -> str:
    given = ", ".join([*map(shorten, args), *(f"{key}={shorten(value)}" for key, value in kwargs.items())])
    signature = inspect.signature(builders[name])
    parameters = [
        parameter.replace(default=parameter.empty, annotation=parameter.empty)
        for parameter in signature.parameters.values()
    ]
    names = [parameter.name for parameter in parameters]
    if args and hasattr(args[0], "param_groups"):
        kwargs, args = {"optimizer": args[0], **kwargs}, args[1:]
    meant = _Meant(name, tuple(signature.parameters))
    for key, value in [*_named(parameters, args), *kwargs.items()]:
        meant.take(key, value)
    if len(args) > len(names):
        meant.wrong = error
    fix = _fix(meant.calls(), builders)
    if meant.wrong:
        fix = f"{meant.wrong}. {fix}" if fix.startswith("Write ") else f"{meant.wrong}."
    explained = meant.explanation() or ("" if meant.wrong else f"{error}. ")
    listed = signature.replace(parameters=parameters, return_annotation=signature.empty)
    return f"{name}({given}): {explained}{fix} Its arguments are {name}{listed}."


def _named(parameters: Sequence[inspect.Parameter], args: Sequence[Any]) -> list[tuple[str, Any]]:
    """Positional arguments by name: one too many is meant for the next name, or as the length if it follows a level."""
    named = []
    for parameter, value in zip(parameters, args, strict=False):
        is_length = parameter.name == "end_lr" and (_is_length(value) or isinstance(value, (str, Duration)))
        named.append(("over" if is_length else parameter.name, value))
    return named


@dataclass
class _Meant:
    """A call in the names of this package, and what became of each name that was given."""

    name: str
    known: tuple[str, ...]
    given: dict[str, Any] = field(default_factory=dict)
    climb: dict[str, Any] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    apart: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    wrong: str = ""

    def take(self, key: str, value: Any) -> None:
        """Add an argument."""
        ours = next((name for name in (key, *_ELSEWHERE.get(key, ())) if name in self.known), "")
        if key == "warmup_ratio" and isinstance(value, float) and 0 < value <= 1:
            value = f"{decimal(value * 100)}%"
        climbing = key in _CLIMBS and self.name != "warmup" and "warmup" not in self.known
        if (key in _NOT_NEEDED and not ours) or (climbing and _is(value, _CLIMBS[key][1])):
            self.left_out.append(key)
        elif climbing:
            self.climb[_CLIMBS[key][0]] = value
            self.apart.append(key)
        elif not ours:
            self.wrong = f"there is no argument {key!r}"
        elif ours in self.given:
            self.wrong = f"{key} is called {ours} here, which is given too" if key != ours else f"{ours} is given twice"
        else:
            self.given[ours] = value
            self.renamed |= {} if key == ours else {key: ours}

    def calls(self) -> list[Call]:
        """The builders' calls that mean the same, in order; call this before ``explanation``."""
        if not self.climb:
            return [(self.name, self.given)]
        for key in [name for name in _WHOLE_RUN if self.renamed.get(name) == "over" and "over" in self.climb]:
            self.left_out.append(key)
            self.given.pop(self.renamed.pop(key))
        # torch's LinearLR climbs to the base LR if no end is given.
        rest = {key: value for key, value in self.given.items() if not (key == "end" and _is(value, 1))}
        if self.name == "linear" and "start" in self.climb and rest.keys() <= {"over"} - self.climb.keys():
            return [("warmup", rest | self.climb)]
        return [("warmup", self.climb), (self.name, self.given)]

    def explanation(self) -> str:
        """What became of the names of other libraries."""
        renamed = ", ".join(f"{theirs} is called {ours}" for theirs, ours in self.renamed.items())
        sentences = [
            f"{renamed} here. " if renamed else "",
            _of(self.apart, "belongs to a phase of its own here. ", "belong to a phase of their own here. "),
            _of(self.left_out, "has no place here. ", "have no place here. "),
        ]
        return "".join(sentences)


def _is(value: Any, number: float) -> bool:
    return isinstance(value, (int, float)) and value == number


def _of(names: Sequence[str], singular: str, plural: str) -> str:
    return f"{' and '.join(names)} {singular if len(names) == 1 else plural}" if names else ""


def _fix(calls: Sequence[Call], builders: Builders) -> str:
    """The calls to write, with an example for each missing argument, or the reason why they would be refused too."""
    whole = []
    for name, given in calls:
        parameters = inspect.signature(builders[name]).parameters
        examples = {key: _EXAMPLES.get(key) for key, item in parameters.items() if item.default is item.empty}
        given = examples | given
        whole.append((name, {key: given[key] for key in parameters if key in given}))
    try:
        reduce(rshift, [builders[name](**given) for name, given in whole])
    except ScheduleError as refused:
        return str(refused)
    texts = [f"{name}({', '.join(f'{key}={_shown(value)}' for key, value in given.items())})" for name, given in whole]
    return f"Write {' >> '.join(texts)}."


def _shown(value: Any) -> str:
    if callable(value):
        name = str(getattr(value, "__name__", ""))
        return name if name.isidentifier() else "..."
    return shorten(value.item() if isinstance(value, np.generic) else value, 300)
