"""The picture of a search: the loss that each LR reaches, the good interval, and the suggestion."""

from __future__ import annotations

import textwrap
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lr_toolkit.finder.result import LRSearch, Trial

__all__ = ["draw_search"]

_BLUE, _RED, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#666666"
_ROOM = 0.25  # of the height of the curve, that is left above the untrained loss


def draw_search(search: LRSearch) -> Figure:
    """Losses over LRs on a logarithmic axis, with one sentence below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    if search.low is not None and search.high is not None:
        axes.axvspan(search.low, search.high, color=_GREEN, alpha=0.15, lw=0, label=_interval_name(search))
    runs = sorted((trial for trial in search.curve if trial.kind == "schedule"), key=lambda trial: trial.lr)
    sweep = [trial for trial in search.curve if trial.kind == "sweep"]
    if runs:
        _draw_runs(axes, runs, search.start_loss)
    elif sweep:
        axes.plot(
            [each.lr for each in sweep], [each.loss for each in sweep], color=_BLUE, label="smoothed loss of the sweep"
        )
        axes.set_ylabel("loss while the LR rises")
    else:
        axes.set_yticks([])
    if search.limits:
        places = [0.04 + 0.03 * (number % 3) for number in range(len(search.limits))]
        axes.plot(
            *(search.limits, places, "|"), color=_GREY, ms=10, transform=axes.get_xaxis_transform(),
            label="a larger step raises the loss of its batch",
        )  # fmt: skip
    axes.axvline(search.lr, color=_RED, lw=1.5, label=f"suggested: {search.lr:.3g}")
    axes.set_xlabel("base LR" if len(search.lrs) == 1 else "base LR of the group with the highest")
    axes.set_title("\n".join(textwrap.wrap(search.title, 78)), fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    figure.supxlabel("\n".join(textwrap.wrap(search.reason, 100)), fontsize=9, x=0.01, ha="left", color=_GREY)
    return figure


def _interval_name(search: LRSearch) -> str:
    if search.method == "line_search":
        return "a quarter of the middle half of the batches"
    return "ends within 5 % of the best"


def _draw_runs(axes: Any, runs: list[Trial], start: float) -> None:
    """The short runs; one that ends above the untrained loss is drawn as an arrow at the top."""
    lowest = min(trial.loss for trial in runs)
    top = start + _ROOM * (start - lowest)
    shown = [min(trial.loss, top) if isfinite(trial.loss) else top for trial in runs]
    lrs = [trial.lr for trial in runs]
    axes.axhline(start, color=_GREY, lw=1, ls=":", label="loss before training")
    axes.plot(lrs, shown, "o-", color=_BLUE, label="loss after a short run")
    worse = [trial.lr for trial, loss in zip(runs, shown, strict=True) if loss == top]
    if worse:
        axes.plot(worse, [top] * len(worse), "^", color=_RED, ms=9, label="far above, or diverged")
    axes.set_ylim(lowest - 0.15 * (top - lowest), top + 0.05 * (top - lowest))
    axes.set_ylabel("loss after a short run")
