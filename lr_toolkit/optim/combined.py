"""Several optimizers as one: each updates its own parameters, as Muon for matrices and AdamW for the rest."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from itertools import chain, count
from typing import Any, TypeAlias, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.optim.combined_state import State, join_states, split_state

__all__ = ["CombinedOptimizer"]

Group: TypeAlias = "dict[str, Any]"
Place: TypeAlias = "tuple[str, int]"

_SCALING = (
    "grad_scale",
    "found_inf",
)  # what a GradScaler sets on an optimizer that scales and skips inside of its step
_EXAMPLE = "CombinedOptimizer(muon=Muon(matrices, lr=0.02), adamw=AdamW(others, lr=3e-4))"


@final
class CombinedOptimizer(Optimizer):
    """One torch optimizer that steps several, each on its own parameters.

    Lightning's automatic optimization, a scheduler and a ``GradScaler`` take one optimizer. This one has the parameter groups of
    all of them, which are the same dicts, so what a scheduler writes is what they use. A training is equal, bit for bit, to one
    that steps them one after another.

    Each group gets two keys: ``"optimizer"``, the name of the optimizer that it belongs to, and ``"name"`` if it has none. The
    only group of an optimizer is called as its optimizer (``muon``), the groups of one that has several ``adamw/pg1``,
    ``adamw/pg2``. A name that another group has already gets its optimizer in front (``adamw/head``). A group that is added later
    comes after all others: ``add_param_group({"params": [...], "optimizer": "adamw"})``.

    The closure is evaluated once, before the first of them steps. ``state`` and ``zero_grad`` are those of all of them, and
    ``defaults`` has the entries on which they agree. With a ``GradScaler`` the gradients are unscaled once; if all of them are
    fused, they do it themselves. Hooks run on this optimizer and on each of them.

    ``state_dict()`` has torch's format, and names the optimizers and their classes. Its tensors and numbers load with
    ``weights_only=True``.

    Args:
        optimizers: torch optimizers, each under a name. They step in this order.

    Attributes:
        optimizers: the same.

    Raises:
        ScheduleError: for no optimizer, for something else, for a combination, for two that share a parameter, and for one that
            needs a closure to step (LBFGS), because it evaluates it several times.

    Example:
        >>> import torch
        >>> from lr_toolkit import CombinedOptimizer, Horizon, ScheduledLR
        >>> matrix, bias = (torch.nn.Parameter(torch.ones(shape)) for shape in [(2, 2), (2,)])
        >>> optimizer = CombinedOptimizer(
        ...     momentum=torch.optim.SGD([matrix], lr=0.02, momentum=0.95), adamw=torch.optim.AdamW([bias], lr=3e-4)
        ... )
        >>> [(group["name"], group["lr"]) for group in optimizer.param_groups]
        [('momentum', 0.02), ('adamw', 0.0003)]
        >>> scheduler = ScheduledLR(optimizer, "linear()", Horizon(steps=4))
        >>> optimizer.step()
        >>> scheduler.step()
        >>> optimizer.optimizers["adamw"].param_groups[0]["lr"]
        0.000225

    Reference:
        torchtitan's ``OptimizersContainer`` and Keller Jordan's ``MuonWithAuxAdam``, which do the same for optimizers of one
        class and for one pair.
    """

    def __init__(self, *positional: Optimizer, **optimizers: Optimizer) -> None:
        _check(positional, optimizers)
        # What torch's constructor would do, apart from its own groups and state. A copy and a pickle come this way too.
        self.__setstate__({"optimizers": optimizers, "_places": [], "defaults": _shared_defaults(optimizers.values())})

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in ("optimizers", "_places", "defaults")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.optimizers: dict[str, Optimizer]
        self._places: list[Place]  # of each group: its optimizer, and its position there
        self._seen: list[tuple[list[Group], int]] = []  # the groups that each optimizer had, to notice a change
        self._groups: list[Group] = []
        super().__setstate__(state)
        self._join_groups()

    # --- groups and state ---

    @property
    def param_groups(self) -> list[Group]:
        """The groups of all optimizers; another list after one of them got a group or loaded a state."""
        for optimizer, (groups, length) in zip(self.optimizers.values(), self._seen, strict=True):
            if optimizer.param_groups is not groups or len(groups) != length:
                self._join_groups()
                break
        return self._groups

    @param_groups.setter
    def param_groups(self, groups: Sequence[Group]) -> None:
        # Lightning's BaseFinetuning restores groups like this, and DeepSpeed narrows the list for a while.
        owners = [self._owner_of(group) for group in groups]
        for name, optimizer in self.optimizers.items():
            optimizer.param_groups = [group for group, owner in zip(groups, owners, strict=True) if owner == name]
        self._places = _places_of(owners)
        self._join_groups()

    def _join_groups(self) -> None:
        held = {name: optimizer.param_groups for name, optimizer in self.optimizers.items()}
        known = [(name, index) for name, index in self._places if index < len(held[name])]
        every = [(name, index) for name, groups in held.items() for index in range(len(groups))]
        self._places = known + [place for place in every if place not in set(known)]
        self._seen = [(groups, len(groups)) for groups in held.values()]
        self._groups = [held[name][index] for name, index in self._places]
        taken = {group["name"] for group in self._groups if "optimizer" in group and group.get("name")}
        for (name, index), group in zip(self._places, self._groups, strict=True):
            if group.get("optimizer") != name or not group.get("name"):
                group["optimizer"] = name
                group["name"] = _free_name(group.get("name"), name, index, len(held[name]), taken)
            taken.add(group["name"])

    def add_param_group(self, param_group: Group) -> None:
        """Add a group to the optimizer that the group's ``"optimizer"`` names.

        Raises:
            ScheduleError: if it names none of them, or has a parameter of another one.
        """
        owner = self._owner_of(param_group)
        others = {name: optimizer for name, optimizer in self.optimizers.items() if name != owner}
        _refuse_shared({**others, owner: param_group})
        self.optimizers[owner].add_param_group({key: value for key, value in param_group.items() if key != "optimizer"})
        self._join_groups()

    def _owner_of(self, group: Mapping[str, Any]) -> str:
        owner = group.get("optimizer")
        if owner not in self.optimizers:
            given = f"its optimizer is {shorten(owner)}" if "optimizer" in group else "it names none"
            raise ScheduleError(
                f"{self._described()}: a parameter group has to name the optimizer that it belongs to, and {given}. Write "
                f'optimizer.add_param_group({{"params": [...], "optimizer": "{next(iter(self.optimizers))}"}}).'
            )
        return str(owner)

    @property
    def state(self) -> MutableMapping[Any, Any]:  # type: ignore[override]  # torch's attribute is a defaultdict
        """The state of each parameter, in the optimizer that it belongs to."""
        return _JoinedState(list(self.optimizers.values()))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients of all parameters."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none)

    # --- updates ---

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step each optimizer; returns what the closure returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        scaling = {key: vars(self)[key] for key in _SCALING if key in vars(self)}
        for optimizer in self.optimizers.values():
            vars(optimizer).update(scaling)
            try:
                optimizer.step()
            finally:
                for key in scaling:
                    vars(optimizer).pop(key, None)
        return loss

    @property
    def _step_supports_amp_scaling(self) -> bool:
        """Whether a ``GradScaler`` leaves unscaling and skipping to the steps. Otherwise it does both for all, once."""
        return all(getattr(optimizer, "_step_supports_amp_scaling", False) for optimizer in self.optimizers.values())

    # --- checkpoints ---

    def state_dict(self) -> State:
        """The state in torch's format, where each group names its optimizer; ``"optimizers"`` has their classes."""
        for before in self._optimizer_state_dict_pre_hooks.values():
            before(self)
        self._join_groups()
        states = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        state = join_states(states, self._places, self._classes())
        for after in self._optimizer_state_dict_post_hooks.values():
            state = _or(after(self, state), state)
        return state

    def load_state_dict(self, state_dict: State) -> None:
        """Load a state into the optimizers under the same names; the groups take their order in the saved run.

        Raises:
            ScheduleError: if it is the state of another optimizer, of other optimizers, or of other groups. Nothing is changed
                then.
        """
        state = state_dict.copy()
        for before in self._optimizer_load_state_dict_pre_hooks.values():
            state = _or(before(self, state), state)
        held = {name: optimizer.param_groups for name, optimizer in self.optimizers.items()}
        states = split_state(state, self._classes(), held)
        self._places = _places_of([group["optimizer"] for group in state["param_groups"]])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(states[name])
        self._join_groups()
        for after in self._optimizer_load_state_dict_post_hooks.values():
            after(self)

    def _classes(self) -> dict[str, str]:
        return {name: type(optimizer).__name__ for name, optimizer in self.optimizers.items()}

    def _described(self) -> str:
        return f"CombinedOptimizer({', '.join(f'{name}={kind}' for name, kind in self._classes().items())})"


