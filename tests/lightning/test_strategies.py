"""Wrappers that distribute a training over processes follow the schedule, without support of their own in the package.

DDP in Lightning itself, on two ranks, is tested with the helpers, the horizon and the plateau (``ranks.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch.optim import SGD, AdamW, Optimizer
from torch.utils.data import DataLoader

from lr_toolkit import Horizon, Schedule, ScheduledLR, ScheduleMixin
from tests.helpers.script import run_script
from tests.helpers.sharded import PLAN, STEPS


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The records of two gloo ranks under each wrapper."""
    folder = tmp_path_factory.mktemp("sharded")
    run_script("tests.helpers.sharded", folder)
    return [json.loads((folder / f"{rank}.json").read_text("utf-8")) for rank in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float", "tensor"])
@pytest.mark.parametrize("wrapper", ["DDP", "FSDP2", "ZeRO"])
def test_two_ranks_train_as_one_process_does(wrapper: str, kind: str, ranks: list[dict[str, Any]]) -> None:
    """The LRs of every rank are the schedule's, every update is counted, and the weights are those of one process."""
    if f"{wrapper}, {kind}" not in ranks[0]:
        pytest.skip("this torch has no fully_shard")
    timeline = Schedule.parse(PLAN).resolve(Horizon(STEPS))
    for rank in ranks:
        seen, alone = rank[f"{wrapper}, {kind}"], rank[f"alone, {kind}"]

        assert seen["used"] == pytest.approx([timeline(k, base_lr=0.1) for k in range(STEPS)], rel=1e-7)
        assert seen["count"] == STEPS
        assert seen["same"]
        assert seen["weights"] == pytest.approx(alone["weights"], rel=1e-5, abs=1e-7)


class Engine:
    """A wrapper like DeepSpeed's: it holds the optimizer and the scheduler, and skips updates that overflow."""

    def __init__(self, optimizer: Optimizer, scheduler: ScheduledLR) -> None:
        self.optimizer, self.scheduler = optimizer, scheduler
        self.overflows: set[int] = set()
        self.param_groups = optimizer.param_groups

    def step(self, batch: int) -> None:
        """Update unless the batch overflows, and always step the scheduler."""
        if batch not in self.overflows:
            self.optimizer.step()
        self.scheduler.step()


def test_an_engine_that_skips_updates_skips_them_in_the_schedule() -> None:
    """Under a wrapper that steps the scheduler regardless, only updates that happened count."""
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = SGD([weight], lr=0.1)
    engine = Engine(optimizer, ScheduledLR(optimizer, "linear()", Horizon(10)))
    engine.overflows = {2, 3}

    for batch in range(6):
        weight.grad = torch.ones(1)
        engine.step(batch)

    assert engine.scheduler.last_epoch == 4
    assert engine.param_groups[0]["lr"] == pytest.approx(0.06)


# --- Lightning's own sharding -------------------------------------------------------------------------------------------


class Tiny(ScheduleMixin, L.LightningModule):
    """A network that records the LR of each update."""

    schedule = PLAN

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
        self.used: list[float] = []

    def configure_model(self) -> None:
        """Shard if the strategy has a mesh."""
        if self.device_mesh is not None:
            from torch.distributed.fsdp import fully_shard

            for layer in self.net:
                fully_shard(layer, mesh=self.device_mesh["data_parallel"])

    def build_optimizer(self) -> Optimizer:
        """AdamW with a tensor LR."""
        device = next(self.parameters()).device
        optimizer = AdamW(self.parameters(), lr=torch.tensor(0.1, device=device), capturable=device.type == "cuda")
        optimizer.register_step_pre_hook(lambda *_: self.used.append(float(optimizer.param_groups[0]["lr"])))
        return optimizer

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        """Any loss."""
        return self.net(batch).square().mean()


@pytest.fixture
def group_of_one(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what Lightning sets up for a process group of one rank."""
    for name in ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "WORLD_SIZE"):
        monkeypatch.setenv(name, "")  # so that it is put back to what it was, or taken away
        monkeypatch.delenv(name)
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param("FSDP", marks=pytest.mark.gpu),  # Lightning's FSDPStrategy refuses every accelerator but CUDA
        pytest.param(
            "FSDP2", marks=pytest.mark.needs("torch>=2.6", "fully_shard has its place in torch.distributed.fsdp")
        ),
    ],
)
def test_lightnings_sharding_follows_the_schedule(strategy: str, group_of_one: None, tmp_path: Path) -> None:
    """With nothing changed but ``strategy=``, the LRs are the schedule's."""
    from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy

    trainer = L.Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=1,
        # One rank shards nothing, and torch warns about any other sharding_strategy.
        strategy=ModelParallelStrategy() if strategy == "FSDP2" else FSDPStrategy(sharding_strategy="NO_SHARD"),
        max_steps=STEPS,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    model = Tiny()

    trainer.fit(model, DataLoader(torch.ones(2 * STEPS, 4), batch_size=2))

    timeline = Schedule.parse(PLAN).resolve(Horizon(STEPS))
    assert model.used == pytest.approx([timeline(k, base_lr=0.1) for k in range(STEPS)], rel=1e-6)
