"""A second, slow implementation of the conventions: exact fractions for places, fifty digits for values, nothing of the package.

A schedule is plain data here, ``[("warmup", {"over": "5%"}), ("cosine", {"end": 0.1})]``, and ``Run.lr`` computes the LR that
an update must have.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

from mpmath import mp, mpf

Text = int | str
Phase = tuple[str, dict[str, Any]]

DIGITS = 50
STAIRS = ("step", "multistep", "exponential")
MULTIPLYING = (*STAIRS, "inverse_time", "power_cool")


def raised(p: mpf, arguments: dict[str, Any]) -> mpf:
    """The progress to the power of ``k``."""
    return p ** mpf(arguments.get("k", 1))


def tangent(p: mpf, arguments: dict[str, Any]) -> mpf:
    """A piece of a hyperbolic tangent, from 1 to 0."""
    low, high = mpf(arguments.get("lower", -7)), mpf(arguments.get("upper", 3))
    return (mp.tanh(high) - mp.tanh(low + (high - low) * p)) / (mp.tanh(high) - mp.tanh(low))


def bent(p: mpf, arguments: dict[str, Any]) -> mpf:
    """An exponential from 1 to 0; without a ratio it depends on both levels."""
    ratio = mpf(arguments["ratio"])
    return (ratio**p - ratio) / (1 - ratio)


# What is left of the way at a progress p.
DECAYS: dict[str, Callable[[mpf, dict[str, Any]], mpf]] = {
    "cosine": lambda p, a: ((1 + mp.cos(mp.pi * raised(p, a))) / 2) ** mpf(a.get("power", 1)),
    "linear": lambda p, a: 1 - p,
    "polynomial": lambda p, a: (1 - raised(p, a)) ** mpf(a["power"]),
    "one_minus_sqrt": lambda p, a: 1 - mp.sqrt(p),
    "rex": lambda p, a: (1 - p) / (mpf(a.get("beta", 0.5)) + (1 - mpf(a.get("beta", 0.5))) * (1 - p)),
    "tanh": tangent,
    "exponential_to": bent,
}
# A climb from 0 to 1 after j of m updates.
CLIMBS: dict[str, Callable[[mpf, mpf], mpf]] = {
    "linear": lambda j, m: j / m,
    "cosine": lambda j, m: (1 - mp.cos(mp.pi * j / m)) / 2,
    "quadratic": lambda j, m: (j / m) ** 2,
    "log": lambda j, m: mp.log(1 + j) / mp.log(1 + m),
    "exponential": lambda j, m: (1 - mp.exp(-5 * j / m)) / (1 - mp.exp(-5)),
    "constant": lambda j, m: mpf(0),
}


def exact(fraction: Fraction) -> mpf:
    """A fraction to fifty digits."""
    return mpf(fraction.numerator) / fraction.denominator


def half_up(place: Fraction) -> int:
    """The whole number next to ``place``; a half goes up."""
    return math.floor(place + Fraction(1, 2))


@dataclass(frozen=True)
class Run:
    """A schedule on a run of ``steps`` updates, in epochs of ``lengths`` updates (the last for all that follow)."""

    phases: list[Phase]
    steps: int
    lengths: tuple[int, ...] = ()
    levels: dict[tuple[int, float], mpf] = field(default_factory=dict, repr=False, compare=False)

    def epoch_at(self, place: Fraction) -> Fraction:
        """Walk along the epochs up to ``place``."""
        epoch, length = 0, self.lengths[0]
        while place >= length and epoch < len(self.lengths) - 1:
            place, epoch = place - length, epoch + 1
            length = self.lengths[epoch]
        return epoch + place / length

    def step_at(self, epoch: Fraction) -> Fraction:
        """Walk along the updates up to the beginning of ``epoch``."""
        place, index = Fraction(0), 0
        while epoch >= 1 and index < len(self.lengths) - 1:
            place, epoch, index = place + self.lengths[index], epoch - 1, index + 1
        return place + epoch * self.lengths[index]

    def ahead(self, place: Fraction, duration: Text, times: int = 1) -> Fraction:
        """The place ``times`` durations after ``place``."""
        text = str(duration)
        amount = Fraction(text.split()[0].removesuffix("%")) * times
        if "epoch" in text:
            return self.step_at(self.epoch_at(place) + amount)
        return place + (amount * self.steps / 100 if "%" in text else amount)

    @cached_property
    def places(self) -> list[Fraction]:
        """The exact beginnings of the phases, and the end of the last."""
        lengths = [arguments.get("over") for _, arguments in self.phases]
        opening = lengths.index(None) if None in lengths else len(lengths)
        before, after = [Fraction(0)], [Fraction(self.steps)]
        for length in lengths[:opening]:
            before.append(self.ahead(before[-1], length))
        for length in reversed(lengths[opening + 1 :]):
            after.insert(0, self.ahead(after[0], length, -1))
        return before if opening == len(lengths) else before + after

    @cached_property
    def starts(self) -> list[int]:
        """The first update of each phase, and the one after the last."""
        return [half_up(place) for place in self.places]

    @property
    def fits(self) -> bool:
        """Whether the phases fit the run, the open one gets an update, and every milestone lies inside of its phase."""
        for index, (start, end) in enumerate(pairwise(self.starts)):
            name, arguments = self.phases[index]
            least = 1 if "over" not in arguments else 0
            if name == "hyperbolic":
                place = self.places[index]
                if self.ahead(place, arguments["limit"]) - place < end - start:
                    return False
            if name == "multistep":
                least = max(least, half_up(self.ahead(self.places[index], arguments["at"][-1])) - start + 1)
            if end - start < least:
                return False
        return self.places[-1] <= self.steps

    def moves(self, base_lr: float) -> bool:
        """Whether no phase begins where it ends, or at zero if it multiplies."""
        for index, (name, arguments) in enumerate(self.phases):
            first = self.first(index, base_lr)
            if (name in DECAYS or name == "hyperbolic") and abs(first - self.last(arguments, base_lr)) < 1e-9:
                return False
            if name == "exponential_to" and "ratio" not in arguments and first < 1e-200:
                return False
            if name in MULTIPLYING and first < 1e-200:
                return False
        return True

    def drops(self, index: int, i: int) -> int:
        """How many drops of phase ``index`` have come by its update ``i``."""
        name, arguments = self.phases[index]
        place, start = self.places[index], self.starts[index]
        if name == "multistep":
            return sum(half_up(self.ahead(place, milestone)) - start <= i for milestone in arguments["at"])
        count = 0
        while half_up(self.ahead(place, arguments["every"], count + 1)) - start <= i:
            count += 1
        return count

    def first(self, index: int, base_lr: float) -> mpf:
        """The factor at which phase ``index`` begins: its own start, or the level at which the phase before it ended."""
        if (index, base_lr) not in self.levels:
            _, arguments = self.phases[index]
            if "start_lr" in arguments:
                level = mpf(arguments["start_lr"]) / mpf(base_lr)
            elif "start" in arguments:
                level = mpf(arguments["start"])
            else:
                level = self.held(index - 1, base_lr)
            self.levels[index, base_lr] = level
        return self.levels[index, base_lr]

    def last(self, arguments: dict[str, Any], base_lr: float) -> mpf:
        """The factor at which a decay ends."""
        if "end_lr" in arguments:
            return mpf(arguments["end_lr"]) / mpf(base_lr)
        return mpf(arguments.get("end", 0.0))

    def factor(self, index: int, i: int, base_lr: float) -> mpf:
        """The factor of update ``i`` of phase ``index``; ``i = n`` is the limit at the end."""
        name, arguments = self.phases[index]
        n = self.starts[index + 1] - self.starts[index]
        if name == "warmup":
            return self.climbed(arguments, i, n, base_lr)
        if name == "hold":
            if "level_lr" in arguments:
                return mpf(arguments["level_lr"]) / mpf(base_lr)
            return mpf(arguments["level"]) if "level" in arguments else self.held(index - 1, base_lr)
        if name == "piecewise":
            return self.on_path(index, i, base_lr)
        if name in DECAYS or name == "hyperbolic":
            return self.fallen(index, i, base_lr)
        return self.first(index, base_lr) * self.multiplied(index, i)

    def multiplied(self, index: int, i: int) -> mpf:
        """By how much a phase that multiplies its level has changed it by its update ``i``."""
        name, arguments = self.phases[index]
        start, n = self.starts[index], self.starts[index + 1] - self.starts[index]
        if name == "inverse_time":
            scale = exact(self.ahead(self.places[index], arguments["timescale"]) - self.places[index])
            passed = 1 + mpf(arguments.get("rate", 1)) * i / scale
            return passed ** -mpf(arguments.get("power", 1))
        if name == "power_cool":
            left = 1 - mpf(i) / n / mpf(arguments.get("beyond", 1)) if n else mpf(1)
            return min(mpf(1), mpf(arguments.get("scale", 2)) * left ** mpf(arguments.get("power", 1.2)))
        if name in ("step", "multistep"):
            return mpf(arguments.get("gamma", 0.1)) ** self.drops(index, min(i, max(n - 1, 0)))
        every = arguments.get("every", "1 epoch")
        if "epoch" in str(every):
            passed = self.epoch_at(Fraction(start + i)) - self.epoch_at(Fraction(start))
            intervals = passed / Fraction(every.split()[0])
        else:
            intervals = i / self.ahead(Fraction(0), every)
        return mpf(arguments["gamma"]) ** exact(intervals)

    def fallen(self, index: int, i: int, base_lr: float) -> mpf:
        """The factor of update ``i`` of a decay."""
        name, arguments = self.phases[index]
        n, first, last = (
            self.starts[index + 1] - self.starts[index],
            self.first(index, base_lr),
            self.last(arguments, base_lr),
        )
        progress = mpf(i) / n if n else mpf(1)
        if name == "exponential_to" and "ratio" not in arguments:
            return first * (last / first) ** progress
        if name == "hyperbolic":
            far = 2 * exact(self.ahead(self.places[index], arguments["limit"]) - self.places[index])
            left = mp.sqrt(mpf(n - i) * (far - n - i) / (n * (far - n))) if n else mpf(0)
        else:
            left = DECAYS[name](progress, arguments)
        return first * left + last * (1 - left)

    def climbed(self, arguments: dict[str, Any], i: int, n: int, base_lr: float) -> mpf:
        """The factor of update ``i`` of a warmup of ``n`` updates; without a start it begins an update earlier, at zero."""
        start = arguments.get("start")
        if "start_lr" in arguments:
            start = mpf(arguments["start_lr"]) / mpf(base_lr)
        early, is_last = start is None, arguments.get("peak") == "last"
        j, m = mpf(i + early), mpf(n + early - is_last)
        if i == n or m == 0:
            return mpf(1)
        share, low = CLIMBS[arguments.get("shape", "linear")](j, m), mpf(0) if start is None else mpf(start)
        return low + (1 - low) * share

    def on_path(self, index: int, i: int, base_lr: float) -> mpf:
        """The factor of update ``i`` on the path through the levels of ``piecewise``."""
        arguments, place, start = self.phases[index][1], self.places[index], self.starts[index]
        levels = [mpf(level) for level in arguments.get("levels", ())]
        levels = levels or [mpf(level) / mpf(base_lr) for level in arguments["levels_lr"]]
        points = [0, *(half_up(self.ahead(place, milestone)) - start for milestone in arguments["at"])]
        passed = max(j for j, point in enumerate(points) if point <= i)
        shape = arguments.get("shape", "constant")
        if shape == "constant" or passed == len(points) - 1:
            return levels[passed]
        share = CLIMBS[shape](mpf(i - points[passed]), mpf(points[passed + 1] - points[passed]))
        return levels[passed] + (levels[passed + 1] - levels[passed]) * share

    def held(self, index: int, base_lr: float) -> mpf:
        """The level at which phase ``index`` ended."""
        return self.factor(index, self.starts[index + 1] - self.starts[index], base_lr) if index >= 0 else mpf(1)

    def lr(self, k: int, base_lr: float = 1.0) -> mpf:
        """The LR of update ``k`` for a group of that base LR."""
        with mp.workdps(DIGITS):
            index = max((j for j, start in enumerate(self.starts[:-1]) if start <= k), default=0)
            if k >= self.starts[-1]:
                factor = self.held(len(self.phases) - 1, base_lr)
            else:
                factor = self.factor(index, k - self.starts[index], base_lr)
            return mpf(base_lr) * factor
