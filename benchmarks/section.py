"""One section of the benchmark, for a process of its own."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from importlib import import_module

import torch

__all__ = ["print_rows"]


def print_rows(section: str) -> None:
    """Measure a section on one core, and print its rows."""
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):  # cores may differ in speed
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for row in import_module(f"benchmarks.{section}").rows():
        print(row, flush=True)
        print(row.what, file=sys.stderr)
