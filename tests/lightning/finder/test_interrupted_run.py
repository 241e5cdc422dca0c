"""A search under a Trainer that is interrupted: it gives what it has, and the fit goes on with it."""

from __future__ import annotations

import re
import signal
from typing import Any

import pytest
import torch

from lr_toolkit import LRFinder, NoLRFound, find_lr
from tests.helpers.finding import Regression, assert_same, loader, state_of, trainer
from tests.helpers.terminal import CTRL_C, run_in_terminal


def interrupted(call: int) -> Regression:
    """A module in whose ``training_step`` the signal of Ctrl-C comes, in that call of all of its copies."""
    calls = []

    def before_step() -> None:
        calls.append(1)
        if len(calls) == call:
            signal.raise_signal(signal.SIGINT)

    module = Regression()
    module.before_step = before_step
    return module


@pytest.mark.parametrize(
    ("call", "after"), [(60, "10 of 10|[3-9] of 10"), (85, "1 short run|10 of 10"), (110, "[23] short runs")]
)
def test_find_lr_returns_what_it_has(call: int, after: str) -> None:
    """And leaves the module, the generators and the handlers of signals as they were."""
    module, used = interrupted(call), trainer()
    before, handler = state_of(module), signal.getsignal(signal.SIGINT)
    found = find_lr(used, module, loader())

    assert found.interrupted
    assert re.match(f"Interrupted after ({after})", found.reason)
    assert_same(before, state_of(module))
    assert signal.getsignal(signal.SIGINT) == handler
    assert used.state.status == "initializing"


def test_find_lr_has_nothing_at_the_beginning() -> None:
    """``NoLRFound`` reports how many batches were done."""
    with pytest.raises(NoLRFound, match="interrupted after 0 of 10 batches"):
        find_lr(trainer(), interrupted(1), loader())


def test_the_fit_goes_on_with_what_was_found() -> None:
    """The run equals one at that LR without a search, bit for bit."""

    def run(module: Regression, *callbacks: Any) -> Any:
        torch.manual_seed(7)
        used = trainer(callbacks=list(callbacks))
        used.fit(module, loader())
        return state_of(module, used.optimizers[0])

    finder, module = LRFinder(), interrupted(110)
    state = run(module, finder)
    assert finder.search is not None
    assert finder.search.interrupted
    expected = Regression(lr=finder.search.lr)
    expected_state = run(expected)

    assert module.used == expected.used
    assert_same(expected_state, state)


def test_a_fit_without_an_answer_ends() -> None:
    """Before its first update, and nothing was set."""
    module, finder = interrupted(2), LRFinder()
    before = state_of(module)
    with pytest.raises(NoLRFound, match="interrupted after 0 of 10 batches"):
        trainer(callbacks=[finder]).fit(module, loader())

    assert module.used == []
    assert module.hparams["lr"] == 1e-3
    assert_same(before["weights"], state_of(module)["weights"])


def test_a_second_interrupt_ends_the_fit() -> None:
    """As it would without a search."""
    module = interrupted(110)
    search = module.before_step
    finder = LRFinder()

    def before_step() -> None:
        search()
        if finder.search is not None:
            raise KeyboardInterrupt

    module.before_step = before_step
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit), pytest.warns(UserWarning, match="KeyboardInterrupt|interrupt"):
            trainer(callbacks=[finder]).fit(module, loader())
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning ignores it after an interrupt

    assert finder.search is not None
    assert len(module.used) == 1


@pytest.fixture(scope="module")
def shown() -> str:
    """What a terminal has shown of two searches, of which each was interrupted as soon as a short run was seen."""
    bars = (r"LR search: .*, LR \S+: loss", r"LR search, LR \S+: loss")
    return run_in_terminal("tests.helpers.finding_terminal", [(bar, CTRL_C) for bar in bars])


@pytest.mark.slow
def test_a_terminal_shows_the_bar_of_tqdm(shown: str) -> None:
    """The part that is done, the time that is left, and the last short run; no line is printed beside it."""
    assert re.search(r"LR search: +\d+%\|.*\| \d\d:\d\d<\d\d:\d\d, LR \S+: loss \S+ after 8 updates", shown)
    assert "LRFinder: LR" not in shown


@pytest.mark.slow
def test_a_terminal_shows_the_bar_of_rich(shown: str) -> None:
    """With the time that is left; and then the bar of the fit."""
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)

    assert re.search(r"LR search, LR \S+: loss \S+ after 8 updates \S+ +\d+% \d:\d\d:\d\d", plain)
    assert re.search(r"Epoch 1/1", plain)


@pytest.mark.slow
def test_a_key_in_the_terminal_ends_the_search_alone(shown: str) -> None:
    """Ctrl-C: ``find_lr`` returns, and the fit of ``LRFinder`` goes on to its end at what was found."""
    assert "find_lr: True, Interrupted after" in shown
    assert "LRFinder: True, Interrupted after" in shown
    assert "32 updates, the first at 0.333 of the LR" in shown


@pytest.mark.parametrize("options", [{"enable_progress_bar": True}, {"enable_progress_bar": False}])
def test_without_a_terminal_lines_are_printed(options: Any, caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
    """One for each part, and no bar, whether or not the fit has one."""
    with caplog.at_level("INFO"):
        find_lr(trainer(**options), Regression(), loader())
    lines = [record.message for record in caplog.records if record.message.startswith("LRFinder: LR")]

    assert len(lines) == 5
    assert "LR search" not in capsys.readouterr().out
