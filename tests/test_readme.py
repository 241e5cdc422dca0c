"""The README is correct: its programs and commands run, and what it shows is what they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

from lr_toolkit.cli import main
from tests.helpers.optimizers import held

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
SHOWN = re.findall(r"```sh\nlr-toolkit (.*?)\n```\n\n```text\n(.*?)```", README, flags=re.DOTALL)
CHECKED = """
import lightning as L
import torch


class LitModel(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def training_step(self, batch):
        return self.layer(batch[0]).sum()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=1000)]


def data():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(800, 4)), batch_size=8)
"""


def test_the_program_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program fits its model, whose LR ends a step above a tenth of the one in its optimizer."""
    monkeypatch.chdir(tmp_path)
    data = torch.utils.data.TensorDataset(torch.randn(40, 64), torch.randint(10, (40,)))
    namespace: dict[str, Any] = {"train_loader": torch.utils.data.DataLoader(data, batch_size=4)}

    exec(compile(PROGRAM, "README.md", "exec"), namespace)

    assert namespace["trainer"].global_step == 100
    assert held(namespace["trainer"].optimizers[0]) == [pytest.approx(3e-5, rel=1e-12)]


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=[command.split()[0] for command, _ in SHOWN])
def test_a_command_prints_what_is_shown(
    command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``show`` prints the chart, and ``check`` the finding for a module in ``train.py``; lines may be wrapped."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    Path("train.py").write_text(CHECKED, "utf-8")

    if command.startswith("check"):
        with pytest.raises(SystemExit):
            main(shlex.split(command))
        assert capsys.readouterr().out.split() == shown.split()
    else:
        main(shlex.split(command))
        assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == shown.splitlines()


def test_both_commands_are_shown() -> None:
    """The README has the output of ``show`` and of ``check``, and is short."""
    assert [command.split()[0] for command, _ in SHOWN] == ["show", "check"]
    assert len(README.splitlines()) < 120
