"""Every example runs without a warning, and the LRs that it shows are those of its schedule."""

from __future__ import annotations

import math
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from lr_toolkit import (
    Horizon,
    Schedule,
    cosine,
    cosine_restarts,
    custom,
    exponential,
    hold,
    linear,
    multistep,
    one_cycle,
    step,
    warmup,
)
from tests.helpers import offline_wandb
from tests.helpers.fits import read_csv
from tests.helpers.script import ROOT, SERVER

pytestmark = pytest.mark.slow

# digits is a module of the others; compare is tested below, and gpt in test_gpt.py, at a smaller size.
EXAMPLES = sorted({path.stem for path in (ROOT / "examples").glob("*.py")} - {"digits", "compare", "gpt"})
EPOCH = re.compile(r"^ *\d+ +([-.\de]+) +([-.\de]+) +", re.MULTILINE)  # the first and the last LR of an epoch
NEEDS = {
    "muon_adamw": pytest.mark.needs("torch>=2.9", "torch.optim.Muon"),
    "optuna_search": pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is not installed"),
    "schedule_free": pytest.mark.skipif(find_spec("schedulefree") is None, reason="schedulefree is not installed"),
}


def example(name: str, *arguments: object) -> Any:
    """A case of an example, skipped if something that it needs is missing."""
    return pytest.param(name, *arguments, marks=NEEDS.get(name, ()))


def one_over_t(update: int) -> float:
    """The function of ``custom.py`` and ``compare.py``."""
    return 1 / (1 + update / 50)


def waves(update: int) -> float:
    """The function of ``formula.py`` behind its warmup of 25 updates, as ``waves(times=4)`` calls it."""
    return (1 - update / 225) * (1 - math.sin(math.pi * 4 * update / 225) ** 2 / 2)


def run(example: str, folder: Path, *arguments: str, **environment: str) -> str:
    """Run the example in ``folder`` and return its output; a warning that the example does not filter is an error."""
    script = str(ROOT / "examples" / f"{example}.py")
    done = SERVER.run(script, *arguments, cwd=folder, COLUMNS="100", **environment)
    assert done.status == 0, done.stdout + done.stderr
    # torch prints this line on a machine with a CUDA toolkit and without a GPU.
    errors = [line for line in done.stderr.splitlines() if not line.startswith("No CUDA runtime is found")]
    assert errors == []
    return done.stdout


