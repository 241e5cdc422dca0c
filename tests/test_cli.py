"""The command: its output, and its errors."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lr_toolkit import schedules
from lr_toolkit.cli import main
from lr_toolkit.schedules.registry import BUILDERS

SHOWN = """\
warmup('10%') >> cosine()
  100 updates = 5 epochs; base LR 0.0003
  ▂▃▄▅▆▇██████████▇▇▇▇▇▇▇▆▆▆▆▆▅▅▅▅▅▄▄▄▄▄▃▃▃▃▃▃▂▂▂▂▂▂▂▁▁▁▁▁▁▁▁▁

  phase          from update  epoch     first      last
  warmup('10%')            0   0.00  2.73e-05  0.000273
  cosine()                10   0.50    0.0003  9.14e-08
"""


def ran(*arguments: str, encoding: str = "utf-8") -> str:
    """What ``python -m lr_toolkit`` printed."""
    done = subprocess.run(
        [sys.executable, "-m", "lr_toolkit", *arguments],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
        timeout=100,
    )
    return done.stdout.decode(encoding).replace(os.linesep, "\n")


def test_show_prints_the_curve_and_the_phases() -> None:
    """``show`` prints the schedule, the run's length, a curve from zero, and each phase, in LRs or in factors."""
    words = ["show", "warmup('10%') >> cosine()", "--steps", "100"]

    assert ran(*words, "--steps-per-epoch", "20", "--lr", "3e-4") == SHOWN
    assert "\n  100 updates; factors of the base LR\n" in ran(*words)
    assert ran(*words, encoding="ascii").isascii()


