"""The settings of every test: one thread, no network, the same examples in every CI run, and no file in the checkout."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec

import pytest
import torch
from hypothesis import settings
from packaging.requirements import Requirement

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
    """Remove the files that W&B wrote."""
    shutil.rmtree(_SCRATCH, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need a GPU if there is none, and tests that need a newer package than the installed one."""
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
        for mark in item.iter_markers("needs"):
            package, why = Requirement(mark.args[0]), mark.args[1]
            if not package.specifier.contains(version(package.name), prereleases=True):
                item.add_marker(pytest.mark.skip(reason=f"needs {package}: {why}"))