@final
class _JoinedState(MutableMapping[Any, Any]):
    """The state of several optimizers as one mapping; an entry lies in the optimizer that the parameter belongs to."""

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._optimizers = optimizers

    def _of(self, parameter: Any) -> MutableMapping[Any, Any]:
        for optimizer in self._optimizers:
            if parameter in optimizer.state:
                return optimizer.state
        for optimizer in self._optimizers:
            if any(parameter is held for group in optimizer.param_groups for held in group["params"]):
                return optimizer.state
        raise KeyError(parameter)

    def __getitem__(self, parameter: Any) -> Any:
        return self._of(parameter)[parameter]

    def __setitem__(self, parameter: Any, value: Any) -> None:
        self._of(parameter)[parameter] = value

    def __delitem__(self, parameter: Any) -> None:
        del self._of(parameter)[parameter]

    def __contains__(self, parameter: object) -> bool:
        return any(parameter in optimizer.state for optimizer in self._optimizers)

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(optimizer.state for optimizer in self._optimizers)

    def __len__(self) -> int:
        return sum(len(optimizer.state) for optimizer in self._optimizers)


def _check(positional: Sequence[object], optimizers: Mapping[str, object]) -> None:
    """Refuse what cannot be combined."""
    if positional or not optimizers:
        what = "each optimizer needs a name" if positional else "there is no optimizer"
        raise ScheduleError(f"CombinedOptimizer: {what}. Write {_EXAMPLE}.")
    for name, optimizer in optimizers.items():
        if not isinstance(optimizer, Optimizer):
            raise ScheduleError(
                f"CombinedOptimizer({name}={shorten(optimizer)}): must be a torch optimizer. Write {_EXAMPLE}."
            )
        if isinstance(optimizer, CombinedOptimizer):
            raise ScheduleError(
                f"CombinedOptimizer({name}=CombinedOptimizer): is a combination already. Write all optimizers into one: {_EXAMPLE}."
            )
        closure = inspect.signature(optimizer.step).parameters.get("closure")
        if closure is not None and closure.default is inspect.Parameter.empty:
            raise ScheduleError(
                f"CombinedOptimizer({name}={type(optimizer).__name__}): its step() needs a closure, which it evaluates several "
                "times, and the other optimizers cannot step in between. Train its parameters with an optimizer that steps "
                "from the gradients alone, such as AdamW."
            )
    _refuse_shared(optimizers)