# --- the examples, one by one -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The output of an example; each example runs once.

    Their W&B logger is made in ``digits.py`` for all of them. It costs as much as the training, so it writes its files in one of
    them, in the comparison and in the example that runs from a shell.
    """
    folder = tmp_path_factory.mktemp("examples")
    outputs: dict[str, str] = {}

    def output_of(example: str) -> str:
        if example not in outputs:
            outputs[example] = run(example, folder, WANDB_MODE="offline" if example == "cosine" else "disabled")
        return outputs[example]

    return output_of


@pytest.mark.parametrize("example", [example(name) for name in EXAMPLES])
def test_runs_and_names_its_device(example: str, printed: Callable[[str], str]) -> None:
    """Every example ends without an error or a warning, and prints the device on which it ran."""
    assert re.search(r"\bon (cpu|cuda|mps)", printed(example))


def test_runs_from_a_shell(tmp_path: Path) -> None:
    """In a process of its own, in which nothing is imported before it, an example prints the same."""
    example = ROOT / "examples" / "step.py"
    command = [sys.executable, "-W", "error::UserWarning", str(example)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)

    assert done.returncode == 0, done.stderr
    assert re.search(r"\bon (cpu|cuda|mps)", done.stdout)


@pytest.mark.parametrize(
    ("example", "schedule", "horizon", "base_lr"),
    [
        ("step", step("3 epochs", gamma=0.3), Horizon(250, 25), 0.5),
        ("multistep", multistep(["50%", "80%"]), Horizon(250, 25), 0.5),
        ("exponential", exponential(0.8), Horizon(10, unit="epoch"), 0.5),
        ("cosine", cosine(end_lr=0.001), Horizon(250, 25), 0.5),
        ("custom", custom(one_over_t), Horizon(250, 25), 0.5),
        ("formula", warmup("10%") >> custom(waves), Horizon(250, 25), 0.5),
        ("warmup_cosine", warmup("50 steps") >> cosine(), Horizon(250, 25), 0.01),
        ("plain_pytorch", warmup("5%") >> cosine(end=0.1), Horizon(200, 25), 0.5),
        ("one_cycle", one_cycle("30%"), Horizon(250, 25), 0.5),
        ("restarts", cosine_restarts(times=3, gamma=0.7), Horizon(225, 25), 0.5),
        ("weight_decay", warmup("10%") >> cosine(), Horizon(250, 25), 0.01),
        example("muon_adamw", warmup("5%") >> hold() >> linear(over="40%"), Horizon(250, 25), 0.02),
        example("schedule_free", warmup(24) >> hold(), Horizon(250, 25), 0.01),
    ],
)
def test_shows_its_schedule(
    example: str, schedule: Schedule, horizon: Horizon, base_lr: float, printed: Callable[[str], str]
) -> None:
    """The LRs that an example prints, for the first and the last update of each epoch, are those of its schedule."""
    timeline = schedule.resolve(horizon)
    epochs = int(horizon.epochs or 0)
    updates = horizon.steps // epochs
    expected = [
        [timeline(k, base_lr=base_lr) for k in (epoch * updates, (epoch + 1) * updates - 1)] for epoch in range(epochs)
    ]

    shown = [[float(first), float(last)] for first, last in EPOCH.findall(printed(example))][:epochs]

    np.testing.assert_allclose(shown, expected, rtol=6e-3)  # three digits are printed


def shown_lrs(output: str, epochs: int) -> list[float]:
    """The first and the last LR of each epoch that an example prints, one after another."""
    return [float(lr) for pair in EPOCH.findall(output)[:epochs] for lr in pair]


def planned_lrs(schedule: str, base_lr: float, epochs: int) -> list[float]:
    """Those of a schedule, with epochs of 25 updates."""
    timeline = Schedule.parse(schedule).resolve(Horizon(25 * epochs, 25))
    return [timeline(25 * epoch + k, base_lr=base_lr) for epoch in range(epochs) for k in (0, 24)]


SWEEP = yaml.safe_load((ROOT / "examples" / "sweep.yaml").read_text("utf-8"))
GRID = {name: parameter["values"] for name, parameter in SWEEP["parameters"].items()}


@pytest.mark.parametrize("values", list(zip(GRID["schedule"], [*GRID["optimizer.lr"], 0.1], strict=True)))
def test_each_run_of_the_sweep_follows_its_schedule(values: tuple[str, float], tmp_path: Path) -> None:
    """``sweep.py`` with the words that W&B makes of ``sweep.yaml`` trains with the LRs of that schedule."""
    words = create_sweep_command_args(
        {"args": {name: {"value": value} for name, value in zip(GRID, values, strict=True)}}
    )
    output = run(Path(SWEEP["program"]).stem, tmp_path, *words["args"], WANDB_MODE="disabled")

    assert shown_lrs(output, 5) == pytest.approx(planned_lrs(*values, epochs=5), rel=6e-3)


@pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is not installed")
def test_the_search_trains_the_best_schedule(printed: Callable[[str], str]) -> None:
    """``optuna_search.py`` follows the text that its best trial has put together."""
    output = printed("optuna_search")
    trials = re.findall(r"^trial \d: ([.\d]+)% with (.*) from (\S+)$", output, re.MULTILINE)
    best = max(trials, key=lambda trial: float(trial[0]))

    assert len({schedule for _, schedule, _ in trials}) > 1
    assert f"The best: {best[1]} from {best[2]}" in output
    assert shown_lrs(output, 10) == pytest.approx(planned_lrs(best[1], float(best[2]), epochs=10), rel=1.2e-2)


def test_plateau_reacts_after_its_warmup(printed: Callable[[str], str]) -> None:
    """``plateau.py`` warms up for an epoch, stays at the base LR, and has reduced it at the end."""
    shown = [(float(first), float(last)) for first, last in EPOCH.findall(printed("plateau"))]

    assert shown[0][0] == pytest.approx(0.5 / 26, rel=6e-3)
    assert shown[1] == (0.5, 0.5)
    assert shown[-1][1] in (0.15, 0.045, 0.0135)


def test_each_group_follows_its_schedule(printed: Callable[[str], str]) -> None:
    """``finetune_groups.py`` prints six groups: 0.5 ** (2 - layer) of the base LR 0.01 at every update."""
    timeline = (warmup("10%") >> cosine()).resolve(Horizon(50))
    rows = re.findall(
        r"^layer(\d)(\.no_decay)? +\d+ +([.\d]+) +(\S+) +(\S+) +(\S+)$", printed("finetune_groups"), re.MULTILINE
    )

    assert [(int(layer), decay) for layer, _, decay, *_ in rows] == [
        (n, wd) for n in range(3) for wd in ("0.05", "0.0")
    ]
    for layer, _, _, *shown in rows:
        expected = [0.01 * 0.5 ** (2 - int(layer)) * factor for factor in (timeline(0), 1.0, timeline(49))]
        assert [float(lr) for lr in shown] == pytest.approx(expected, rel=6e-3)  # three digits are printed


@pytest.mark.parametrize(
    ("example", "lines"),
    [
        ("one_cycle", ["Momentum: 0.95 at first, 0.85 at least, 0.95 at last"]),
        (
            "weight_decay",
            ["Weight decay of decay: 0.04 at first, 0.4 at last", "Weight decay of no_decay: 0 at first, 0 at last"],
        ),
        example(
            "muon_adamw",
            ["Muon's momentum: 0.85 at first, 0.95 at last", "AdamW's learning rate: 0.000214 at first, 0.003 at most"],
        ),
    ],
)
def test_other_values_follow_their_schedules(example: str, lines: list[str], printed: Callable[[str], str]) -> None:
    """The momentum and the weight decay that an example prints, and the LR of a second group."""
    for line in lines:
        assert line in printed(example)


# --- the comparison -----------------------------------------------------------------------------------------------------

STRATEGIES = {
    "constant": hold(),
    "step": step("25%", gamma=0.3),
    "multistep": multistep(["50%", "75%"]),
    "exponential": exponential(0.8),
    "cosine": cosine(end_lr=0.001),
    "linear": linear(),
    "custom": custom(one_over_t),
    "plateau": hold(),  # two epochs are too few for it to react
    "warmup + cosine": warmup("10%") >> cosine(),
}


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a comparison of two epochs, and its output."""
    folder = tmp_path_factory.mktemp("comparison")
    return folder / "out", run("compare", folder, "--seeds", "1", "--epochs", "2", "--out", str(folder / "out"))


