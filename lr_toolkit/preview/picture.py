"""A picture of learning-rate curves: what was planned, and what was used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from math import nan
from pathlib import Path
from sys import float_info
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, final

from lr_toolkit.preview.names import join_equal, shorten_unique

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Line", "draw", "has_matplotlib", "save"]

Points: TypeAlias = "tuple[Sequence[float], Sequence[float]]"
_T = TypeVar("_T")

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by all eyes
_MARKERS = "os^D"
_GREY = "#666666"
_MOST_LINES = 40
_MOST_NAMES = 14  # as many as stand beside the picture
_LONGEST_NAME = 26
_DENSE = 150  # points across the picture from where on the eye sees a line
_FAR_APART = 20  # times as high: on a linear axis the lowest curve would lie on the ground
_HIGHEST = 1e250  # beyond it matplotlib's limits and ticks overflow


@final
@dataclass(frozen=True, slots=True)
class Line:
    """One curve: the updates and LRs that were planned, and those that were used; either may be empty."""

    name: str
    planned: Points = ((), ())
    used: Points = ((), ())

    @property
    def peak(self) -> float:
        """The highest LR, planned or used, that can be drawn."""
        return min(max([*self.planned[1], *self.used[1]], default=0.0), _HIGHEST)


def has_matplotlib() -> bool:
    """Whether pictures can be drawn; nothing is imported."""
    return find_spec("matplotlib") is not None


def draw(lines: Sequence[Line], *, title: str = "", phases: Sequence[int] = ()) -> Figure:
    """The picture, as a matplotlib Figure on white that no window manager knows of.

    What was planned is a broad line. What was used are points, joined where no update lies between them or they are so dense
    that the eye would join them. Equal curves are one, of more than 40 different ones 40 are drawn, and of more than 14 as
    many named, evenly picked from the highest to the lowest. Where these lie far apart the axis is logarithmic.

    Args:
        lines: the curves.
        title: above the picture.
        phases: the updates at which a phase of the schedule begins, each marked by a thin line.

    Raises:
        ImportError: where matplotlib is not installed, with the extra to install.

    Example:
        >>> figure = draw([Line("head", planned=([0, 1, 2], [0.1, 0.05, 0.0]))], title="linear()")
        >>> figure.axes[0].get_xlabel()
        'update'
    """
    if not has_matplotlib():
        raise ImportError("Pictures are drawn by matplotlib. Write: pip install 'lr_toolkit[plot]'")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4), dpi=120, layout="constrained", facecolor="white")
    axes = figure.add_subplot(facecolor="white")
    different = sorted(_different(lines), key=lambda one: -one.peak)
    shown = _spread(different, _MOST_LINES)
    updates = [x for one in shown for x in (*one.planned[0], *one.used[0])]
    visible = (max(updates) - min(updates)) / _DENSE if updates else 0.0
    looks, broad = _looks(len(shown)), 5 if len(shown) <= len(_COLOURS) else 40 / (len(shown) + 2)
    for line, look in zip(shown, looks, strict=True):
        if len(line.planned[0]):
            xs, ys = line.planned
            (broadly,) = axes.plot(
                xs, _drawn(ys), color=look["color"], alpha=0.3, linewidth=broad, solid_capstyle="round"
            )
            if len(xs) == 1:  # through which no line goes
                broadly.set(marker="o", markersize=broad, markeredgewidth=0)
        if len(line.used[0]):
            xs, ys = _joined(line.used, visible)
            axes.plot(xs, _drawn(ys), **look, markevery=_marked(xs))
    for phase in phases:
        axes.axvline(phase, color="#999999", linewidth=0.8, linestyle=":")
    axes.set(xlabel="update", ylabel="learning rate")
    axes.set_title(title, parse_math=False)
    _scale(axes, [one.peak for one in shown if one.peak > 0])
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    _name(figure, shown, looks, len(different))
    return figure


def save(figure: Figure, path: str | Path) -> Path:
    """Write a picture, in the format that the ending of ``path`` says; folders are made."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target)
    return target


