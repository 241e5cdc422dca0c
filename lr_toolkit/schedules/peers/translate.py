"""Translates a configuration of another library as it is written: finds its library, and fills in what only a run knows."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.peer import PEERS, Peer
from lr_toolkit.schedules.peers.per_epoch import per_epoch
from lr_toolkit.schedules.peers.read_call import read_call
from lr_toolkit.schedules.peers.read_section import read_section
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.peers.written import Unknown, Written
from lr_toolkit.schedules.registry import BUILDERS

__all__ = ["translate_call", "translate_section"]

_EXAMPLE = "get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=500, num_training_steps=10000)"
# Arguments that are the length of the run, which may be left out here.
_RUN = frozenset(
    {
        "T_max",
        "epochs",
        "lr_decay_steps",
        "max_epochs",
        "max_steps",
        "num_training_steps",
        "steps_per_epoch",
        "t_max",
        "total_num_steps",
        "total_steps",
    }
)


def translate_call(text: str) -> Translation | None:
    """The translation of a constructor's call; ``None`` if the text is no call.

    The optimizer is left out. The length of the run may be any expression; every other argument must be a number, a string or
    a list.

    Raises:
        ScheduleError: for a name or an argument that is not known, a value that is not in the text, or what is no function of time.

    Example:
        >>> translation = translate_call("torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.1, total_steps=100)")
        >>> translation.schedule, translation.base_lr
        (warmup(29, shape='cosine', start=0.04) >> cosine(end=4e-06, over=70), 0.1)
    """
    written = read_call(text)
    return None if written is None else _translate(written)


def translate_section(section: Mapping[Any, Any]) -> Translation:
    """The translation of a section of a configuration file, in the form of one of the libraries.

    Raises:
        ScheduleError: as ``translate_call``, or for a section of an unknown form.

    Example:
        >>> translate_section({"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 30}}).schedule
        step('30 epochs')
    """
    written = read_section(section)
    translation = _translate(written)
    if translation.base_lr is None and written.lr is not None:
        translation = Translation(translation.schedule, written.lr, translation.notes)
    return per_epoch(translation) if written.is_per_epoch else translation


def _translate(written: Written) -> Translation:
    peer, name = _library(written)
    if name in peer.refused:
        return peer.translate(
            name, **{key: value for key, value in written.kwargs.items() if not isinstance(value, Unknown)}
        )
    args = _without_optimizer(written.args)
    parameters = peer.parameters(name)
    named = dict(zip(parameters, args, strict=False))
    notes: list[str] = []
    filled = {key: _filled(key, value, notes) for key, value in named.items()}
    known = {
        key: value
        for key, value in written.kwargs.items()
        if key not in peer.ignored or not isinstance(value, Unknown | Written)
    }
    more = {key: _filled(key, value, notes) for key, value in known.items()}
    rest = tuple(_filled("an argument", value, notes) for value in args[len(parameters) :])
    return peer.translate(name, *filled.values(), *rest, **more).after(*notes)


def _without_optimizer(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Positional arguments without the optimizer: the first, or the second of ``get_scheduler("cosine", optimizer)``."""
    for index, value in enumerate(args[:2]):
        is_call = isinstance(value, Written) and not any(
            value.name.rpartition(".")[2] in peer.names for peer in PEERS.values()
        )
        if is_call or (isinstance(value, Unknown) and (index == 0 or "opt" in value.text)):
            return args[:index] + args[index + 1 :]
    return args


def _filled(name: str, value: Any, notes: list[str]) -> Any:
    """A value of an argument: the schedule of another call, or the length of the run in place of an expression."""
    if isinstance(value, Written):
        inner = _translate(value)
        if inner.base_lr is not None:
            raise ScheduleError(
                f"{value.name} has LRs of its own, which another scheduler cannot hold. Write it alone."
            )
        notes += [note for note in inner.notes if note not in notes]
        return inner.schedule
    if isinstance(value, list):
        return [_filled(name, element, notes) for element in value]
    if isinstance(value, Mapping):
        return {key: _filled(str(key), inner, notes) for key, inner in value.items()}
    if not isinstance(value, Unknown):
        return value
    if name in _RUN:
        notes.append(f"{name}={value.text} is read as what the run leaves, which the schedule takes by itself.")
        return None
    raise ScheduleError(
        f"{name}={shorten(value.text)[1:-1]}: its value is not in the text. Write the number in its place."
    )


def _library(written: Written) -> tuple[Peer, str]:
    """The library of a call, and the name of the configuration in it."""
    prefix, _, name = written.name.rpartition(".")
    having = [peer for peer in PEERS.values() if name in peer.names]
    meant = [peer for peer in having if peer.name == written.library or (prefix and _is_of(prefix, peer))] or having
    if len(meant) == 1 or (meant and all(name in peer.refused for peer in meant)):
        return min(meant, key=lambda peer: peer.name != "torch"), name
    if meant:
        calls = " or ".join(f"{peer.modules[0]}.{name}(...)" for peer in meant)
        raise ScheduleError(
            f"{written.name}: {' and '.join(peer.name for peer in meant)} have it. Write the module too: {calls}."
        )
    if name in BUILDERS:
        raise ScheduleError(f"{written.name}(...) is a builder of this package already. Write it as it is.")
    everything = sorted(
        {known for peer in PEERS.values() for known in peer.names if not known.islower() or "_" in known}
    )
    near = get_close_matches(name, everything, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}(...)? " if near else ""
    raise ScheduleError(f"{written.name}: no library that is known has it. {hint}Write a call such as {_EXAMPLE}.")


def _is_of(prefix: str, peer: Peer) -> bool:
    """Whether ``a.b`` is a way to write a module of the library."""
    return any(
        prefix == module or module.endswith(f".{prefix}") or prefix.startswith(f"{module}.") for module in peer.modules
    )
