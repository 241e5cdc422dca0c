"""The schedulers of ``torch.optim.lr_scheduler`` that are functions of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.peer import Peer, plateau_answer
from lr_toolkit.schedules.peers.phases import (
    Arguments,
    climb,
    joined,
    level,
    listed,
    number,
    one_of,
    percent,
    share,
    stay,
    whole,
)
from lr_toolkit.schedules.peers.sequence import in_sequence, product
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.recipes import one_cycle, triangular
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import (
    cosine,
    custom,
    exponential,
    hold,
    linear,
    multistep,
    polynomial,
    repeat,
    scaled,
    step,
)

__all__ = ["torch"]

_TORCH = Peer(
    "torch",
    ("torch.optim.lr_scheduler", "torch.optim", "lr_scheduler"),
    ignored=("last_epoch", "verbose", "base_momentum", "max_momentum"),
    refused={
        "ReduceLROnPlateau": plateau_answer(),
        "MultiplicativeLR": lambda **_: (
            "multiplies the LR before by a function's value, so an LR needs all values before it. Write the product in closed "
            "form: custom(lambda i: 0.95**i), or exponential(0.95, every=1)."
        ),
        "SWALR": lambda **_: (
            "moves from the LR that it finds to another, so it has no LR of its own. Write the phase after what runs before it: "
            "... >> cosine(end_lr=0.01, over=10) >> hold()."
        ),
    },
)


def torch(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals a scheduler of torch, which is stepped as often as ours.

    The optimizer's LR is the base, as there; ``OneCycleLR`` and ``CyclicLR`` replace it by ``max_lr``, so give the optimizer
    that LR. A number of steps counts calls of ``scheduler.step()``, whether per update or per epoch.

    Kept: the last update is one step short of the end, and ``OneCycleLR`` peaks one update early and hits its end exactly.
    Refused as defects: the cosine's climb after ``T_max``; ``total_iters=0``, after which the LR stays at ``start_factor``;
    ``OneCycleLR``'s error after its last update; a peak of ``OneCycleLR`` between two updates, which moves to the nearest.

    Args:
        name: the class: ``"StepLR"``, ``"MultiStepLR"``, ``"ConstantLR"``, ``"LinearLR"``, ``"ExponentialLR"``,
            ``"PolynomialLR"``, ``"CosineAnnealingLR"``, ``"CosineAnnealingWarmRestarts"``, ``"CyclicLR"``, ``"OneCycleLR"``,
            ``"LambdaLR"``, ``"SequentialLR"`` or ``"ChainedScheduler"`` (of a list of schedules).
        *args: its arguments without the optimizer.
        **kwargs: its arguments by name.

    Raises:
        ScheduleError: for another name or argument, a value that torch cannot follow either, or a class that is no function of
            time: ``ReduceLROnPlateau``, ``MultiplicativeLR``, ``SWALR``.

    Example:
        >>> torch("CosineAnnealingLR", T_max=100, eta_min=1e-5)
        cosine(end_lr=1e-05, over=100)
        >>> torch("SequentialLR", [torch("LinearLR", 0.1, total_iters=5), torch("StepLR", 30)], milestones=[5])
        warmup(5, start=0.1) >> step(30, start=1.0)

    Reference:
        torch 2.13, ``torch/optim/lr_scheduler.py``.
    """
    return _TORCH.translate(name, *args, **kwargs).schedule


@_TORCH.configuration(example="step_size=30")
def StepLR(step_size: int, gamma: float = 0.1) -> Translation:
    """Stairs."""
    return Translation(step(whole("step_size", step_size, 1), gamma=gamma))


