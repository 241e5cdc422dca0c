"""Scores what finds a base LR: ``python -m benchmarks.finder [--tasks NAME ...] [--seeds 3] [--truth-seeds 3] [--write FILE]``.

Six small tasks of 100 to 200 updates, with a warmup of 5 % and a line to zero. The truth of a task is its held-out loss at 21 LRs
from 2^-17 to 2^3, the mean over seeds, interpolated in log LR. The regret of a suggestion is

    (loss(suggested) - lowest loss) / (untrained loss - lowest loss)

between 0 and 1; no answer and an error are 1. A finder is given seeds that the truth does not use. Cost counts a forward pass as a
third of an update, in runs of full length. fastai's rules read our sweep, which follows fastai's numbers; they are not fastai's package.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import logging
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import isfinite, log2, nan
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import lr_toolkit
from lr_toolkit import Horizon, LRSearch, NoLRFound, Schedule, ScheduledLR, linear, search_lr, warmup
from lr_toolkit.finder.rules import RULES

SCHEDULE = warmup("5%") >> linear()
GRID = [2.0**octave for octave in range(-17, 4)]


@dataclass(frozen=True)
class Task:
    """A model, its optimizer without an LR, and its data; ``ratios`` are the LRs of the groups beside the highest."""

    name: str
    steps: int
    batch: int
    model: Callable[[], nn.Module]
    optimizer: Callable[[nn.Module, float], torch.optim.Optimizer]
    loss: Callable[[Tensor, Tensor], Tensor]
    data: Callable[[], tuple[Tensor, Tensor, Tensor, Tensor]]

    def loader(self, seed: int) -> DataLoader[Any]:
        """The training data in a random order."""
        x, y, _, _ = self.data()
        generator = torch.Generator().manual_seed(seed)
        return DataLoader(TensorDataset(x, y), self.batch, shuffle=True, drop_last=True, generator=generator)

    def built(self, seed: int) -> nn.Module:
        """The untrained model."""
        torch.manual_seed(seed)
        return self.model()

    def loss_of(self, model: nn.Module, batch: Any) -> Tensor:
        """The loss of a batch."""
        return self.loss(model(batch[0]), batch[1])

    def held_out(self, model: nn.Module) -> float:
        """The loss on the data that is not trained on."""
        _, _, x, y = self.data()
        model.eval()
        with torch.no_grad():
            return float(self.loss(model(x), y))


def sgd(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Plain gradient descent."""
    return torch.optim.SGD(model.parameters(), lr=lr)


