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
from lr_toolkit.cli.project_arguments import take_project_arguments
from lr_toolkit.schedules.registry import BUILDERS


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
        ("cosin", "'cosin': no builder has this name. Did you mean cosine? The builders are "),
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
    described = ran("list", "sines", "--import", "my_waves")

    assert re.findall(r"^  (\w+)\(.*\d", shown, re.MULTILINE) == ["warmup", "sines", "hold", "linear"]
    assert listed == (
        "  sines(*, waves=1, over=None)\n      Follow waves of a sine.\n  trapezoid_of_mine(over='20%')\n"
    )
    assert described == "sines(*, waves=1, over=None)\n\nFollow waves of a sine.\n"


@pytest.mark.parametrize("command", ["check", "show", "page"])
def test_the_help_has_a_description_and_the_options_of_a_project(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those for the classes of a project, too, which argparse does not read."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = capsys.readouterr().out
    described = " ".join(shown.partition("positional arguments")[0].split("\n\n", 1)[1].split())

    assert len(described) > 100
    for option in ("--trainer.NAME VALUE", "--model.NAME VALUE", "--data.NAME VALUE", "--config", "--data MODULE:NAME"):
        assert re.search(rf"^  {re.escape(option)}\b.*\S", shown, re.MULTILINE), option


def test_the_placeholders_of_the_help_are_no_options() -> None:
    """What argparse does not know is an argument of the project, whatever its name begins with."""
    own, project = take_project_arguments(["check", "a:B", "--data", "a:C", "--data.NAME", "1", "--trainer.NAME=2"])

    assert own == ["check", "a:B", "--data", "a:C"]
    assert project == ["--data.NAME", "1", "--trainer.NAME=2"]