@_TORCH.configuration(example="milestones=[30, 80]")
def MultiStepLR(milestones: Sequence[int], gamma: float = 0.1) -> Translation:
    """Stairs at milestones; a milestone at 0 acts from the first update, and one that is given twice acts twice."""
    times = Counter(whole("milestones", milestone) for milestone in listed("milestones", milestones, "[30, 80]"))
    factor = number("gamma", gamma, above_zero=True)
    first = factor ** times.pop(0, 0)
    if not times:
        return Translation(hold() if first == 1.0 else hold(level=first))
    if set(times.values()) == {1}:
        return Translation(multistep(sorted(times), gamma=factor, start=None if first == 1.0 else first))
    parts, before, at_level = [], 0, first
    for milestone, count in sorted(times.items()):
        parts.append(hold(milestone - before, level=at_level))
        before, at_level = milestone, at_level * factor**count
    return Translation(joined(*parts, hold(level=at_level)))


@_TORCH.configuration(example="factor=0.5, total_iters=5")
def ConstantLR(factor: float = 1 / 3, total_iters: int = 5) -> Translation:
    """A level for some updates, then the base LR."""
    if factor == 1:
        return Translation(hold())
    return Translation(joined(stay(whole("total_iters", total_iters), level=factor), hold(level=1.0)))


@_TORCH.configuration(example="start_factor=0.1, total_iters=5")
def LinearLR(start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5) -> Translation:
    """A line from one factor to another."""
    length = whole("total_iters", total_iters, 1)  # with 0 torch stays at start_factor
    if start_factor == end_factor:
        return Translation(hold(level=start_factor))
    if end_factor == 1:
        return Translation(joined(climb(length, start=start_factor)))
    return Translation(linear(end_factor, over=length, **({} if start_factor == 1 else {"start": start_factor})))


@_TORCH.configuration(example="gamma=0.95")
def ExponentialLR(gamma: float) -> Translation:
    """A smooth decay by the same factor at each step."""
    return Translation(hold() if gamma == 1 else exponential(gamma, every=1))


@_TORCH.configuration(example="total_iters=100, power=2.0")
def PolynomialLR(total_iters: int = 5, power: float = 1.0) -> Translation:
    """A power of the remaining share, to zero."""
    length = whole("total_iters", total_iters, 1)  # with 0 torch stays at the base LR
    return Translation(linear(over=length) if power == 1 else polynomial(power, over=length))


@_TORCH.configuration(example="T_max=100")
def CosineAnnealingLR(T_max: int | None, eta_min: float = 0.0) -> Translation:
    """Half a cosine; torch climbs again after ``T_max``."""
    over = None if T_max is None else whole("T_max", T_max, 1)
    translation = Translation(cosine(**level("end", "eta_min", eta_min), over=over))
    return translation.after("After T_max updates torch's LR climbs again; here it stays at its end.")


@_TORCH.configuration(example="T_0=10, T_mult=2")
def CosineAnnealingWarmRestarts(T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> Translation:
    """Half cosines, each ``T_mult`` times as long as the one before; the run may end inside one."""
    inner = cosine(start=1.0, **level("end", "eta_min", eta_min), over=whole("T_0", T_0, 1))
    growth = whole("T_mult", T_mult, 1)
    return Translation(repeat(inner, growth=float(growth), rest="cut"))


@_TORCH.configuration(example="base_lr=0.001, max_lr=0.1, step_size_up=2000")
def CyclicLR(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[float], float] | None = None,
    scale_mode: str = "cycle",
    cycle_momentum: bool = True,
) -> Translation:
    """Triangles between two LRs; ``max_lr`` is the base LR here."""
    if scale_fn is not None:
        raise ScheduleError(
            "scale_fn holds a Python function. Write one of the modes, or the product with your function: "
            "scaled(triangular(2000, low=0.01), by=custom(fn), floor=0.01)."
        )
    one_of("mode", mode, ("triangular", "triangular2", "exp_range"))
    low = share(number("base_lr", base_lr), number("max_lr", max_lr, above_zero=True))
    up = whole("step_size_up", step_size_up, 1)
    down = up if step_size_down is None else whole("step_size_down", step_size_down, 1)
    schedule = triangular(up, None if down == up else down, low=low, gamma=0.5 if mode == "triangular2" else 1.0)
    if mode == "exp_range" and gamma != 1.0:
        schedule = scaled(schedule, exponential(gamma, every=1), floor=low)
    translation = Translation(schedule, float(max_lr))
    return translation.after(_MOMENTUM.format("CyclicLR", "0.9 to 0.8")) if cycle_momentum else translation


