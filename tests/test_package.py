"""The package as a whole: what its import loads, its public names, and the files around it."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from importlib.metadata import requires, version
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lr_toolkit

ROOT = Path(__file__).parent.parent
HEAVY = {"lightning", "matplotlib", "pytorch_lightning", "tensorboard", "torch", "torchmetrics", "wandb"}

IMPORT_ALL = """
import lightning.pytorch.cli, torch
import importlib, pkgutil, sys
before = {name.partition(".")[0] for name in sys.modules}
import lr_toolkit
for module in pkgutil.walk_packages(lr_toolkit.__path__, "lr_toolkit."):
    if module.name != "lr_toolkit.lightning.scheduler_cli":  # a LightningCLI, which needs jsonargparse
        importlib.import_module(module.name)
print(*{name.partition(".")[0] for name in sys.modules} - before - set(sys.stdlib_module_names))
"""


def run(code: str) -> str:
    """What ``code`` prints in a new interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr

    return done.stdout


# What each statement is for; one after the other in one interpreter, because each new one takes seconds.
LIGHT = [
    "import lr_toolkit",
    "import lr_toolkit; dir(lr_toolkit), lr_toolkit.__all__, lr_toolkit.__version__",
    "from lr_toolkit import Horizon, cosine, warmup; (warmup('5%') >> cosine()).resolve(Horizon(100)).values([1])",
    "import lr_toolkit.schedules",
]
PLAIN = "from lr_toolkit import ReduceOnPlateau, ScheduledLR"
LIGHTNING = "from lr_toolkit import LRMonitor"


@pytest.fixture(scope="module")
def heavy_after() -> dict[str, set[str]]:
    """The heavy packages that a new interpreter has loaded after each statement in turn."""
    statements = [*LIGHT, PLAIN, LIGHTNING]
    lines = [f"{statement}\nseen.append(HEAVY & set(sys.modules))" for statement in statements]
    code = "\n".join(["import sys", f"HEAVY, seen = {HEAVY!r}, []", *lines, "print(*map(','.join, seen), sep='\\n')"])

    return {
        statement: set(filter(None, loaded.split(",")))
        for statement, loaded in zip(statements, run(code).split("\n")[:-1], strict=True)
    }


@pytest.mark.parametrize("statement", LIGHT)
def test_writing_a_schedule_is_light(statement: str, heavy_after: dict[str, set[str]]) -> None:
    """Importing the package, and writing and resolving a schedule, loads neither torch nor Lightning nor W&B."""
    assert heavy_after[statement] == set()


def test_the_check_of_lightness_can_fail(heavy_after: dict[str, set[str]]) -> None:
    """The same check sees torch and Lightning if they are loaded."""
    assert {"torch", "lightning"} <= heavy_after[LIGHTNING]


def test_a_plain_loop_needs_no_lightning(heavy_after: dict[str, set[str]]) -> None:
    """``ScheduledLR`` and ``ReduceOnPlateau`` load torch, and neither Lightning nor W&B."""
    assert heavy_after[PLAIN] == {"torch"}


@pytest.mark.slow
def test_optional_packages_are_loaded_when_used() -> None:
    """Importing every module of the package loads no third-party package that Lightning and torch do not load anyway."""
    assert set(run(IMPORT_ALL).split()) == {"lr_toolkit"}


def test_the_public_names_are_sorted() -> None:
    """``__all__`` is sorted, has no name twice, and is what ``dir`` shows besides private names."""
    assert lr_toolkit.__all__ == sorted(set(lr_toolkit.__all__))
    assert set(lr_toolkit.__all__) <= set(dir(lr_toolkit))


def test_type_checkers_see_every_public_name() -> None:
    """The names imported for type checkers are those of ``__all__``, each from the module that defines it."""
    lists = (lr_toolkit, lr_toolkit.schedules, lr_toolkit.schedules.recipes, lr_toolkit.schedules.shapes)
    seen = {name: module for package in lists for name, module in imported_names(package).items()}
    aliases = {"DurationLike", "ScheduleLike"}  # of types: public in schedules/ alone

    assert sorted(seen.keys() - aliases) == lr_toolkit.__all__
    assert [name for name in lr_toolkit.__all__ if seen[name] != getattr(lr_toolkit, name).__module__] == []


def imported_names(package: ModuleType) -> dict[str, str]:
    """The names that a package's file re-exports with ``as``, and their modules; its star imports are of its subpackages."""
    imports = [node for node in ast.walk(ast.parse(inspect.getsource(package))) if isinstance(node, ast.ImportFrom)]
    stars = {node.module for node in imports if node.names[0].name == "*"}

    assert stars <= {"lr_toolkit.schedules", "lr_toolkit.schedules.recipes", "lr_toolkit.schedules.shapes"}
    return {name.asname: str(node.module) for node in imports for name in node.names if name.asname}


@pytest.mark.parametrize("name", lr_toolkit.__all__)
def test_every_public_name_shows_how_it_is_used(name: str) -> None:
    """Each public name resolves to an object of that name, whose docstring holds an example."""
    public = getattr(lr_toolkit, name)

    assert public.__name__ == name
    assert ">>> " in inspect.getdoc(public)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that the package does not have raises AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="'lr_toolkit' has no attribute 'cosines'"):
        _ = lr_toolkit.cosines


