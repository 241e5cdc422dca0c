"""The conventions once more, slowly and plainly: exact fractions for places, fifty digits for values, nothing of ours.

A schedule is written here as plain data, ``[("warmup", {"over": "5%"}), ("cosine", {"end": 0.1})]``, and ``Run.lr`` says
what the LR of an update has to be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

from mpmath import mp, mpf

Text = int | str
Phase = tuple[str, dict[str, Any]]

DIGITS = 50
DECAYS = {
    "cosine": lambda p, _: (1 + mp.cos(mp.pi * p)) / 2,
    "linear": lambda p, _: 1 - p,
    "polynomial": lambda p, power: (1 - p) ** mpf(power),
    "one_minus_sqrt": lambda p, _: 1 - mp.sqrt(p),
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

    def epoch_at(self, place: Fraction) -> Fraction:
        """Walk along the epochs up to ``place``."""
        epoch, length = 0, self.lengths[0]
        while place >= length and epoch < len(self.lengths) - 1:
            place, epoch = place - length, epoch + 1
            length = self.lengths[epoch]
        return epoch + place / length

    def step_at(self, epoch: Fraction) -> Fraction:
        """Walk along the updates up to the beginning of ``epoch``."""
        place, at = Fraction(0), 0
        while epoch >= 1 and at < len(self.lengths) - 1:
            place, epoch, at = place + self.lengths[at], epoch - 1, at + 1
        return place + epoch * self.lengths[at]

    def ahead(self, place: Fraction, duration: Text, times: int = 1) -> Fraction:
        """Where ``times`` durations after ``place`` are over."""
        text = str(duration)
        amount = Fraction(text.split()[0].removesuffix("%")) * times
        if "epoch" in text:
            return self.step_at(self.epoch_at(place) + amount)
        return place + (amount * self.steps / 100 if "%" in text else amount)

    @cached_property
    def places(self) -> list[Fraction]:
        """Where the phases begin, exactly, and where the last one ends."""
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
        for at, (start, end) in enumerate(pairwise(self.starts)):
            name, arguments = self.phases[at]
            least = 1 if "over" not in arguments else 0
            if name == "multistep":
                least = max(least, half_up(self.ahead(self.places[at], arguments["at"][-1])) - start + 1)
            if end - start < least:
                return False
        return self.places[-1] <= self.steps

    def drops(self, at: int, i: int) -> int:
        """How many drops of phase ``at`` have come by its update ``i``."""
        name, arguments = self.phases[at]
        place, start = self.places[at], self.starts[at]
        if name == "multistep":
            return sum(half_up(self.ahead(place, one)) - start <= i for one in arguments["at"])
        count = 0
        while half_up(self.ahead(place, arguments["every"], count + 1)) - start <= i:
            count += 1
        return count

    def level(self, at: int, i: int) -> tuple[mpf, mpf]:
        """(a, b) of update ``i`` of phase ``at``, where lr = base * a + b; ``i = n`` is the limit at the end."""
        name, arguments = self.phases[at]
        start, n = self.starts[at], self.starts[at + 1] - self.starts[at]
        if name == "warmup":
            low = arguments.get("start")
            first = mpf(1) / (n + 1) if low is None else mpf(low)
            return (first + (1 - first) * i / n if n else mpf(1)), mpf(0)
        if name == "hold":
            return self.held(at - 1)
        if name in ("step", "multistep"):
            return mpf(arguments.get("gamma", 0.1)) ** self.drops(at, min(i, max(n - 1, 0))), mpf(0)
        if name == "exponential":
            every = arguments.get("every", "1 epoch")
            if "epoch" in str(every):
                passed = self.epoch_at(Fraction(start + i)) - self.epoch_at(Fraction(start))
                intervals = passed / Fraction(every.split()[0])
            else:
                intervals = i / self.ahead(Fraction(0), every)
            return mpf(arguments["gamma"]) ** exact(intervals), mpf(0)
        share = DECAYS[name](mpf(i) / n if n else mpf(1), arguments.get("power"))
        end_lr = arguments.get("end_lr")
        if end_lr is None:
            end = mpf(arguments.get("end", 0.0))
            return end + (1 - end) * share, mpf(0)
        return share, mpf(end_lr) * (1 - share)

    def held(self, at: int) -> tuple[mpf, mpf]:
        """The level at which phase ``at`` ended."""
        return self.level(at, self.starts[at + 1] - self.starts[at]) if at >= 0 else (mpf(1), mpf(0))

    def lr(self, k: int, base_lr: float = 1.0) -> mpf:
        """The LR of update ``k`` for a group of that base LR."""
        with mp.workdps(DIGITS):
            at = max((j for j, start in enumerate(self.starts[:-1]) if start <= k), default=0)
            a, b = self.held(len(self.phases) - 1) if k >= self.starts[-1] else self.level(at, k - self.starts[at])
            return mpf(base_lr) * a + b
