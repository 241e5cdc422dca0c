"""A byte-level language model, trained under five schedules with the same budget: which schedule ends at the lowest loss?

The text is Python's own standard library (with ``--size gpu`` torch's sources too), which is on every machine: nothing is
downloaded. Every twentieth file is used for validation. The schedules are common for language models, each after the same
warmup: a constant learning rate, a cosine to a tenth, a line to zero (D2Z, https://arxiv.org/abs/2502.15938), and a constant
learning rate with a cooldown at the end (WSD, https://arxiv.org/abs/2405.18392), along 1 - sqrt or along a line.

Run it: python examples/gpt.py [--size cpu] [--seeds 1] [--updates 150] [--out runs/gpt]

``--size cpu`` is a toy that ends within a minute: its losses are far from those of a useful model, and the order of the
schedules may change with more updates. ``--size gpu`` is a model that is worth comparing, in bf16, with three seeds; it has
not been measured yet.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import os
import platform
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

import lightning as L
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from torch.utils.data import DataLoader, Dataset

from lr_toolkit import LRMonitor, Schedule, ScheduleMixin, cosine, hold, linear, one_minus_sqrt, warmup

WARMUP = warmup("5%")
SCHEDULES = {
    "constant": WARMUP >> hold(),
    "cosine to 10 %": WARMUP >> cosine(end=0.1),
    "linear to zero": WARMUP >> linear(),
    "WSD, 1 - sqrt": WARMUP >> hold() >> one_minus_sqrt(over="20%"),
    "WSD, linear": WARMUP >> hold() >> linear(over="20%"),
}


@dataclass(frozen=True)
class Size:
    """The size of the model and of its training."""

    width: int
    depth: int
    heads: int
    context: int
    batch: int
    updates: int
    seeds: int
    lr: float
    whole: bool  # torch's sources too


SIZES = {
    "cpu": Size(width=64, depth=2, heads=2, context=64, batch=16, updates=150, seeds=1, lr=1e-2, whole=False),
    "gpu": Size(width=384, depth=6, heads=6, context=256, batch=128, updates=2000, seeds=3, lr=1e-3, whole=True),
}


# --- the text -----------------------------------------------------------------------------------------------------------


def read_text(*, whole: bool) -> tuple[Tensor, Tensor]:
    """The bytes of the training files and of the validation files."""
    folders = [Path(os.__file__).parent] + ([Path(torch.__file__).parent] if whole else [])
    # A set, because torch may be installed below the folder of the standard library.
    files = sorted({path for folder in folders for path in folder.glob("**/*.py" if whole else "*.py")})
    parts = ([path for index, path in enumerate(files) if index % 20], files[::20])
    train, val = (bytearray(b"".join(path.read_bytes() for path in part)) for part in parts)
    return torch.frombuffer(train, dtype=torch.uint8), torch.frombuffer(val, dtype=torch.uint8)


class Excerpts(Dataset[Tensor]):
    """Batches of excerpts that depend only on their index and the seed, so that all schedules see the same."""

    def __init__(self, text: Tensor, size: Size, batches: int, seed: int) -> None:
        self.text, self.size, self.batches, self.seed = text, size, batches, seed

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, index: int) -> Tensor:
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + index)
        starts = torch.randint(len(self.text) - self.size.context, (self.size.batch, 1), generator=generator)
        return self.text[starts + torch.arange(self.size.context + 1)].long()


# --- the model ----------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """Causal attention, then a small network, each with a residual connection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """From (batch, position, width) to the same shape."""
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, dim=-1)
        )
        x = x + self.out(scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


class GPT(ScheduleMixin, L.LightningModule):
    """A decoder-only transformer over bytes; ``ScheduleMixin`` follows the schedule."""

    def __init__(self, schedule: Schedule, size: Size) -> None:
        super().__init__()
        self.schedule, self.size = schedule, size
        self.tokens, self.positions = nn.Embedding(256, size.width), nn.Embedding(size.context, size.width)
        self.blocks = nn.Sequential(*(Block(size.width, size.heads) for _ in range(size.depth)))
        self.norm, self.head = nn.LayerNorm(size.width), nn.Linear(size.width, 256)
        for embedding in (self.tokens, self.positions):
            nn.init.normal_(embedding.weight, std=0.02)
        self.losses: dict[int, float] = {}

    def loss(self, batch: Tensor) -> Tensor:
        """The cross-entropy of the next byte, in bits."""
        inputs, targets = batch[:, :-1], batch[:, 1:]
        x = self.tokens(inputs) + self.positions(torch.arange(inputs.shape[1], device=inputs.device))
        logits = self.head(self.norm(self.blocks(x)))
        return cross_entropy(logits.flatten(0, 1).float(), targets.flatten()) / torch.log(torch.tensor(2.0))

    def training_step(self, batch: Tensor) -> Tensor:
        """The loss of a batch."""
        return self.loss(batch)

    def validation_step(self, batch: Tensor) -> None:
        """Log the loss on files that are not used in training."""
        self.log("val_loss", self.loss(batch))

    def on_validation_epoch_end(self) -> None:
        """Store the loss for the picture."""
        self.losses[self.global_step] = float(self.trainer.callback_metrics["val_loss"])

    def build_optimizer(self) -> torch.optim.Optimizer:
        """AdamW, with weight decay for matrices only."""
        matrices = [parameter for parameter in self.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.parameters() if parameter.ndim == 1]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.size.lr, betas=(0.9, 0.95))


