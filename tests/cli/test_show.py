"""``lr-toolkit show``: what it prints, what it refuses, and what it loads."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from lr_toolkit import Horizon, Schedule
from lr_toolkit.cli import main
from lr_toolkit.cli.length import updates_per_epoch
from tests.cli.golden import WORDS, golden_file, shown
from tests.helpers import runs
from tests.helpers.fits import Probe

# --- what it prints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("name", WORDS)
def test_the_text_at_80_columns(name: str, encoding: str) -> None:
    """The text is the committed one, in a terminal with blocks and in one without; no line is longer than 80 characters."""
    text = shown(name, encoding)

    assert text == golden_file(name, encoding).read_text("utf-8")
    assert max(map(len, text.splitlines())) <= 80


def test_ascii_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    """``--ascii`` draws in UTF-8 what a terminal without more than ASCII gets."""
    main(["show", *WORDS["short"], "--width", "80", "--ascii"])

    assert capsys.readouterr().out == golden_file("short", "ascii").read_text("utf-8")


def test_every_golden_file_is_compared() -> None:
    """The folder has no file of a preview that is not shown any more."""
    files = {golden_file(name, encoding) for name in WORDS for encoding in ("utf-8", "ascii")}
    assert files == {*golden_file("any", "utf-8").parent.iterdir()}


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command prints."""
    main(["show", *words])
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "schedule", ["warmup('10%') >> cosine(end=0.1)", "wsd('5%', '20%')", "step('1 epoch') >> linear('20%')"]
)
def test_the_table_of_phases_has_the_lrs_of_the_run(schedule: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each row has the first update, the updates, the epochs, and the LRs of the first and the last update of its phase."""
    schedule = schedule.replace("linear('20%')", "linear(over='20%')")
    table = printed(capsys, schedule, "--steps", "1000", "--steps-per-epoch", "250", "--lr", "0.5").rpartition("\n\n")[
        2
    ]
    timeline = Schedule.parse(schedule).resolve(Horizon(1000, 250))
    rows = [line.split()[-5:] for line in table.splitlines()[1:]]

    assert rows == [
        [
            f"{phase.start:,}",
            f"{phase.end - phase.start:,}",
            f"{(phase.end - phase.start) / 250:.2f}",
            f"{timeline(phase.start, base_lr=0.5):.3g}",
            f"{timeline(phase.end - 1, base_lr=0.5):.3g}",
        ]
        for phase in timeline.phases
    ]


def test_the_differences_are_those_of_the_values(capsys: pytest.CaptureFixture[str]) -> None:
    """Peak, last value, area and dead updates are those of the LRs; bound and factor those that the paper's authors compute."""
    lines = printed(capsys, "cosine(end=0.1)", "linear()", "hold()", "--steps", "400").splitlines()
    (start,) = (number for number, line in enumerate(lines) if line.split()[:2] == ["peak", "last"])
    rows = {line.split()[0]: line.split()[1:] for line in lines[start + 1 : start + 4]}

    assert rows["b"][:4] == ["1", f"{1 / 400:.3g}", f"{sum((400 - k) / 400 for k in range(400)):.3g}", "3"]
    assert rows["c"][:4] == ["1", "1", "400", "0"]
    assert [row[4] for row in rows.values()] == ["2.081", "2.013", "2.751"]  # as published, at 400 updates
    assert [row[5] for row in rows.values()] == ["1.00", f"{0.991 / 0.872:.2f}", f"{0.364 / 0.872:.2f}"]


def test_a_schedule_of_zeros_has_no_factor(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the bound is infinite the table has a dash."""
    lines = printed(capsys, "linear()", "hold(level=0.0)", "--steps", "9").splitlines()
    assert [line.split()[-2:] for line in lines if line.startswith("  b ")] == [["b", "hold(level=0.0)"], ["-", "-"]]


@pytest.mark.parametrize(
    ("schedule", "facts", "phases"),
    [
        ("warmup('1%') >> cosine()", ["warmup('1%') takes no update of so short a run"], ["cosine()"]),
        (
            "hold('1%') >> hold('2%')",
            [f"hold('{share}%') takes no update of so short a run" for share in (1, 2)],
            ["the"],
        ),
        ("warmup(2) >> cosine()", [], ["warmup(2)", "cosine()"]),
        ("warmup(2) >> cosine(over=4)", [], ["warmup(2)", "cosine(over=4)", "the"]),
    ],
)
def test_a_phase_without_an_update_is_a_line_and_no_row(
    schedule: str, facts: list[str], phases: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A share that rounds to no update has no row in the table, but a line of its own; what is left over has a row."""
    head, *_, table = printed(capsys, schedule, "--steps", "10").rstrip().split("\n\n")

    assert [line.strip() for line in head.splitlines()[2:]] == facts
    assert [line.split()[0] for line in table.splitlines()[1:]] == phases


# --- the length of the run ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "labels"),
    [(1, "0 1 update"), (2, "0 1 2 updates"), (3, "0 1 2 3 updates"), (8, "0 2 4 6 8 updates")],
)
def test_each_label_of_the_axis_is_another_update(steps: int, labels: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of fewer than four updates has a label for each of them."""
    main(["show", "linear()", "--steps", str(steps)])
    lines = capsys.readouterr().out.splitlines()
    (axis,) = [number for number, line in enumerate(lines) if "└" in line]

    assert " ".join(lines[axis + 1].split()) == labels


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ("--steps 1e3", "1,000 updates"),
        ("--steps 20 --steps-per-epoch 20", "20 updates = 1 epoch"),
        ("--epochs 10 --steps-per-epoch 1000", "10,000 updates = 10 epochs"),
        ("--epochs 10 --samples 50000 --batch-size 128 --accumulate 4 --devices 8", "130 updates = 10 epochs"),
        ("--epochs 2 --samples 1001 --batch-size 100", "22 updates = 2 epochs"),
        ("--epochs 2 --samples 1001 --batch-size 100 --drop-last", "20 updates = 2 epochs"),
        ("--steps 44 --samples 1001 --batch-size 100", "44 updates = 4 epochs"),
        ("--epochs 90 --interval epoch", "90 epochs"),
    ],
)
def test_the_length_of_the_run(options: str, length: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The options that describe a run give its updates and epochs."""
    assert printed(capsys, "cosine()", *options.split()).splitlines()[1] == f"  {length}; factors of the base LR"


@given(
    samples=st.integers(1, 3000),
    batch_size=st.integers(1, 300),
    accumulate=st.integers(1, 9),
    devices=st.integers(1, 9),
    drop_last=st.booleans(),
)
def test_an_epoch_of_a_sampler_is_that_of_torch(
    samples: int, batch_size: int, accumulate: int, devices: int, drop_last: bool
) -> None:
    """The batches are those of torch's loader and sampler, as Lightning sets them up, and the last accumulation counts."""
    dataset = TensorDataset(torch.zeros(samples, 1))
    sampler = DistributedSampler(dataset, num_replicas=devices, rank=0) if devices > 1 else None
    batches = len(DataLoader(dataset, batch_size, sampler=sampler, drop_last=drop_last))

    updates = updates_per_epoch(samples, batch_size, accumulate=accumulate, devices=devices, drop_last=drop_last)
    assert updates == math.ceil(batches / accumulate)


@pytest.mark.parametrize(("samples", "batch_size", "accumulate"), [(50, 8, 3), (48, 8, 3), (10, 16, 4)])
def test_an_epoch_is_that_of_a_trainer(samples: int, batch_size: int, accumulate: int) -> None:
    """A real Trainer takes as many updates."""
    trainer = runs.trainer(max_epochs=2, accumulate_grad_batches=accumulate)
    trainer.fit(Probe(lambda net: net.sgd()), DataLoader(TensorDataset(torch.full((samples, 1), 0.1)), batch_size))

    assert trainer.global_step == 2 * updates_per_epoch(samples, batch_size, accumulate=accumulate)


# --- files ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "svg", "csv", "json"])
def test_out_saves_and_prints_the_path(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--out`` writes the file beside the text, and prints its path."""
    file = tmp_path / "new" / f"curve.{ending}"
    text = printed(capsys, "cosine()", "linear()", "--steps", "50", "--log", "--out", str(file))

    assert text.endswith(f"\n\n  saved: {file}\n")
    assert file.stat().st_size > 500


def test_out_saves_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--out curve.html`` writes a page."""
    pytest.importorskip("lr_toolkit.preview.page")
    printed(capsys, "cosine()", "linear()", "--steps", "50", "--out", str(tmp_path / "curve.html"))

    assert "</html>" in (tmp_path / "curve.html").read_text("utf-8")


# --- colours ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "has_colours"),
    [({"FORCE_COLOR": "1"}, True), ({}, False), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_if_the_terminal_has_them(
    variables: dict[str, str],
    has_colours: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With colours the words are the same, each curve has its own, and NO_COLOR is honoured."""
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    words = ["cosine()", "linear()", "--steps", "100", "--width", "80"]
    without = printed(capsys, *words)
    for name, value in {"TERM": "xterm-256color", "COLORTERM": "truecolor", **variables}.items():
        monkeypatch.setenv(name, value)
    text = printed(capsys, *words)
    colours = set(re.findall(r"\x1b\[(38;2;[\d;]+)m", text))

    assert [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()] == without.splitlines()
    assert len(colours) == (2 if has_colours else 0)


# --- refusals ---------------------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[list[str], str]] = {
    "a misspelled builder": (["cosin()", "--steps", "9"], "Did you mean cosine(...)?"),
    "a builder of nobody": (["sines(2)", "--steps", "9"], "(for the command: --import my_module)."),
    "no text": (["", "--steps", "9"], "rite"),
    "an option of projects": (["hold()", "--steps", "9", "--data", "my:Data"], "--data is for a project, and 'hold()' is a schedule."),
    "an ending of nothing": (["hold()", "--steps", "9", "--out", "curve."], "Write curve.svg."),
    "no call": (["cosine", "--steps", "9"], "cosine()"),
    "Python": (["__import__('os')", "--steps", "9"], "The builders are"),
    "an open parenthesis": (["cosine(", "--steps", "9"], "rite"),
    "another library's name": (["CosineAnnealingLR(100)", "--steps", "9"], "cosine"),
    "a wrong argument": (["cosine(T_max=100)", "--steps", "9"], "over"),
    "a wrong level": (["cosine(end=-1)", "--steps", "9"], "end=0.1"),
    "two open phases": (["cosine() >> linear()", "--steps", "9"], "Give one of them a length"),
    "too long": (["warmup(10)", "--steps", "9"], "The schedule does not fit"),
    "an idle phase": (["linear() >> cosine(over=3)", "--steps", "9"], "hold("),
    "a module that is missing": (["hold()", "--steps", "9", "--import", "no_such"], "--import no_such: ModuleNotFoundError"),
    "a module by its file": (["hold()", "--steps", "9", "--import", "no_such.py"], "Write the name of the module: --import no_such."),
    "no length": (["cosine()"], "Write --steps 1000, or --epochs 10 --steps-per-epoch 100."),
    "no steps": (["cosine()", "--steps", "0"], "--steps 0: must be above zero. Write --steps 1000."),
    "steps below zero": (["cosine()", "--steps", "-5"], "--steps -5: must be above zero. Write --steps 1000."),
    "steps that are no number": (["cosine()", "--steps", "many"], "'many' is no whole number. Write one, such as 1000."),
    "half a step": (["cosine()", "--steps", "10.5"], "'10.5' is no whole number"),
    "endless steps": (["cosine()", "--steps", "inf"], "'inf' is no whole number"),
    "steps without a number": (["cosine()", "--steps"], "argument --steps: expected one argument"),
    "longer than any run": (["cosine()", "--steps", str(10**20)], "is longer than any run"),
    "too long to show": (["cosine()", "--steps", str(10**8)], "of at most 10,000,000"),
    "steps and epochs": (["cosine()", "--steps", "9", "--epochs", "2"], "Write one of them"),
    "epochs alone": (["cosine()", "--epochs", "2"], "Write --steps-per-epoch 100, or --samples 50000 --batch-size 128"),
    "no steps in an epoch": (["cosine()", "--epochs", "2", "--steps-per-epoch", "0"], "Write --steps-per-epoch 100."),
    "samples alone": (["cosine()", "--epochs", "2", "--samples", "100"], "Write --batch-size 128 too."),
    "a batch without samples": (["cosine()", "--epochs", "2", "--batch-size", "8"], "Write --samples 50000 too."),
    "devices without samples": (["cosine()", "--steps", "2", "--devices", "8"], "--devices needs the size of the data set."),
    "drop-last without samples": (["cosine()", "--steps", "2", "--drop-last"], "--drop-last needs the size of the data set."),
    "two lengths of an epoch": (
        ["cosine()", "--epochs", "2", "--samples", "9", "--batch-size", "3", "--steps-per-epoch", "3"],
        "--steps-per-epoch and --samples both give the length of an epoch.",
    ),
    "no whole batch": (
        ["cosine()", "--epochs", "2", "--samples", "5", "--batch-size", "8", "--drop-last"],
        "Leave out --drop-last, or write a smaller --batch-size.",
    ),
    "no devices": (["cosine()", "--epochs", "2", "--samples", "9", "--batch-size", "3", "--devices", "0"], "Write --devices 8."),
    "steps of a scheduler per epoch": (["cosine()", "--steps", "9", "--interval", "epoch"], "Write --epochs 90"),
    "updates of a scheduler per epoch": (
        ["cosine()", "--epochs", "9", "--interval", "epoch", "--steps-per-epoch", "3"],
        "Leave out --steps-per-epoch.",
    ),
    "another interval": (["cosine()", "--epochs", "9", "--interval", "batch"], "choose from"),
    "epochs of unknown length": (["step('1 epoch')", "--steps", "9"], "Write it too: --steps-per-epoch 100."),
    "an absolute LR": (["cosine(end_lr=1e-5)", "--steps", "9"], "Write the base LR too: --lr 0.001."),
    "a high absolute LR": (["cosine(end_lr=0.5)", "--steps", "9"], "Write the base LR too: --lr 0.5."),
    "an absolute LR above the base": (
        ["hold(2) >> cosine(end_lr=1e-2)", "--steps", "9", "--lr", "1e-3"],
        "end_lr=0.01 lies above the base LR 0.001",
    ),
    "an LR below zero": (["cosine()", "--steps", "9", "--lr", "-1"], "--lr -1.0: must be above zero and finite"),
    "an infinite LR": (["cosine()", "--steps", "9", "--lr", "inf"], "for example --lr 1e-3."),
    "no LR": (["cosine()", "--steps", "9", "--lr", "nan"], "for example --lr 1e-3."),
    "an LR that is no number": (["cosine()", "--steps", "9", "--lr", "high"], "'high' is no number. Write one, such as 1e-3."),
    "a narrow line": (["cosine()", "--steps", "9", "--width", "10"], "Write --width 80."),
    "another format": (["cosine()", "--steps", "9", "--out", "curve.docx"], ".json, .html. Write curve.svg."),
    "no format": (["cosine()", "--steps", "9", "--out", "curve"], "Write curve.svg."),
    "a folder that is a file": (["cosine()", "--steps", "9", "--out", f"{__file__}/curve.svg"], "Write a file that can be written"),
    "an unknown option": (["cosine()", "--steps", "9", "--stepz", "3"], "unrecognized arguments: --stepz 3"),
    "nine schedules": (["cosine()"] * 9 + ["--steps", "9"], "Write fewer of them."),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_shown_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error is one line on stderr with what to write, the exit status is 2, and nothing is printed."""
    words, message = REFUSED[name]
    with pytest.raises(SystemExit) as ended:
        main(["show", *words])
    printed = capsys.readouterr()

    assert ended.value.code == 2
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(("lr-toolkit show: error: ", "lr-toolkit: error: "))


# --- what it loads ----------------------------------------------------------------------------------------------------------


def test_it_loads_no_package_that_takes_long(tmp_path: Path) -> None:
    """Text, SVG, CSV and JSON need NumPy alone: neither torch nor Lightning, matplotlib, pandas or Rich."""
    outs = "".join(
        f"main([*words, '--out', {str(tmp_path / 'curve.')!r} + {ending!r}]); " for ending in ("svg", "csv", "json")
    )
    words = ["show", "cosine()", "linear()", "--steps", "9"]
    code = f"import sys; from lr_toolkit.cli import main; words = {words}; {outs} print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100)

    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "numpy" in loaded
    assert not loaded & {
        "lightning",
        "matplotlib",
        "pandas",
        "rich",
        "torch",
        "torchmetrics",
        "wandb",
        "fsspec",
        "yaml",
    }


@pytest.mark.parametrize(
    ("schedule", "notes"),
    [
        ("cosine(end=1e-4)", ["end=0.0001 is a factor of the base LR; for an LR write end_lr=0.0001"]),
        (
            "warmup(2, start=1e-6) >> scaled(cosine(end=1e-5), by=0.5)",
            [
                "start=1e-06 is a factor of the base LR; for an LR write start_lr=1e-06",
                "end=1e-05 is a factor of the base LR; for an LR write end_lr=1e-05",
            ],
        ),
        ("cosine(end=1e-3)", []),
        ("cosine(end=0.0)", []),
        ("cosine(end_lr=1e-5)", []),
    ],
)
def test_a_level_that_may_be_meant_as_an_lr_has_a_note(
    schedule: str, notes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A factor below a thousandth and above 0 is explained below the table; the curve is that of the factor."""
    shown = printed(capsys, schedule, "--steps", "10", "--lr", "0.1").splitlines()

    assert [line.strip() for line in shown if "factor of the base LR" in line] == notes
    assert [line.strip() for line in shown[len(shown) - len(notes) :]] == notes
