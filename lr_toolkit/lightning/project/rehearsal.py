"""Sets up a fit as Lightning does, up to its first update, and looks at it there; nothing is trained."""

from __future__ import annotations

import copy
import logging
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

from lightning.pytorch.callbacks import Callback

from lr_toolkit.errors import ScheduleError
from lr_toolkit.finder.random_state import same_random_state
from lr_toolkit.lightning._compat import callbacks_of, copied_trainer, end_fit, is_a, starts_processes, unread_copies
from lr_toolkit.lightning.trainer_of_optimizer import note_trainer

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule, Trainer

__all__ = ["Project", "error_in_code", "is_kept", "rehearse", "silence"]

_Found = TypeVar("_Found")

# Callbacks that train, write or print before the first update. All others are kept: they may change the run or step a scheduler.
_LEFT_OUT = (
    *("BatchSizeFinder", "Checkpoint", "DeviceStatsMonitor", "LearningRateFinder", "LearningRateMonitor", "LRFinder"),
    *("ModelSummary", "ProgressBar", "SaveConfigCallback"),
)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Project:
    """What ``trainer.fit`` is called with.

    Attributes:
        trainer: a Trainer that has taken no update.
        module: what it trains.
        train_dataloaders: the training data, if the module has none of its own.
        datamodule: the same in a datamodule.
    """

    trainer: Trainer
    module: LightningModule
    train_dataloaders: Any = None
    datamodule: LightningDataModule | None = None

    def copied(self) -> Project:
        """Copies of everything, so that these stay as they are.

        Raises:
            ScheduleError: for a Trainer that has trained, or that would start processes.
        """
        if self.trainer.global_step > 0:
            raise ScheduleError(
                f"This Trainer has taken {self.trainer.global_step} updates. Look at a run before the first one, with a new Trainer."
            )
        if starts_processes(self.trainer):
            raise ScheduleError(
                "This Trainer starts a process for each device. Write Trainer(devices=1); the command lr-toolkit takes "
                "--trainer.devices and counts the updates of that many."
            )
        datamodule = copy.copy(self.datamodule)
        if datamodule is not None:
            read = datamodule.train_dataloader
            datamodule.train_dataloader = lambda: unread_copies(read())  # type: ignore[method-assign]
        try:
            trainer, module = copied_trainer(self.trainer, keep=is_kept), copy.deepcopy(self.module)
        except Exception as error:  # anything can be inside of them
            raise error_in_code("The Trainer, its callbacks and the module have to be copied", error) from error
        return Project(trainer, module, unread_copies(self.train_dataloaders), datamodule)


def is_kept(callback: object) -> bool:
    """Whether a callback takes part in a rehearsal."""
    return not any(is_a(callback, name) for name in _LEFT_OUT)


def rehearse(project: Project, read: Callable[[Trainer, LightningModule], _Found]) -> _Found:
    """Set up a fit, and return what ``read`` returns before the first update. The fit ends there.

    The hooks of the module, its data and its callbacks are called up to ``on_fit_start``, and ``on_train_start`` of callbacks of this
    package, which warn of what they meet there. Random numbers, logging levels and the
    filters of warnings are afterwards as they were.

    Raises:
        ScheduleError: for an error in the project's code, with its place; if the run takes no update.
    """
    trainer = project.trainer
    monitors = [callback for callback in callbacks_of(trainer) if is_a(callback, "LRMonitor")]
    visit = _Visit(read, introduces=bool(monitors))
    kept = [callback for callback in callbacks_of(trainer) if is_kept(callback) and callback not in monitors]
    ours = [callback for callback in kept if type(callback).__module__.startswith("lr_toolkit.")]
    others = [callback for callback in kept if callback not in ours]
    trainer.callbacks = [*ours, visit, *others]  # type: ignore[attr-defined]  # its callback connector sets it
    trainer.num_sanity_val_steps = 0
    with same_random_state(), silence():
        try:
            trainer.fit(project.module, project.train_dataloaders, datamodule=project.datamodule)
        except ScheduleError:
            raise
        except (Exception, SystemExit) as error:  # anything can be inside somebody's module
            raise error_in_code(f"{type(project.module).__name__} cannot be set up", error) from error
    if isinstance(visit.error, ScheduleError):
        raise visit.error
    if visit.error is not None:  # of an optimizer that cannot be read
        raise error_in_code(f"{type(project.module).__name__} cannot be looked at", visit.error) from visit.error
    if not visit.found:
        raise ScheduleError(
            "This run takes no update. Write --trainer.max_epochs 10, and check max_steps, limit_train_batches and the training data."
        )
    return visit.found[0]


class _Visit(Callback, Generic[_Found]):
    """Calls ``read`` before the first update of the run, and ends the fit there.

    It introduces the Trainer to ``build_scheduler`` if an ``LRMonitor`` would, which takes no part.
    """

    def __init__(self, read: Callable[[Trainer, LightningModule], _Found], *, introduces: bool) -> None:
        self._read = read
        self._introduces = introduces
        self.found: list[_Found] = []
        self.error: Exception | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._introduces:
            note_trainer(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        try:
            self.found = [self._read(trainer, pl_module)]
        except Exception as error:  # Lightning's own cleaning up comes first
            self.error = error
        end_fit()


@contextmanager
def silence() -> Iterator[None]:
    """Without the hints that Lightning logs, and without warnings: those of this package are heard by listeners."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def error_in_code(what: str, error: BaseException) -> ScheduleError:
    """An error that somebody's code raised, in a line with the last place in that code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_of_project(frame.filename)]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno}, in {frames[-1].name})" if frames else ""
    message = " ".join(str(error).split()).rstrip(".") or "no message"
    message = message if len(message) <= 400 else f"{message[:397]}..."
    return ScheduleError(f"{what}: {type(error).__name__}: {message}{place}.")


_LIBRARIES = (str(Path(__file__).parents[2]), *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")))


def _is_of_project(filename: str) -> bool:
    return not filename.startswith(("<", *_LIBRARIES))