HELP = """
import pydoc, lr_toolkit
print(pydoc.plain(pydoc.render_doc(lr_toolkit)))
print("LOADED")
from lr_toolkit import *
print(pydoc.plain(pydoc.render_doc(lr_toolkit)))
"""


@pytest.mark.slow
def test_help_is_short() -> None:
    """``help(lr_toolkit)`` takes a screen or two and has every public name, before the names are loaded and after."""
    for shown in run(HELP).split("LOADED"):
        assert shown.count("\n") < 80
        assert {*lr_toolkit.__all__} <= set(re.findall(r"\w+", shown))


def test_a_star_import_brings_every_public_name() -> None:
    """``from lr_toolkit import *`` brings the names of ``__all__``."""
    names: dict[str, object] = {}
    exec("from lr_toolkit import *", names)

    assert sorted(names.keys() - {"__builtins__"}) == lr_toolkit.__all__


def test_subpackages_are_imported_as_from_any_package() -> None:
    """A subpackage is imported by ``from``, even if its name resembles a public name; an unknown name has no hint."""
    assert run("from lr_toolkit import testing, schedules; print(testing.__name__)") == "lr_toolkit.testing\n"
    assert run("import lr_toolkit; print(hasattr(lr_toolkit, 'onecycle'))") == "False\n"
    with pytest.raises(ImportError, match="cannot import name 'nothing_like_it'"):
        exec("from lr_toolkit import nothing_like_it")


# The milestones of these builders are an argument that is called as torch's users read it: multistep(at=[30, 60]).
WITH_MILESTONES = {"multistep.py", "piecewise.py"}
MILESTONES = "{ at: durations"  # the same argument in the page, where it has another name inside of the function


def names_in(code: str) -> set[str]:
    """The names that Python code gives to variables, arguments, attributes, functions, classes and modules."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.alias) and node.asname:
            found.add(node.asname)
    return found


def script_names_in(code: str) -> set[str]:
    """The names in JavaScript, outside of comments and texts; of those behind a dot only attributes of ``this``."""
    code = re.sub(r"""//.*|/\*[\s\S]*?\*/|"[^"\n]*"|'[^'\n]*'|`[^`]*`""", "", code)
    return set(re.findall(r"(?<![.\w])[A-Za-z_]\w*|(?<=\bthis\.)\w+", code.replace(MILESTONES, "{ durations")))


def vague(names: set[str]) -> set[str]:
    """Those of the names that are ``one`` or ``at``, public or private, of a class too; ``ONE`` is the number."""
    return {name for name in names if name.strip("_") in ("one", "at", "One", "At")}


@pytest.mark.parametrize("code", ["one = 1", "def _one(): ...", "class At: ...", "lambda at: 0", "import re as one"])
def test_the_search_finds_each_kind_of_name(code: str) -> None:
    """A variable, a function, a class, an argument and a module."""
    assert vague(names_in(code)) != set()


@pytest.mark.parametrize(
    "code", ["const one = 1", "(at) => 0", "return { at, end }", "({ at: 1 })", "class A { at(i) {} }", "this.at = 1"]
)
def test_the_search_finds_each_kind_of_name_in_the_page(code: str) -> None:
    """A constant, a parameter, a property, a method and an attribute; not ``at`` of an array, nor a word of a text."""
    assert vague(script_names_in(code)) != set()
    assert vague(script_names_in("rows.at(-1); // at one\n'at one'")) == set()


@pytest.mark.parametrize("folder", ["benchmarks", "examples", "lr_toolkit", "tests"])
def test_nothing_is_called_one_or_at(folder: str) -> None:
    """Each name describes what it holds or does."""
    files = [file for file in (ROOT / folder).rglob("*.py") if file.name not in WITH_MILESTONES]
    found = {file.name: vague(names_in(file.read_text("utf-8"))) for file in files}

    assert files
    assert {name: names for name, names in found.items() if names} == {}


def test_nothing_in_the_page_is_called_one_or_at() -> None:
    """The same for the code of the page."""
    files = list((ROOT / "lr_toolkit" / "preview" / "page" / "js").glob("*.js"))
    found = {file.name: vague(script_names_in(file.read_text("utf-8"))) for file in files}

    assert files
    assert {name: names for name, names in found.items() if names} == {}


def test_types_are_published() -> None:
    """The installed package carries py.typed."""
    assert files("lr_toolkit").joinpath("py.typed").is_file()


def test_the_version_is_the_same_everywhere() -> None:
    """``__version__``, the metadata and pyproject.toml agree; the changelog opens with that version or Unreleased."""
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)

    assert declared is not None
    assert newest is not None
    assert lr_toolkit.__version__ == version("lr_toolkit") == declared[1]
    assert newest[1] in {"Unreleased", declared[1]}


def test_every_dependency_has_a_known_good_pin() -> None:
    """Each package that pyproject.toml names has one exact pin in constraints.txt, inside of its range."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pins = {canonicalize_name(pin.name): pin for pin in pinned}

    assert len(pins) == len(pinned)
    for needed in map(Requirement, requires("lr_toolkit") or []):
        if needed.name == "lr_toolkit":
            continue
        pin = str(pins[canonicalize_name(needed.name)].specifier)

        assert re.fullmatch(r"==[\w.]+", pin), needed
        assert needed.specifier.contains(pin[2:]), f"{needed} and {pin}"
