"""Eight previews as ``lr-toolkit show`` prints them at 80 columns, in UTF-8 and in ASCII.

``python -m tests.cli.golden`` writes the files in ``tests/cli/golden/`` anew; look at each difference before it is committed.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

from lr_toolkit.cli import main

FOLDER = Path(__file__).with_suffix("")
WORDS: dict[str, list[str]] = {
    "warmup_cosine": ["warmup('5%') >> cosine(end=0.1)", "--steps", "10000", "--steps-per-epoch", "1000", "--lr", "3e-4"],
    "wsd": ["wsd('2000 steps', '20%')", "--steps", "1e5"],
    "step": ["step('3 epochs', gamma=0.5)", "--epochs", "10", "--steps-per-epoch", "37", "--lr", "0.1"],
    "restarts": ["repeat(warmup('2%') >> cosine(), 3, gamma=0.5)", "--steps", "600"],
    "short": ["linear(over=8)", "--steps", "12"],
    "log": ["warmup(500) >> inverse_sqrt('5%') >> linear(over='10%')", "--steps", "20000", "--lr", "1e-3", "--log"],
    "epochs": ["multistep(['30 epochs', '60 epochs'])", "--epochs", "90", "--interval", "epoch", "--lr", "0.1"],
    "compared": [
        "warmup('5%') >> cosine(end=0.1)",
        "warmup('5%') >> linear()",
        "wsd('5%', '20%')",
        *("--epochs", "10", "--samples", "50000", "--batch-size", "128", "--accumulate", "4", "--devices", "8"),
    ],
}  # fmt: skip


def shown(name: str, encoding: str) -> str:
    """What the command prints to a stream of that encoding."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    with redirect_stdout(stream):
        main(["show", *WORDS[name], "--width", "80"])
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


def golden_file(name: str, encoding: str) -> Path:
    """Where the text of a preview lies."""
    return FOLDER / f"{name}{'.ascii' if encoding == 'ascii' else ''}.txt"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in WORDS:
        for code in ("utf-8", "ascii"):
            golden_file(each, code).write_text(shown(each, code), "utf-8", newline="\n")
