"""A picture of learning-rate curves: the planned and the used LRs, and below them what else is scheduled."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan, nan
from pathlib import Path, PurePosixPath
from sys import float_info
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, final

from lr_toolkit.preview.axes import epochs_apart, frame, mark_epochs, mark_phases, mark_starts, need_matplotlib, stacked
from lr_toolkit.preview.names import join_equal, shorten_unique
from lr_toolkit.preview.svg import INK
from lr_toolkit.schedules.shape import evenly_spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Line", "draw", "draw_on", "save"]

Points: TypeAlias = "tuple[Sequence[float], Sequence[float]]"
_T = TypeVar("_T")

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # distinct for colour-blind readers too
_MARKERS = "os^D"
_HEIGHT, _HEIGHT_BELOW = 4.0, 1.6  # inches
_MOST_INSIDE = 6  # names in a legend within the axes
_TITLE_WIDTH = 66  # letters that fit above the axes; a title takes two lines at most
_MOST_DECADES = 1e12  # of an axis on which single updates are distinguished
_MOST_LINES = 40
_MOST_NAMES = 14  # that fit beside the picture
_LONGEST_NAME = 26
_DENSE = 150  # points across the picture that look like a line
_FAR_APART = 20  # ratio of two peaks at which the lower curve is hardly visible on a linear axis
_HIGHEST = 1e250  # limits and ticks of matplotlib overflow beyond it


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A curve: the updates and LRs that were planned, and those that were used; either may be empty."""

    name: str
    planned: Points = ((), ())
    used: Points = ((), ())

    @property
    def peak(self) -> float:
        """The highest LR, planned or used, that can be drawn."""
        return min(max([*self.planned[1], *self.used[1]], default=0.0), _HIGHEST)


def draw(
    lines: Sequence[Line],
    *,
    title: str = "",
    phases: Sequence[tuple[int, str]] = (),
    epochs: Sequence[int] = (),
    below: Mapping[str, Sequence[Line]] | None = None,
) -> Figure:
    """Draw a matplotlib Figure, without a window, whatever style the user has chosen.

    Its ground is transparent, and its text has contrast on white and on black.

    The planned LRs are a broad line. The used LRs are points, which are joined if no update lies between them or if they are
    dense. Equal curves are drawn once. At most 40 curves are drawn and 14 named, picked evenly from the highest to the
    lowest. If their peaks lie far apart, the axis is logarithmic.

    Args:
        lines: the curves.
        title: the text above the picture.
        phases: the updates at which a phase of the schedule begins, each with its name; each gets a thin line. The names stand
            above the curves.
        epochs: the first update of each epoch, for a second axis.
        below: the curves of other keys by their names, such as ``"momentum"``; each gets axes of its own below.

    Raises:
        ImportError: if matplotlib is not installed; the message names the extra.

    Example:
        >>> figure = draw([Line("head", planned=([0, 1, 2], [0.1, 0.05, 0.0]))], title="linear()")
        >>> figure.axes[0].get_xlabel()
        'update'
    """
    need_matplotlib()
    from matplotlib import style
    from matplotlib.figure import Figure

    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK
    )
    others = below or {}
    with style.context(["default", ink]):
        heights = [_HEIGHT, *[_HEIGHT_BELOW] * len(others)]
        figure = Figure(figsize=(8, sum(heights)), dpi=120, layout="constrained", facecolor="none")
        axes, *below_axes = stacked(figure.add_subplot(facecolor="none"), heights)
        if any(len(line.planned[0]) for line in lines) and any(len(line.used[0]) for line in lines):
            figure.suptitle("The learning rates of a run, planned and used")
        legend = _draw(axes, axes, "best", lines, title, phases, epochs)
        for each, (key, curves) in zip(below_axes, others.items(), strict=True):
            _draw_below(each, key, curves, phases)
        axes.set_xlabel("")
        [axes, *below_axes][-1].set_xlabel("update")
        if legend is not None and not _is_free(figure, axes, legend):
            legend.remove()
            _name(figure, "outside right upper", *_chosen(lines))
        for each in figure.axes:
            # Ticks are made when the picture is written, in the style of that moment.
            each.tick_params(which="both", colors=INK)
    return figure


def draw_on(
    axes: Axes,
    lines: Sequence[Line],
    *,
    title: str = "",
    phases: Sequence[tuple[int, str]] = (),
    epochs: Sequence[int] = (),
    log: bool = False,
) -> None:
    """The same on axes of the user's, in the user's style.

    Args:
        axes: where to draw.
        lines: the curves.
        title: the text above the picture.
        phases: the updates at which a phase of the schedule begins, each with its name.
        epochs: the first update of each epoch, for a second axis.
        log: whether the axis is logarithmic even if all curves could be seen on a linear one.
    """
    _draw(axes, axes, "best", lines, title, phases, epochs, log=log)


