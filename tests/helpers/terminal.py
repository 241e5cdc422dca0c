"""Runs a script in a terminal of its own, and types there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence

from tests.helpers.script import ROOT

CTRL_C = "\x03"


def run_in_terminal(module: str, keys: Sequence[tuple[str, str]], seconds: float = 120) -> str:
    """Run ``python -m module``; returns what the terminal has shown.

    Args:
        module: the script.
        keys: regular expressions, and what is typed when each of them is seen, in order.
        seconds: how long it may take.
    """
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))  # rows and columns
    process = subprocess.Popen(
        # a session of its own, whose terminal this is: then Ctrl-C is a signal
        [sys.executable, "-c", f"import fcntl, termios, runpy; fcntl.ioctl(0, termios.TIOCSCTTY, 0); {_run(module)}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "OMP_NUM_THREADS": "1"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown, end, waiting, place = "", time.monotonic() + seconds, list(keys), 0
    try:
        while time.monotonic() < end:
            try:
                shown += os.read(main, 65536).decode(errors="replace")
            except OSError:  # the script has ended
                break
            if waiting and (found := re.compile(waiting[0][0]).search(shown, place)):
                place = found.end()
                os.write(main, waiting.pop(0)[1].encode())
        assert process.wait(timeout=10) == 0, shown
        return shown
    finally:
        process.kill()
        os.close(main)


def _run(module: str) -> str:
    return f"runpy.run_module({module!r}, run_name='__main__')"
