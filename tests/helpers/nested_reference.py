"""Recipes as phases, and shapes that change a schedule as exact formulas: written a second time, without the package."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

from mpmath import mp, mpf

from tests.helpers.reference import DIGITS, Phase, Run, half_up

Arguments: TypeAlias = "dict[str, Any]"
Formula: TypeAlias = Callable[[Arguments, Run, int, float], mpf]  # the factor of an update

_LEVELS = ("end", "end_lr", "start", "start_lr", "over")


def _decay(name: str, more: Arguments, arguments: Arguments) -> list[Phase]:
    return [(name, more | {key: value for key, value in arguments.items() if key in _LEVELS})]


def _cooldown(arguments: Arguments, over: Any) -> Phase:
    """The cooldown of a recipe."""
    name = arguments.get("shape", "one_minus_sqrt")
    powers = {"sqrt": {"power": 0.5}, "square": {"power": 2.0}, "one_minus_square": {"power": 1.0, "k": 2.0}}
    kind = ("polynomial", powers[name]) if name in powers else (name, {})
    return kind[0], kind[1] | {"end": arguments.get("end", 0.0), "over": over}


def _one_cycle(arguments: Arguments) -> list[Phase]:
    shape, up = arguments.get("shape", "cosine"), arguments.get("up", "30%")
    start, end = arguments.get("start", 0.04), arguments.get("end", 4e-6)
    back = [(shape, {"end": start, "over": up})] if arguments.get("phases") == 3 else []
    return [(shape, {"start": start, "end": 1.0, "over": up}), *back, (shape, {"end": end})]


def _slanted(arguments: Arguments) -> list[Phase]:
    low = 1 / arguments.get("ratio", 32)
    return [("linear", {"start": low, "end": 1.0, "over": arguments.get("up", "10%")}), ("linear", {"end": low})]


PHASES_OF: dict[str, Callable[[Arguments], list[Phase]]] = {
    "sqrt": lambda a: _decay("polynomial", {"power": 0.5}, a),
    "square": lambda a: _decay("polynomial", {"power": 2.0}, a),
    "one_minus_square": lambda a: _decay("polynomial", {"power": 1.0, "k": 2.0}, a),
    "inverse_sqrt": lambda a: [("inverse_time", {"power": 0.5, **a})],
    "power_law": lambda a: [
        ("hold", {"over": a["knee"]}),
        ("inverse_time", {"timescale": a["knee"], "power": a.get("power", 0.51)}),
    ],
    "wsd": lambda a: [("warmup", {"over": a["warmup"]}), ("hold", {}), _cooldown(a, a["decay"])],
    "infinite": lambda a: [
        ("warmup", {"over": a["warmup"]}),
        ("cosine", {"end": a.get("plateau", 0.1), "over": a["decay"]}),
        ("hold", {}),
        _cooldown(a, a["cooldown"]),
    ],
    "flat_cosine": lambda a: [("hold", {}), ("cosine", {"end": a.get("end", 0.0), "over": a.get("decay", "25%")})],
    "one_cycle": _one_cycle,
    "slanted_triangular": _slanted,
}


# --- shapes that change a schedule, which is a line here ----------------------------------------------------------------


def _line(text: str, run: Run, begin: Fraction, until: Fraction, k: int) -> mpf:
    """The factor of update ``k`` of a line from 1 that begins and ends at these places, ``linear(end=..., over=...)``."""
    words = text.removeprefix("linear(").removesuffix(")").split(", ")
    given = dict(word.split("=") for word in words if word)
    end = mpf(given.get("end", "0"))
    if "over" in given:
        until = min(run.ahead(begin, given["over"].strip("'")), until)
    first, after = half_up(begin), half_up(until)
    progress = min(mpf(k - first) / (after - first), mpf(1))
    return 1 + (end - 1) * progress


def _span(arguments: Arguments, run: Run) -> Fraction:
    """Where a phase at the beginning of a run ends."""
    return run.ahead(Fraction(0), arguments["over"]) if "over" in arguments else Fraction(run.steps)


def _level(arguments: Arguments, name: str, base_lr: float, missing: float) -> mpf:
    if f"{name}_lr" in arguments:
        return mpf(arguments[f"{name}_lr"]) / mpf(base_lr)
    return mpf(arguments.get(name, missing))


def _clipped(arguments: Arguments, run: Run, k: int, base_lr: float) -> mpf:
    factor = _line(arguments["schedule"], run, Fraction(0), _span(arguments, run), k)
    return min(max(factor, _level(arguments, "min", base_lr, 0.0)), _level(arguments, "max", base_lr, 1e300))


def _scaled(arguments: Arguments, run: Run, k: int, base_lr: float) -> mpf:
    until, by, floor = _span(arguments, run), arguments["by"], _level(arguments, "floor", base_lr, 0.0)
    factor = _line(arguments["schedule"], run, Fraction(0), until, k)
    return max(
        floor + (factor - floor) * (_line(by, run, Fraction(0), until, k) if isinstance(by, str) else mpf(by)), 0
    )


def _stairs(arguments: Arguments, run: Run, k: int, base_lr: float) -> mpf:
    until, count = _span(arguments, run), 0
    while half_up(run.ahead(Fraction(0), arguments["every"], count + 1)) <= min(k, half_up(until) - 1):
        count += 1
    begin = half_up(run.ahead(Fraction(0), arguments["every"], count))
    return _line(arguments["schedule"], run, Fraction(0), until, begin)


Piece: TypeAlias = (
    "tuple[Fraction, Fraction, Callable[[mpf], mpf]]"  # a beginning, an end, and a level for each progress
)


def _value(cycles: list[list[Piece]], gamma: float, floor: mpf, k: int) -> mpf:
    """The factor of update ``k``: the last piece that begins there or earlier; after its end its last level."""
    factor = mpf(1)
    for number, pieces in enumerate(cycles):
        for begin, until, curve in pieces:
            first, after = half_up(begin), half_up(until)
            if first <= k and after > first:
                progress = min(mpf(k - first) / (after - first), mpf(1))
                factor = floor + (curve(progress) - floor) * mpf(gamma) ** number
    return factor


def _cycles(
    run: Run, lengths: list[Any], curves: list[Callable[[mpf], mpf]], growth: float, until: Fraction, rest: str
) -> list[list[Piece]]:
    """As many cycles of these lengths as fit before ``until``; the last piece, or another cycle, takes what is left."""
    cycles: list[list[Piece]] = []
    place = Fraction(0)
    while True:
        pieces = []
        for length, curve in zip(lengths, curves, strict=True):
            amount, unit = _amount(length)
            begin, place = place, run.ahead(place, f"1{unit}", amount * Fraction(repr(growth)) ** len(cycles))  # type: ignore[arg-type]
            pieces.append((begin, place, curve))
        if half_up(place) > half_up(until):
            break
        cycles.append(pieces)
    if rest == "cut":
        return [*cycles, pieces]
    begin, _, curve = cycles[-1][-1]
    cycles[-1][-1] = (begin, until, curve)
    return cycles


def _amount(length: Any) -> tuple[Fraction, str]:
    text = str(length)
    number = text.split()[0].removesuffix("%")
    return Fraction(number), text[len(number) :]


def _repeat(arguments: Arguments, run: Run, k: int, base_lr: float) -> mpf:
    until, growth, times = _span(arguments, run), arguments.get("growth", 1.0), arguments.get("times")
    floor, gamma, fall = _level(arguments, "floor", base_lr, 0.0), arguments.get("gamma", 1.0), lambda p: 1 - p
    text = arguments["schedule"].removeprefix("linear(").removesuffix(")").removeprefix("over=").strip("'")
    if not text:
        edges = [until * c / times for c in range(times + 1)]
        cycles = [[(edges[c], edges[c + 1], fall)] for c in range(times)]
    elif times:
        cycles, place, (amount, unit) = [], Fraction(0), _amount(text)
        for c in range(times):
            begin, place = place, run.ahead(place, f"1{unit}", amount * Fraction(repr(growth)) ** c)  # type: ignore[arg-type]
            cycles.append([(begin, place, fall)])
    else:
        cycles = _cycles(run, [text], [fall], growth, until, arguments.get("rest", "stretch"))
    return _value(cycles, gamma, floor, min(k, half_up(until)))


def _cosine_restarts(arguments: Arguments, run: Run, k: int, base_lr: float) -> mpf:
    end, gamma, growth = mpf(arguments.get("end", 0.0)), arguments.get("gamma", 1.0), arguments.get("growth", 1.0)
    floor = end if gamma != 1.0 else mpf(0)
    until, times, up = Fraction(run.steps), arguments.get("times"), arguments.get("warmup", 0)

    def fall(p: mpf) -> mpf:
        return end + (1 - end) * (1 + mp.cos(mp.pi * p)) / 2

    if times:
        cycles = [[(until * c / times, until * (c + 1) / times, fall)] for c in range(times)]
    elif up:
        curves = [lambda p: (p * up + 1) / (up + 1), fall]
        cycles = _cycles(run, [up, arguments["first"]], curves, growth, until, arguments.get("rest", "stretch"))
    else:
        cycles = _cycles(run, [arguments["first"]], [fall], growth, until, arguments.get("rest", "stretch"))
    return _value(cycles, gamma, floor, min(k, run.steps))


def _triangular(arguments: Arguments, run: Run, k: int, base_lr: float) -> mpf:
    low, gamma, until = _level(arguments, "low", base_lr, 0.0), arguments.get("gamma", 1.0), _span(arguments, run)
    lengths = [arguments["up"], arguments.get("down", arguments["up"])]
    curves = [lambda p: low + (1 - low) * p, lambda p: 1 + (low - 1) * p]
    cycles = _cycles(run, lengths, curves, 1.0, until, arguments.get("rest", "cut"))
    return _value(cycles, gamma, low if gamma != 1.0 else mpf(0), min(k, half_up(until)))


def _wsd_s(arguments: Arguments, run: Run, k: int, base_lr: float) -> mpf:
    """Each period by a run of its own."""
    times, growth = arguments.get("times", 2), Fraction(repr(arguments.get("growth", 1.0)))
    climb = run.ahead(Fraction(0), arguments["warmup"])
    unit = (run.steps - climb) / sum(growth**c for c in range(times))
    begins = [climb + unit * sum(growth**d for d in range(c)) for c in range(times + 1)]
    if k < half_up(climb):
        return mpf(k + 1) / (half_up(climb) + 1)
    c = max(c for c in range(times) if half_up(begins[c]) <= k)
    last = half_up(begins[c + 1])
    first = half_up(begins[c + 1] - arguments["decay"] * growth**c)
    p = min(max(mpf(k - first) / (last - first), mpf(0)), mpf(1))
    end = mpf(arguments.get("end", 0.0))
    return end + (1 - end) * (1 - (p if arguments.get("shape") == "linear" else mp.sqrt(p)))


NESTED: dict[str, Formula] = {
    "clipped": _clipped,
    "cosine_restarts": _cosine_restarts,
    "repeat": _repeat,
    "scaled": _scaled,
    "stairs": _stairs,
    "triangular": _triangular,
    "wsd_s": _wsd_s,
}


def by_formula(formula: Formula, base_lr: float) -> Callable[[str, Arguments, Run], list[float]]:
    """The LRs of a run by an exact formula."""

    def lrs(name: str, arguments: Arguments, run: Run) -> list[float]:
        with mp.workdps(DIGITS):
            return [float(mpf(base_lr) * formula(arguments, run, k, base_lr)) for k in range(run.steps + 3)]

    return lrs