def momentum(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Gradient descent with momentum and weight decay."""
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)


def adam(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Adam."""
    return torch.optim.Adam(model.parameters(), lr=lr)


def adamw(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """AdamW."""
    return torch.optim.AdamW(model.parameters(), lr=lr)


def two_groups(model: Any, lr: float) -> torch.optim.Optimizer:
    """AdamW, with a tenth of the LR for all but the last layer."""
    return torch.optim.AdamW(
        [{"params": model[:-1].parameters(), "lr": lr / 10}, {"params": model[-1].parameters()}], lr=lr
    )


def split(x: Any, y: Any, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Three quarters to train on, and the rest, in a fixed random order."""
    order = np.random.default_rng(0).permutation(len(x))
    x, y = torch.tensor(x[order], dtype=torch.float32), torch.tensor(y[order]).to(dtype)
    cut = len(x) * 3 // 4
    return x[:cut], y[:cut], x[cut:], y[cut:]


@cache
def regression() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A linear regression whose inputs have scales from 1 to 0.03."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 32)) * np.logspace(0, -1.5, 32)
    return split(x, (x @ rng.normal(size=32) + 0.1 * rng.normal(size=2000))[:, None], torch.float32)


@cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images of digits."""
    data = load_digits()
    return split(data.data / 16, data.target, torch.long)


@cache
def noisy_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Digits of which a quarter have random labels."""
    x, y, x_held, y_held = digits()
    rng = np.random.default_rng(2)
    wrong = torch.tensor(rng.random(len(y)) < 0.25)
    return x, torch.where(wrong, torch.tensor(rng.integers(0, 10, len(y))), y), x_held, y_held


@cache
def text() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bytes of the standard library, 32 in a row, and those that follow."""
    folder = Path(os.__file__).parent
    raw = b"".join(
        (folder / f"{name}.py").read_bytes()
        for name in ("argparse", "ast", "pathlib", "inspect", "typing")
        if (folder / f"{name}.py").exists()
    )
    tokens = torch.tensor(list(raw), dtype=torch.long)
    windows = tokens[: len(tokens) // 33 * 33].reshape(-1, 33)
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))
    held, train = windows[order[:256]], windows[order[256:]]
    return train[:, :-1], train[:, 1:], held[:, :-1], held[:, 1:]


@cache
def diabetes() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A regression on the raw scale of its targets, about 150."""
    data = load_diabetes()
    return split(data.data * 20, data.target[:, None], torch.float32)


@cache
def new_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The digits 5 to 9."""
    x, y, x_held, y_held = digits()
    return x[y >= 5], y[y >= 5] - 5, x_held[y_held >= 5], y_held[y_held >= 5] - 5


@cache
def pretrained() -> dict[str, Tensor]:
    """An MLP that has learned the digits 0 to 4."""
    torch.manual_seed(7)
    model = mlp(64, 5)
    x, y, _, _ = digits()
    x, y = x[y < 5], y[y < 5]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(200):
        pick = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        F.cross_entropy(model(x[pick]), y[pick]).backward()
        optimizer.step()
    return model.state_dict()


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(inputs, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, outputs))


def finetuned() -> nn.Module:
    """The pretrained MLP with a new last layer."""
    model = mlp(64, 5)
    head = model[-1].state_dict()
    model.load_state_dict(pretrained())
    model[-1].load_state_dict(head)
    return model


class Byter(nn.Module):
    """A transformer of one layer over bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(256, 64), nn.Parameter(0.02 * torch.randn(32, 64))
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 256)

    def forward(self, x: Tensor) -> Tensor:
        """The logits of each next byte, classes in the second place."""
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.head(self.norm(self.layer(self.token(x) + self.place, mask, is_causal=True))).transpose(1, 2)


def cnn() -> nn.Module:
    """Two convolutions with batch normalisation."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
        *(nn.Flatten(), nn.Linear(32, 10)),
    )


TASKS = {
    task.name: task
    for task in (
        Task("regression", 200, 32, lambda: nn.Linear(32, 1), sgd, F.mse_loss, regression),
        Task("noisy digits", 150, 64, lambda: mlp(64, 10), adamw, F.cross_entropy, noisy_digits),
        Task("cnn", 100, 64, cnn, momentum, F.cross_entropy, digits),
        Task("bytes", 150, 32, Byter, adamw, F.cross_entropy, text),
        Task("diabetes", 150, 32, lambda: mlp(10, 1), adam, F.mse_loss, diabetes),
        Task("fine-tuning", 100, 32, finetuned, two_groups, F.cross_entropy, new_digits),
    )
}


# --- the truth ----------------------------------------------------------------------------------------------------------


def endless(loader: DataLoader[Any]) -> Iterator[Any]:
    """One epoch after another."""
    while True:
        yield from loader


def trained(task: Task, schedule: Schedule, lr: float, seed: int) -> nn.Module | None:
    """The model after a run of full length; ``None`` if the loss of an update was not finite."""
    model = task.built(seed)
    optimizer = task.optimizer(model, lr)
    scheduler = ScheduledLR(optimizer, schedule, Horizon(task.steps))
    batches = endless(task.loader(seed))
    for _ in range(task.steps):
        optimizer.zero_grad()
        loss = task.loss_of(model, next(batches))
        if not torch.isfinite(loss):
            return None
        loss.backward()
        optimizer.step()
        scheduler.step()
    return model


def trained_loss(task: Task, lr: float, seed: int) -> float:
    """The held-out loss of a run of full length."""
    model = trained(task, SCHEDULE, lr, seed)
    return nan if model is None else task.held_out(model)


@dataclass(frozen=True)
class Truth:
    """The losses of a task over the LRs, none above the untrained one."""

    losses: list[float]
    untrained: float

    @property
    def best(self) -> float:
        """The LR of the lowest loss."""
        return GRID[int(np.argmin(self.losses))]

    def regret(self, lr: float | None) -> float:
        """Between 0 and 1."""
        if lr is None or not isfinite(lr) or lr <= 0:
            return 1.0
        loss = float(np.interp(log2(lr), [log2(each) for each in GRID], self.losses))
        lowest = min(self.losses)
        return min(max((loss - lowest) / (self.untrained - lowest), 0.0), 1.0)


