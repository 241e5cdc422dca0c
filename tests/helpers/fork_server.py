"""A script: imports the large packages once, and runs each requested script in a fork of itself.

It reads a command per line from stdin, in JSON, and prints the exit status of each.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

# Lightning alone takes seconds to import; the rest is what examples/ import. Not W&B: its import makes a folder, which the first
# fork that ends would remove.
import lightning  # noqa: F401
import matplotlib.figure  # noqa: F401
import sklearn.datasets  # noqa: F401
import torch.distributed  # noqa: F401

SECONDS = 250  # after which a script is ended


def run(command: dict[str, Any]) -> None:
    """Run the script in this process, with the arguments, the folder, the variables and the streams of the command."""
    signal.alarm(SECONDS)
    for stream, number in (("stdout", 1), ("stderr", 2)):
        os.dup2(os.open(command[stream], os.O_WRONLY | os.O_CREAT), number)
    os.environ.update(command["environment"])
    os.chdir(command["cwd"])
    script = command["script"]
    sys.argv = [script, *command["arguments"]]
    if script.endswith(".py"):
        sys.path[0] = str(Path(script).parent)
        runpy.run_path(script, run_name="__main__")
    else:
        runpy.run_module(script, run_name="__main__", alter_sys=True)


def main() -> None:
    """Run the scripts until stdin ends; a fork returns when its script has ended, and exits as any process does."""
    statuses = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=statuses, flush=True)


if __name__ == "__main__":
    main()
