"""``check_run`` on somebody's project: each mistake is found with its code before the first update, and right schedulers give nothing."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback, GradientAccumulationScheduler, LearningRateMonitor, ModelCheckpoint
from torch.optim import SGD
from torch.optim import lr_scheduler as torch_lr
from transformers.optimization import Adafactor, AdafactorSchedule

from lr_toolkit import Finding, LRFinder, LRMonitor, LRWarmup, ScheduleError, build_scheduler, check_run
from lr_toolkit.errors import listeners
from tests.helpers import runs
from tests.helpers.somebodys_project import (
    EPOCHS,
    MISTAKES,
    RIGHT,
    UPDATES,
    Data,
    EpochScheduler,
    Net,
    loader,
    per_step,
)

EXAMPLES = Path(__file__).parents[3] / "examples"


def codes(module: L.LightningModule, *, data: Any = None, **options: Any) -> list[str]:
    """The codes of what is found in a run of 10 epochs of 20 batches."""
    made = runs.trainer(**({"max_epochs": EPOCHS} | options))
    return [finding.code for finding in check_run(made, module, loader() if data is None else data)]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found(name: str) -> None:
    """On a stock scheduler, with its code and no other; the module would raise in its first ``training_step``."""
    assert codes(MISTAKES[name]()) == [MISTAKES[name].code]


class Right(Net):
    """A module with a scheduler of the table."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.make = RIGHT[name]

    def configure_optimizers(self) -> Any:
        """The optimizer and the scheduler."""
        optimizer = self.optimizer(momentum=0.9)
        return [optimizer], [self.make(self, optimizer)]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_scheduler_gives_no_finding(name: str) -> None:
    """The idioms of the documentation of torch, Lightning and transformers, and schedules of this package."""
    assert codes(Right(name)) == []


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the examples, from which they import each other."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    before = set(sys.modules)
    yield EXAMPLES
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == EXAMPLES:
            del sys.modules[name]


def imported(file: Path) -> ModuleType:
    """A file as a module, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def is_module_of(file: Path, kind: Any) -> bool:
    """Whether it is a LightningModule's class that this example defines."""
    return inspect.isclass(kind) and issubclass(kind, L.LightningModule) and kind.__module__ == f"example_{file.stem}"


def made_with_arguments(kind: type) -> bool:
    """Whether it cannot be made without arguments."""
    parameters = [*inspect.signature(kind).parameters.values()]
    return any(each.default is each.empty and each.kind is not each.VAR_KEYWORD for each in parameters)


def test_the_examples_give_no_finding(examples: Path) -> None:
    """Every LightningModule in examples/ that has an optimizer and can be made without arguments."""
    found: dict[str, list[str]] = {}
    digits = imported(examples / "digits.py")
    for file in sorted(examples.glob("*.py")):
        for kind in vars(imported(file)).values():
            if is_module_of(file, kind) and not made_with_arguments(kind) and file.stem != "digits":
                run = runs.trainer(max_epochs=4)
                found_here = check_run(run, kind(), datamodule=digits.DigitsData())
                found[kind.__name__] = [finding.code for finding in found_here]

    assert len(found) >= 17
    assert {name: each for name, each in found.items() if each} == {}


# --- what the run is made of ----------------------------------------------------------------------------------------------


def test_the_length_counts_accumulation() -> None:
    """A cosine over all batches is twice as long as a run that accumulates two of them."""
    module = Right("CosineAnnealingLR per update")

    assert codes(module, accumulate_grad_batches=2, max_epochs=2 * EPOCHS) == []
    assert codes(module, accumulate_grad_batches=2) == ["LR202"]
    assert codes(module, callbacks=[GradientAccumulationScheduler({0: 2})]) == ["LR202"]


def test_a_scheduler_that_the_module_steps_its_own_way_is_simulated() -> None:
    """``lr_scheduler_step`` is called as Lightning would: the epoch of the Trainer moves."""

    class Own(Net):
        floor = 0.0

        def configure_optimizers(self) -> Any:
            optimizer = self.optimizer()
            return [optimizer], [EpochScheduler(optimizer)]

        def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
            scheduler.step(self.current_epoch)
            for group in scheduler.optimizer.param_groups if self.current_epoch > 3 else ():
                group["lr"] = self.floor

    module = Own()
    assert codes(module) == ["LR302"]
    module.floor = 0.01
    assert codes(module) == []


def test_a_warning_of_the_package_is_a_finding() -> None:
    """What a scheduler warns of in ``configure_optimizers``, and a callback when its ramp meets another one; no warning is emitted."""

    class Dead(Net):
        def configure_optimizers(self) -> Any:
            optimizer = SGD(self.parameters(), lr=0.0)
            return [optimizer], [RIGHT["ours"](self, optimizer)]

    assert codes(Dead()) == ["LR264"]
    assert codes(Right("ours"), callbacks=[LRWarmup(5)]) == ["LR701"]


def test_an_ignored_code_is_left_out() -> None:
    """By the code or its beginning; a code that no check has is refused."""
    module = MISTAKES["EpochsAsUpdates"]()

    def check(*ignore: str) -> tuple[Finding, ...]:
        return check_run(runs.trainer(max_epochs=EPOCHS), module, loader(), ignore=ignore)

    assert [finding.code for finding in check("LR202")] == ["LR203"]
    assert check("LR203") == check("LR2") == ()
    with pytest.raises(ScheduleError, match=r"ignore 'LR999': no check has a code that begins so"):
        check("LR999")
    with pytest.raises(ScheduleError, match=r"ignore 'lr203': .* Did you mean 'LR203'\?"):
        check("lr203")


