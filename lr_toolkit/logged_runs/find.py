"""Finds a logged run on the disk: the files of a CSV log, of TensorBoard, or of an offline run of Weights & Biases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from lr_toolkit.errors import ScheduleError
from lr_toolkit.logged_runs.csv_log import read_csv_log
from lr_toolkit.logged_runs.curves import LoggedCurves
from lr_toolkit.logged_runs.tensorboard_log import read_tensorboard_log
from lr_toolkit.logged_runs.wandb_log import read_wandb_log

__all__ = ["is_run", "read_run"]

# What each logger writes, with its reader. A CSV log has all digits, so it comes first; a folder may have several.
_READERS: dict[str, Callable[[Path], LoggedCurves]] = {
    "metrics.csv": read_csv_log,
    "run-*.wandb": read_wandb_log,
    "events.out.tfevents.*": lambda file: read_tensorboard_log(file.parent),
}
_DEEPEST = 4  # folders below the one that is given
_PLAN = "lr_plan"  # TensorBoard's run of the plan is part of another run


def is_run(text: str) -> bool:
    """Whether a text is the path of a folder, or of a file that a logger writes."""
    path = Path(text)
    return path.is_dir() or (path.is_file() and _reader(path) is not None)


def read_run(text: str) -> LoggedCurves:
    """The curves of the run in a folder; of several runs below it, of the one that was written last.

    Args:
        text: the folder of a run or one above it (``lightning_logs``, ``lightning_logs/version_3``, ``wandb/latest-run``), or a file that a
            logger has written.

    Raises:
        ScheduleError: if there is no such file, or no learning rate in it.
    """
    path = Path(text)
    if not path.exists():
        raise ScheduleError(f"There is no file or folder {text!r}.")
    file = path if path.is_file() else _newest(path)
    reader = None if file is None else _reader(file)
    if file is None or reader is None:
        raise ScheduleError(
            f"{text!r} has no log that can be read: no metrics.csv of a CSVLogger, no event file of TensorBoard, no run-*.wandb of an "
            "offline run of Weights & Biases. Write the folder of a run, such as lightning_logs/version_0."
        )
    try:
        run = reader(file)
    except (ValueError, KeyError, TypeError) as error:
        raise (
            error if isinstance(error, ScheduleError) else ScheduleError(f"{str(file)!r} is damaged: {error}")
        ) from error
    if not run.used:
        raise ScheduleError(
            f"{str(file)!r} has no learning rate. Write Trainer(callbacks=[LRMonitor()]), which logs it."
        )
    return run


def _reader(file: Path) -> Callable[[Path], LoggedCurves] | None:
    return next((reader for pattern, reader in _READERS.items() if file.match(pattern)), None)


def _newest(folder: Path) -> Path | None:
    """The file of the run that was written last; of the files of one folder, that of the first reader."""
    files = [file for file in _files(folder, _DEEPEST) if file.parent.name != _PLAN]
    order = list(_READERS.values())
    return max(files, key=lambda file: (_time(file.parent), -order.index(_reader_of(file))), default=None)


def _reader_of(file: Path) -> Callable[[Path], LoggedCurves]:
    reader = _reader(file)
    assert reader is not None
    return reader


def _time(folder: Path) -> float:
    return max(file.stat().st_mtime for pattern in _READERS for file in folder.glob(pattern))


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """The files of loggers in a folder and below it, each once: W&B links to its latest run."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and _reader(path) is not None:
            yield path
        elif path.is_dir() and depth and not path.is_symlink():
            yield from _files(path, depth - 1)