def test_comparison_prints_every_strategy(comparison: tuple[Path, str]) -> None:
    """The table has a row for each strategy, with the text of its schedule."""
    rows = {tuple(re.split(r"  +", line.strip())[:2]) for line in comparison[1].splitlines()}

    for name, schedule in STRATEGIES.items():
        assert (name, f"{schedule!r}" + (" + plateau" if name == "plateau" else "")) in rows


def test_comparison_draws(comparison: tuple[Path, str]) -> None:
    """The picture is a PNG that fits a README."""
    picture = (comparison[0] / "comparison.png").read_bytes()
    width, height = struct.unpack(">II", picture[16:24])

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert 1000 <= width <= 2000
    assert 400 <= height <= 1500
    assert 20_000 < len(picture) < 150_000


@pytest.mark.parametrize("name", STRATEGIES)
def test_comparison_logs_one_curve_three_times(name: str, comparison: tuple[Path, str]) -> None:
    """The CSV, TensorBoard and W&B files hold the LRs of the schedule."""
    timeline = STRATEGIES[name].resolve(Horizon(50, 25))
    folder = comparison[0] / name.replace(" ", "") / "seed0"

    curve = dict(read_csv(folder / "csv" / "metrics.csv", "lr/optimizer"))
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()

    assert {0, *range(4, 50, 5)} <= curve.keys()
    assert curve == {k: timeline(k, base_lr=0.5) for k in curve}
    assert dict(offline_wandb.read(folder / "wandb").series("lr/optimizer")) == curve
    # TensorBoard keeps 32 bits.
    assert {event.step: event.value for event in events.Scalars("lr/optimizer")} == pytest.approx(curve, rel=1e-6)
