"""A search under mixed precision: it finds what full precision finds, and leaves the scaler of the gradients alone."""

from __future__ import annotations

from math import log2
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision

from lr_toolkit import LRFinder, ScheduleError, find_lr
from tests.helpers.finding import Regression, assert_same, loader, state_of, trainer
from tests.lightning.finder.test_finder import Manual


def mixed(scale: float = 2.0**16) -> MixedPrecision:
    """float16 with a scaler on the CPU. Trainer(precision='16-mixed') takes bfloat16 there, and no scaler."""
    return MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=5))


def test_the_run_equals_one_without_a_search() -> None:
    """With a scaler of which the first updates overflow: weights, optimizer, scale and LRs, bit for bit."""

    def run(lr: float, *callbacks: L.Callback) -> Any:
        torch.manual_seed(7)
        module, plugin = Regression(lr=lr), mixed(2.0**24)
        used = trainer(callbacks=list(callbacks), plugins=[plugin])
        used.fit(module, loader())
        return module, state_of(module, used.optimizers[0]), plugin.state_dict()

    finder = LRFinder(seed=3)
    found, state, scaler = run(1e-3, finder)
    assert finder.search is not None
    expected, expected_state, expected_scaler = run(finder.search.lr)

    assert found.used == expected.used
    assert_same(expected_state, state)
    assert scaler == expected_scaler
    assert scaler["scale"] != 2.0**24


def test_a_report_leaves_the_scaler_alone() -> None:
    """Neither its scale nor its counter moves."""
    plugin = mixed(2.0**24)
    before = plugin.state_dict()
    find_lr(trainer(plugins=[plugin]), Regression(), loader())

    assert plugin.state_dict() == before


@pytest.mark.parametrize("scale", [2.0**16, 2.0**24])
def test_float16_finds_what_float32_finds(scale: float) -> None:
    """Within an octave, even if the scale has to fall first."""
    found = find_lr(trainer(plugins=[mixed(scale)]), Regression(), loader(), seed=3)

    assert abs(log2(found.lr / find_lr(trainer(), Regression(), loader(), seed=3).lr)) < 1


@pytest.mark.filterwarnings("ignore:You passed `Trainer\\(accelerator='cpu', precision='16-mixed'\\)`:UserWarning")
@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_the_precisions_of_a_trainer_are_those_of_the_search(precision: Any) -> None:
    """On a CPU both are bfloat16, and the training step of each copy computes in it."""
    seen = set()

    class Sees(Regression):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            seen.add(self.head(self.body(batch[0])).dtype)
            return super().training_step(batch, batch_idx)

    found = find_lr(trainer(precision=precision), Sees(), loader(), method="line_search")

    assert seen == {torch.bfloat16}
    assert 1e-3 < found.lr < 3


def test_manual_optimization_with_a_scaler_is_refused() -> None:
    """The sentence names the precisions that can be searched."""
    module = Manual()
    with pytest.raises(ScheduleError, match="precision='bf16-mixed'"):
        trainer(plugins=[mixed()], callbacks=[LRFinder()]).fit(module, loader())

    assert module.used == []
