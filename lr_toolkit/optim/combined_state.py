"""The state of several optimizers as one in torch's format, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, TypeAlias

from lr_toolkit.errors import ScheduleError

__all__ = ["State", "join_states", "split_state"]

State: TypeAlias = "dict[str, Any]"
Classes: TypeAlias = "Mapping[str, str]"


def join_states(states: Mapping[str, State], places: Sequence[tuple[str, int]], classes: Classes) -> State:
    """One state of all optimizers: parameters are numbered in the order of the groups, as torch does.

    Args:
        states: what each optimizer's ``state_dict()`` gives.
        places: of each group in their order, its optimizer and its position there.
        classes: the class of each optimizer.

    Example:
        >>> states = {name: {"state": {0: name}, "param_groups": [{"params": [0]}]} for name in ("a", "b")}
        >>> joined = join_states(states, [("b", 0), ("a", 0)], {"a": "SGD", "b": "SGD"})
        >>> joined["state"], [(group["optimizer"], group["params"]) for group in joined["param_groups"]]
        ({0: 'b', 1: 'a'}, [('b', [0]), ('a', [1])])
    """
    numbers: dict[tuple[str, Any], int] = {}
    groups = []
    for name, index in places:
        group = states[name]["param_groups"][index]
        for parameter in group["params"]:
            numbers[name, parameter] = len(numbers)
        groups.append(
            {**group, "params": [numbers[name, parameter] for parameter in group["params"]], "optimizer": name}
        )
    joined: State = {"state": {}, "param_groups": groups, "optimizers": {}}
    for name, state in states.items():
        more = {key: value for key, value in state.items() if key not in ("state", "param_groups")}
        others = {}  # what an optimizer keeps beside the states of its parameters
        for parameter, value in state["state"].items():
            if (name, parameter) in numbers:
                joined["state"][numbers[name, parameter]] = value
            else:
                others[parameter] = value
        joined["optimizers"][name] = {"class": classes[name], "more": more, "state": others}
    joined["state"] = dict(sorted(joined["state"].items()))
    return joined


def split_state(state: State, classes: Classes, held: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, State]:
    """The state of each optimizer in what ``join_states`` gave.

    Args:
        state: the state of all. ``"optimizers"`` may be missing: torch's distributed checkpoints keep groups and states alone.
        classes: the class of each optimizer that there is.
        held: the groups of each.

    Raises:
        ScheduleError: if it is the state of other optimizers, or of other groups.
    """
    saved = _saved_classes(state)
    if {name: saved[name] or classes.get(name) for name in saved} != classes:
        _refuse(
            f"of {_described(saved)}", classes, "Build the same optimizers under the same names as in the saved run."
        )
    counters = {name: count() for name in classes}
    numbers: dict[str, dict[Any, int]] = {name: {} for name in classes}
    split: dict[str, State] = {}
    for name in classes:
        more = state.get("optimizers", {}).get(name, {"more": {}, "state": {}})
        split[name] = {"state": dict(more["state"]), "param_groups": [], **more["more"]}
    for group in state["param_groups"]:
        name = group["optimizer"]
        numbers[name] |= {parameter: next(counters[name]) for parameter in group["params"]}
        split[name]["param_groups"].append(
            {**group, "params": [numbers[name][parameter] for parameter in group["params"]]}
        )
    for name in classes:
        sizes = [[len(group["params"]) for group in groups] for groups in (split[name]["param_groups"], held[name])]
        if sizes[0] != sizes[1]:
            _refuse(
                f"of other parameter groups: {name} had groups of {sizes[0]} parameters, and has groups of {sizes[1]}",
                classes,
                "Give each optimizer the same groups as in the saved run, and add late groups before the state is loaded.",
            )
        split[name]["state"] |= {
            numbers[name][parameter]: value for parameter, value in state["state"].items() if parameter in numbers[name]
        }
    return split


def _saved_classes(state: State) -> dict[str, str]:
    """The optimizers of a state with their classes, empty if unknown; no optimizers if it is not one of ``join_states``."""
    groups = state.get("param_groups") or [{}]
    if not all("optimizer" in group for group in groups):
        return {}
    named = dict.fromkeys([group["optimizer"] for group in groups], "")
    return named | {name: saved["class"] for name, saved in state.get("optimizers", {}).items()}


def _described(classes: Classes) -> str:
    if not classes:
        return "one optimizer, which names no parts"
    return f"CombinedOptimizer({', '.join(f'{name}={kind}' if kind else name for name, kind in classes.items())})"


def _refuse(what: str, classes: Classes, fix: str) -> None:
    raise ScheduleError(f"{_described(classes)}: this is the state {what}. {fix}")