def _draw(
    axes: Any,
    owner: Any,
    place: str,
    lines: Sequence[Line],
    title: str,
    phases: Sequence[tuple[int, str]],
    epochs: Sequence[int],
    *,
    log: bool = False,
) -> Any:
    """Draw the curves; ``owner``, the axes or their figure, gets the legend at ``place``, and the legend is returned."""
    from matplotlib.ticker import MaxNLocator

    shown, styles, different = _chosen(lines)
    _draw_curves(axes, shown, styles)
    axes.set(xlabel="update", ylabel="learning rate")
    wrapped = textwrap.wrap(title, _TITLE_WIDTH, max_lines=2, placeholder=" …")
    axes.set_title("\n".join(wrapped), parse_math=False, fontsize="medium")
    _scale(axes, [line.peak for line in shown if line.peak > 0], _lowest(shown), log=log)
    axes.margins(x=0.02)
    mark_phases(axes, phases)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    frame(axes)
    if len(epochs) > 1:
        mark_epochs(axes, {epoch: epochs[epoch] for epoch in range(0, len(epochs), epochs_apart(len(epochs)))}, ink=INK)
    return _name(owner, place, shown, styles, different)


def _draw_below(axes: Any, key: str, lines: Sequence[Line], phases: Sequence[tuple[int, str]]) -> None:
    """Draw the curves of another key."""
    shown, styles, different = _chosen(lines)
    if different == 1:  # of all groups, whose curves above have colours
        styles = [{**styles[0], "color": INK}]
    _draw_curves(axes, shown, styles)
    axes.set_ylabel(key.replace("_", " "))
    axes.yaxis.set_major_formatter("{x:g}")
    mark_starts(axes, phases)
    frame(axes)
    if different > 1:
        _name(axes, "best", shown, styles, different)


def _chosen(lines: Sequence[Line]) -> tuple[list[Line], list[dict[str, Any]], int]:
    """The curves that are drawn, the style of each, and how many different curves there are."""
    different = sorted(_different(lines), key=lambda line: -line.peak)
    shown = _spread(different, _MOST_LINES)
    return shown, _styles(len(shown)), len(different)


def _is_free(figure: Any, axes: Any, legend: Any) -> bool:
    """Whether a legend within the axes hides no curve and no name of a phase."""
    if len(legend.get_texts()) > _MOST_INSIDE:
        return False
    figure.draw_without_rendering()
    box = legend.get_window_extent()
    curves = [line for line in axes.lines if line.get_transform() == axes.transData]
    paths = [line.get_path().cleaned(remove_nans=True).transformed(line.get_transform()) for line in curves]
    hides = any(path.intersects_bbox(box, filled=False) for path in paths if len(path.vertices))
    return not hides and not any(text.get_window_extent().overlaps(box) for text in axes.texts)


def _draw_curves(axes: Any, shown: Sequence[Line], styles: Sequence[dict[str, Any]]) -> None:
    """Draw what was planned as broad lines, and what was used as points."""
    updates = [update for line in shown for update in (*line.planned[0], *line.used[0])]
    visible = (max(updates) - min(updates)) / _DENSE if updates else 0.0
    broad = 5 if len(shown) <= len(_COLOURS) else 40 / (len(shown) + 2)
    for line, style in zip(shown, styles, strict=True):
        if len(line.planned[0]):
            xs, ys = line.planned
            (plan,) = axes.plot(
                xs, _drawable(ys), color=style["color"], alpha=0.4, linewidth=broad, solid_capstyle="round"
            )
            if len(xs) == 1:  # a line needs two points
                plan.set(marker="o", markersize=broad, markeredgewidth=0)
        if len(line.used[0]):
            xs, ys = _joined(line.used, visible)
            axes.plot(xs, _drawable(ys), **style, markevery=_marked(xs))


def save(figure: Figure, path: str | Path) -> Path:
    """Write a picture in the format of the ending of ``path``, and return the path; missing folders are created.

    Like the checkpoints of Lightning, it is written through fsspec: ``~`` is the home folder, and ``s3://`` a bucket.
    """
    import fsspec

    with fsspec.open(str(path), "wb") as file:
        figure.savefig(file, format=PurePosixPath(path).suffix[1:], facecolor=figure.get_facecolor())
    return Path(path)


def _lowest(lines: Sequence[Line]) -> float:
    """The lowest LR that was used."""
    return min((lr for line in lines for lr in line.used[1] if not isnan(lr)), default=0.0)


