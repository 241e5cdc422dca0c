"""What decides the parameter group of a parameter: its layer, the factor of its name, and whether it decays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias, final

from torch import nn

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.optim.layers import layers_of
from lr_toolkit.optim.named_parameters import NamedParameter, matches, named_parameters_of, nearest_name
from lr_toolkit.optim.parameter_kinds import KINDS, exempt_by_model

__all__ = ["GroupKey", "GroupRules", "check_number"]

_USUALLY_EXEMPT = ("norms", "biases")

GroupKey: TypeAlias = "tuple[int, str, bool]"
"""What the parameters of a group have in common: the layer, the key of ``lr_mult``, and whether they are exempt from decay."""


@final
@dataclass(frozen=True, slots=True)
class GroupRules:
    """The checked arguments of ``param_groups`` for one module.

    Attributes:
        parameters: all parameters of the module.
        layers: the layer of each parameter by its first name; empty without ``layer_decay``.
        layer_decay: the factor from a layer to the one before it.
        factors: the factors by name; the first key that matches counts.
        exempt: the first names of the parameters without weight decay.
        weight_decay: of the others; ``None`` leaves it to the optimizer.
    """

    parameters: Sequence[NamedParameter]
    layers: Mapping[str, int]
    layer_decay: float
    factors: Mapping[str, float]
    exempt: frozenset[str]
    weight_decay: float | None

    @classmethod
    def of(
        cls,
        module: nn.Module,
        weight_decay: float | None,
        layer_decay: float | None,
        no_decay: str | Sequence[str] | None,
        lr_mult: Mapping[str, float] | None,
        layer_of: Callable[[str], int] | None,
    ) -> GroupRules:
        """Check the arguments against the module.

        Raises:
            ScheduleError: for a wrong number, or a name that matches nothing.
        """
        parameters = named_parameters_of(module)
        names = [name for parameter in parameters for name in parameter.names]
        factors = _factors(lr_mult, parameters, names)
        exempt = frozenset(_exempt(module, parameters, names, weight_decay, no_decay))
        if layer_decay is None and layer_of is not None:
            raise ScheduleError(
                "param_groups(layer_of=...): it numbers the layers for layer_decay, which is missing. Write layer_decay=0.75."
            )
        if layer_decay is None:
            return cls(parameters, {}, 1.0, factors, exempt, weight_decay)
        fix = "Write layer_decay=0.75: each layer has 0.75 times the LR of the layer after it."
        decay = check_number(f"layer_decay={shorten(layer_decay)}", layer_decay, fix, high=1.0)
        layers = _layers(module, parameters, layer_of)
        return cls(parameters, layers, decay, factors, exempt, weight_decay)

    def key_of(self, parameter: NamedParameter) -> GroupKey:
        """What decides the group of this parameter."""
        name = parameter.names[0]
        return self.layers.get(name, 0), _first_match(self.factors, parameter), name in self.exempt

    def factor_of(self, key: GroupKey) -> float:
        """What the group's LR is multiplied by."""
        layer, section, _ = key
        depth = max(self.layers.values(), default=0)
        return float(self.layer_decay ** (depth - layer) * self.factors.get(section, 1.0))

    def weight_decay_of(self, key: GroupKey) -> dict[str, float]:
        """The group's weight decay, if it has its own."""
        if key[-1]:
            return {"weight_decay": 0.0}
        return {} if self.weight_decay is None else {"weight_decay": self.weight_decay}


# --- layers -------------------------------------------------------------------------------------------------------------


def _layers(
    module: nn.Module, parameters: Sequence[NamedParameter], layer_of: Callable[[str], int] | None
) -> dict[str, int]:
    if layer_of is not None:
        return {parameter.names[0]: _given_layer(layer_of, parameter.names[0]) for parameter in parameters}
    layers = layers_of(module)
    if parameters and len(set(layers.values())) < 2:
        raise ScheduleError(
            f"param_groups({type(module).__name__}, layer_decay=...): only one layer can be found in this module. Write layer_of=, a "
            "function from the name of a parameter to its layer, 0 next to the input: "
            f"layer_of=lambda name: 0 if name.startswith({parameters[0].names[0].rpartition('.')[0] or parameters[0].names[0]!r}) else 1."
        )
    return layers