@pytest.mark.parametrize(
    ("steps", "steps_per_epoch", "length"),
    [
        (20, 20, "20 updates = 1 epoch;"),
        (30, 20, "30 updates = 1.5 epochs;"),
        (1, 20, "1 update = 0.05 epochs;"),
        (1_234_567, 1, "1,234,567 updates = 1,234,567 epochs;"),
    ],
)
def test_the_length_is_printed_in_words(
    steps: int, steps_per_epoch: int, length: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One epoch is singular, and a million epochs have all their digits."""
    main(["show", "hold()", "--steps", str(steps), "--steps-per-epoch", str(steps_per_epoch)])

    assert length in capsys.readouterr().out


@pytest.mark.parametrize(
    ("schedule", "facts", "phases"),
    [
        ("warmup('1%') >> cosine()", ["warmup('1%') takes no update of so short a run"], ["cosine()"]),
        ("hold('1%') >> hold('2%')", [f"hold('{share}%') takes no update of so short a run" for share in (1, 2)], []),
        ("warmup(2) >> cosine()", [], ["warmup(2)", "cosine()"]),
    ],
)
def test_a_phase_without_an_update_is_a_line_and_no_row(
    schedule: str, facts: list[str], phases: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A share that rounds to no update has no row in the table, but a line of its own."""
    main(["show", schedule, "--steps", "10"])
    head, _, table = capsys.readouterr().out.rstrip().partition("\n\n")

    assert [line.strip() for line in head.splitlines()[3:]] == facts
    assert [line.split()[0] for line in table.splitlines()[1:]] == phases


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cosin()", "--steps", "9"], "Did you mean cosine(...)?"),
        (["sines(2)", "--steps", "9"], "import that first (for the command: --import my_module)."),
        (["hold()", "--steps", "9", "--import", "no_such"], "--import no_such: ModuleNotFoundError: No module named"),
        (["hold()", "--steps", "9", "--import", "no_such.py"], "Write the name of the module: --import no_such."),
        (["cosine()", "--steps", "0"], "Horizon(steps=0): must be a whole number above zero"),
        (["cosine()", "--steps", str(10**20)], "is longer than any run"),
        (["warmup('2 epochs') >> hold()", "--steps", "9"], "'2 epochs' needs the length of an epoch"),
        (["step('1 epoch')", "--steps", "9"], "length of an epoch. Write it too: --steps-per-epoch 100."),
        (["warmup(10)", "--steps", "9"], "The schedule does not fit"),
        (["cosine(end_lr=1e-5)", "--steps", "9"], "Write the base LR too: --lr 0.001."),
        (["cosine(end_lr=0.5)", "--steps", "9"], "Write the base LR too: --lr 0.5."),
        (["cosine()", "--steps", "9", "--lr", "-1"], "--lr -1.0: must be above zero"),
        (["cosine()", "--steps", "9", "--lr", "inf"], "--lr inf: must be above zero and finite"),
        (["cosine()", "--steps", "9", "--lr", "nan"], "--lr nan: must be above zero and finite"),
        (
            ["hold(2) >> cosine(end_lr=1e-2)", "--steps", "9", "--lr", "1e-3"],
            "end_lr=0.01 lies above the base LR 0.001",
        ),
        (["cosine()"], "the following arguments are required: --steps"),
    ],
)
def test_what_cannot_be_shown_is_an_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is a line on stderr after the usage, and the exit status is 2."""
    with pytest.raises(SystemExit) as ended:
        main(["show", *arguments])

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


# --- the names ----------------------------------------------------------------------------------------------------------


def test_list_prints_every_builder(capsys: pytest.CaptureFixture[str]) -> None:
    """Each builder is a line with its arguments and a line with one sentence; shapes and recipes have a heading."""
    main(["list"])
    printed = capsys.readouterr().out
    ours = {name for name, builder in BUILDERS.items() if getattr(schedules, name, None) is builder}
    printed = printed.partition("\nRegistered by other modules")[0]  # by other tests, in the same process

    assert set(re.findall(r"^  (\w+)\(", printed, re.MULTILINE)) == ours
    assert (
        "  linear(end=0.0, *, end_lr=None, start=None, start_lr=None, over=None)\n      Move from the level" in printed
    )
    assert printed.startswith("Shapes\n")
    assert printed.index("\nRecipes") < printed.index("  wsd(")
    assert max(map(len, printed.splitlines())) <= 100
    assert "`" not in printed


def test_list_prints_the_documentation_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    """With a name it prints the signature, and every word of the docstring."""
    main(["list", "cosine"])
    head, _, body = capsys.readouterr().out.partition("\n\n")

    assert head == "cosine(end=0.0, *, end_lr=None, power=1.0, k=1.0, start=None, start_lr=None, over=None)"
    assert body.split() == inspect.getdoc(schedules.cosine).replace("``", "").split()


def test_list_loads_neither_torch_nor_lightning() -> None:
    """It loads the schedules alone, and no package that takes long."""
    code = "import sys; from lr_toolkit.cli import main; main(['list']); main(['list', 'wsd']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100)

    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not loaded & {"lightning", "matplotlib", "pdb", "torch", "torchmetrics", "wandb"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cosin", "'cosin': no builder has this name. Did you mean cosine? The builders are clipped, cosine,"),
        ("OneCycleLR", "Write one_cycle('30%')."),
        ("zzz", "'zzz': no builder has this name. The builders are"),
        ("zzz", "If it is registered in a module of yours, import that first: --import my_module."),
        ("register_functions", "Did you mean register_function?"),
    ],
)
def test_a_name_without_a_builder_is_an_error(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error has what is near, or what the name of another library is called here."""
    with pytest.raises(SystemExit) as ended:
        main(["list", name])

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["register_builder", "register_function", "register_shape"])
def test_list_prints_how_to_register_a_builder(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The functions that register are documented beside the builders."""
    main(["list", name])
    head, _, body = capsys.readouterr().out.partition("\n\n")

    assert head.startswith(f"{name}(")
    assert body.split() == (inspect.getdoc(getattr(schedules, name)) or "").replace("``", "").split()


# --- modules of the user ------------------------------------------------------------------------------------------------

MODULES = {
    "my_waves": """\
import math
from lr_toolkit import register_function

@register_function
def sines(i, n, *, waves=1):
    \"\"\"Follow waves of a sine.\"\"\"
    return 1 + 0.5 * math.sin(2 * math.pi * waves * i / n)
""",
    "my_recipes": """\
from lr_toolkit import hold, linear, register_builder

@register_builder
def trapezoid_of_mine(over="20%"):
    return hold() >> linear(over=over)
""",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with modules that register builders."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(Path(schedules.__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_module_of_the_folder_is_imported_first() -> None:
    """``--import`` may be given twice; text then has the builders that the modules register, and ``list`` shows them."""
    both = ["--import", "my_waves", "--import", "my_recipes"]
    shown = ran("show", "warmup('10%') >> sines(waves=2, over='40%') >> trapezoid_of_mine()", "--steps", "100", *both)
    listed = ran("list", *both).partition("\nRegistered by other modules\n")[2]
    one = ran("list", "sines", "--import", "my_waves")

    assert re.findall(r"^  (\w+)\(.*\d", shown, re.MULTILINE) == ["warmup", "sines", "hold", "linear"]
    assert listed == (
        "  sines(*, waves=1, over=None)\n      Follow waves of a sine.\n  trapezoid_of_mine(over='20%')\n"
    )
    assert one == "sines(*, waves=1, over=None)\n\nFollow waves of a sine.\n"
