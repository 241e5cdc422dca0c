"""The codes of mistakes that the monitor, callbacks and schedulers notice and warn of themselves."""

from __future__ import annotations

from lr_toolkit.lightning.checks.finding import Finding, check

__all__ = ["failed_look", "noticed_elsewhere"]


def noticed_elsewhere(*_: object) -> str:
    """Find nothing: the code is known here, and the mistake is noticed where it happens."""
    return ""


for _code, _title in (
    ("LR231", "An epoch has another number of batches on each rank"),
    ("LR261", "A schedule that is longer than the run is cut"),
    ("LR262", "The run has 1000 epochs, which may be Lightning's default"),
    ("LR265", "Nothing hands the metric to the plateau of a plain loop"),
    ("LR266", "The dict of a module steps the scheduler of build_scheduler() in another unit"),
    ("LR267", "A cooldown branches from a learning rate that is not constant"),
    ("LR407", "The metric of a plateau was not logged in the first epoch"),
    ("LR408", "The checkpoint was saved just before the plateau read its metric"),
    ("LR410", "A run ends before its plateau reads the metric"),
    ("LR411", "The metric of a plateau is NaN"),
    ("LR412", "A run goes on without the plateau of its checkpoint"),
    ("LR511", "The updates of an optimizer cannot be noticed"),
    ("LR521", "An epoch has fewer batches than its dataloader promised"),
    ("LR522", "The run gets longer after its schedule has ended"),
    ("LR523", "A schedule begins at a checkpoint in the middle of a run"),
    ("LR531", "scheduler.step() is called more often than optimizer.step()"),
    ("LR532", "scheduler.step() is called before any optimizer.step()"),
    ("LR591", "The history of LRMonitor in the checkpoint is damaged"),
    ("LR592", "A scheduler or an optimizer could not be checked"),
    ("LR593", "The picture of the learning rates could not be made"),
    ("LR701", "LRWarmup multiplies a schedule that warms up by itself"),
    ("LR702", "The learning rate was written to directly during a warmup ramp"),
    ("LR703", "A warmup ramp does not move in the replays of a CUDA graph"),
    ("LR704", "The ramp of LRWarmup is not the one of the checkpoint"),
    ("LR705", "A trial run cuts the ramp of LRWarmup"),
    ("LR706", "A CUDA graph keeps the learning rate that it was captured with"),
    ("LR707", "LRMonitor does not see the replays of a CUDA graph"),
):
    check(_code, _title, when="when it happens")(noticed_elsewhere)


def failed_look(what: str, error: Exception) -> Finding:
    """The finding that a look at the optimizers and schedulers of a run has raised an error.

    Args:
        what: what could not be done: ``"checked"``, ``"shown"``.
        error: the error.
    """
    return Finding(
        "LR592",
        f"The optimizers and schedulers could not be {what} ({type(error).__name__}: {error}), so mistakes in them may go "
        "unseen. Training and logging go on. Let the attributes of your optimizers and schedulers be readable.",
    )
