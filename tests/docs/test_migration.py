"""The tables of the page on migration: each row gives the LRs of the library that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_warmup
import torch
import transformers
from torch.optim import lr_scheduler

import lr_toolkit
from lr_toolkit import Horizon, ReduceOnPlateau, Schedule, ScheduledLR
from lr_toolkit.schedules.peers.translate import translate_call
from tests.helpers.optimizers import held, sgd

ROOT = Path(__file__).parents[2]
STEPS = 100
BASES = (0.1, 0.003)


def rows_of(text: str) -> dict[str, str]:
    """What was written and what to write, by the rows of tables with two columns of code."""
    return dict(re.findall(r"^\| `([^`]+)` \| (`.+`) \|$", text, flags=re.MULTILINE))


PAGE = (ROOT / "docs" / "migration.md").read_text("utf-8")
SECTIONS = {
    title: rows_of(rows)
    for title, rows in re.findall(r"^#+ ([^\n]+)\n(.*?)(?=^#+ |\Z)", PAGE, re.DOTALL | re.MULTILINE)
}
TORCH = SECTIONS["torch and transformers"]
BY_NAME = {
    theirs: ours.strip("`")
    for section in ("TrainingArguments", "timm", "Composer", "Lightning Bolts")
    for theirs, ours in SECTIONS[section].items()
}
WARMUPS = SECTIONS["pytorch_warmup"]


def toolkit_names() -> dict[str, Any]:
    """The names of `from lr_toolkit import *`."""
    return {name: getattr(lr_toolkit, name) for name in lr_toolkit.__all__}


def two_groups() -> torch.optim.SGD:
    """An optimizer with two base LRs, the first of which is its default."""
    optimizer = sgd(BASES)
    optimizer.defaults["lr"] = BASES[0]
    return optimizer


def used(optimizer: torch.optim.Optimizer, advance: Any) -> np.ndarray:
    """The LRs of each update of a run of STEPS."""
    rows = []
    for k in range(STEPS):
        rows.append(held(optimizer))
        optimizer.step()
        advance(k)
    return np.array(rows)


# --- torch and transformers: beside the library, in a loop ----------------------------------------------------------------


@pytest.mark.parametrize(("theirs", "ours"), TORCH.items(), ids=TORCH.keys())
def test_equivalent(theirs: str, ours: str) -> None:
    """The constructor on the left and the line on the right use the same LR for every update, in two groups."""
    optimizer = two_groups()
    names = {**vars(lr_scheduler), **vars(transformers.optimization), "optimizer": optimizer}
    peer = eval(theirs, names)
    metric = np.random.default_rng(0).normal(size=STEPS) + 5.0
    is_plateau = isinstance(peer, lr_scheduler.ReduceLROnPlateau)
    expected = used(optimizer, lambda k: peer.step(metric[k]) if is_plateau else peer.step())

    schedule, *rules = (eval(call, toolkit_names()) for call in re.findall("`([^`]+)`", ours))
    optimizer = two_groups()
    scheduler = ScheduledLR(optimizer, schedule, Horizon(STEPS), plateau=rules[0] if rules else None)

    def advance(k: int) -> None:
        scheduler.step()
        if rules:
            scheduler.observe(metric[k])

    assert isinstance(schedule, Schedule)
    assert bool(rules) == is_plateau
    assert all(isinstance(rule, ReduceOnPlateau) for rule in rules)
    # transformers compares lr_end with the optimizer's default LR, which only the first group has.
    groups = slice(1) if "lr_end" in theirs else slice(None)
    np.testing.assert_allclose(used(optimizer, advance)[:, groups], expected[:, groups], rtol=1e-9, atol=1e-15)
    assert np.ptp(expected) > 0


def test_every_strategy_has_a_row() -> None:
    """The table has a row for each of the seven common strategies."""
    left = " ".join(theirs for theirs in TORCH)

    for name in (
        "StepLR",
        "MultiStepLR",
        "ExponentialLR",
        "CosineAnnealingLR",
        "ReduceLROnPlateau",
        "LambdaLR",
        '"cosine"',
    ):
        assert name in left


# --- other libraries: as their translation, which tests/schedules/peers/ compares with them ---------------------------------


@pytest.mark.parametrize(("theirs", "ours"), BY_NAME.items(), ids=BY_NAME.keys())
def test_another_library(theirs: str, ours: str) -> None:
    """The line on the right is what ``lr-toolkit translate`` prints for the call on the left."""
    assert translate_call(theirs).schedule == Schedule.parse(ours)


def test_every_library_has_rows() -> None:
    """No table was lost by a change of its format."""
    assert {title: len(rows) for title, rows in SECTIONS.items() if rows} == {
        "torch and transformers": 17,
        "TrainingArguments": 4,
        "timm": 4,
        "Composer": 5,
        "Lightning Bolts": 2,
        "pytorch_warmup": 5,
    }


@pytest.mark.parametrize(("theirs", "ours"), WARMUPS.items(), ids=WARMUPS.keys())
def test_a_dampening(theirs: str, ours: str) -> None:
    """The ramp of the callback is the factor by which pytorch_warmup multiplies; its untuned ones truncate their period."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    peer = eval(theirs, {**vars(pytorch_warmup), "optimizer": optimizer})
    expected = []
    for _ in range(300):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with peer.dampening():
            pass

    spec = eval(ours.strip("`"), toolkit_names()).spec
    length = int(spec.over.amount) if spec.over else 0
    ramp = spec.ramp_of(0, optimizer.param_groups[0], length, optimizer)

    tolerance = 1e-12 if spec.over else 1e-3
    np.testing.assert_allclose([ramp(k) for k in range(300)], expected, rtol=tolerance, atol=tolerance)
    assert np.ptp(expected) > 0.1