def test_a_scheduler_that_cannot_be_checked_is_a_finding() -> None:
    """An error in somebody's scheduler is reported, and ends nothing."""

    class Shy(torch_lr.ExponentialLR):
        @property
        def base_lrs(self) -> Any:
            raise RuntimeError("not for you")

        @base_lrs.setter
        def base_lrs(self, value: Any) -> None:
            """Keep nothing."""

        def get_lr(self) -> Any:
            return [0.0 for _ in self.optimizer.param_groups]

    class Module(Net):
        def configure_optimizers(self) -> Any:
            optimizer = self.optimizer()
            return [optimizer], [per_step(Shy(optimizer, 0.9))]

    assert codes(Module()) == ["LR592"]


def test_an_optimizer_that_chooses_its_lr_is_left_alone() -> None:
    """``AdafactorSchedule`` asks its optimizer for the LR, whose base is none, and cannot be stepped without it."""

    class Module(Net):
        def configure_optimizers(self) -> Any:
            optimizer = Adafactor(self.parameters(), relative_step=True, warmup_init=True)
            return [optimizer], [per_step(AdafactorSchedule(optimizer))]

    assert codes(Module()) == []


# --- nothing is changed ---------------------------------------------------------------------------------------------------


class Refuses(Callback):
    """A callback that must not see training."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Refuse."""
        raise AssertionError("the run begins")


def test_trainer_and_module_stay_as_they_are(tmp_path: Path) -> None:
    """Weights, callbacks, random numbers and files; the same Trainer then trains."""

    class Trains(Right):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return self.second(self.first(batch[0])).square().mean()

    module = Trains("ours")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    callbacks = [ModelCheckpoint(tmp_path / "checkpoints"), LRMonitor(), LRFinder(), Refuses()]
    made = runs.trainer(max_epochs=EPOCHS, enable_checkpointing=True, callbacks=callbacks, default_root_dir=tmp_path)
    state = torch.get_rng_state()

    assert check_run(made, module, loader()) == ()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [type(each) for each in made.callbacks if not isinstance(each, ModelCheckpoint)] == [
        type(each) for each in callbacks[1:]
    ]
    assert module._trainer is None
    assert [*tmp_path.iterdir()] == []
    assert len(listeners) == 0
    again = runs.trainer(max_epochs=1)
    again.fit(module, loader())
    assert again.global_step == UPDATES // EPOCHS


def test_callbacks_that_write_or_search_are_left_out() -> None:
    """Those that Lightning refuses without a logger, that search before the run and that print."""
    callbacks = [LearningRateMonitor(), LRFinder(), Refuses()]

    assert codes(Right("ours"), callbacks=callbacks) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_epochs": 0}, "This run takes no update."),
        ({"max_epochs": 2, "limit_train_batches": 0}, "This run takes no update."),
    ],
)
def test_a_run_without_updates_is_refused(change: dict[str, Any], message: str) -> None:
    """There is nothing to check."""
    with pytest.raises(ScheduleError, match=message):
        check_run(runs.trainer(**change), Net(), loader())


def test_a_trainer_that_has_trained_is_refused() -> None:
    """Its counters are not those of a new run."""
    trained = runs.trainer(max_epochs=1)
    trained.fit(runs.Net(lambda net, optimizer: optimizer), runs.loader(2))

    with pytest.raises(ScheduleError, match="This Trainer has taken 2 updates"):
        check_run(trained, Net(), loader())


def test_a_trainer_that_starts_processes_is_refused() -> None:
    """They would begin in the middle of the check."""
    with pytest.raises(ScheduleError, match="starts a process for each device"):
        check_run(runs.trainer(max_epochs=1, devices=2), Net(), loader())


def test_an_error_of_the_module_has_its_place() -> None:
    """The file, the line and the function, in a line."""

    class Broken(Net):
        def configure_optimizers(self) -> Any:
            return {}["lr"]

    with pytest.raises(
        ScheduleError,
        match=r"^Broken cannot be set up: KeyError: 'lr' \(.*test_check_run.py, line \d+, in configure_optimizers\)\.$",
    ):
        check_run(runs.trainer(max_epochs=1), Broken(), loader())


def test_a_datamodule_is_set_up() -> None:
    """As in a fit; its dataloader is a copy."""
    data = Data(batches=7)

    found = check_run(runs.trainer(max_epochs=EPOCHS), Right("CosineAnnealingLR per update"), datamodule=data)

    assert [finding.code for finding in found] == ["LR202"]
    assert data.trainer is None


class WithFactory(Net):
    """A module whose scheduler comes from a factory that is given the optimizer alone."""

    def configure_optimizers(self) -> Any:
        """The optimizer and the scheduler, which moves each update."""
        optimizer = self.optimizer()
        return {"optimizer": optimizer, "lr_scheduler": per_step(build_scheduler(optimizer, "cosine()"))}


def test_a_factory_gets_the_length_that_a_monitor_would_give() -> None:
    """A module that calls ``build_scheduler`` is checked if the Trainer has ``LRMonitor``, and refused as in training if it has not."""
    assert codes(WithFactory(), callbacks=[LRMonitor()]) == []
    with pytest.raises(ScheduleError, match=r"Add lr_toolkit\.LRMonitor"):
        codes(WithFactory())
