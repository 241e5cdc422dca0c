"""The command: what it prints, and what it says where it was asked for what is not possible."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lr_toolkit.cli import main

SHOWN = """\
warmup('10%') >> cosine()
  100 updates = 5 epochs; base LR 0.0003
  ▂▃▄▅▆▇██████████▇▇▇▇▇▇▇▆▆▆▆▆▅▅▅▅▅▄▄▄▄▄▃▃▃▃▃▃▂▂▂▂▂▂▂▁▁▁▁▁▁▁▁▁

  phase          from update  epoch     first      last
  warmup('10%')            0   0.00  2.73e-05  0.000273
  cosine()                10   0.50    0.0003  9.14e-08
"""


def ran(*arguments: str, encoding: str = "utf-8") -> str:
    """What ``python -m lr_toolkit`` printed."""
    done = subprocess.run(
        [sys.executable, "-m", "lr_toolkit", *arguments],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
        timeout=100,
    )
    return done.stdout.decode(encoding).replace(os.linesep, "\n")


def test_show_prints_the_curve_and_the_phases() -> None:
    """``show`` prints the schedule, the run's length, a curve from zero, and where each phase begins, in LRs or in factors."""
    asked = ["show", "warmup('10%') >> cosine()", "--steps", "100"]

    assert ran(*asked, "--steps-per-epoch", "20", "--lr", "3e-4") == SHOWN
    assert "\n  100 updates; factors of the base LR\n" in ran(*asked)
    assert ran(*asked, encoding="ascii").isascii()


@pytest.mark.parametrize(
    ("schedule", "facts", "phases"),
    [
        ("warmup('1%') >> cosine()", ["warmup('1%') takes no update of so short a run"], ["cosine()"]),
        ("hold('1%') >> hold('2%')", [f"hold('{one}%') takes no update of so short a run" for one in (1, 2)], []),
        ("warmup(2) >> cosine()", [], ["warmup(2)", "cosine()"]),
    ],
)
def test_a_phase_without_an_update_is_said_and_not_shown(
    schedule: str, facts: list[str], phases: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A share that rounds to nothing has no row, as if it ran, but a line that says so."""
    main(["show", schedule, "--steps", "10"])
    said, _, table = capsys.readouterr().out.rstrip().partition("\n\n")

    assert [line.strip() for line in said.splitlines()[3:]] == facts
    assert [line.split()[0] for line in table.splitlines()[1:]] == phases


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cosin()", "--steps", "9"], "Did you mean cosine(...)?"),
        (["cosine()", "--steps", "0"], "Horizon(steps=0): must be a whole number above zero"),
        (["warmup('2 epochs') >> hold()", "--steps", "9"], "'2 epochs' needs the length of an epoch"),
        (["warmup(10)", "--steps", "9"], "The schedule does not fit"),
        (["cosine(end_lr=1e-5)", "--steps", "9"], "Say the base LR too: --lr 1e-3."),
        (["cosine()", "--steps", "9", "--lr", "-1"], "--lr -1.0: must be above zero"),
        (["cosine()"], "the following arguments are required: --steps"),
    ],
)
def test_what_cannot_be_shown_is_said(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, behind the command's usage, and exit status 2."""
    with pytest.raises(SystemExit) as ended:
        main(["show", *arguments])

    assert ended.value.code == 2
    assert message in capsys.readouterr().err