def _refuse_shared(holders: Mapping[str, Any]) -> None:
    """Refuse a parameter in two places, each an optimizer or a parameter group."""
    owners: dict[int, str] = {}
    for name, holder in holders.items():
        for group in holder.param_groups if isinstance(holder, Optimizer) else [holder]:
            held = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
            for parameter in held:
                parameter = parameter[1] if isinstance(parameter, tuple) else parameter
                first = owners.setdefault(id(parameter), name)
                if first != name:
                    raise ScheduleError(
                        f"CombinedOptimizer: a parameter of shape {tuple(parameter.shape)} belongs to {first!r} and to {name!r}, "
                        "so each update would move it twice. Give each parameter to one of them."
                    )


def _shared_defaults(optimizers: Any) -> dict[str, Any]:
    """The defaults on which all optimizers agree; torch reads ``foreach`` and ``fused``, and its OneCycleLR ``betas``."""
    first, *others = [optimizer.defaults for optimizer in optimizers]
    return {key: value for key, value in first.items() if all(_is_same(value, other.get(key)) for other in others)}


def _is_same(first: Any, second: Any) -> bool:
    return first is second or not (isinstance(first, Tensor) or isinstance(second, Tensor) or first != second)


def _places_of(owners: Sequence[str]) -> list[Place]:
    counters = {owner: count() for owner in owners}
    return [(owner, next(counters[owner])) for owner in owners]


def _free_name(given: str | None, owner: str, index: int, groups: int, taken: set[str]) -> str:
    """The name of a group, which no other group has."""
    own = f"{owner}/{given or f'pg{index + 1}'}"
    wanted = given or (owner if groups == 1 else own)
    numbered = (f"{own}-{number}" for number in count(2))
    return next(name for name in chain([wanted, own], numbered) if name not in taken)


def _or(result: State | None, state: State) -> State:
    return state if result is None else result