# --- training and showing -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """The LR of each logged update, and the validation loss after some updates."""

    lr: dict[int, float]
    losses: dict[int, float]

    @property
    def final(self) -> float:
        """The loss after the last update."""
        return self.losses[max(self.losses)]


def train(schedule: Schedule, size: Size, seed: int, text: tuple[Tensor, Tensor]) -> Run:
    """Train for the whole budget."""
    L.seed_everything(seed, verbose=False)
    on_gpu = torch.cuda.is_available()
    monitor = LRMonitor()
    trainer = L.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=1,
        precision="bf16-mixed" if on_gpu and torch.cuda.is_bf16_supported() else "32-true",
        max_epochs=1,
        val_check_interval=max(1, size.updates // 10),
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        callbacks=[monitor],
        log_every_n_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    model = GPT(schedule, size)
    training, validation = Excerpts(text[0], size, size.updates, seed), Excerpts(text[1], size, 8, seed=0)
    trainer.fit(model, DataLoader(training, batch_size=None), DataLoader(validation, batch_size=None))
    trainer.validate(model, DataLoader(validation, batch_size=None), verbose=False)
    history = monitor.history
    name = next(name for name in history if name.startswith("lr/"))
    return Run(dict(zip(history["step"], history[name], strict=True)), model.losses)


def spread(values: list[float]) -> str:
    """The mean, and the standard deviation if there are several values."""
    return f"{fmean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def draw(runs: dict[str, list[Run]], path: Path, caption: str) -> None:
    """Draw the learning rates above the validation losses."""
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(1, 2))
    for name, each in runs.items():
        above.plot(list(each[0].lr), list(each[0].lr.values()))
        steps = list(each[0].losses)
        below.plot(
            steps,
            [fmean(run.losses[update] for run in each) for update in steps],
            label=f"{name}: {spread([run.final for run in each])}",
        )
    above.set_ylabel("learning rate")
    below.set(xlabel=caption, ylabel="validation loss, bits per byte")
    below.legend(frameon=False)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Train under each schedule, print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="cpu", help="size of the model and of its training")
    parser.add_argument("--seeds", type=int, help="trainings of each schedule")
    parser.add_argument("--updates", type=int, help="length of a training")
    parser.add_argument("--out", type=Path, default=Path("runs/gpt"), help="folder of the picture")
    options = parser.parse_args()
    usual = SIZES[options.size]
    updates, seeds = options.updates or usual.updates, options.seeds or usual.seeds
    size = replace(usual, updates=updates, seeds=seeds)

    warnings.filterwarnings("ignore", ".*does not have many workers", UserWarning)
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.", FutureWarning)
    warnings.filterwarnings("ignore", "GPU available but not used", UserWarning)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    torch.set_float32_matmul_precision("high")
    if options.size == "cpu":
        torch.set_num_threads(1)  # with such a small model more threads only cost time

    text = read_text(whole=size.whole)
    device = f"cuda ({torch.cuda.get_device_name()})" if torch.cuda.is_available() else "cpu"
    caption = f"update ({device}, torch {torch.__version__}, {dt.date.today()}, {seeds} seed{'s' * (seeds > 1)})"
    print(f"{sum(map(len, text)) / 1e6:.1f} MB of Python, {updates} updates of {size.batch} x {size.context} bytes")
    print(f"on {device}, Python {platform.python_version()}, torch {torch.__version__}, {dt.date.today()}\n")
    print(f"{'schedule':16} {'final LR':>9}   validation loss, bits per byte")
    runs: dict[str, list[Run]] = {}
    for name, schedule in SCHEDULES.items():
        runs[name] = [train(schedule, size, seed, text) for seed in range(seeds)]
        lr = runs[name][0].lr
        print(f"{name:16} {lr[max(lr)]:9.2g}   {spread([run.final for run in runs[name]])}", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    draw(runs, options.out / "gpt.png", caption)
    print(f"\npicture: {options.out / 'gpt.png'}")


if __name__ == "__main__":
    main()
