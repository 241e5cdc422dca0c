"""Compares the base LR that each schedule needs with the convex bound's prediction: ``python -m benchmarks.transfer [--write FILE]``.

Each task is trained under each schedule, 5 % warmup included, at the LRs of a grid of half octaves, for every seed with the same
first weights and the same order of the data. The tuned LR of a schedule is the lowest point of a parabola, in log LR, through the
mean losses at most an octave from the best LR of the grid; the grid grows until it has them. Its ratio to the tuned LR of the
cosine to 10 % is what the bound predicts. The loss is that of the training data after the run. The uncertainty of a ratio is half
of the range that resampled seeds give (68 %); that of a mean over the tasks is its standard error.
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
from functools import cache
from math import exp2, inf, isfinite, log2
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import lr_toolkit
from benchmarks.finder import Task, adamw, cnn, mlp, momentum, noisy_digits, sgd, split, text, trained
from lr_toolkit import Horizon, Schedule, cosine, hold, linear, polynomial, warmup, wsd
from lr_toolkit.schedules.convex_bound import best_base_lr

Data: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]

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
_LOWEST, _HIGHEST = -34, 8  # of the grid, in half octaves
_NEAR = 2  # half octaves from the best LR that the parabola takes
_MOST = 4096  # samples of the loss after a run


# --- the tasks, in addition to two of benchmarks.finder ---------------------------------------------------------------------


@cache
def labelled() -> Data:
    """Inputs of scales from 1 to 0.1, with labels drawn from a linear model: enough for one epoch."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20_000, 32)) * np.logspace(0, -1, 32)
    logits = x @ rng.normal(size=(32, 10)) * 1.5
    return split(x, (logits + rng.gumbel(size=logits.shape)).argmax(1), torch.long)


@cache
def taught() -> Data:
    """The outputs of a random network, with noise: enough for one epoch."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(20_000, 16))
    y = np.tanh(x @ rng.normal(size=(16, 32)) / 2) @ rng.normal(size=(32, 1)) / 3
    return split(x, y + 0.1 * rng.normal(size=y.shape), torch.float32)


@cache
def next_bytes() -> Data:
    """Eight bytes of the standard library, and the next one."""
    x, y, x_held, y_held = text()
    return x[:, -8:], y[:, -1], x_held[:, -8:], y_held[:, -1]


def byte_mlp() -> nn.Module:
    """Embedded bytes, side by side, and one hidden layer."""
    return nn.Sequential(nn.Embedding(256, 16), nn.Flatten(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 256))


TASKS = {
    task.name: task
    for task in (
        Task("logistic regression, SGD", STEPS, 32, lambda: nn.Linear(32, 10), sgd, F.cross_entropy, labelled),
        Task("taught MLP, AdamW", STEPS, 32, lambda: mlp(16, 1), adamw, F.mse_loss, taught),
        Task("next byte, AdamW", STEPS, 32, byte_mlp, adamw, F.cross_entropy, next_bytes),
        Task("noisy digits, AdamW", STEPS, 64, lambda: mlp(64, 10), adamw, F.cross_entropy, noisy_digits),
        Task("CNN, SGD with momentum", STEPS, 64, cnn, momentum, F.cross_entropy, noisy_digits),
    )
}


# --- the measurement ------------------------------------------------------------------------------------------------------


def loss_of(task: Task, schedule: Schedule, lr: float, seed: int) -> float:
    """The loss on training data after the run; infinite if the loss of an update was not finite."""
    model = trained(task, schedule, lr, seed)
    if model is None:
        return inf
    x, y, _, _ = task.data()
    model.eval()
    with torch.no_grad():
        final = float(task.loss_of(model, (x[:_MOST], y[:_MOST])))
    return final if isfinite(final) else inf


def tuned(losses: dict[int, float]) -> float:
    """The lowest point, in half octaves, of the parabola through the best LR and those near it."""
    best = min(losses, key=losses.__getitem__)
    near = {half: losses[half] for half in range(best - _NEAR, best + _NEAR + 1) if isfinite(losses.get(half, inf))}
    if len(near) < 3:
        return float(best)
    curvature, slope, _ = np.polyfit([half - best for half in near], list(near.values()), 2)
    return best + float(np.clip(-slope / (2 * curvature), -1, 1)) if curvature > 0 else float(best)


def mean_losses(by_seed: dict[int, list[float]], seeds: list[int]) -> dict[int, float]:
    """The mean over these seeds at each LR."""
    return {half: statistics.fmean(losses[seed] for seed in seeds) for half, losses in by_seed.items()}


def losses_near_the_best(train: Callable[[int, int], float], start: int, seeds: int) -> dict[int, list[float]]:
    """The losses of each seed on the grid around the LR that is best in the mean."""
    found: dict[int, list[float]] = {}
    wanted = {start + offset for offset in range(-_NEAR, _NEAR + 1)}
    while wanted - found.keys():
        for half in sorted(wanted - found.keys()):
            found[half] = [train(half, seed) for seed in range(seeds)]
        means = mean_losses(found, list(range(seeds)))
        best = min(means, key=means.__getitem__)
        wanted = {half for half in range(best - _NEAR, best + _NEAR + 1) if _LOWEST <= half <= _HIGHEST}
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
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--write", type=Path, help="write the table to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    results = {}
    for name in options.tasks:
        began = time.perf_counter()
        results[name] = measure(TASKS[name], options.seeds)
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