def truth_of(task: Task, seeds: int) -> Truth:
    """Train at each LR with each seed."""
    untrained = statistics.mean(task.held_out(task.built(seed)) for seed in range(seeds))
    losses = []
    for lr in GRID:
        found = [trained_loss(task, lr, seed) for seed in range(seeds)]
        losses.append(statistics.mean(min(loss, untrained) if isfinite(loss) else untrained for loss in found))
    return Truth(losses, untrained)


# --- the finders: (task, seed) -> (LR or None, cost in runs) ----------------------------------------------------------------

Answer = dict[str, tuple["float | None", float]]


def searched(task: Task, seed: int, method: Any) -> LRSearch:
    """Search as a user would."""
    model = task.built(seed)
    optimizer = task.optimizer(model, 1e-3)
    return search_lr(model, optimizer, task.loss_of, task.loader(seed), SCHEDULE, task.steps, method=method, seed=seed)


def ours(method: str) -> Callable[[Task, int], Answer]:
    """A method of this package."""

    def find(task: Task, seed: int) -> Answer:
        """Search; a refusal is no answer."""
        try:
            found = searched(task, seed, method)
        except NoLRFound as error:
            print(f"    {task.name}, {method}, seed {seed}: {error.reason}", file=sys.stderr)
            return {f"lr_toolkit {method}": (None, nan)}
        return {f"lr_toolkit {method}": (found.lr, found.cost)}

    return find


def fastai(task: Task, seed: int) -> Answer:
    """fastai's rules on our sweep, which they read even if its minimum is at an end, as fastai does."""
    try:
        curve = searched(task, seed, "range_test").curve
    except NoLRFound as error:
        curve = error.curve
    lrs, losses = (np.array([getattr(trial, name) for trial in curve][10:-5]) for name in ("lr", "loss"))
    return {f"fastai {name}": (rule(lrs, losses), len(curve) / task.steps) for name, rule in RULES.items()}


