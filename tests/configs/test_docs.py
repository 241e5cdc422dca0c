"""The page of the configurations: its files, commands and checks run, and each update uses the LR of the schedule that the command has."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch.optim.optimizer import register_optimizer_step_pre_hook
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from lr_toolkit import Horizon, Schedule
from lr_toolkit.cli import main

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
    ),  # Lightning's use of it
    pytest.mark.filterwarnings("ignore:No seed found:UserWarning"),  # of a LightningCLI without --seed_everything
]

TEXT = (Path(__file__).parents[2] / "docs" / "configs.md").read_text("utf-8")
FILES = dict(re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
COMMANDS, LOOKS = (
    [
        command.replace("\\\n", "")
        for command in re.findall(rf"^```sh\n{program} ((?:.|\\\n)*)\n```$", TEXT, re.MULTILINE)
    ]
    for program in ("python", "lr-toolkit")
)
# The schedule that each command trains with, and its base LR.
PLANS = [
    ("warmup('25%') >> cosine()", 0.1),
    ("warmup(8) >> linear()", 0.1),
    ("warmup(6) >> linear()", 0.5),
    ("warmup('25%') >> cosine(end=0.1)", 0.2),
    ("warmup(4) >> linear()", 0.05),
    ("warmup('25%') >> cosine()", 0.1),
    ("warmup('25%') >> linear()", 0.1),
]


@pytest.fixture
def used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The LR of each update of any optimizer; the files of the page lie in the working directory, and its modules are new."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    lrs: list[float] = []

    def record(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        lrs.append(float(optimizer.param_groups[0]["lr"]))

    hook = register_optimizer_step_pre_hook(record)
    yield lrs
    hook.remove()
    sys.modules.pop("model", None)


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a command of the page in this process."""
    program, *words = shlex.split(command)
    monkeypatch.setattr(sys, "argv", [program, *words])
    runpy.run_path(program, run_name="__main__")


@pytest.mark.parametrize(("command", "plan"), list(zip(COMMANDS[:-1], PLANS, strict=True)))
def test_a_command_trains_with_its_schedule(
    command: str, plan: tuple[str, float], used: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the 24 updates uses the LR of the schedule's timeline."""
    run(command, monkeypatch)
    schedule, base = plan
    planned = Schedule.parse(schedule).resolve(Horizon(24, 8)).values(range(24)) * base

    assert used == pytest.approx(planned.tolist())


def test_show_draws_the_schedule_of_the_file(used: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """``show`` begins with the module, its schedule and its length, and takes no update."""
    (command,) = (command for command in LOOKS if command.startswith("show"))
    main(shlex.split(command))

    assert capsys.readouterr().out.startswith(
        "Classifier: warmup('1 epoch') >> linear() (SGD)\n  24 updates = 3 epochs"
    )
    assert used == []


@pytest.mark.parametrize("command", [command for command in LOOKS if command.startswith("check")])
def test_a_check_reads_the_same_run(command: str, used: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """It reads the files of the page, finds nothing and takes no update."""
    main(shlex.split(command))

    assert capsys.readouterr().out == "Nothing found.\n"
    assert used == []


def test_the_wrong_command_prints_the_line(
    used: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last command ends with the status 2 and the line that the page shows, and trains nothing."""
    with pytest.raises(SystemExit) as ended:
        run(COMMANDS[-1], monkeypatch)
    (shown,) = re.findall(r"^```text\n(.*?)\n```$", TEXT, re.MULTILINE | re.DOTALL)

    assert ended.value.code == 2
    assert " ".join(shown.split()) in capsys.readouterr().err
    assert used == []


def test_the_command_of_the_sweep_is_that_of_wandb() -> None:
    """W&B makes the shown command of the file: the last value of the grid."""
    sweep = yaml.safe_load(FILES["sweep.yaml"])
    given = {
        name: {"value": each.get("value", each.get("values", [None])[-1])} for name, each in sweep["parameters"].items()
    }
    words = create_sweep_command_args({"args": given})["args"]
    known = {"${env}": [], "${interpreter}": [], "${program}": [sweep["program"]], "${args}": words}
    command = [word for part in sweep["command"] for word in known.get(part, [part])]

    assert shlex.split(COMMANDS[-2]) == command
