"""``lr-toolkit check`` and ``show`` on a project: its arguments, configurations, formats and exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lr_toolkit.cli import main

PROJECT = "tests.helpers.somebodys_project"
RUN = ["--trainer.max_epochs", "10", "--data", f"{PROJECT}:Data"]

Ran = tuple[int, str, str]


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs a command in a folder with the files of a project, and gives its status and what it printed."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def run(*words: str) -> Ran:
        status = 0
        try:
            main(words)
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = capsys.readouterr()
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == tmp_path:
                del sys.modules[name]
        return status, printed.out, printed.err

    return run


FILES = {
    "train.py": f"""\
from {PROJECT} import *
import torch

print("reading the data")


class Chatty(Net):
    def configure_optimizers(self):
        print("making the optimizer")
        return self.optimizer()


class NoOptimizer(Net):
    def configure_optimizers(self):
        raise KeyError("learning_rate")


class Ends(Net):
    def configure_optimizers(self):
        raise SystemExit(0)


class EndsAtOnce(Net):
    def __init__(self):
        raise SystemExit(0)


class Größe(Net):
    pass


class NoStep(Net):
    training_step = None


class Alike(Net):
    def configure_optimizers(self):
        return torch.optim.SGD([{{"params": each.parameters(), "name": "a"}} for each in (self.first, self.second)], lr=0.1)


def make(lr: float = 0.3) -> Net:
    return Net(lr)


def make_untyped(lr=0.3):
    return EpochsAsUpdates(lr)


def make_nothing():
    return 3


def batches(count: int = 5):
    return loader(count)


def both(count: int = 5):
    return {{"a": loader(count), "b": loader(2 * count)}}


def broken():
    raise OSError("no such disk")


net = Net(0.7)
five = loader(5)
number = 3
""",
    "other_lightning.py": "Module = type('Module', (), {'__module__': 'pytorch_lightning.core.module'})\n",
    "ends.py": "raise SystemExit(0)\n",
    "wrong_syntax.py": "def (:\n",
    "needs.py": "import no_such_package\n",
    "cli.yaml": f"""\
seed_everything: 7
trainer:
  max_epochs: 10
  accelerator: gpu
  devices: 8
  strategy: ddp
  precision: 16-mixed
  logger:
    class_path: lightning.pytorch.loggers.CSVLogger
    init_args: {{save_dir: logs}}
  callbacks:
  - class_path: lightning.pytorch.callbacks.ModelCheckpoint
  - class_path: lightning.pytorch.callbacks.LearningRateMonitor
model:
  class_path: {PROJECT}.Net
  init_args: {{lr: 0.5}}
data:
  class_path: {PROJECT}.Data
  init_args: {{batches: 160}}
optimizer:
  class_path: torch.optim.Adam
  init_args: {{lr: 0.02}}
lr_scheduler:
  class_path: torch.optim.lr_scheduler.StepLR
  init_args: {{step_size: 30}}
ckpt_path: null
""",
    "sections.yaml": f"""\
fit:
  trainer: {{max_epochs: 10}}
  model: {{class_path: {PROJECT}.EpochsAsUpdates, init_args: {{lr: 0.1}}}}
  data: {PROJECT}.Data
""",
    "ours.yaml": f"""\
schedule: "warmup('10%') >> cosine(end=0.1)"
interval: epoch
plateau: null
trainer: {{max_epochs: 10}}
model: {{class_path: {PROJECT}.Net, init_args: {{lr: 0.5}}}}
data: {{class_path: {PROJECT}.Data, init_args: {{batches: 20}}}}
""",
    "plain_cli.yaml": "trainer: {max_epochs: 10}\nmodel: {lr: 0.5}\ndata: {batches: 4}\n",
    "hydra.yaml": f"""\
task_name: train
paths: {{output_dir: "${{hydra:runtime.output_dir}}"}}
model: {{_target_: {PROJECT}.EpochsAsUpdates, lr: 0.25}}
data: {{_target_: {PROJECT}.Data, batches: 20}}
callbacks:
  checkpoint: {{_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: "${{paths.output_dir}}/checkpoints"}}
logger:
  csv: {{_target_: lightning.pytorch.loggers.CSVLogger, save_dir: "${{paths.output_dir}}"}}
