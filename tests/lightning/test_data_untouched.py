"""Where ``max_steps`` ends the run and no duration counts epochs, the helpers leave the training data to Lightning."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import lightning as L
import pytest
import torch
from torch.optim import SGD
from torch.utils.data import DataLoader, IterableDataset

from lr_toolkit import (
    LRMonitor,
    ReduceOnPlateau,
    ScheduleMixin,
    build_scheduler,
    configure_optimizers,
    scheduled,
    scheduler_config,
)
from tests.helpers.runs import Net, loader, trainer, with_schedule

pytestmark = [
    pytest.mark.needs("lightning>=2.6", "fit takes weights_only"),
    pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)"),
]


class Traced(Net):
    """Notes in order what is asked of its data, and what is called around it."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer)
        self.events: list[str] = []

    def configure_optimizers(self) -> Any:
        """The answer of the test, between two marks."""
        self.events.append("configure")
        found = super().configure_optimizers()
        self.events.append("configured")
        return found

    def train_dataloader(self) -> Any:
        """A stream that notes each sample."""
        self.events.append("loader")
        return DataLoader(_Noted(self.events), batch_size=1)

    def on_fit_start(self) -> None:
        """Note it."""
        self.events.append("fit starts")

    def on_train_start(self) -> None:
        """Note it."""
        self.events.append("training starts")

    def on_train_batch_start(self, *_: Any) -> None:
        """Note it."""
        self.events.append("batch")


class _Noted(IterableDataset[torch.Tensor]):
    def __init__(self, events: list[str]) -> None:
        self.events = events

    def __iter__(self) -> Iterator[torch.Tensor]:
        self.events.append("iterator")
        for _ in range(5):
            self.events.append("sample")
            yield torch.ones(1)


class Mixed(ScheduleMixin, Traced):
    """A module with the mixin."""

    schedule = "warmup(2) >> cosine()"

    def __init__(self) -> None:
        super().__init__(None)

    def build_optimizer(self) -> Any:
        """The optimizer of ``Net``."""
        return self.optimizer()

    def configure_optimizers(self) -> Any:
        """The mixin's answer, between two marks."""
        self.events.append("configure")
        found = ScheduleMixin.configure_optimizers(self)
        self.events.append("configured")
        return found


class Manual(Traced):
    """Two optimizers that it steps by itself."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One update of each optimizer."""
        loss = super().training_step(batch, batch_idx)
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            optimizer.step()
            optimizer.zero_grad()


def pair(*schedules: Any) -> Any:
    """Two optimizers, each with its own schedule."""

    def answer(net: Net, _: Any) -> Any:
        optimizers = [SGD(layer.parameters(), lr=0.1) for layer in (net.first, net.second)]
        configs = [scheduler_config(each, text, net.trainer) for each, text in zip(optimizers, schedules, strict=True)]
        return optimizers, configs

    return answer


def factory(net: Net, optimizer: Any) -> Any:
    """A scheduler of a factory that does not know the Trainer."""
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": build_scheduler(optimizer, "cosine()"), "interval": "step"},
    }


def named(*texts: str) -> Any:
    """A schedule for each of two groups with names, and one of the momentum."""

    def answer(net: Net, _: Any) -> Any:
        groups = [{"params": layer.parameters(), "name": name} for layer, name in ((net.first, "a"), (net.second, "b"))]
        optimizer = SGD(groups, lr=0.1, momentum=0.9)
        body, head, momentum = texts
        return configure_optimizers(optimizer, {"a": body, "b": head}, net.trainer, momentum=momentum)

    return answer


def number(net: Net, optimizer: Any) -> Any:
    """A number that is scheduled beside the LR."""
    net.ratio = scheduled("linear()", net.trainer)  # type: ignore[assignment]  # torch's modules take any attribute
    return optimizer


def plateau(net: Net, optimizer: Any) -> Any:
    """A rule on top of the schedule."""
    return configure_optimizers(optimizer, "hold()", net.trainer, plateau=ReduceOnPlateau(monitor="loss", every=2))


