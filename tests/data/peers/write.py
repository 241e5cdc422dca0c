"""Writes the LRs that another library uses for random configurations: ``python -m tests.data.peers.write LIBRARY [FOLDER]``.

Run it once in an environment that has the library (or PyTorch and its unpacked package in FOLDER). The tests read the tables.
Each table gives the origin of its numbers: the installed package, its own file with placeholders for what the environment
lacks, or its formulas.
"""

from __future__ import annotations

import json
import sys
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

from numpy.random import default_rng

DRAWS = 20


def table(library: str, folder: str) -> dict[str, Any]:
    """The draws of a library's configurations, with the LR of each update, and the LRs of what was refused as a defect."""
    reference = import_module(f"tests.data.peers.{library}_reference")
    origin = reference.load(folder)
    cases = {}
    for name, draw in reference.DRAWS.items():
        rows = []
        for seed in range(DRAWS):
            rng = default_rng([seed, zlib.crc32(f"{library} {name}".encode())])
            arguments, updates = draw(rng)
            lr = float(f"{rng.uniform(2e-3, 1.0):.6g}")
            lrs = reference.used(name.partition(",")[0], arguments, lr, updates)
            rows.append({"arguments": arguments, "lr": lr, "lrs": [float(f"{used:.13g}") for used in lrs]})
        cases[name] = rows
    refused = []
    for name, arguments, updates in getattr(reference, "REFUSED", ()):
        lrs = reference.used(name, arguments, 1.0, updates)
        refused.append({"name": name, "arguments": arguments, "lrs": [float(f"{used:.13g}") for used in lrs]})
    return {**origin, "refused": refused, "cases": cases}


def main(library: str, folder: str = "") -> None:
    """Write the table of a library beside this file."""
    written = table(library, folder)
    cases = ",\n".join(f"{json.dumps(name)}: [\n{rows_text(rows)}\n]" for name, rows in written.pop("cases").items())
    head = json.dumps(written)[1:-1]
    Path(__file__).with_name(f"{library}.json").write_text(f'{{{head}, "cases": {{\n{cases}\n}}}}\n', "utf-8")


def rows_text(rows: list[dict[str, Any]]) -> str:
    """One line for each draw."""
    return ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