trainer:
  _target_: lightning.pytorch.trainer.Trainer
  default_root_dir: "${{paths.output_dir}}"
  max_epochs: 10
  accelerator: gpu
  devices: 1
""",
    "hydra_data.yaml": f"data: {{_target_: {PROJECT}.Data}}\n",
    "hydra_wrong.yaml": "model: {_target_: no.such.Module}\ntrainer: {_target_: lightning.pytorch.trainer.Trainer}\n",
    "list.yaml": "- 1\n- 2\n",
    "broken.yaml": "model: {lr: 1\n",
    "schedule.yaml": "schedule: warmup(10) >> cosine()\nlr: 1e-3\nepochs: 10\nsteps_per_epoch: 20\n",
    "groups.json": '{"schedule": {"head": "cosine()", "*": "linear()"}, "lr": {"head": 1e-3, "*": 1e-4}, "steps": 50}',
    "no_length.yaml": "schedule: cosine()\n",
    "unknown_key.yaml": "schedule: cosine()\nsteps: 9\nlearning_rate: 0.1\n",
    "no_number.yaml": "schedule: cosine()\nsteps: many\n",
    "half.yaml": "schedule: cosine()\nsteps: 9.5\n",
}


# --- check ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "finds"),
    [
        ([f"{PROJECT}:EpochsAsUpdates", *RUN], "LR203"),
        ([f"{PROJECT}:UnappliedScale", *RUN], "LR121"),
        (["train.py:make_untyped", *RUN, "--model.lr", "0.1"], "LR203"),
        (["cli.yaml"], "LR204"),
        (["hydra.yaml"], "LR203"),
        (["sections.yaml"], "LR203"),
        (["hydra.yaml", "--data", "train:batches"], "LR203"),
        ([f"{PROJECT}:WithoutAccumulation", *RUN], "LR202"),
        ([f"{PROJECT}:EpochsAsUpdates", "--trainer.max_epochs=10", "--steps-per-epoch=20"], "LR203"),
        ([f"{PROJECT}:EpochsAsUpdates", *RUN, "--trainer.accumulate_grad_batches", "2", "--ignore", "LR1"], "LR203"),
    ],
)
def test_a_finding_is_a_line_and_the_status_1(words: list[str], finds: str, ran: Callable[..., Ran]) -> None:
    """It begins with the code; what the project prints goes to stderr."""
    status, out, _ = ran("check", *words)

    assert status == 1
    (line,) = out.splitlines()
    assert line.startswith(f"{finds}: ")


@pytest.mark.parametrize(
    "words",
    [
        [f"{PROJECT}:Net", *RUN],
        ["train.py:Chatty", *RUN],
        ["train:Net", *RUN, "--model.lr", "0.2", "--model.width=8", "--data.batches", "5"],
        [
            "train:make",
            "--trainer.max_epochs",
            "3",
            "--model.lr",
            "0.2",
            "--data",
            "train:batches",
            "--data.count",
            "7",
        ],
        ["train:net", "--trainer.max_epochs", "3", "--data", "train.py:five"],
        ["train:net", "--trainer.max_epochs", "3", "--data", "train:both"],
        [f"{PROJECT}:Net", "--config", "plain_cli.yaml", "--data", f"{PROJECT}:Data"],
        [f"{PROJECT}:EpochsAsUpdates", *RUN, "--ignore", "LR203"],
        [f"{PROJECT}:EpochsAsUpdates", *RUN, "--ignore", "LR1,LR2"],
        ["cli.yaml", "--lr_scheduler.init_args.step_size", "3"],
        ["hydra.yaml", "--model._target_", f"{PROJECT}.Net"],
        ["ours.yaml"],
        [f"{PROJECT}:Net", *RUN, "--schedule", "warmup(5) >> cosine()", "--interval=step"],
    ],
)
def test_nothing_found_is_the_status_0(words: list[str], ran: Callable[..., Ran]) -> None:
    """Without findings the command prints one line and exits with status 0."""
    status, out, err = ran("check", *words)

    assert (status, out) == (0, "Nothing found.\n"), err


def test_the_formats_of_ci(ran: Callable[..., Ran]) -> None:
    """JSON for programs, workflow commands for GitHub; nothing found is an empty list, or nothing."""
    wrong, right = [f"{PROJECT}:EpochsAsUpdates", *RUN], [f"{PROJECT}:Net", *RUN]
    _, text, _ = ran("check", *wrong)
    status, written, _ = ran("check", *wrong, "--format", "json")
    github_status, github, _ = ran("check", *wrong, "--format", "github")

    (row,) = json.loads(written)
    assert (status, github_status) == (1, 1)
    assert f"{row['code']}: {row['text']}\n" == text
    assert (row["title"], row["page"]) == ("The scheduler ends before the run", "docs/checks.md#lr203") or row["page"]
    assert github.startswith(
        f"::warning title=LR203 {row['title']}::CosineAnnealingLR has T_max=10%2C and gets 200 steps"
    )
    assert github.count("\n") == 1
    assert [ran("check", *right, "--format", format)[:2] for format in ("json", "github")] == [(0, "[]\n"), (0, "\n")]


@pytest.mark.slow
def test_check_runs_in_seconds_in_a_process_of_its_own() -> None:
    """From a shell: the status, stdout with the finding alone, and no traceback."""
    command = [sys.executable, "-m", "lr_toolkit", "check", f"{PROJECT}:EpochsAsUpdates", *RUN]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=Path(__file__).parents[3]
    )

    assert done.returncode == 1
    assert done.stdout.startswith("LR203: CosineAnnealingLR has T_max=10, and gets 200 steps in this run")
    assert "Traceback" not in done.stderr


# --- show -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (
            [f"{PROJECT}:EpochsAsUpdates", *RUN],
            ["CosineAnnealingLR (SGD)", "200 updates = 10 epochs", "moves every update"],
        ),
        (["cli.yaml"], ["Net: StepLR (Adam)", "200 updates = 10 epochs", "accumulate 1; devices 8"]),
        (["cli.yaml", "--trainer.devices", "1"], ["1,600 updates = 10 epochs"]),
        (["hydra.yaml", "--trainer.max_epochs", "3"], ["60 updates = 3 epochs"]),
        (
            ["train.py:make", "--trainer.max_steps", "40", "--steps-per-epoch", "20"],
            ["Net: none (SGD)", "40 updates = 2 epochs"],
        ),
        (
            [
                f"{PROJECT}:Net",
                "--trainer.max_epochs",
                "2",
                "--steps-per-epoch",
                "20",
                "--trainer.accumulate_grad_batches",
                "3",
            ],
            ["40 updates = 2 epochs", "accumulate 3"],
        ),
        (["ours.yaml"], ["warmup('10%') >> cosine(end=0.1) (SGD)", "moves every epoch", "200 updates = 10 epochs"]),
        (["train.py:Größe", *RUN], ["Größe: none (SGD)"]),
        (["ours.yaml", "--schedule", "linear()"], ["linear() (SGD)", "moves every epoch"]),
        (
            ["train.py:net", *RUN, "--schedule", "linear()", "--interval", "epoch"],
            ["linear() (SGD)", "moves every epoch"],
        ),
        (["schedule.yaml"], ["warmup(10) >> cosine()", "200 updates = 10 epochs", "base LR 0.001"]),
        (["schedule.yaml", "--steps", "100", "--lr", "0.5"], ["100 updates = 5 epochs", "base LR 0.5"]),
        (["groups.json"], ["50 updates", "head", "*"]),
    ],
)
def test_a_project_is_shown(words: list[str], parts: list[str], ran: Callable[..., Ran]) -> None:
    """Its title, its length and its curve."""
    status, out, err = ran("show", *words)

    assert status == 0, err
    assert [part for part in parts if part not in out] == []
    assert "└" in out


def test_the_findings_are_below_the_chart(ran: Callable[..., Ran]) -> None:
    """A line for each, as ``check`` has them; the exit status stays 0. A module without a mistake has none."""
    status, out, err = ran("show", f"{PROJECT}:EpochsAsUpdates", *RUN)
    right = ran("show", "train.py:make", "--trainer.max_steps", "40", "--steps-per-epoch", "20")[1]

    assert (status, err) == (0, "")
    assert [row.strip() for row in out.splitlines()[-2:]] == [
        "LR203: The scheduler ends before the run does",
        "lr-toolkit check prints what to write",
    ]
    assert "LR2" not in right
    assert "└" in right


def test_a_project_is_compared_with_a_schedule(ran: Callable[..., Ran]) -> None:
    """Both have LRs, so a chart and a table have both."""
    _, out, err = ran("show", "schedule.yaml", "groups.json", "--lr", "1e-3")

    assert "2 schedules" in out, err


def test_what_is_shown_can_be_saved(ran: Callable[..., Ran], tmp_path: Path) -> None:
    """With the LR of each update."""
    status, _, err = ran("show", f"{PROJECT}:EpochsAsUpdates", *RUN, "--out", "lr.csv")

    assert status == 0, err
    lines = (tmp_path / "lr.csv").read_text("utf-8").splitlines()
    assert len(lines) == 201
    assert lines[0] == "update,epoch,lr"


# --- wrong input ----------------------------------------------------------------------------------------------------------

WRONG: list[tuple[list[str], str]] = [
    (["no_such:Net"], "There is no module 'no_such' in Python's path or in "),
    (["no_such.py:Net"], "There is no file 'no_such.py'."),
    (["train.py:Nett"], "train.py has no 'Nett'. Did you mean train.py:Net?"),
    (["train"], "'train': must name a module and a class in it. Write my_module:LitModel, or train.py:LitModel."),
    (["train.py:number", *RUN], "int is no LightningModule, and no function that returns one."),
    (["train.py:make_nothing", *RUN], "The function for the module returned a int, and no LightningModule."),
    (["ends.py:Net"], "ends.py cannot be imported: SystemExit: 0"),
    (["wrong_syntax.py:Net"], "wrong_syntax.py cannot be imported: SyntaxError:"),
    (["needs.py:Net"], "needs.py cannot be imported: ModuleNotFoundError: No module named 'no_such_package'"),
    (["train.py:NoOptimizer", *RUN], "NoOptimizer cannot be set up: KeyError: 'learning_rate' ("),
    (["train.py:Ends", *RUN], "Ends cannot be set up: SystemExit: 0 ("),
    (["train.py:EndsAtOnce", *RUN], "The project cannot be read: SystemExit: 0 ("),
    (["train.py:NoStep", *RUN], "NoStep cannot be set up: "),
    (["train.py:Net"], "Net has no training data. Write --data my_module:Data, or --steps-per-epoch 100."),
    (["train.py:Net", "--data", "train:nothing"], "train has no 'nothing'."),
    (["train.py:Net", "--data", "train:broken"], "The project cannot be read: OSError: no such disk ("),
    (["train.py:Net", *RUN, "--model.lrr", "1"], "There is --model.lr, --model.width."),
    (["train.py:Net", *RUN, "--model.lr", "high"], "model.lr"),
    (["train.py:Net", *RUN, "--data.workers", "x"], "data.workers"),
    (["train.py:Net", *RUN, "--trainer.max_epoch_count", "x"], "--trainer.max_epoch_count"),
    (["train.py:Net", *RUN, "--trainer.max_epochs", "ten"], "trainer.max_epochs"),
    (["train.py:Net", *RUN, "--trainer.limit_train_batches", "-1"], "Trainer: "),
    (["train.py:Net", "--trainer.max_epochs", "0", "--steps-per-epoch", "5"], "This run takes no update."),
    (["train.py:Net", "--steps-per-epoch", "0"], "--steps-per-epoch 0: must be"),
    (
        ["train.py:Net", "--data", "train.py:data", "--steps-per-epoch", "5"],
        "both give the length of an epoch. Write one of them.",
    ),
    (["train.py:Net", "--config", "no_such.yaml", "--steps-per-epoch", "3"], "no_such.yaml"),
    (["no_such.yaml"], "There is no file 'no_such.yaml'."),
    (["broken.yaml"], "broken.yaml"),
    (["list.yaml"], "list.yaml"),
    (["plain_cli.yaml"], "Write the class instead of the file: my_module:LitModel --config plain_cli.yaml"),
    (
        ["other_lightning.py:Module", *RUN],
        "Write `import lightning.pytorch as pl`, whose Trainer this package looks at.",
    ),
    (["train.py:Net", "--data", "train.py:number"], "An invalid dataloader was passed"),
    (["hydra_data.yaml"], "hydra_data.yaml has no node at its top whose _target_ is a LightningModule."),
    (["hydra_wrong.yaml"], "hydra_wrong.yaml cannot be read: "),
    (["hydra.yaml", "--model.lrr", "1"], "hydra.yaml cannot be read: "),
    (["ours.yaml", "--schedule", "cosin()"], "cannot read 'cosin'. Did you mean cosine(...)?"),
    (["ours.yaml", "--schedule", "warmup(50) >> linear()"], "the schedule moves once per epoch"),
    (
        ["ours.yaml", "--plateau.monitor", "loss", "--plateau.factor", "2"],
        "error: ReduceOnPlateau(factor=2.0): must lie",
    ),
    ([f"{PROJECT}:EpochsAsUpdates", *RUN, "--schedule", "linear()"], "returns a scheduler already"),
]
WRONG_CHECK: list[tuple[list[str], str]] = [
    (["train.py:Net", *RUN, "--ignore", "LR9"], "ignore 'LR9': no check has a code that begins so."),
    (["train.py:Net", *RUN, "--format", "xml"], "invalid choice: 'xml'"),
    (["schedule.yaml"], "schedule"),
    ([], "the following arguments are required: PROJECT"),
]
WRONG_SHOW: list[tuple[list[str], str]] = [
    (["train.py:Net", *RUN, "--steps", "9"], "--steps is for the text of a schedule, and train.py:Net is a project."),
    (["train.py:Net", *RUN, "--lr", "1"], "Write --model.lr 1e-3, if the module has such an argument."),
    (["ours.yaml", "--interval", "epoch"], "Write interval: epoch into the file, beside its schedule."),
    (["cli.yaml", "--drop-last"], "--drop-last is for the text of a schedule, and cli.yaml is a project."),
    (["schedule.yaml", "--schedule", "linear()"], "--schedule is for a project, and"),
    (["cosine()", "--steps", "9", "--model.lr", "1"], "--model.lr is for a project, and 'cosine()' is a schedule."),
    (
        ["train.py:Alike", *RUN],
        "Alike cannot be looked at: MisconfigurationException: A single `Optimizer` cannot have",
    ),
    (["no_length.yaml"], "How long is the run?"),
    (["unknown_key.yaml"], "'learning_rate' is none of schedule, lr,"),
    (["no_number.yaml"], "steps is 'many'. Write a whole number."),
    (["half.yaml"], "steps is 9.5. Write a whole number."),
]


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        *(("check", *row) for row in [*WRONG, *WRONG_CHECK]),
        *(("show", *row) for row in [*(row for row in WRONG if row[0] != ["train"]), *WRONG_SHOW]),
    ],
)
def test_wrong_input_is_a_line_and_the_status_2(
    command: str, words: list[str], message: str, ran: Callable[..., Ran]
) -> None:
    """What is wrong, on stderr, after what the project printed; never a traceback."""
    status, out, err = ran(command, *words)

    assert (status, out) == (2, "")
    line = err.splitlines()[-1]
    assert line.startswith(f"lr-toolkit {command}: error: ")
    assert message in line
    assert "Traceback" not in err
    assert [each for each in err.splitlines() if each.startswith("lr-toolkit")] == [line]


def test_a_command_that_takes_no_project_refuses_its_arguments(ran: Callable[..., Ran]) -> None:
    """In a line."""
    status, _, err = ran("list", "cosine", "--model.lr", "1")

    assert status == 2
    assert "unrecognized arguments: --model.lr 1" in err


@pytest.mark.parametrize(("missing", "package"), [("jsonargparse", "lr_toolkit[cli]"), ("hydra", "hydra-core")])
def test_a_missing_package_is_named(
    missing: str, package: str, ran: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    from lr_toolkit.lightning.project import read

    monkeypatch.setattr(read, "find_spec", lambda name: None if name == missing else object())
    status, _, err = ran("check", "hydra.yaml")

    assert status == 2
    assert err.splitlines()[-1].endswith(f"needs {missing}, which is not installed. Run: pip install '{package}'")
