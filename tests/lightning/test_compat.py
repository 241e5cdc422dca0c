"""``_compat``: the only file with private attributes of Lightning, each of which is in the Lightning that is installed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

import lr_toolkit
from lr_toolkit.lightning import _compat
from tests.helpers import runs
from tests.helpers.fits import Probe, fit
from tests.helpers.private_access import foreign_accesses

PACKAGE = Path(lr_toolkit.__file__).parent
COMPAT = PACKAGE / "lightning" / "_compat.py"

# The exceptions: private attributes of torch and Python, which have no public name for them. None is of Lightning.
EXCEPTIONS = {
    "_SubParsersAction": "argparse: the type of what holds the commands",
    "_base": "torch: the tensor that a view lies in",
    "_cdata": "torch: the identity of a tensor's storage",
    "_foreach_copy_": "torch: writes a list of tensors with one kernel",
    "_foreach_lerp_": "torch: averages two lists of tensors with one kernel",
    "_foreach_mul_": "torch: multiplies a list of tensors with one kernel",
    "_getframe": "Python: the module that reads an attribute of this package, in the documentation of sys",
    "_no_weight_decay": "what state-space models call a parameter that has no weight decay",
    "_modules": "torch: the modules of a module, without their names' checks",
    "_opt_called": "torch: whether an optimizer took a step under a scheduler",
    "_milestones": "torch: where SequentialLR changes schedulers",
    "_optimizer_load_state_dict_post_hooks": "torch: the hooks of an optimizer, which a combination of optimizers calls itself",
    "_optimizer_load_state_dict_pre_hooks": "torch: the same",
    "_optimizer_state_dict_post_hooks": "torch: the same",
    "_optimizer_state_dict_pre_hooks": "torch: the same",
    "_schedulers": "torch: the parts of SequentialLR and ChainedScheduler",
    "_version": "torch: the number of writes to a tensor",
}
FOUND = foreign_accesses({file: file.read_text("utf-8") for file in sorted(PACKAGE.rglob("*.py")) if file != COMPAT})


@pytest.mark.parametrize("file", FOUND, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_only_compat_touches_private_attributes_of_lightning(file: Path) -> None:
    """Every other file asks ``_compat``, so that a new Lightning is adapted to in one place."""
    name = str(file.relative_to(PACKAGE))
    found = [f"{name}:{access.line}: {access.text}" for access in FOUND[file] if access.name not in EXCEPTIONS]

    assert not found, "\n".join(["Write a function in lr_toolkit/lightning/_compat.py for:", *found])


def test_each_exception_is_used() -> None:
    """The list of exceptions holds no name that is not needed any more."""
    assert set(EXCEPTIONS) <= {access.name for accesses in FOUND.values() for access in accesses}


OWN = "class Own:\n    _kept: int\n    def __init__(self): self._made = 1\n    def _asked(self): ...\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("trainer.fit_loop._results", ["trainer.fit_loop._results"]),
        ("def f(t):\n    return t.loop._a._b", ["t.loop._a._b", "t.loop._a"]),
        ("getattr(trainer, '_x', None)", ["getattr(trainer, '_x', None)"]),
        ("class M:\n    def f(self): return self._hparams", ["self._hparams"]),
        ("class M:\n    def f(self): self._strategy = 1\n    def g(self): return self._strategy._optimizers",
         ["self._strategy._optimizers"]),
        (OWN + "def f(own): return own._kept + own._made + own._asked()", []),
        ("class Child(Own):\n    def f(self): return self._made, super()._asked(), Own._asked(self)", []),
        ("class Child(Own):\n    def f(self, other): return other._made", ["other._made"]),
        ("class Own:\n    def f(self, trainer): self._results = trainer._results", ["trainer._results"]),
        ("trainer.__dict__, x.public", []),
        ("from lightning.pytorch.loops import _FitLoop", ["from lightning.pytorch.loops import _FitLoop"]),
        ("from lightning._x import Y", ["from lightning._x import Y"]),
        ("from lr_toolkit.lightning._compat import is_trial", []),
    ],
)  # fmt: skip
def test_each_kind_of_access_is_found(source: str, found: list[str]) -> None:
    """The check can fail: what it finds in small sources, beside a file that defines a class of ours."""
    accesses = foreign_accesses({Path("own.py"): OWN, Path("new.py"): source})

    assert [access.text for access in accesses[Path("new.py")]] == found


# --- each function, against the Lightning that is installed -----------------------------------------------------------


class Reader(L.Callback):
    """Calls ``ask`` at the end of the second batch of two, in a real fit, and keeps the answer."""

    def __init__(self, ask: Callable[[L.Trainer], Any]) -> None:
        self.ask = ask
        self.answer: Any = None

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Ask."""
        if args[-1] == 1:
            self.answer = self.ask(trainer)


