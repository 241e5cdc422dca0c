"""A command line without words of pytest, for programs that read theirs."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])