@_TORCH.configuration(example="max_lr=0.1, total_steps=1000")
def OneCycleLR(
    max_lr: float,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    cycle_momentum: bool = True,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> Translation:
    """A climb to ``max_lr``, which is the base LR here, and a decay that hits its end at the last update."""
    base = number("max_lr", max_lr, above_zero=True)
    one_of("anneal_strategy", anneal_strategy, ("cos", "linear"))
    if not 0 < number("pct_start", pct_start) < 1:
        raise ScheduleError(f"pct_start={shorten(pct_start)} must lie between 0 and 1, as in pct_start=0.3.")
    if total_steps is None and epochs is not None and steps_per_epoch is not None:
        total_steps = whole("epochs", epochs, 1) * whole("steps_per_epoch", steps_per_epoch, 1)
    first = number("div_factor", div_factor, above_zero=True)
    start, end = share(1.0, first), share(1.0, first * number("final_div_factor", final_div_factor, above_zero=True))
    notes: tuple[str, ...] = (_MOMENTUM.format("OneCycleLR", "0.95 to 0.85"),) if cycle_momentum else ()
    if total_steps is None:
        kind: Arguments = {
            "shape": "cosine" if anneal_strategy == "cos" else "linear",
            "phases": 3 if three_phase else 2,
        }
        recipe = one_cycle(percent(pct_start), start=start, end=end, **kind)
        note = "torch peaks one update earlier and hits its end at the last update; here the end comes after it."
        return Translation(recipe, base, (*notes, note))
    shape = cosine if anneal_strategy == "cos" else linear
    rising: Arguments = {"shape": "cosine"} if anneal_strategy == "cos" else {}
    steps, peak = whole("total_steps", total_steps, 2), pct_start * total_steps
    up = round(peak) - 1
    down = up if three_phase else 0
    if up < 1 or steps - 1 - up - down < 1:
        raise ScheduleError(
            f"pct_start={pct_start} of {steps} updates leaves a phase without an update, for which torch divides by zero. Write a "
            "longer run, or another pct_start."
        )
    if abs(peak - round(peak)) > 1e-9:
        notes = (*notes, f"torch's peak lies between two updates, at {peak - 1:g}; here it is update {up}.")
    back = [shape(start, over=down)] if three_phase else []
    climbing, fall = climb(up, start=start, **rising), shape(end, over=steps - 1 - up - down)
    if cycle_momentum:
        momentum = joined(shape(0.85, start=0.95, over=up), shape(0.95, over=down or steps - 1 - up))
        notes = (
            *notes,
            f"For the momentum write momentum=absolute({momentum!r}), for Adam betas=(absolute(...), None), beside it.",
        )
    return Translation(joined(climbing, *back, fall), base, notes)


@_TORCH.configuration(example="lr_lambda=lambda i: 0.95**i")
def LambdaLR(lr_lambda: Callable[[int], float]) -> Translation:
    """A function of the step."""
    if isinstance(lr_lambda, (list, tuple)):
        raise ScheduleError("lr_lambda is a list, one for each group. Write custom(fn) for each group.")
    return Translation(custom(lr_lambda))


@_TORCH.configuration(example="[warmup(5), cosine()], milestones=[5]")
def SequentialLR(schedulers: Sequence[Any], milestones: Sequence[int]) -> Translation:
    """Schedules one after another, each from the base LR, on its own clock, and cut at its milestone."""
    return Translation(in_sequence(schedulers, milestones))


@_TORCH.configuration(example="[warmup(5), step(30)]")
def ChainedScheduler(schedulers: Sequence[Any]) -> Translation:
    """The product of schedules; those with an absolute LR, which torch does not multiply, are refused."""
    return Translation(product(schedulers))


_MOMENTUM = "{} also moves the momentum, from {} and back; this schedule moves the LR alone. cycle_momentum=False shows that this is meant."