def _different(lines: Sequence[Line]) -> list[Line]:
    """Each curve once, under the names of all that have it."""
    alike: dict[object, list[Line]] = {}
    for one in lines:
        alike.setdefault(tuple(tuple(part) for part in (*one.planned, *one.used)), []).append(one)
    firsts = shorten_unique([many[0].name for many in alike.values()], _LONGEST_NAME)
    return [
        Line(join_equal([first, *(one.name for one in many[1:])]), many[0].planned, many[0].used)
        for first, many in zip(firsts, alike.values(), strict=True)
    ]


def _spread(many: Sequence[_T], most: int) -> list[_T]:
    """At most so many of them, the first and the last and evenly between."""
    if len(many) <= most:
        return list(many)
    return [many[round(at * (len(many) - 1) / (most - 1))] for at in range(most)]


def _looks(count: int) -> list[dict[str, Any]]:
    """How each curve is drawn: few by colours of their own, many by their place on a ramp and the mark of their points."""
    usual: dict[str, Any] = {"linewidth": 1.2, "markersize": 3}
    if count <= len(_COLOURS):
        return [{**usual, "color": colour, "marker": "o"} for colour in _COLOURS[:count]]
    from matplotlib import colormaps

    ramp = colormaps["viridis"]  # up to where it is still dark enough for white
    return [
        {**usual, "color": ramp(0.85 * at / (count - 1)), "marker": _MARKERS[at % len(_MARKERS)]} for at in range(count)
    ]


def _drawn(lrs: Sequence[float]) -> list[float]:
    return [min(lr, _HIGHEST) for lr in lrs]


def _joined(points: Points, visible: float) -> Points:
    """The points, with a gap between two that are not neighbours and stand visibly apart: nothing is known of it."""
    xs, ys = [*points[0][:1]], [*points[1][:1]]
    for (before, x), y in zip(pairwise(points[0]), points[1][1:], strict=True):
        if x - before > max(visible, 1):
            xs.append(nan)
            ys.append(nan)
        xs.append(x)
        ys.append(y)
    return xs, ys


def _marked(xs: Sequence[float]) -> list[int]:
    """Which points get a mark: of few all, of many those that no line reaches."""
    if len(xs) <= _DENSE:
        return list(range(len(xs)))
    there = [False, *(x == x for x in xs), False]  # NaN is not itself
    return [at for at in range(len(xs)) if there[at + 1] and not (there[at] or there[at + 2])]


def _scale(axes: Any, peaks: Sequence[float]) -> None:
    """An axis on which the lowest curve can be seen, too."""
    if peaks and max(peaks) > _FAR_APART * min(peaks):
        axes.set_yscale("log", nonpositive="clip")
        # Over more than a few hundred decades matplotlib finds no ticks.
        axes.set_ylim(max(min(peaks) / 20, max(peaks) / 1e100, float_info.min), max(peaks) * 1.5)
        return
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))


def _name(figure: Any, shown: Sequence[Line], looks: Sequence[dict[str, Any]], different: int) -> None:
    """The legend, beside the picture: there it hides no curve."""
    from matplotlib.lines import Line2D

    named = _spread([*zip(shown, looks, strict=True)], _MOST_NAMES)
    entries = [(line.name, Line2D([], [], **{**look, "linewidth": 2})) for line, look in named]
    if any(len(one.planned[0]) for one in shown):
        entries.append(("planned", Line2D([], [], color=_GREY, alpha=0.3, linewidth=5)))
    if any(len(one.used[0]) for one in shown):
        entries.append(("used", Line2D([], [], color=_GREY, linestyle="", marker="o", markersize=3)))
    if not entries:
        return
    drawn = "" if len(shown) == different else f"{len(shown)} drawn, "
    title = "" if len(named) == different else f"{different} curves, {drawn}{len(named)} named"
    names, handles = zip(*entries, strict=True)
    legend = figure.legend(
        handles,
        ["name"] * len(handles),
        loc="outside right upper",
        frameon=False,
        fontsize="small",
        title=title or None,
    )
    legend.get_title().set_fontsize("small")
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, parse_math=False)  # as it is: matplotlib takes dollars for mathematics, and hides _names