def _different(lines: Sequence[Line]) -> list[Line]:
    """Each curve once, with the joined names of all lines that are equal."""
    equal: dict[object, list[Line]] = {}
    for line in lines:
        equal.setdefault(tuple(tuple(part) for part in (*line.planned, *line.used)), []).append(line)
    names = shorten_unique([same[0].name for same in equal.values()], _LONGEST_NAME)
    return [
        Line(join_equal([name, *(line.name for line in same[1:])]), same[0].planned, same[0].used)
        for name, same in zip(names, equal.values(), strict=True)
    ]


def _spread(items: Sequence[_T], most: int) -> list[_T]:
    """At most ``most`` of the items, evenly picked, including the first and the last."""
    return [items[index] for index in evenly_spread(len(items), most)]


def _styles(count: int) -> list[dict[str, Any]]:
    """How each curve is drawn: a few by distinct colours, many by a colour gradient and different markers."""
    usual: dict[str, Any] = {"linewidth": 1.2, "markersize": 3}
    if count <= len(_COLOURS):
        return [{**usual, "color": colour, "marker": "o"} for colour in _COLOURS[:count]]
    from matplotlib import colormaps

    gradient = colormaps["viridis"]
    # Its last 15 % are too pale on white.
    colours = [gradient(0.85 * index / (count - 1)) for index in range(count)]
    return [
        {**usual, "color": colour, "marker": _MARKERS[index % len(_MARKERS)]} for index, colour in enumerate(colours)
    ]


def _drawable(lrs: Sequence[float]) -> list[float]:
    return [min(lr, _HIGHEST) for lr in lrs]


def _joined(points: Points, visible: float) -> Points:
    """The points, with a gap between two that are no neighbours and visibly apart: the LRs between them are not known."""
    xs, ys = [*points[0][:1]], [*points[1][:1]]
    for (before, x), y in zip(pairwise(points[0]), points[1][1:], strict=True):
        if x - before > max(visible, 1):
            xs.append(nan)
            ys.append(nan)
        xs.append(x)
        ys.append(y)
    return xs, ys


def _marked(xs: Sequence[float]) -> list[int]:
    """The points that get a mark: all if they are few, otherwise those without a neighbour."""
    if len(xs) <= _DENSE:
        return list(range(len(xs)))
    is_point = [False, *(not isnan(x) for x in xs), False]
    neighbours = zip(is_point, is_point[1:], is_point[2:], strict=False)
    return [index for index, (before, here, after) in enumerate(neighbours) if here and not (before or after)]


def _scale(axes: Any, peaks: Sequence[float], lowest: float, *, log: bool = False) -> None:
    """Choose an axis on which the lowest curve, and each used LR, is visible too."""
    if peaks and (log or max(peaks) > _FAR_APART * min(peaks)):
        # matplotlib finds no ticks for more than a few hundred decades.
        bottom = max(min(peaks) / 20, max(peaks) / 1e100, float_info.min)
        if 0 < lowest < bottom and lowest > max(peaks) / _MOST_DECADES:
            bottom = lowest / 2
        if lowest < bottom:  # a zero, which has no logarithm
            axes.set_yscale("symlog", linthresh=bottom)
            axes.set_ylim(0, max(peaks) * 1.5)
            return
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(bottom, max(peaks) * 1.5)
        return
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:g}")  # a common factor would stand on the axis of epochs


def _name(owner: Any, place: str, shown: Sequence[Line], styles: Sequence[dict[str, Any]], different: int) -> Any:
    """Add the legend, and return it; ``None`` if there is nothing to name."""
    from matplotlib.lines import Line2D

    named = _spread([*zip(shown, styles, strict=True)], _MOST_NAMES)
    entries = [(line.name, Line2D([], [], **{**style, "linewidth": 2})) for line, style in named]
    if any(len(line.planned[0]) for line in shown):
        entries.append(("planned", Line2D([], [], color=INK, alpha=0.4, linewidth=5)))
    if any(len(line.used[0]) for line in shown):
        entries.append(("used", Line2D([], [], color=INK, linestyle="", marker="o", markersize=3)))
    if not entries:
        return None
    drawn = "" if len(shown) == different else f"{len(shown)} drawn, "
    title = "" if len(named) == different else f"{different} curves, {drawn}{len(named)} named"
    names, handles = zip(*entries, strict=True)
    legend = owner.legend(
        handles,
        ["name"] * len(handles),
        loc=place,
        frameon=False,
        fontsize="small",
        title=title or None,
    )
    legend.get_title().set_fontsize("small")
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(
            text=name, parse_math=False
        )  # set later, because matplotlib hides labels that begin with an underscore
    return legend