def answer_in_a_fit(ask: Callable[[L.Trainer], Any]) -> Any:
    """The answer of ``ask`` in the middle of a real fit of three batches, after a sanity validation."""
    reader = Reader(ask)
    fit(Probe(lambda net: net.sgd()), reader, batches=3, log_every_n_steps=2, validate=True)
    return reader.answer


class Stepping(L.LightningModule):
    """A module that steps its schedulers itself."""

    def lr_scheduler_step(self, *args: Any) -> None:
        """Nothing."""


class WithIterator(L.LightningModule):
    """A module that reads the batches itself."""

    def training_step(self, dataloader_iter: Any) -> None:
        """Nothing."""


class Ends(L.Callback):
    """Ends a fit before its first update."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End it."""
        _compat.end_fit()


class Saving(L.LightningModule):
    """A module with a hyperparameter."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.save_hyperparameters()


def copied() -> Any:
    """A copy of a Trainer that has two callbacks, with one of them."""
    return _compat.copied_trainer(runs.trainer(callbacks=[Ends(), L.Callback()]), lambda each: isinstance(each, Ends))


def moves(trainer: L.Trainer) -> list[Any]:
    """The counters while they are elsewhere, and whether they are back afterwards."""
    before = (trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_idx, trainer.global_step)
    with _compat.movable_counters(trainer) as move:
        move(7, 3, 40)
        held = [trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_idx, trainer.global_step]
    return [*held, before == (trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_idx, trainer.global_step)]


def forgets(trainer: L.Trainer) -> bool:
    """Whether the dataloader is gone after ``forget_dataloader``; it is put back."""
    loop: Any = trainer.fit_loop
    kept = loop._combined_loader
    _compat.forget_dataloader(trainer)
    gone = not _compat.has_dataloader(trainer)
    loop._combined_loader = kept
    return gone


def reads_progress(trainer: L.Trainer) -> list[Any]:
    """What is found in a checkpoint that was saved here: its batches, and those in the loops while its progress is loaded."""
    connector: Any = trainer._checkpoint_connector
    batches: Any = trainer.fit_loop.epoch_loop.batch_progress
    connector._loaded_checkpoint = connector.dump_checkpoint()
    saved: Any = _compat.progress_of(trainer)
    held = [saved["epoch_loop.batch_progress"]["total"]["ready"]]
    batches.total.ready = 9
    marks = [vars(loop)["_restarting"] for loop in (trainer.fit_loop, trainer.fit_loop.epoch_loop)]
    with _compat.loaded_progress(trainer):
        held.append(batches.total.ready)
    assert [vars(loop)["_restarting"] for loop in (trainer.fit_loop, trainer.fit_loop.epoch_loop)] == marks
    connector._loaded_checkpoint = {}
    return [*held, batches.total.ready, _compat.progress_of(trainer)]


def configured(*words: str) -> Any:
    """The hyperparameter of the module that the configuration of a command line holds."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr("sys.argv", ["train.py", *words])
        warnings.simplefilter("ignore")  # jsonargparse has deprecated what Lightning calls
        cli = LightningCLI(Saving, save_config_callback=None, seed_everything_default=False, run=False)
    return _compat.configured_value(cli, "model").hparams["depth"]


def saves(*loaders: Any) -> bool:
    """Whether a checkpoint of a fit loop with these states holds the position of a dataloader."""
    return _compat.saves_dataloader({"loops": {"fit_loop": {"state_dict": {"combined_loader": list(loaders)}}}})


