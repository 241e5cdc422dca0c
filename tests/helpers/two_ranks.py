"""Runs a function on two gloo ranks of one process group, in forks of this process, so that torch is imported once."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable

import torch
from torch import distributed as dist
from torch import multiprocessing as mp

# A Trainer with these arguments joins the process group that it finds.
OPTIONS = {"devices": 2, "strategy": "ddp"}


def on_two_ranks(work: Callable[[], None]) -> None:
    """Call ``work`` on both ranks, and wait for both."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(_run, (work, folder), nprocs=2, start_method="fork")


def _run(rank: int, work: Callable[[], None], folder: str) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    os.environ["LOCAL_RANK"] = str(rank)  # for Lightning: the processes exist already
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    try:
        work()
    finally:
        dist.destroy_process_group()
