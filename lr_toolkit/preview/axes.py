"""Axes of matplotlib over the updates of a run: their frame, the phases and the epochs, and axes below each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lr_toolkit.preview.svg import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "axes_or_new",
    "epochs_apart",
    "frame",
    "has_matplotlib",
    "mark_epochs",
    "mark_phases",
    "mark_starts",
    "need_matplotlib",
    "stacked",
]

_PALE = "#999999"
_MOST_PHASES = 8  # that are named
_LETTER = 0.013  # of the width of the axes, at most, that a letter of a phase's name takes
_ROW = 0.05  # of the height of the axes that a row of names takes
_MOST_EPOCHS = 10  # that are marked


def has_matplotlib() -> bool:
    """Whether pictures can be drawn; nothing is imported."""
    return find_spec("matplotlib") is not None


def need_matplotlib() -> None:
    """Raise an ImportError that names the extra if matplotlib is missing."""
    if not has_matplotlib():
        raise ImportError("Pictures are drawn by matplotlib. Write: pip install 'lr_toolkit[plot]'")


def axes_or_new(ax: Axes | None, *, size: tuple[float, float] = (8, 4)) -> Axes:
    """The axes of the caller, or those of a new figure of pyplot, which a notebook shows."""
    if ax is not None:
        return ax
    need_matplotlib()
    from matplotlib import pyplot as plt

    return plt.figure(figsize=size, layout="constrained").add_subplot()


def stacked(first: Any, heights: Sequence[float]) -> list[Any]:
    """The axes ``first`` of a figure, moved up, with axes of these heights below them over the same updates."""
    figure, ground = first.figure, first.get_facecolor()
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    first.set_subplotspec(grid[0])
    below = [figure.add_subplot(grid[row], sharex=first, facecolor=ground) for row in range(1, len(heights))]
    for each in [first, *below][:-1]:
        each.tick_params(labelbottom=False)
    return [first, *below]


def frame(axes: Any) -> None:
    """Draw a pale grid, and no line above and on the right."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def mark_starts(axes: Any, phases: Sequence[tuple[int, str]]) -> None:
    """Draw a thin line where each phase begins."""
    for start, _ in phases:
        axes.axvline(start, color=_PALE, linewidth=0.8, linestyle=":")


def mark_phases(axes: Any, phases: Sequence[tuple[int, str]]) -> None:
    """Draw a thin line where each phase begins; unless there are many, its name stands beside it, above all curves."""
    mark_starts(axes, phases)
    if len(phases) > _MOST_PHASES:
        return
    left, right = axes.get_xlim()
    places = _places([((start - left) / (right - left), name) for start, name in phases])
    rows = 1 + max((row for row, _ in places), default=-1)
    _add_room(axes, rows * _ROW)
    for (start, name), (row, is_left) in zip(phases, places, strict=True):
        label = axes.annotate(
            name, (start, 1 - row * _ROW), (-2 if is_left else 2, -1), xycoords=("data", "axes fraction"), textcoords="offset points",
            ha="right" if is_left else "left", va="top", color=INK, fontsize="x-small",
        )  # fmt: skip
        label.set(parse_math=False)


def _places(phases: Sequence[tuple[float, str]]) -> list[tuple[int, bool]]:
    """The row of each name, counted from the top, and whether it stands on the left of its line.

    A name takes the first row in which it covers no other name and no line that ends there.

    Example:
        >>> _places([(0.02, "warmup"), (0.05, "hold"), (0.95, "one_minus_sqrt")])
        [(0, False), (1, False), (0, True)]
    """
    places: list[tuple[int, bool]] = []
    ends: list[float] = []  # of each row
    for position, name in phases:
        width = len(name) * _LETTER
        is_left = position + width > 1
        begin = position - width if is_left else position
        row = next((row for row, end in enumerate(ends) if end <= begin), len(ends))
        ends[row : row + 1] = [position + (0.01 if is_left else width)]
        places.append((row, is_left))
    return places


def _add_room(axes: Any, share: float) -> None:
    """Raise the upper limit, so that nothing is drawn in this share of the axes' height."""
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(axes.get_ylim())
    axes.set_ylim(top=scale.inverted().transform(low + (high - low) / (1 - share)))


def epochs_apart(count: int) -> int:
    """Which epochs of a run of ``count`` epochs are marked: every one, or every n-th."""
    return -(-count // _MOST_EPOCHS)


def mark_epochs(axes: Any, starts: Mapping[int, int], *, ink: str | None = None) -> None:
    """Add an axis on which epochs are marked at the updates with which they begin; by default in the colours of the style."""
    top = axes.secondary_xaxis("top")
    top.set_xticks([*starts.values()], [str(epoch) for epoch in starts])
    top.set_xlabel("epoch", fontsize="small", **({} if ink is None else {"color": ink}))
    top.tick_params(labelsize="small", length=2, **({} if ink is None else {"colors": ink}))
    top.spines["top"].set_visible(False)