# What is asked in a fit, and the right answer.
GUARDS: dict[str, tuple[Callable[[L.Trainer], Any], Any]] = {
    "batches_that_stepped": (_compat.batches_that_stepped, 1),
    "brings_its_data": (_compat.brings_its_data, False),
    "callback_metrics_logged_so_far": (lambda trainer: "loss" in _compat.callback_metrics_logged_so_far(trainer), True),
    "callbacks_of": (lambda trainer: type(_compat.callbacks_of(trainer)[0]), Reader),
    "configured_value": (lambda trainer: configured("--model.depth=3"), 3),
    "copied_trainer": (lambda trainer: [type(each) for each in copied().callbacks], [Ends]),
    "end_fit": (lambda trainer: fit(Probe(lambda net: net.sgd()), Ends()).state.status, "finished"),
    "epoch_metrics": (lambda trainer: "loss" in _compat.epoch_metrics(trainer), True),
    "forget_dataloader": (forgets, True),
    "has_dataloader": (_compat.has_dataloader, True),
    "has_whole_gradients": (_compat.has_whole_gradients, True),
    "is_a": (lambda trainer: [_compat.is_a(trainer, name) for name in ("Trainer", "Callback")], [True, False]),
    "is_about_to_log": (_compat.is_about_to_log, True),
    "is_epoch_whole": (_compat.is_epoch_whole, False),
    "is_in_epoch": (_compat.is_in_epoch, True),
    "is_loader_exhausted": (_compat.is_loader_exhausted, True),
    "is_trial": (_compat.is_trial, False),
    "lightning_steps": (_compat.lightning_steps, 0),
    "loaded_progress": (reads_progress, [2, 2, 9, None]),
    "logging_cadence": (_compat.logging_cadence, 2),
    "logs_this_batch": (_compat.logs_this_batch, True),
    "movable_counters": (moves, [7, 2, 40, True]),
    "moved_batch": (
        lambda trainer: _compat.moved_batch(trainer, trainer.lightning_module, torch.ones(2)).tolist(),
        [1.0, 1.0],
    ),
    "optimizer_list": (lambda trainer: _compat.optimizer_list(trainer.strategy) == trainer.optimizers, True),
    "overrides_hook": (
        lambda trainer: [_compat.overrides_hook(Stepping(), name) for name in ("lr_scheduler_step", "validation_step")],
        [True, False],
    ),
    "progress_of": (reads_progress, [2, 2, 9, None]),
    "saved_hyperparameters": (
        lambda trainer: [dict(kept) for kept in _compat.saved_hyperparameters(Saving(depth=3))],
        [{"depth": 3}, {"depth": 3}],
    ),
    "saves_dataloader": (
        lambda trainer: [saves({"at": 3}), saves(), _compat.saves_dataloader({})],
        [True, False, False],
    ),
    "steps_schedulers_itself": (
        lambda trainer: [_compat.steps_schedulers_itself(module) for module in (trainer.lightning_module, Stepping())],
        [False, True],
    ),
    "starts_processes": (
        lambda trainer: [_compat.starts_processes(each) for each in (trainer, runs.trainer(devices=2, strategy="ddp"))],
        [False, True],
    ),
    "takes_batch_index": (
        lambda trainer: [_compat.takes_batch_index(module) for module in (trainer.lightning_module, WithIterator())],
        [True, False],
    ),
    "takes_iterator": (
        lambda trainer: [_compat.takes_iterator(module) for module in (trainer.lightning_module, WithIterator())],
        [False, True],
    ),
    "training_batches": (lambda trainer: [index for _, index in _compat.training_batches(trainer)], [0, 1, 2]),
    "training_loaders": (lambda trainer: [len(loader) for loader in _compat.training_loaders(trainer)], [3]),
    "unread_copies": (
        lambda trainer: [
            len(list(_compat.unread_copies(each))) for each in (runs.two_loaders("min_size"), runs.loader(4))
        ],
        [5, 4],
    ),
    "validated_metrics": (lambda trainer: sorted(_compat.validated_metrics(trainer)), ["val_loss"]),
    "trial_cause": (_compat.trial_cause, ""),
}


def logger_guards(folder: Path) -> dict[str, tuple[Callable[[], Any], Any]]:
    """What is asked of a logger, and the right answer."""
    return {
        "logger_prefix": (
            lambda: [_compat.logger_prefix(TensorBoardLogger(str(folder), prefix=prefix)) for prefix in ("", "a")],
            ["", "a-"],
        ),
        "syncs_tensorboard": (
            lambda: [_compat.syncs_tensorboard(WandbLogger(sync_tensorboard=sync)) for sync in (False, True)],
            [False, True],
        ),
    }


def guarded(name: str, ask: Callable[[], Any]) -> Any:
    """What ``ask`` returns; the test fails with the name of the function if Lightning lacks what it needs."""
    try:
        return ask()
    except (AttributeError, KeyError, TypeError) as error:
        pytest.fail(f"Lightning {L.__version__} has changed what _compat.{name} reads: {type(error).__name__}: {error}")


@pytest.mark.parametrize("name", GUARDS)
def test_lightning_has_what_a_function_reads(name: str) -> None:
    """In a real fit each function finds its attribute, with the meaning that the package relies on."""
    ask, right = GUARDS[name]

    assert guarded(name, lambda: answer_in_a_fit(ask)) == right


@pytest.mark.parametrize("name", ["logger_prefix", "syncs_tensorboard"])
def test_a_logger_has_what_a_function_reads(name: str, tmp_path: Path) -> None:
    """Lightning's loggers have the attributes, with the meaning that the package relies on."""
    ask, right = logger_guards(tmp_path)[name]

    assert guarded(name, ask) == right


def test_every_function_has_a_guard(tmp_path: Path) -> None:
    """A function that is added to ``_compat`` comes with its guard."""
    assert sorted({*GUARDS, *logger_guards(tmp_path)}) == sorted(_compat.__all__)


def test_the_guard_names_the_function() -> None:
    """The guards can fail: an attribute that is missing is reported with the function that reads it."""
    with pytest.raises(pytest.fail.Exception, match=r"has changed what _compat\.optimizer_list reads: AttributeError"):
        guarded("optimizer_list", lambda: _compat.optimizer_list(torch.nn.Linear(1, 1)))  # type: ignore[arg-type]  # on purpose