def _given_layer(layer_of: Callable[[str], int], name: str) -> int:
    layer: object = layer_of(name)
    if isinstance(layer, bool) or not isinstance(layer, int) or layer < 0:
        raise ScheduleError(
            f"param_groups(layer_of=...): it gives {shorten(layer)} for {name!r}, and a layer is a whole number from 0 on. Write "
            "layer_of=lambda name: 0 if name.startswith('embed') else 1."
        )
    return layer


# --- factors by name ----------------------------------------------------------------------------------------------------


def _factors(
    lr_mult: Mapping[str, float] | None, parameters: Sequence[NamedParameter], names: Sequence[str]
) -> dict[str, float]:
    if lr_mult is None:
        return {}
    given: object = lr_mult
    if not isinstance(given, Mapping):
        raise ScheduleError(
            f"param_groups(lr_mult={shorten(lr_mult)}): must be a mapping from names to factors. Write lr_mult={{'backbone': 0.1}}."
        )
    for pattern, factor in lr_mult.items():
        fix = f"Write lr_mult={{{pattern!r}: 0.1}}; to freeze it, requires_grad_(False)."
        check_number(f"lr_mult={{{pattern!r}: {shorten(factor)}}}", factor, fix)
        _must_match("lr_mult", pattern, names)
    factors = {pattern: float(factor) for pattern, factor in lr_mult.items()}
    taken = {_first_match(factors, parameter) for parameter in parameters}
    for pattern in factors:
        if pattern not in taken:
            earlier = next(
                other for other in factors if any(matches(other, name) and matches(pattern, name) for name in names)
            )
            raise ScheduleError(
                f"param_groups(lr_mult=...): all that {pattern!r} matches is matched by {earlier!r} before it, and the first match "
                f"counts. Write lr_mult={{{pattern!r}: {factors[pattern]!r}, {earlier!r}: {factors[earlier]!r}}}."
            )
    return factors


def _first_match(patterns: Mapping[str, float], parameter: NamedParameter) -> str:
    return next((key for key in patterns if any(matches(key, name) for name in parameter.names)), "")


# --- weight decay -------------------------------------------------------------------------------------------------------


def _exempt(
    module: nn.Module,
    parameters: Sequence[NamedParameter],
    names: Sequence[str],
    weight_decay: float | None,
    no_decay: str | Sequence[str] | None,
) -> Iterator[str]:
    """The first names of the parameters without weight decay."""
    listed: set[str] = set()
    if no_decay is None:
        if not weight_decay:
            return
        no_decay, listed = _USUALLY_EXEMPT, exempt_by_model(module)
    given: object = [no_decay] if isinstance(no_decay, str) else no_decay
    if not isinstance(given, Iterable):
        raise ScheduleError(
            f"param_groups(no_decay={shorten(given)}): must be words or names of parameters. Write no_decay=['norms', 'biases']."
        )
    patterns = list(given)
    for pattern in patterns:
        if pattern not in KINDS:
            _must_match("no_decay", pattern, names)
    for parameter in parameters:
        is_exempt = any(
            KINDS[pattern](parameter) if pattern in KINDS else any(matches(pattern, name) for name in parameter.names)
            for pattern in patterns
        )
        if is_exempt or listed.intersection(parameter.names):
            yield parameter.names[0]


# --- refusals -----------------------------------------------------------------------------------------------------------


def _must_match(argument: str, pattern: object, names: Sequence[str]) -> None:
    if isinstance(pattern, str) and any(matches(pattern, name) for name in names):
        return
    words = sorted(KINDS) if argument == "no_decay" else []
    near = ""
    if isinstance(pattern, str):
        near = next(iter(get_close_matches(pattern, words, n=1)), "") or nearest_name(pattern, names)
    known = f"Words are {', '.join(map(repr, words))}. " if words else ""
    fix = f"Write {near!r}." if near else f"Its parameters are {_few(names)}."
    raise ScheduleError(f"param_groups({argument}=...): {shorten(pattern)} matches no parameter. {known}{fix}")


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > 4 else shown


def check_number(given: str, value: Any, fix: str, *, high: float = math.inf, may_be_zero: bool = False) -> float:
    """The value as a float; ``given`` and ``fix`` are the wrong and a right argument."""
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (0.0 < number <= high or (may_be_zero and number == 0.0)) or math.isinf(number):
        possible = "zero or more" if may_be_zero else "above 0" if math.isinf(high) else f"above 0 and at most {high:g}"
        raise ScheduleError(f"param_groups({given}): must be a finite number, {possible}. {fix}")
    return number
