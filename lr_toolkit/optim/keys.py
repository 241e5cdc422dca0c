"""What a schedule can drive in a parameter group: an entry such as ``"lr"``, or a place in one, ``"betas[0]"``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from torch import Tensor

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError, shorten

__all__ = ["BASE_OF_ZERO", "Cell", "Key"]

BASE_OF_ZERO = (
    "The base LR of each group of {} is 0, and every schedule multiplies it, so nothing is trained. Write it for the optimizer, for "
    "example lr=3e-4."
)

Group: TypeAlias = "dict[str, Any]"


@final
@dataclass(frozen=True, slots=True)
class Key:
    """One number of each parameter group.

    Its base value is what the group has under ``initial_<entry>``, as torch's schedulers keep an LR, or else what it has now.

    Attributes:
        entry: the key of the group.
        place: the place in the entry, if that is a tuple.

    Example:
        >>> group = {"lr": 0.1, "betas": (0.9, 0.999)}
        >>> key = Key.parse("betas[1]")
        >>> key.base_of(group, 0), key.is_in({"lr": 0.1})
        (0.999, False)
        >>> key.cells([group])[0][str(key)] = 0.99
        >>> group["betas"]
        (0.9, 0.99)
    """

    entry: str
    place: int | None = None

    @classmethod
    def parse(cls, text: str) -> Key:
        """The key that ``str`` prints."""
        match = re.fullmatch(r"(.+)\[(\d+)\]", text)
        return cls(match[1], int(match[2])) if match else cls(text)

    def __str__(self) -> str:
        return self.entry if self.place is None else f"{self.entry}[{self.place}]"

    @property
    def name(self) -> str:
        """How it is called in logs: ``beta1`` for ``betas[0]``, and otherwise as in a parameter group."""
        return f"beta{self.place + 1}" if self.entry == "betas" and self.place is not None else str(self)

    def number_in(self, group: Mapping[str, Any]) -> Any:
        """The number of a group that has it: a number, or a tensor."""
        return group[self.entry] if self.place is None else group[self.entry][self.place]

    def is_in(self, group: Mapping[str, Any]) -> bool:
        """Whether a group has a number there."""
        value = group.get(self.entry)
        if self.place is not None:
            if not is_list(value) or self.place >= len(value):
                return False
            value = value[self.place]
        return isinstance(value, (int, float, Tensor)) and not isinstance(value, bool)

    def cells(self, groups: list[Group], members: Sequence[int] | None = None) -> Sequence[Any]:
        """What holds the number of each of the groups under ``str(self)``: the groups themselves, or views of a place.

        Args:
            groups: the groups of an optimizer.
            members: the positions of those that are meant; ``None`` for all.
        """
        chosen = groups if members is None else [groups[index] for index in members]
        return chosen if self.place is None else [Cell(group, self.entry, self.place) for group in chosen]

    def base_of(self, group: Group, index: int) -> float:
        """The base value of a group.

        Raises:
            ScheduleError: if it is no finite number from zero on.
        """
        source = group.get(f"initial_{self.entry}", group.get(self.entry))
        value = source if self.place is None else source[self.place]  # type: ignore[index]  # a tuple
        try:
            base = float(value)  # type: ignore[arg-type]  # float() is the test
        except (TypeError, ValueError):
            base = math.nan
        if value is None and "relative_step" in group:
            raise ScheduleError(
                "ScheduledLR: the lr of this Adafactor is None, so it computes its own and no schedule can act on it. Write "
                "Adafactor(parameters, lr=1e-3, relative_step=False, warmup_init=False)."
            )
        if not 0.0 <= base < math.inf:
            example = "lr=1e-3" if self.entry == "lr" else f"{self.entry}=..."
            raise ScheduleError(
                f"ScheduledLR: the {self} of parameter group {group.get('name', index)!r} is {shorten(value)}, and a base "
                f"{'LR' if self.entry == 'lr' else 'value'} is a finite number, zero or more. Write {example} for the optimizer."
            )
        return base

    def keep_base(self, group: Group, base: float | None = None) -> None:
        """Keep what the group has as its base value, if it has none, or write another one.

        A tensor is filled in place: a compiled optimizer would compile again for a value of another type.
        """
        name = f"initial_{self.entry}"
        if name not in group:
            now = group[self.entry]
            group[name] = tuple(map(float, now)) if self.place is not None else float(now)
        initial = group[name]
        if base is None:
            return
        if isinstance(initial, Tensor):
            initial.detach().fill_(base)
        elif initial != base:
            group[name] = base


@final
@dataclass(frozen=True, slots=True)
class Cell:
    """The number at a place of a group's tuple, read and written as an entry of a group is."""

    group: Group
    entry: str
    place: int

    def __getitem__(self, key: str) -> Any:
        return self.group[self.entry][self.place]

    def __setitem__(self, key: str, value: Any) -> None:
        values = list(self.group[self.entry])
        values[self.place] = value
        self.group[self.entry] = tuple(values)
