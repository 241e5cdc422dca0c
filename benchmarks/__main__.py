"""The cost of lr_toolkit, compared with its peers and with a minimal implementation: one command, one table.

    pip install pytorch-ignite pytorch_warmup      # peers that are not needed otherwise
    python -m benchmarks > benchmarks/RESULTS.md   # some minutes; a part of it: python -m benchmarks steps

All peers of a row run in one process and alternate in short repetitions; a number is the median of these. Each section has a
process of its own: CPython runs the same code more slowly if it ran with other types before, as it does in no training. On a
busy machine the ratios are more reliable than the times. A ratio below 1 means that lr_toolkit is faster.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
from importlib.metadata import version
from multiprocessing import get_context

import torch

from benchmarks.section import print_rows

SECTIONS = ("steps", "callbacks", "training", "once")
PACKAGES = ("lr_toolkit", "torch", "lightning", "numpy", "transformers", "pytorch-ignite", "pytorch_warmup")


def main() -> None:
    """Measure, and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"some of {', '.join(SECTIONS)}; all if none")
    sections = parser.parse_args().sections or SECTIONS
    if unknown := set(sections) - set(SECTIONS):
        parser.error(f"no section is called {', '.join(sorted(unknown))}")

    print("# What lr_toolkit costs\n")
    print(f"{dt.date.today()}, {', '.join(f'{name} {version(name)}' for name in PACKAGES)}, ", end="")
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"{where}, {torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU'}.\n")
    print(
        "Medians of interleaved repetitions in one process (`python -m benchmarks`). A ratio below 1 means that lr_toolkit is faster."
    )
    print(
        "*Floor* is a minimal implementation: for a scheduler a cosine and a write to each group (`fill_` for a tensor), for a\n"
        "monitor reading each LR and passing a row of them to the logger.\n"
    )
    print("| measured | lr_toolkit | ratio to the peers | limit |\n| --- | ---: | --- | --- |", flush=True)
    for section in sections:
        process = get_context("spawn").Process(target=print_rows, args=(section,))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"The section {section} has failed.")


if __name__ == "__main__":
    main()
