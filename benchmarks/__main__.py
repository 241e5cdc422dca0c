"""What lr_toolkit costs, beside its peers and beside the least that is possible: one command, one table.

    pip install pytorch-ignite pytorch_warmup      # peers that nothing else here needs
    python -m benchmarks > benchmarks/RESULTS.md   # some minutes; or only some of it: python -m benchmarks steps

All peers run in one process and take turns in short repetitions; a figure is the median of these. On a busy machine the times
are not worth much, the ratios are: a ratio below 1 says that lr_toolkit is faster.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import os
import platform
import sys
import warnings
from importlib import import_module
from importlib.metadata import version

import torch

SECTIONS = ("steps", "callbacks", "training", "once")
PACKAGES = ("lr_toolkit", "torch", "lightning", "numpy", "transformers", "pytorch-ignite", "pytorch_warmup")


def main() -> None:
    """Measure, and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"some of {', '.join(SECTIONS)}; all if none")
    asked = parser.parse_args().sections or SECTIONS
    if unknown := set(asked) - set(SECTIONS):
        parser.error(f"no section is called {', '.join(sorted(unknown))}")

    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):  # two cores need not be equally fast
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    print("# What lr_toolkit costs\n")
    print(f"{dt.date.today()}, {', '.join(f'{name} {version(name)}' for name in PACKAGES)}, ", end="")
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"{where}, {torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU'}.\n")
    print(
        "Medians of interleaved repetitions in one process (`python -m benchmarks`). A ratio below 1 says that lr_toolkit is"
    )
    print(
        "faster. *Floor* is the least that must be done: a cosine and a write to each group (`fill_` for a tensor) for a scheduler;\n"
        "reading each LR and handing a row of them to the logger for a monitor.\n"
    )
    print("| what | lr_toolkit | beside | asked for |\n| --- | ---: | --- | --- |")
    for section in asked:
        for row in import_module(f"benchmarks.{section}").rows():
            print(row, flush=True)
            print(row.what, file=sys.stderr)


if __name__ == "__main__":
    main()
