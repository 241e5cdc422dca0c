"""Every example runs as a newcomer would run it, and the learning rates that it shows are those of its schedule."""

from __future__ import annotations

import csv
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto.wandb_internal_pb2 import Record

from lr_toolkit import Horizon, Schedule, cosine, custom, exponential, hold, linear, multistep, step, warmup

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# digits is what the others share; compare is tested below and gpt, at a smaller size, in test_gpt.py.
EXAMPLES = sorted({path.stem for path in (ROOT / "examples").glob("*.py")} - {"digits", "compare", "gpt"})
EPOCH = re.compile(r"^ *\d+ +([-.\de]+) +([-.\de]+) +", re.MULTILINE)  # the first and the last LR of an epoch


def one_over_t(update: int) -> float:
    """The function of ``custom.py`` and ``compare.py``."""
    return 1 / (1 + update / 50)


def run(example: str, folder: Path, *arguments: str) -> str:
    """What the example prints when it is run in ``folder``; a warning that it does not filter on purpose ends it."""
    command = [sys.executable, "-W", "error::UserWarning", str(ROOT / "examples" / f"{example}.py"), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # What torch says where there is a CUDA toolkit and no GPU.
    said = [line for line in done.stderr.splitlines() if not line.startswith("No CUDA runtime is found")]
    assert said == []
    return done.stdout


# --- the examples, one by one -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """What an example prints; each is run once."""
    folder = tmp_path_factory.mktemp("examples")
    kept: dict[str, str] = {}

    def ask(example: str) -> str:
        if example not in kept:
            kept[example] = run(example, folder)
        return kept[example]

    return ask


@pytest.mark.parametrize("example", EXAMPLES)
def test_runs_and_says_where(example: str, printed: Callable[[str], str]) -> None:
    """Every example ends well, without a warning, and says on which device it ran."""
    assert re.search(r"\bon (cpu|cuda|mps)", printed(example))


@pytest.mark.parametrize(
    ("example", "schedule", "horizon", "base_lr"),
    [
        ("step", step("3 epochs", gamma=0.3), Horizon(250, 25), 0.5),
        ("multistep", multistep(["50%", "80%"]), Horizon(250, 25), 0.5),
        ("exponential", exponential(0.8), Horizon(10, unit="epoch"), 0.5),
        ("cosine", cosine(end_lr=0.001), Horizon(250, 25), 0.5),
        ("custom", custom(one_over_t), Horizon(250, 25), 0.5),
        ("warmup_cosine", warmup("50 steps") >> cosine(), Horizon(250, 25), 0.01),
        ("plain_pytorch", warmup("5%") >> cosine(end=0.1), Horizon(200, 25), 0.5),
    ],
)
def test_shows_its_schedule(
    example: str, schedule: Schedule, horizon: Horizon, base_lr: float, printed: Callable[[str], str]
) -> None:
    """The LRs that an example prints, of each epoch's first and last update, are those of its schedule."""
    timeline = schedule.resolve(horizon)
    epochs = int(horizon.epochs or 0)
    updates = horizon.steps // epochs
    expected = [[timeline(k, base_lr=base_lr) for k in (e * updates, (e + 1) * updates - 1)] for e in range(epochs)]

    shown = [[float(first), float(last)] for first, last in EPOCH.findall(printed(example))][:epochs]

    np.testing.assert_allclose(shown, expected, rtol=6e-3)  # three digits are printed


def test_plateau_reacts_after_its_warmup(printed: Callable[[str], str]) -> None:
    """``plateau.py`` climbs for an epoch, stays at the base LR, and has reduced it by the end."""
    shown = [(float(first), float(last)) for first, last in EPOCH.findall(printed("plateau"))]

    assert shown[0][0] == pytest.approx(0.5 / 26, rel=6e-3)
    assert shown[1] == (0.5, 0.5)
    assert shown[-1][1] in (0.15, 0.045, 0.0135)


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
    """The folder of a comparison of two epochs, and what it printed."""
    folder = tmp_path_factory.mktemp("comparison")
    return folder / "out", run("compare", folder, "--seeds", "1", "--epochs", "2", "--out", str(folder / "out"))


def test_comparison_prints_every_strategy(comparison: tuple[Path, str]) -> None:
    """The table has a row for each strategy, with the schedule's own text."""
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
    """CSV, TensorBoard and W&B files hold the learning rates that the schedule says for those updates."""
    timeline = STRATEGIES[name].resolve(Horizon(50, 25))
    folder = comparison[0] / name.replace(" ", "") / "seed0"

    curve = from_csv(folder / "csv" / "metrics.csv")

    assert {0, *range(4, 50, 5)} <= curve.keys()
    assert curve == {k: timeline(k, base_lr=0.5) for k in curve}
    assert from_wandb(next(folder.glob("wandb/offline-run-*/*.wandb"))) == curve
    assert from_tensorboard(folder / "tensorboard") == pytest.approx(curve, rel=1e-6)  # it keeps 32 bits


def from_csv(file: Path) -> dict[int, float]:
    """The LR by update."""
    with file.open(newline="") as lines:
        return {int(row["step"]): float(row["lr/optimizer"]) for row in csv.DictReader(lines) if row["lr/optimizer"]}


def from_tensorboard(folder: Path) -> dict[int, float]:
    """The LR by update."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {event.step: event.value for event in events.Scalars("lr/optimizer")}


def from_wandb(file: Path) -> dict[int, float]:
    """The LR by update."""
    curve = {}
    for record in wandb_records(file.read_bytes()):
        row = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
        if "lr/optimizer" in row:
            curve[int(row["trainer/global_step"])] = float(row["lr/optimizer"])
    return curve


def wandb_records(log: bytes) -> Iterator[Record]:
    """The records of an offline run: a header, then blocks of 32 KiB in LevelDB's log format."""
    at, payload = 7, b""
    while at + 7 <= len(log):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768  # a block's end that is too short for a fragment is filled with zeros
            continue
        _, length, kind = struct.unpack_from("<IHB", log, at)
        payload += log[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # the whole record, or its last fragment
            yield Record.FromString(payload)
            payload = b""
