"""Compares the base LR that each schedule needs with the convex bound's prediction: ``python -m benchmarks.transfer [--write FILE]``.

Each task is trained under each schedule, 5 % warmup included, at the LRs of a grid of half octaves, for every seed with the same
first weights and the same order of the data. The tuned LR of a schedule is the lowest point of a parabola, in log LR, through the
mean loss at the best LR of the grid and at its neighbours; the grid grows until the best LR has two neighbours on each side. Its
ratio to the tuned LR of the cosine to 10 % is what the bound predicts. The uncertainty of a ratio is half of the range that
resampled seeds give (68 %); that of a mean over the tasks is its standard error.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import exp2, inf, isfinite, log2
from pathlib import Path

import numpy as np
import torch

import lr_toolkit
from benchmarks.finder import TASKS, Task, endless
from lr_toolkit import Horizon, Schedule, ScheduledLR, cosine, hold, linear, polynomial, warmup, wsd
from lr_toolkit.schedules.convex_bound import best_base_lr

STEPS = 400
WARMUP = warmup("5%")
HABIT = "cosine to 10 %"
SCHEDULES: dict[str, Schedule] = {
    HABIT: WARMUP >> cosine(end=0.1),
    "linear to 0": WARMUP >> linear(),
    "cosine to 0": WARMUP >> cosine(),
    "WSD, 40 % 1-sqrt": wsd("5%", "40%", shape="one_minus_sqrt"),
    "WSD, 20 % 1-sqrt": wsd("5%", "20%", shape="one_minus_sqrt"),
    "polynomial 2": WARMUP >> polynomial(2.0),
    "constant": WARMUP >> hold(),
}
MEASURED_ON = ("regression", "noisy digits", "cnn", "bytes", "diabetes")
_LOWEST, _HIGHEST = -34, 8  # of the grid, in half octaves


def loss_of(task: Task, schedule: Schedule, lr: float, seed: int) -> float:
    """The held-out loss after training; infinite if the loss of an update was not finite."""
    model = task.built(seed)
    optimizer = task.optimizer(model, lr)
    scheduler = ScheduledLR(optimizer, schedule, Horizon(task.steps))
    batches = endless(task.loader(seed))
    for _ in range(task.steps):
        optimizer.zero_grad()
        loss = task.loss_of(model, next(batches))
        if not torch.isfinite(loss):
            return inf
        loss.backward()
        optimizer.step()
        scheduler.step()
    held_out = task.held_out(model)
    return held_out if isfinite(held_out) else inf


def tuned(losses: dict[int, float]) -> float:
    """The lowest point, in half octaves, of the parabola through the best one and its neighbours."""
    best = min(losses, key=losses.__getitem__)
    left, middle, right = (losses.get(best + offset, inf) for offset in (-1, 0, 1))
    if not isfinite(left) or not isfinite(right):  # a run diverged, or resampled seeds are best at an end of the grid
        return float(best)
    curvature = left - 2 * middle + right
    return best + (0.0 if curvature == 0 else 0.5 * (left - right) / curvature)


def mean_losses(by_seed: dict[int, list[float]], seeds: list[int]) -> dict[int, float]:
    """The mean over these seeds at each LR."""
    return {half: statistics.fmean(losses[seed] for seed in seeds) for half, losses in by_seed.items()}


def losses_near_the_best(train: Callable[[int, int], float], start: int, seeds: int) -> dict[int, list[float]]:
    """The losses of each seed on the grid around its best LR: at least two LRs below it and two above."""
    found: dict[int, list[float]] = {}
    wanted = {start + offset for offset in range(-3, 4)}
    while wanted - found.keys():
        for half in sorted(wanted - found.keys()):
            found[half] = [train(half, seed) for seed in range(seeds)]
        means = mean_losses(found, list(range(seeds)))
        best = min(means, key=means.__getitem__)
        wanted = {half for half in range(best - 2, best + 3) if _LOWEST <= half <= _HIGHEST}
    return found


def measure(task: Task, seeds: int) -> dict[str, tuple[float, float]]:
    """For each schedule its tuned LR relative to the habit's, and the uncertainty, both in octaves."""
    train = cache(lambda name, half, seed: loss_of(task, SCHEDULES[name], exp2(half / 2), seed))
    coarse = {half: train(HABIT, half, 0) for half in range(_LOWEST, _HIGHEST + 1, 2)}
    start = min(coarse, key=coarse.__getitem__)
    predicted = predictions()
    losses = {
        name: losses_near_the_best(
            lambda half, seed, name=name: train(name, half, seed), start + round(2 * log2(predicted[name])), seeds
        )
        for name in SCHEDULES
    }

    def octaves(name: str, chosen: list[int]) -> float:
        ours, habit = (tuned(mean_losses(losses[each], chosen)) for each in (name, HABIT))
        return (ours - habit) / 2

    rng = np.random.default_rng(0)
    resampled = [list(rng.integers(0, seeds, seeds)) for _ in range(200)]
    result = {}
    for name in SCHEDULES:
        low, high = np.quantile([octaves(name, chosen) for chosen in resampled], [0.16, 0.84])
        result[name] = (octaves(name, list(range(seeds))), float(high - low) / 2)
    return result


def predictions() -> dict[str, float]:
    """The ratio of the base LRs that the bound prefers."""
    best = {name: best_base_lr(schedule.resolve(Horizon(STEPS))) for name, schedule in SCHEDULES.items()}
    return {name: lr / best[HABIT] for name, lr in best.items()}


def table(results: dict[str, dict[str, tuple[float, float]]]) -> str:
    """Predicted and measured ratios in Markdown: the geometric mean over the tasks, and each task."""
    lines = [
        f"| schedule | predicted | measured, mean over tasks | {' | '.join(results)} |",
        f"|---|---:|---:|{'---:|' * len(results)}",
    ]
    errors = []
    for name, predicted in predictions().items():
        if name == HABIT:
            continue
        each = [result[name] for result in results.values()]
        octaves = [value for value, _ in each]
        mean, error = statistics.fmean(octaves), statistics.stdev(octaves) / len(octaves) ** 0.5
        errors += [abs(value - log2(predicted)) for value in octaves]
        cells = " | ".join(
            f"{exp2(value):.2f} ({exp2(value - sd):.2f} to {exp2(value + sd):.2f})" for value, sd in each
        )
        lines.append(
            f"| {name} | {predicted:.2f} | **{exp2(mean):.2f}** ({exp2(mean - error):.2f} to {exp2(mean + error):.2f}) | {cells} |"
        )
    typical = statistics.fmean(errors)
    return "\n".join([*lines, "", f"On one task the prediction is off by {typical:.2f} octaves on average."])


def main() -> None:
    """Parse the command line, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(MEASURED_ON))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="write the table to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    results = {}
    for name in options.tasks:
        began = time.perf_counter()
        results[name] = measure(replace(TASKS[name], steps=STEPS), options.seeds)
        print(f"{name}: {time.perf_counter() - began:.0f} s {results[name]}", file=sys.stderr, flush=True)
    about = (
        f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%d}, lr_toolkit {lr_toolkit.__version__}, torch {torch.__version__}, Python "
        f"{platform.python_version()}; {STEPS} updates, {options.seeds} seeds. Tuned base LR relative to that of the {HABIT}."
    )
    report = "\n\n".join([about, table(results)])
    print(report)
    if options.write:
        options.write.write_text(f"# The base LR of another schedule\n\n{report}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
