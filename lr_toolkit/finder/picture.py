"""The picture of a search: the loss that each LR reaches, the good interval, and the suggestion."""

from __future__ import annotations

import textwrap
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lr_toolkit.finder.result import LRSearch, Trial

__all__ = ["draw_search"]

_BLUE, _RED, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#666666"
_MARKERS = "sD^v"
_FEW_DECADES = 100  # ratio of an axis below which 2 and 5 are marked beside 1


def draw_search(search: LRSearch) -> Figure:
    """Losses over LRs on a logarithmic axis, with one sentence below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    if search.low is not None and search.high is not None:
        name = "a quarter of the middle half" if search.method == "line_search" else "ends within 5 % of the best"
        axes.axvspan(search.low, search.high, color=_GREEN, alpha=0.15, lw=0, label=name)
    runs = sorted((trial for trial in search.curve if trial.kind == "schedule"), key=lambda trial: trial.lr)
    if runs:
        _draw_runs(axes, runs, search)
    elif search.limits:
        _draw_limits(axes, search)
    else:
        _draw_sweep(axes, search)
    axes.axvline(search.lr, color=_RED, lw=1.5, label=f"suggested: {search.lr:.3g}")
    _mark_ticks(axes)
    unit = "base LR" if len(search.lrs) == 1 else "base LR of the group with the highest"
    axes.set_xlabel(f"{unit}\n\n" + "\n".join(textwrap.wrap(search.reason, 105)), fontsize=9)
    axes.set_title("\n".join(textwrap.wrap(search.title, 78)), fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _draw_runs(axes: Any, runs: list[Trial], search: LRSearch) -> None:
    """The short runs, over the limits of the line search. A run that ends above the untrained loss is a triangle at the top."""
    start, lowest = search.start_loss, min(trial.loss for trial in runs)
    top = start + 0.1 * (start - lowest)
    lrs = [trial.lr for trial in runs]
    losses = [trial.loss if isfinite(trial.loss) else np.inf for trial in runs]
    axes.axhline(start, color=_GREY, lw=1, ls=":", label="loss before training")
    axes.plot(lrs, np.minimum(losses, top), "o-", color=_BLUE, label="loss after a short run")
    worse = [lr for lr, loss in zip(lrs, losses, strict=True) if loss > top]
    if worse:
        axes.plot(worse, [top] * len(worse), "^", color=_RED, ms=9, label="higher, or diverged")
    if search.limits:
        place = axes.get_xaxis_transform()
        axes.plot(
            search.limits,
            [0.03] * len(search.limits),
            "|",
            color=_GREY,
            ms=9,
            transform=place,
            label="limit of a batch",
        )
    axes.set_ylim(lowest - 0.2 * (start - lowest), top + 0.05 * (start - lowest))
    axes.set_ylabel("loss after a short run")


def _draw_limits(axes: Any, search: LRSearch) -> None:
    batches = range(1, len(search.limits) + 1)
    axes.plot(search.limits, batches, "o", color=_BLUE, label="the largest step that does not raise its loss")
    axes.set_yticks(list(batches))
    axes.set_ylabel("batch")


def _draw_sweep(axes: Any, search: LRSearch) -> None:
    sweep = [trial for trial in search.curve if trial.kind == "sweep"]
    lrs, losses = [trial.lr for trial in sweep], [trial.loss for trial in sweep]
    axes.plot(lrs, losses, color=_BLUE, label="smoothed loss of the sweep")
    for (name, lr), marker in zip(search.rules.items(), _MARKERS, strict=True):
        height = np.interp(np.log(lr), np.log(lrs), losses)
        axes.plot(lr, height, marker, color=_GREY, label=f"{name}: {lr:.2g}")
    axes.set_ylabel("loss while the LR rises")


def _mark_ticks(axes: Any) -> None:
    """Plain numbers, and not powers of ten, for which not every system has the letters."""
    from matplotlib.ticker import LogLocator

    low, high = axes.get_xlim()
    if high / low < _FEW_DECADES:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
