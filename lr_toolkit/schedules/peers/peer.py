"""One other library: its configurations by name, and the answers to names and arguments that it does not have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.translation import Translation

__all__ = ["PEERS", "Configuration", "Peer", "plateau_answer"]

Configuration: TypeAlias = Callable[..., Translation]

_RESUMED = ("last_epoch", "last_batch_iteration")

Prepare: TypeAlias = "Callable[[str, dict[str, Any]], tuple[dict[str, Any], tuple[str, ...]]]"

PEERS: dict[str, Peer] = {}
"""Every library by its name."""


class Peer:
    """The configurations of a library: functions with the signature of the library's own, without the optimizer.

    Args:
        name: the library, as the function of this package is called.
        modules: how its classes are imported, for a call such as ``torch.optim.lr_scheduler.StepLR(...)``.
        ignored: arguments that do not change the curve.
        refused: what it has that is no function of time, each with the reason and the line to write.
        prepare: what becomes of the arguments by name before they reach the configuration of that name, and notes about it.
    """

    def __init__(
        self,
        name: str,
        modules: tuple[str, ...],
        *,
        ignored: tuple[str, ...] = (),
        refused: Mapping[str, Callable[..., str]] | None = None,
        prepare: Prepare | None = None,
    ) -> None:
        self.name = name
        self.modules = modules
        self.ignored = frozenset({"optimizer", *ignored})
        self.configurations: dict[str, Configuration] = {}
        self.refused = dict(refused or {})
        self.examples: dict[str, str] = {}
        self.prepare = prepare
        PEERS[name] = self

    def configuration(
        self, *names: str, example: str = "", answers: Mapping[str, str] | None = None
    ) -> Callable[[Configuration], Configuration]:
        """Decorate a function: the library's configuration of its name, and of each of ``names``.

        Args:
            names: other names of it.
            example: arguments of a right call, for messages.
            answers: what to write in place of arguments that it does not have; ``{}`` stands for the value.
        """

        def register(function: Configuration) -> Configuration:
            own = function.__name__
            answered = answer_arguments(f"{self.name}.{own}", f"{self.name}.{own}({example})", answers or {})(function)
            for name in (own, *names):
                self.configurations[name] = answered
                self.examples[name] = example
            return answered

        return register

    @property
    def names(self) -> list[str]:
        """The names of the configurations, and of what is refused with a reason."""
        return [*self.configurations, *self.refused]

    def parameters(self, name: str) -> list[str]:
        """The names of a configuration's arguments, in order."""
        return [*inspect.signature(self.configurations[name]).parameters]

    def translate(self, name: object, /, *args: Any, **kwargs: Any) -> Translation:
        """The translation of a configuration.

        Raises:
            ScheduleError: for an unknown name or argument, a value that is impossible there, or what is no function of time.
        """
        if args and hasattr(args[0], "param_groups"):
            args = args[1:]
        resumed = next((key for key in _RESUMED if kwargs.get(key, -1) != -1), None)
        if resumed is not None:
            raise ScheduleError(
                f"{self.name}({shorten(name)}, {resumed}={shorten(kwargs[resumed])}): a run that is resumed loads the state of its "
                f"scheduler. Leave out {resumed}."
            )
        kwargs = {key: value for key, value in kwargs.items() if key not in self.ignored}
        if isinstance(name, str) and name in self.refused:
            raise ScheduleError(f"{self.name}.{name}: {self.refused[name](**kwargs)}")
        configuration = self.configurations[self._known(name)]
        own = inspect.unwrap(configuration).__name__
        try:
            prepared, notes = (kwargs, ()) if self.prepare is None else self.prepare(own, kwargs)
            return configuration(*args, **prepared).after(*notes)
        except ScheduleError as error:
            call = f"{self.name}.{own}"
            if str(error).startswith(call):
                raise
            given = ", ".join([*map(shorten, args), *(f"{key}={shorten(value)}" for key, value in kwargs.items())])
            raise ScheduleError(f"{call}({given}): {error}") from None

    def _known(self, name: object) -> str:
        if isinstance(name, str) and name in self.configurations:
            return name
        text = str(getattr(name, "value", name))  # transformers' SchedulerType is an enumeration
        if text in self.configurations:
            return text
        known = {name.lower(): name for name in reversed(self.names)}
        short = text.rpartition(".")[2].lower()  # of a.path.to.StepLR
        begun = [name for name in known if short and name.startswith(short)]
        near = get_close_matches(short, known, n=1, cutoff=0.6) or sorted(begun, key=len)[:1]
        listed = ", ".join(map(repr, self.configurations))
        fix = f"Did you mean {known[near[0]]!r}? The names are {listed}." if near else f"Write one of {listed}."
        raise ScheduleError(f"{self.name}({shorten(name)}): is not known. {fix}")


def plateau_answer(
    rule: str = "ReduceOnPlateau", *, needs: Mapping[str, float] | None = None, **renamed: str
) -> Callable[..., str]:
    """The answer to a rule that moves the LR with a metric: the line to write, with the arguments that it shares with ours.

    Args:
        rule: the rule of this package.
        needs: arguments that our rule must have, with the defaults of the other library.
        **renamed: for arguments of the other library their names here.
    """

    def answer(**kwargs: Any) -> str:
        shared = {renamed.get(key, key): value for key, value in kwargs.items()}
        if shared.get("mode") not in ("min", "max"):
            shared.pop("mode", None)
        known = ("monitor", "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "max_lr")
        given: dict[str, Any] = (
            {"monitor": "val_loss"} | dict(needs or {}) | {key: shared[key] for key in known if key in shared}
        )
        arguments = ", ".join(f"{key}={shorten(value)}" for key, value in given.items())
        return (
            "follows a metric, so it is no function of time. Write the rule beside a schedule: configure_optimizers("
            f"optimizer, hold(), trainer, plateau={rule}({arguments}))."
        )

    return answer
