"""The cost of ``optimizer.step()`` and ``scheduler.step()`` together with LRs on the GPU, compared with torch and a plain loop.

The clock is the wall's, and it stops when the GPU has done all that was sent to it: a scheduler that waits for the GPU pays for it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping
from statistics import median

import torch

from benchmarks.steps import floor, of_lambda, of_torch, optimizer_of, ours
from benchmarks.timing import Call, Row

COUNTS = (1, 10, 100)
TURNS, SLOT = 21, 10e-3  # seconds that a function runs before the next one runs
PEERS = {"ours": ours, "torch": of_torch, "LambdaLR": of_lambda, "floor": floor}


def seconds(call: Call, count: int, device: str) -> float:
    """How long so many calls take, until the GPU is done."""
    _finish(device)
    begin = time.perf_counter()
    for _ in range(count):
        call()
    _finish(device)
    return time.perf_counter() - begin


def _finish(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def medians(calls: Mapping[str, Call], device: str, turns: int) -> dict[str, float]:
    """The seconds of a call of each function; they alternate, so all meet the same noise."""
    counts = {}
    for name, call in calls.items():
        seconds(call, 2, device)  # the first calls may do work that later calls do not repeat
        counts[name] = max(1, round(SLOT / (seconds(call, 5, device) / 5)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    try:
        for _ in range(turns):
            for name, call in calls.items():
                times[name].append(seconds(call, counts[name], device) / counts[name])
    finally:
        gc.enable()
    return {name: median(each) for name, each in times.items()}


def rows(device: str, turns: int = TURNS) -> Iterator[Row]:
    """Few and many groups, with different base LRs."""
    for count in COUNTS:
        calls = {
            name: make(optimizer_of(count, tensor=True, alike=False, device=device)) for name, make in PEERS.items()
        }
        measured = medians(calls, device, turns)
        what = f"update and step, tensor LR on {device}, {count} group{'s' * (count > 1)}, all different"
        yield Row(what, measured.pop("ours"), measured)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print("| measured | lr_toolkit | ratio to the peers | limit |\n| --- | ---: | --- | --- |")
    for row in rows(device, TURNS if device == "cuda" else 3):
        print(row, flush=True)


if __name__ == "__main__":
    main()
