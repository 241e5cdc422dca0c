"""The report of a run on a GPU, in Markdown: it has every section."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import torch

from benchmarks.gpu.section import SectionResult

PACKAGES = (
    "torch",
    "triton",
    "lightning",
    "torchmetrics",
    "numpy",
    "transformers",
    "tensorboard",
    "matplotlib",
    "wandb",
)
_LINES = 80  # of the output of a section that passed; of any other all lines are kept up to the double


def report(results: Sequence[SectionResult], command: str) -> str:
    """The page: where and when, a table of the sections, and what each printed."""
    took = sum(result.seconds for result in results)
    lines = [
        "# What was run on a GPU",
        "",
        f"{dt.date.today()}, {_device()}, {_versions()}, Python {platform.python_version()}, {os.cpu_count()} CPU cores.",
        "",
        f"`{command}`, {took:.0f} s in all. A section that failed, ran out of time or was not run has its reason.",
        "",
        "| section | limit | took | result |",
        "| --- | ---: | ---: | --- |",
        *(_row(result) for result in results),
        "",
    ]
    for result in results:
        if result.status != "not run":
            lines += [f"## {result.section.title}", "", *_printed(result), ""]
    return "\n".join(lines)


def _row(result: SectionResult) -> str:
    reason = f": {result.reason}" if result.reason else ""
    status = result.status if result.status == "passed" else f"**{result.status}**"
    cell = f"{status}{reason}".replace("|", "\\|")
    return f"| {result.section.title} | {result.section.limit} s | {result.seconds:.0f} s | {cell} |"


def _printed(result: SectionResult) -> list[str]:
    """The output, as a table if it is one; a long one without its middle."""
    lines = result.output.strip().splitlines() or ["(no output)"]
    most = _LINES if result.status == "passed" else 2 * _LINES
    if len(lines) > most:
        cut = len(lines) - most
        lines = [*lines[: most // 2], f"... {cut} lines ...", *lines[-most // 2 :]]
    if all(line.startswith("|") for line in lines):
        return lines
    return ["````text", *lines, "````"]


def _device() -> str:
    if not torch.cuda.is_available():
        return "no CUDA device (a dry run: nothing here was measured on a GPU)"
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    return f"{torch.cuda.get_device_name(0)} ({memory:.0f} GiB), CUDA {torch.version.cuda}"


def _versions() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
