"""One training of each example on the GPU, some of them at the same time. ``gpt.py`` has a section of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.gpu.section import ROOT, reason_of

LIMIT = 80  # seconds for each example
AT_ONCE = 4
NO_TRAININGS = {"digits", "gpt"}  # the parts that the others share; and the one with a section of its own
ARGUMENTS = {"compare": ("--seeds", "1", "--epochs", "2")}


@dataclass(frozen=True)
class Ran:
    """How an example ended: the device that it printed, or why it failed."""

    name: str
    seconds: float
    device: str = ""
    failure: str = ""

    def __str__(self) -> str:
        return f"| `{self.name}.py` | {self.seconds:.0f} s | {self.device or f'**failed**: {self.failure}'} |"


def names() -> list[str]:
    """The examples that train."""
    return sorted({path.stem for path in (ROOT / "examples").glob("*.py")} - NO_TRAININGS)


def train(name: str) -> Ran:
    """Run an example in an empty folder; it fails if it did not run on the GPU."""
    begin = time.monotonic()
    command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), *ARGUMENTS.get(name, ())]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ran(name, time.monotonic() - begin, failure=f"stopped after {LIMIT} s")
    took = time.monotonic() - begin
    if done.returncode:
        return Ran(name, took, failure=reason_of(done.returncode, done.stdout))
    device = device_in(done.stdout)
    if not device.startswith("cuda"):
        return Ran(name, took, failure=f"ran on {device or 'a device that it does not print'}")
    return Ran(name, took, device)


def device_in(printed: str) -> str:
    """The device that an example prints.

    Example:
        >>> device_in("Trained on cuda:0 (NVIDIA H100): 10 epochs")
        'cuda:0'
    """
    match = re.search(r"\bon ((?:cuda|cpu|mps)(?::\d+)?)", printed)
    return match[1] if match else ""


def main() -> None:
    """Print a row for each example; the exit status is 1 if one fails."""
    print("| example | took | device |\n| --- | ---: | --- |", flush=True)
    passed = True
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for ran in pool.map(train, names()):
            print(ran, flush=True)
            passed &= not ran.failure
    sys.exit(not passed)


if __name__ == "__main__":
    main()
