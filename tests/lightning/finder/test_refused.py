"""What a search refuses, it refuses before anything is read, trained or changed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from lr_toolkit import LRFinder, LRWarmup, ScheduleError
from tests.helpers.finding import Regression, assert_same, batches, samples, state_of, trainer
from tests.lightning.finder.test_finder import Foreign, Two
from tests.lightning.test_strategies import group_of_one  # noqa: F401  # a fixture


class Untouched(L.Callback):
    """Notes the whole state when the search is about to begin, and compares it after the refusal."""

    before: Any = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Note it."""
        self.before = state_of(pl_module)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Compare; and no optimizer has taken an update."""
        assert_same(self.before, state_of(pl_module))
        assert [dict(optimizer.state) for optimizer in trainer.optimizers] == [{}] * len(trainer.optimizers)
        assert trainer.global_step == 0


class Counted(Regression):
    """Counts the calls of the training step."""

    calls_of_step = 0

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """One more."""
        self.calls_of_step += 1
        return super().training_step(batch, batch_idx)


class Once(IterableDataset[Any]):
    """The samples from one generator, whatever epoch it is; ``read`` counts those that were taken."""

    def __init__(self) -> None:
        self.read = 0
        self.generator = self._samples()

    def _samples(self) -> Iterator[Any]:
        for sample in samples():
            self.read += 1
            yield sample

    def __iter__(self) -> Iterator[Any]:
        """The same generator again."""
        return self.generator


class Itself(Once):
    """A dataset that is its own iterator."""

    def __iter__(self) -> Iterator[Any]:
        """Itself."""
        return self

    def __next__(self) -> Any:
        """The next sample."""
        return next(self.generator)


def refused(module: L.LightningModule, data: Any, *callbacks: L.Callback, **options: Any) -> str:
    """The message of the refusal; everything is as before."""
    untouched = Untouched()
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    with pytest.raises(ScheduleError) as caught:
        trainer(callbacks=[LRFinder(), *callbacks, untouched], **options).fit(module, data)
    assert untouched.before is not None
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "callbacks", "words"),
    [
        (Two, [], "search each LR alone: search_lr(model, optimizer, loss_fn, batches, schedule, horizon)"),
        (Counted, [LRWarmup("5%")], "warmup('5%') >> cosine()"),
        (lambda: Foreign(schedule=None), [], "Write LRFinder(apply=False)"),
    ],
)
def test_a_run_is_refused_before_anything_is_touched(make: Any, callbacks: Any, words: str) -> None:
    """Several optimizers, another ramp, an unknown scheduler: the message has what to write."""
    assert words in refused(make(), batches(), *callbacks)


@pytest.mark.parametrize("kind", [Once, Itself])
def test_a_dataset_that_can_be_read_once_keeps_every_sample(kind: type[Once]) -> None:
    """The search reads nothing to find that out, whether it is its own iterator or keeps one."""
    data, module = kind(), Counted()
    message = refused(module, DataLoader(data, 16), max_steps=8)

    assert "can be read only once" in message
    assert "a dataset whose __iter__ begins anew" in message
    assert (data.read, module.calls_of_step) == (16, 0)  # Lightning itself has fetched the first batch


def test_batches_that_can_be_read_once_are_all_left() -> None:
    """A generator in place of a dataloader; the search reads none of it."""
    read = []
    data = (read.append(1) or batch for batch in batches())  # type: ignore[func-returns-value]
    message = refused(Counted(), data, max_steps=8)

    assert "can be read only once" in message
    assert len(read) == 1  # Lightning itself has fetched it


@pytest.mark.needs("torch>=2.6", "fully_shard has its place in torch.distributed.fsdp")
def test_a_sharded_module_is_refused(group_of_one: None) -> None:  # noqa: F811
    """Lightning's FSDP2 on one rank; FSDP and DeepSpeed are refused by the same test, which lets DDP and one device through."""
    from lightning.pytorch.strategies import ModelParallelStrategy

    from lr_toolkit.lightning._compat import has_whole_gradients

    class Sharded(Counted):
        def configure_model(self) -> None:
            """Nothing: one rank holds everything, which is not asked."""

    module = Sharded()
    with pytest.raises(
        ScheduleError, match=r"a rank may hold a part of it\. Search with Trainer\(strategy='ddp'\) or on one device\.$"
    ):
        trainer(callbacks=[LRFinder()], devices=1, strategy=ModelParallelStrategy()).fit(module, batches())

    assert module.calls_of_step == 0
    assert has_whole_gradients(trainer())
    assert has_whole_gradients(trainer(strategy="ddp", devices=2))