class Logging(Traced):
    """Logs the metric of the rule."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """The loss, logged."""
        loss = super().training_step(batch, batch_idx)
        self.log("loss", loss)
        return loss


UPDATES: dict[str, Callable[[], Traced]] = {
    "the helper": lambda: Traced(with_schedule("warmup(2) >> cosine()")),
    "shares": lambda: Traced(with_schedule("warmup('20%') >> cosine(end=0.1)")),
    "a mixin": Mixed,
    "a factory": lambda: Traced(factory),
    "groups and momentum": lambda: Traced(named("cosine()", "warmup(3) >> hold()", "linear()")),
    "two optimizers": lambda: Manual(pair("cosine()", "linear()")),
    "a plateau": lambda: Logging(plateau),
    "a number": lambda: Traced(number),
}
EPOCHS: dict[str, tuple[Callable[[], Traced], dict[str, Any]]] = {
    "a warmup in epochs": (lambda: Traced(with_schedule("warmup('1 epoch') >> cosine()")), {}),
    "a step in epochs": (lambda: Traced(with_schedule("step('1 epoch')")), {}),
    "interval='epoch'": (lambda: Traced(with_schedule("cosine()", interval="epoch")), {}),
    "a rewarm in epochs": (lambda: Traced(with_schedule("cosine()", on_change="replan", rewarm="1 epoch")), {}),
    "one group in epochs": (lambda: Traced(named("cosine()", "warmup('1 epoch') >> hold()", "linear()")), {}),
    "the momentum in epochs": (lambda: Traced(named("cosine()", "cosine()", "linear(over='1 epoch') >> hold()")), {}),
    "max_epochs before max_steps": (lambda: Traced(with_schedule("cosine()")), {"max_epochs": 1}),
    "max_epochs after max_steps": (lambda: Traced(with_schedule("cosine()")), {"max_epochs": 9}),
    "a schedule that may be cut": (lambda: Traced(with_schedule("warmup(20) >> hold()", too_long="cut")), {}),
}


def fitted(net: Traced, **options: Any) -> L.Trainer:
    """The Trainer that has trained a module."""
    made = trainer(**({"max_steps": 8, "limit_train_batches": 5, "callbacks": [LRMonitor()]} | options))
    made.fit(net)
    return made


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.filterwarnings("ignore:LR223")  # max_steps counts the updates of both optimizers
def test_nothing_is_asked_of_the_data_that_lightning_does_not_ask(name: str, accumulate: int) -> None:
    """Calls of ``train_dataloader``, iterators and samples come in number and order as without a schedule."""
    net = UPDATES[name]()
    alone = (Manual if isinstance(net, Manual) else Traced)(lambda net, optimizer: optimizer)
    if isinstance(net, Manual):
        accumulate = 1  # Lightning refuses it
        alone.answer = lambda net, _: [SGD(layer.parameters(), lr=0.1) for layer in (net.first, net.second)]
    for each in (net, alone):
        fitted(each, accumulate_grad_batches=accumulate)

    assert net.events == alone.events
    assert net.events[:4] == ["configure", "configured", "fit starts", "loader"]


@pytest.mark.parametrize("name", EPOCHS)
@pytest.mark.filterwarnings("ignore:LR261", "ignore:LR505")  # a schedule is cut, and a run ends early, on purpose
def test_what_counts_epochs_asks_for_the_dataloader_once(name: str) -> None:
    """Durations and intervals in epochs, and a limit of epochs, need the batches of an epoch: they are asked for once, early."""
    make, options = EPOCHS[name]
    net = make()
    with contextlib.suppress(ValueError):
        fitted(net, **{"limit_train_batches": 5, "max_steps": 8} | options)

    assert net.events[:2] == ["configure", "loader"]
    assert net.events.count("loader") == 1


def test_a_datamodule_is_not_asked_early() -> None:
    """``train_dataloader`` of a datamodule is called once, after the fit has started."""
    events: list[str] = []

    class Data(L.LightningDataModule):
        def train_dataloader(self) -> Any:
            events.append("loader")
            return loader(5)

    class RecordsFitStart(Net):
        def on_fit_start(self) -> None:
            events.append("fit starts")

    trainer(max_steps=8).fit(RecordsFitStart(with_schedule("cosine()")), datamodule=Data())

    assert events == ["fit starts", "loader"]
