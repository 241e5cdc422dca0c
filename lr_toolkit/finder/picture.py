"""The picture of a search: the loss that each LR reaches, the good interval, and the suggestion."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_toolkit.finder.trial import Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_search"]

_BLUE, _RED, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#666666"
_MARKERS = "sD^v"
_FEW_DECADES = 100  # ratio of an axis below which 2 and 5 are marked beside 1


def draw_search(
    *,
    title: str,
    axis: str,
    sentence: str,
    lr: float,
    interval: tuple[float, float] | None,
    interval_name: str,
    curve: Sequence[Trial],
    start_loss: float,
    limits: Sequence[float],
    rules: Mapping[str, float],
) -> Figure:
    """Losses over LRs on a logarithmic axis, with one sentence below. The arguments are the fields of ``LRSearch``, and texts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    if interval is not None:
        axes.axvspan(*interval, color=_GREEN, alpha=0.15, lw=0, label=interval_name)
    runs = sorted((trial for trial in curve if trial.kind == "schedule"), key=lambda trial: trial.lr)
    if runs:
        _draw_runs(axes, runs, start_loss, limits)
    elif limits:
        _draw_limits(axes, limits)
    else:
        _draw_sweep(axes, curve, rules)
    axes.axvline(lr, color=_RED, lw=1.5, label=f"suggested: {lr:.3g}")
    _mark_ticks(axes)
    axes.set_xlabel(f"{axis}\n\n" + "\n".join(textwrap.wrap(sentence, 105)), fontsize=9)
    axes.set_title("\n".join(textwrap.wrap(title, 78)), fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _draw_runs(axes: Any, runs: Sequence[Trial], start: float, limits: Sequence[float]) -> None:
    """The short runs, over the limits of the line search. A run that ends above the untrained loss is a triangle at the top."""
    lowest = min(trial.loss for trial in runs)
    top = start + 0.1 * (start - lowest)
    lrs = [trial.lr for trial in runs]
    losses = [trial.loss if isfinite(trial.loss) else np.inf for trial in runs]
    axes.axhline(start, color=_GREY, lw=1, ls=":", label="loss before training")
    axes.plot(lrs, np.minimum(losses, top), "o-", color=_BLUE, label="loss after a short run")
    worse = [lr for lr, loss in zip(lrs, losses, strict=True) if loss > top]
    if worse:
        axes.plot(worse, [top] * len(worse), "^", color=_RED, ms=9, label="higher, or diverged")
    if limits:
        place = axes.get_xaxis_transform()
        axes.plot(limits, [0.03] * len(limits), "|", color=_GREY, ms=9, transform=place, label="limit of a batch")
    axes.set_ylim(lowest - 0.2 * (start - lowest), top + 0.05 * (start - lowest))
    axes.set_ylabel("loss after a short run")


def _draw_limits(axes: Any, limits: Sequence[float]) -> None:
    """The limit of each batch of a line search."""
    batches = range(1, len(limits) + 1)
    axes.plot(limits, batches, "o", color=_BLUE, label="the largest step that does not raise its loss")
    axes.set_yticks(list(batches))
    axes.set_ylabel("batch")


def _draw_sweep(axes: Any, curve: Sequence[Trial], rules: Mapping[str, float]) -> None:
    """The losses of a sweep, and what the rules read from them."""
    lrs, losses = [trial.lr for trial in curve], [trial.loss for trial in curve]
    axes.plot(lrs, losses, color=_BLUE, label="smoothed loss of the sweep")
    for (name, lr), marker in zip(rules.items(), _MARKERS, strict=True):
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
