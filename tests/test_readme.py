"""The README is correct: its code runs, and what it shows is printed. test_migration.py compares its table of equivalents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

import lr_toolkit
from tests.helpers.optimizers import held
from tests.helpers.runs import trainer

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_code_blocks_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's blocks, pasted one after the other, give runs that end, and a checkpoint."""
    monkeypatch.chdir(tmp_path)
    data = torch.utils.data.TensorDataset(torch.randn(40, 64), torch.randint(10, (40,)))
    namespace: dict[str, Any] = {"train_loader": torch.utils.data.DataLoader(data, batch_size=4)}

    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), namespace)

    assert len(BLOCKS) == 5
    assert (tmp_path / "checkpoint.pt").is_file()
    state = torch.load("checkpoint.pt", weights_only=True)
    assert state["scheduler"]["last_epoch"] == 100


def test_the_fine_tuner_of_the_readme_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each group of the README's second block follows the schedule from its own base LR, and the plateau lowers it."""
    monkeypatch.chdir(tmp_path)
    data = torch.utils.data.TensorDataset(torch.randn(40, 64), torch.randint(10, (40,)))
    namespace: dict[str, Any] = {"train_loader": torch.utils.data.DataLoader(data, batch_size=4)}
    for block in BLOCKS[:2]:
        exec(compile(block, "README.md", "exec"), namespace)
    fine_tuner: Any = namespace["FineTuner"]

    class Watched(fine_tuner):  # type: ignore[misc]
        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", torch.tensor(1.0))

    module = Watched()
    run = trainer(max_epochs=5)
    run.fit(module, namespace["train_loader"], namespace["train_loader"])

    # The first of five equal readings is the best; after three more without improvement, patience=2 is exceeded.
    assert held(run.optimizers[0]) == pytest.approx([0.5e-5, 0.5e-3])


def test_the_other_values_of_the_readme_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first beta of its third block falls while the LR climbs, and the weight decay rises tenfold."""
    monkeypatch.chdir(tmp_path)
    data = torch.utils.data.TensorDataset(torch.randn(40, 64), torch.randint(10, (40,)))
    namespace: dict[str, Any] = {"train_loader": torch.utils.data.DataLoader(data, batch_size=4)}
    for block in BLOCKS[:3]:
        exec(compile(block, "README.md", "exec"), namespace)
    run = trainer(max_epochs=1, max_steps=3)
    run.fit(namespace["Cycled"](), namespace["train_loader"])
    (group,) = run.optimizers[0].param_groups
    assert group["betas"] == (pytest.approx(0.95, rel=1e-12), 0.999)
    assert group["weight_decay"] == pytest.approx(0.1, rel=1e-12)


def test_the_plan_shown_is_what_the_monitor_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """The table in the README is exactly the table that LRMonitor prints for such a run."""

    class FineTuner(lr_toolkit.ScheduleMixin, L.LightningModule):
        schedule = "warmup('10%') >> hold() >> linear(over='30%')"

        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head = torch.nn.Linear(64, 128), torch.nn.Linear(128, 10)

        def build_optimizer(self) -> torch.optim.Optimizer:
            groups = {"backbone": 1e-4, "head": 1e-3}
            return torch.optim.AdamW(
                [{"params": getattr(self, name).parameters(), "lr": lr, "name": name} for name, lr in groups.items()]
            )

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            loss: torch.Tensor = self.head(self.backbone(batch[0])).mean()
            return loss

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(20, 64)))
    monitor = lr_toolkit.LRMonitor(table=True)
    trainer(max_epochs=3, log_every_n_steps=1, callbacks=[monitor]).fit(FineTuner(), data)
    (shown,) = re.findall(r"```text\n(.*?)```", README, flags=re.DOTALL)

    assert [line.rstrip() for line in shown.splitlines()] == [
        line.rstrip() for line in capsys.readouterr().out.strip().splitlines()
    ]


def test_values_in_comments_are_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The values in a comment of the last block are the values that it prints."""
    block = next(block for block in BLOCKS if "print(" in block)
    line = next(line for line in block.splitlines() if line.startswith("print("))
    code, comment = line.split("  # ")

    exec(block.split(line)[0] + code, {})

    assert capsys.readouterr().out.strip() == comment
