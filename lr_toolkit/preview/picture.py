"""A picture of learning-rate curves: what was planned, and what was used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Line", "draw", "has_matplotlib", "save"]

Points: TypeAlias = "tuple[Sequence[float], Sequence[float]]"

_MOST_LINES = 10
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")  # told apart by all eyes


@final
@dataclass(frozen=True, slots=True)
class Line:
    """One curve: the updates and LRs that were planned, and those that were used; either may be empty."""

    name: str
    planned: Points = ((), ())
    used: Points = ((), ())


def has_matplotlib() -> bool:
    """Whether pictures can be drawn; nothing is imported."""
    return find_spec("matplotlib") is not None


def draw(lines: Sequence[Line], *, title: str = "", phases: Sequence[int] = ()) -> Figure:
    """The picture, as a matplotlib Figure on white that no window manager knows of.

    Args:
        lines: the curves; the ten with the highest LRs are drawn.
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

    figure = Figure(figsize=(8, 4), dpi=120, layout="constrained", facecolor="white")
    axes = figure.add_subplot(facecolor="white")
    highest = sorted(lines, key=lambda one: -max([*one.planned[1], *one.used[1]], default=0.0))[:_MOST_LINES]
    shown = [one for one in lines if one in highest]
    for at, line in enumerate(shown):
        colour = _COLOURS[at % len(_COLOURS)]
        if len(line.planned[0]):
            axes.plot(
                *line.planned,
                color=colour,
                alpha=0.3,
                linewidth=5,
                solid_capstyle="round",
                label=f"{line.name}, planned",
            )
        if len(line.used[0]):
            few = len(line.used[0]) <= 60
            axes.plot(
                *line.used,
                color=colour,
                linewidth=1.2,
                marker="o" if few else "",
                markersize=3,
                label=f"{line.name}, used",
            )
    for phase in phases:
        axes.axvline(phase, color="#999999", linewidth=0.8, linestyle=":")
    axes.set(xlabel="update", ylabel="learning rate", title=title)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    if len(shown) > 1 or (shown and len(shown[0].planned[0]) and len(shown[0].used[0])):
        axes.legend(frameon=False, fontsize="small", ncols=1 + len(shown) // 5)
    return figure


def save(figure: Figure, path: str | Path) -> Path:
    """Write a picture, in the format that the ending of ``path`` says; folders are made."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target)
    return target
