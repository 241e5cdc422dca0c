"""Whether the host ever waits for the GPU: CUDA's sync debug mode over scheduler, plateau, warmup and monitor.

In this mode torch raises an error at each operation for which the host waits. In a plain loop it is on during whole updates. In a
Trainer from the third batch on, it is on during the hooks of our callbacks and of the optimizer, and during ``scheduler.step()``:
Lightning itself waits, for example to log a loss. Without CUDA the same program runs, and nothing is checked.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lr_toolkit import (
    Horizon,
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    ScheduledLR,
    configure_optimizers,
    cosine,
    linear,
    warmup,
)
from lr_toolkit.lightning.sparse_callback import SparseCallback

UPDATES = 30
PLAN = warmup("10%") >> cosine(end=0.1)
CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")


@contextmanager
def no_waiting() -> Iterator[None]:
    """Refuse operations for which the host waits for the GPU."""
    if not CUDA:
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, during which the host may not wait."""

    @wraps(function)
    def guard(*args: Any, **kwargs: Any) -> Any:
        with no_waiting():
            return function(*args, **kwargs)

    return guard


def adamw(parameters: Any, *, tensor: bool) -> torch.optim.Optimizer:
    """AdamW of which torch waits for nothing: capturable on a GPU."""
    lr = torch.tensor(1e-3, device=DEVICE) if tensor else 1e-3
    return torch.optim.AdamW(parameters, lr=lr, capturable=CUDA, foreach=None if CUDA else False)


# --- a plain loop -------------------------------------------------------------------------------------------------------


def plain_loop(*, tensor: bool, plateau: bool = False, keys: bool = False) -> None:
    """Whole updates: forward, backward, the optimizer, the scheduler, a reading of a metric, a resume."""
    network = nn.Linear(16, 1).to(DEVICE)
    inputs = torch.ones(8, 16, device=DEVICE)
    optimizer = adamw(network.parameters(), tensor=tensor)
    rule = ReduceOnPlateau(monitor="loss", patience=0) if plateau else None
    others: dict[str, Any] = {"weight_decay": linear(end=0.1), "betas": (linear(end=0.9), None)} if keys else {}
    scheduler = ScheduledLR(optimizer, PLAN, Horizon(UPDATES), plateau=rule, **others)
    for update in range(UPDATES):
        if update == 2:  # the first updates make the optimizer's state
            state = scheduler.state_dict()
        with no_waiting() if update > 1 else warnings.catch_warnings():
            network(inputs).square().mean().backward()
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad(set_to_none=False)
            if plateau:
                scheduler.observe(1.0)
    with no_waiting():
        scheduler.load_state_dict(state)
    assert scheduler.last_epoch == 2, "the scheduler did not resume"


# --- a Trainer ----------------------------------------------------------------------------------------------------------


class Model(L.LightningModule):
    """A linear model whose scheduler may not wait."""

    def __init__(self, *, tensor: bool) -> None:
        super().__init__()
        self.tensor = tensor
        self.network = nn.Linear(16, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """The mean square of the output."""
        return self.network(batch).square().mean()

    def configure_optimizers(self) -> Any:
        """Capturable AdamW under a schedule."""
        return configure_optimizers(adamw(self.parameters(), tensor=self.tensor), cosine(), self.trainer)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step under the guard."""
        with no_waiting():
            super().lr_scheduler_step(scheduler, metric)


class Guards(L.Callback):
    """Puts this package's callbacks, and the hooks of the optimizers, under the guard from the third batch on.

    The first updates make the optimizer's state, and may read the base LRs once.
    """

    def __init__(self) -> None:
        self.hooks = 0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Replace the hooks once, after all of them are there."""
        if batch_idx != 2:
            return
        for callback in trainer.callbacks:
            if isinstance(callback, SparseCallback):  # which has no other hook within a batch
                for name in ("on_train_batch_start", "on_train_batch_end"):
                    if (hook := getattr(callback, name)) is not None:
                        setattr(callback, name, guarded(hook))
        for optimizer in trainer.optimizers:
            for hooks in (optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks):
                for key, hook in hooks.items():
                    hooks[key] = guarded(hook)
                    self.hooks += 1


def in_a_trainer(make: Callable[[], L.Callback], *, tensor: bool) -> None:
    """A short run in which each hook of this package for a batch is under the guard."""
    guards = Guards()
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            accelerator="gpu" if CUDA else "cpu",
            devices=1,
            max_steps=UPDATES,
            log_every_n_steps=1,
            logger=CSVLogger(folder),
            callbacks=[make(), guards],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Model(tensor=tensor), DataLoader(torch.ones(UPDATES, 16)))
    assert trainer.global_step == UPDATES, "the run was cut"
    assert guards.hooks > 0, "no hook of the optimizer was guarded"


def checks() -> Iterator[tuple[str, Callable[[], None]]]:
    """What is checked, by name, with a number and with a tensor as LR."""
    for tensor in (False, True):
        kind = "tensor LR" if tensor else "float LR"
        yield f"scheduler, {kind}", lambda tensor=tensor: plain_loop(tensor=tensor)
        yield (
            f"scheduler with betas and weight decay, {kind}",
            lambda tensor=tensor: plain_loop(tensor=tensor, keys=True),
        )
        yield f"plateau, {kind}", lambda tensor=tensor: plain_loop(tensor=tensor, plateau=True)
        yield f"LRMonitor in a Trainer, {kind}", lambda tensor=tensor: in_a_trainer(LRMonitor, tensor=tensor)
        yield f"LRWarmup in a Trainer, {kind}", lambda tensor=tensor: in_a_trainer(lambda: LRWarmup(10), tensor=tensor)


def a_wait_is_found() -> bool:
    """Whether the mode finds a wait at all: reading a number from the GPU is one."""
    number = torch.ones((), device=DEVICE)
    try:
        with no_waiting():
            number.item()
    except RuntimeError:
        return True
    return False


def main() -> None:
    """Print a row for each check; the exit status is 1 if one fails."""
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    print(f"| {UPDATES} updates on {DEVICE} | the host waits |\n| --- | --- |")
    found = a_wait_is_found()
    print(f"| a read of a number, on purpose | {'yes' if found else 'not seen: without CUDA nothing is checked'} |")
    passed = found or not CUDA
    for name, check in checks():
        try:
            check()
        except Exception as error:  # the other checks are to be seen too
            first = (str(error).splitlines() or [""])[0]
            print(f"| {name} | **failed**: {type(error).__name__}: {first} |", flush=True)
            passed = False
        else:
            print(f"| {name} | {'never' if CUDA else 'ran'} |", flush=True)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
