"""Runs scripts in forks of one process, in which the large packages are imported already: to import them takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """How a script ended, and what it printed; a negative status is the signal that ended it."""

    status: int
    stdout: str
    stderr: str


class ForkServer:
    """The process of ``fork_server.py``, which starts with the first script."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, script: str, *arguments: str, cwd: Path = ROOT, **environment: str) -> Done:
        """Run ``python script arguments`` if the script ends in ``.py``, and ``python -m script arguments`` otherwise."""
        with tempfile.TemporaryDirectory() as folder:
            streams = {name: Path(folder, name) for name in ("stdout", "stderr")}
            command = {"script": script, "arguments": arguments, "cwd": str(cwd), "environment": environment}
            status = self._ask(json.dumps(command | {name: str(path) for name, path in streams.items()}))
            return Done(status, **{name: path.read_text("utf-8") for name, path in streams.items()})

    def _ask(self, line: str) -> int:
        if self._process is None:
            # Python 3.12 warns of any fork beside the threads of NumPy's BLAS, which survives it.
            filters = ["-W", "error::UserWarning", "-W", "ignore:This process:DeprecationWarning"]
            self._process = subprocess.Popen(
                [sys.executable, *filters, "-m", "tests.helpers.fork_server"],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


SERVER = ForkServer()


def run_script(module: str, folder: Path, *arguments: str) -> None:
    """Run ``python -m module folder ...`` in the root of the project, and show its errors."""
    done = SERVER.run(module, str(folder), *arguments)

    assert done.status == 0, done.stderr[-3000:]
