"""``gpt.py`` at a size that is too small to learn anything: five schedules, a table and a picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.script import ROOT, SERVER


@pytest.mark.slow
def test_every_schedule_is_trained_and_drawn(tmp_path: Path) -> None:
    """Each schedule ends at its own LR, with a loss below that of a guess (8 bits per byte); mean and sd are of two seeds."""
    arguments = ["--updates", "20", "--seeds", "2", "--out", "out"]
    done = SERVER.run(str(ROOT / "examples" / "gpt.py"), *arguments, cwd=tmp_path)
    assert done.status == 0, done.stderr

    rows = re.findall(r"^(\S.*?) +([\de.-]+) +([\d.]+) ± ([\d.]+)$", done.stdout, re.MULTILINE)
    lrs = {name: float(lr) for name, lr, _, _ in rows}

    base = lrs["constant"]
    assert lrs["cosine to 10 %"] == pytest.approx(0.1 * base, rel=0.2)
    assert 0 < lrs["linear to zero"] < 0.06 * base
    assert 0 < lrs["WSD, 1 - sqrt"] < lrs["WSD, linear"] < 0.3 * base
    assert all(float(loss) < 8 for _, _, loss, _ in rows)
    assert (tmp_path / "out" / "gpt.png").read_bytes().startswith(b"\x89PNG")
