"""The settings of every test: one thread, no network, the same examples in every CI run, and no file in the checkout."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch
from hypothesis import settings
from packaging.requirements import Requirement

from tests.helpers.script import SERVER

_SCRATCH = tempfile.mkdtemp(prefix="lr_toolkit-tests-")

# Doctests of the package run before any fixture, so this is set for the whole process.
os.environ.update(
    WANDB_MODE="offline",
    WANDB_SILENT="true",
    WANDB_CONSOLE="off",  # pytest captures the output already
    WANDB_DISABLE_CODE="true",
    WANDB_DISABLE_GIT="true",
    WANDB_DIR=_SCRATCH,
    WANDB_CACHE_DIR=_SCRATCH,
    WANDB_CONFIG_DIR=_SCRATCH,
    WANDB_DATA_DIR=_SCRATCH,
    MPLBACKEND="agg",
    HF_HUB_OFFLINE="1",
)

# Each of thousands of Trainers asks every installed package for its plugins: a third of what a short fit takes. Lightning imports
# the function by its name, so it is replaced before Lightning is imported.
importlib.metadata.entry_points = functools.cache(importlib.metadata.entry_points)

# The models are tiny: with more than one thread fits are many times slower.
torch.set_num_threads(1)

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_report_header() -> str:
    """Print the versions of the packages that matter most; on a machine with a GPU some may be missing."""
    names = ("torch", "lightning", "torchmetrics", "wandb", "numpy")
    return ", ".join(f"{name} {version(name) if find_spec(name) else 'missing'}" for name in names)


def pytest_unconfigure() -> None:
    """End the process that runs the scripts, and remove the files that W&B wrote."""
    SERVER.stop()
    shutil.rmtree(_SCRATCH, ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need what is not here, and run the files with slow tests first, so that no process works on one alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
        for mark in item.iter_markers("needs"):
            package, why = Requirement(mark.args[0]), mark.args[1]
            if not package.specifier.contains(version(package.name), prereleases=True):
                item.add_marker(pytest.mark.skip(reason=f"needs {package}: {why}"))


@pytest.fixture
def pyplot() -> Iterator[ModuleType]:
    """pyplot, which draws without windows here, and closes its figures after the test."""
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.fixture
def registry() -> Iterator[None]:
    """Forget the builders that a test registers."""
    from lr_toolkit.schedules.registry import BUILDERS, WITHOUT_TEXT

    before, without_text = dict(BUILDERS), set(WITHOUT_TEXT)
    yield
    for known, saved in ((BUILDERS, before), (WITHOUT_TEXT, without_text)):
        known.clear()
        known.update(saved)