class Wrapped(L.LightningModule):
    """A task as Lightning's Tuner takes it."""

    def __init__(self, task: Task, seed: int) -> None:
        super().__init__()
        self.task, self.model, self.lr = task, task.built(seed), 1e-3

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss."""
        return self.task.loss_of(self.model, batch)

    def configure_optimizers(self) -> Any:
        """The optimizer of the task."""
        return self.task.optimizer(self.model, self.lr)


def lightning_tuner(task: Task, seed: int) -> Answer:
    """The real one, with its defaults."""
    options = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = L.Trainer(accelerator="cpu", devices=1, max_steps=task.steps, **options)
    found = L.pytorch.tuner.Tuner(trainer).lr_find(Wrapped(task, seed), task.loader(seed))
    lr = found.suggestion() if found is not None else None
    return {"Lightning's Tuner": (lr, len(found.results["lr"]) / task.steps if found else nan)}


def torch_lr_finder(task: Task, seed: int) -> Answer:
    """The package with its defaults: 1e-7 to 10 on 100 updates, and the steepest point."""
    from torch_lr_finder import LRFinder

    model = task.built(seed)
    finder = LRFinder(model, task.optimizer(model, 1e-7), task.loss, device="cpu")
    finder.range_test(task.loader(seed), end_lr=10, num_iter=100)
    losses, lrs = finder.history["loss"], finder.history["lr"]
    return {"torch-lr-finder": (lrs[10:-5][int(np.argmin(np.gradient(losses[10:-5])))], len(losses) / task.steps)}


def prodigy(task: Task, seed: int) -> Answer:
    """The d of Prodigy after half a run."""
    from prodigyopt import Prodigy

    model = task.built(seed)
    optimizer = Prodigy(model.parameters(), lr=1.0)
    batches = endless(task.loader(seed))
    for _ in range(task.steps // 2):
        optimizer.zero_grad()
        task.loss_of(model, next(batches)).backward()
        optimizer.step()
    return {"Prodigy's d": (float(optimizer.param_groups[0]["d"]), 0.5)}


def fixed(_task: Task, _seed: int) -> Answer:
    """Whatever the task is."""
    return {f"always {lr:g}": (lr, 0.0) for lr in (1e-3, 1e-2, 1e-1)}


FINDERS: list[Callable[[Task, int], Answer]] = [
    *(ours(method) for method in ("auto", "line_search", "schedules")),
    *(fastai, lightning_tuner, torch_lr_finder, prodigy, fixed),
]


# --- the score ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Try:
    """What a finder has answered for a task and a seed."""

    task: str
    lr: float | None
    regret: float
    octaves: float
    cost: float


def score(tasks: list[Task], seeds: int, truth_seeds: int) -> tuple[dict[str, list[Try]], list[str]]:
    """Each finder on each task; and the best LR of each task, as lines."""
    tries: dict[str, list[Try]] = {}
    lines = []
    for task in tasks:
        began = time.perf_counter()
        truth = truth_of(task, truth_seeds)
        lines.append(f"{task.name}: best at {truth.best:.3g}, loss {min(truth.losses):.4g} from {truth.untrained:.4g}")
        print(f"{lines[-1]} ({time.perf_counter() - began:.0f} s)", file=sys.stderr)
        for find in FINDERS:
            for seed in range(100, 100 + seeds):
                try:
                    answers = find(task, seed)
                except ImportError:
                    continue
                for name, (lr, cost) in answers.items():
                    octaves = abs(log2(lr / truth.best)) if lr else nan
                    tries.setdefault(name, []).append(Try(task.name, lr, truth.regret(lr), octaves, cost))
    return tries, lines


def table(tries: dict[str, list[Try]]) -> str:
    """The score in Markdown, best first."""
    rows = []
    for name, each in tries.items():
        by_task = [
            [attempt for attempt in each if attempt.task == task]
            for task in dict.fromkeys(attempt.task for attempt in each)
        ]
        answered = [[log2(attempt.lr) for attempt in some if attempt.lr] for some in by_task]
        spreads = [statistics.stdev(logs) for logs in answered if len(logs) > 1]
        octaves = [attempt.octaves for attempt in each if isfinite(attempt.octaves)]
        costs = [attempt.cost for attempt in each if isfinite(attempt.cost)]
        rows.append(
            (
                statistics.mean(attempt.regret for attempt in each),
                name,
                max(statistics.mean(attempt.regret for attempt in some) for some in by_task),
                statistics.mean(octaves) if octaves else nan,
                statistics.mean(spreads) if spreads else nan,
                statistics.mean(costs) if costs else nan,
                sum(attempt.lr is None for attempt in each),
            )
        )
    head = "| finder | mean regret | worst task | octaves off | sd over seeds | cost in runs | no answer |\n"
    head += f"|---|{'---:|' * 6}\n"
    return head + "\n".join(
        f"| {name} | {mean:.3f} | {worst:.3f} | {octaves:.1f} | {spread:.2f} | {cost:.2f} | {none} |"
        for mean, name, worst, octaves, spread, cost, none in sorted(rows)
    )


def _peers() -> list[str]:
    """The peers that are installed, with their versions."""
    found = []
    for name in ("prodigyopt", "torch-lr-finder"):
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return found


def main() -> None:
    """Parse the command line, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each finder")
    parser.add_argument("--truth-seeds", type=int, default=3, help="seeds of each LR of the truth")
    parser.add_argument("--details", action="store_true", help="print each answer")
    parser.add_argument("--write", type=Path, help="write the table to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    tries, lines = score([TASKS[name] for name in options.tasks], options.seeds, options.truth_seeds)
    if options.details:
        for name, each in tries.items():
            print(
                name,
                *(
                    f"    {attempt.task}: {attempt.lr} regret {attempt.regret:.3f}, cost {attempt.cost:.2f}"
                    for attempt in each
                ),
                sep="\n",
            )
    about = (
        f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%d}, lr_toolkit {lr_toolkit.__version__}, lightning {L.__version__}, torch "
        f"{torch.__version__}, Python {platform.python_version()}, {', '.join(_peers())}; {options.seeds} seeds for each finder, "
        f"{options.truth_seeds} for the truth. fastai's rules are re-implemented, and read our sweep, which has fastai's numbers."
    )
    report = "\n\n".join([about, table(tries), "\n".join(f"- {line}" for line in lines)])
    print(report)
    if options.write:
        options.write.write_text(f"# Finders of the base LR\n\n{report}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
