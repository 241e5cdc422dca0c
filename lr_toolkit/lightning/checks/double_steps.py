"""The check for a scheduler that is stepped by Lightning and by code of the run."""

from __future__ import annotations

from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.progress import RunProgress, SchedulerProgress
from lr_toolkit.preview.report import plural

__all__ = ["is_stepped_by_both", "steps_of_lightning"]


@check("LR241", "Lightning steps the scheduler, and so does the module", when="during training")
def stepped_twice(run: RunProgress, scheduler: SchedulerProgress) -> str:
    """Report a scheduler of torch that code of the run steps, although Lightning steps it, too.

    One step more may be meant: it takes the scheduler past a first LR of 0.
    """
    if not is_stepped_by_both(run, scheduler):
        return ""
    steps, updates = scheduler.steps, scheduler.updates
    during = f"{plural(updates, 'update')} of its optimizer" if updates else f"{plural(run.epochs, 'epoch')}"
    return (
        f"{scheduler.name} was stepped {plural(steps, 'time')} in {during}: Lightning steps it "
        f"(interval={scheduler.config.interval!r}), and a hook of the module or a callback does so, too. Remove that step(), and "
        "return {'scheduler': ..., 'interval': 'step'}; or keep it, and return the optimizer without the scheduler."
    )


def is_stepped_by_both(run: RunProgress, scheduler: SchedulerProgress) -> bool:
    """Whether a scheduler of torch took half as many steps again as Lightning made, and two more at least."""
    of_lightning = steps_of_lightning(run, scheduler)
    return of_lightning > 0 and scheduler.steps >= max(1.5 * of_lightning, of_lightning + 2)


def steps_of_lightning(run: RunProgress, scheduler: SchedulerProgress) -> int:
    """How often Lightning stepped a scheduler of torch; 0 if that is not known, or if the module steps in Lightning's place."""
    config = scheduler.config
    if scheduler.ours is not None or scheduler.is_stepped_by_module or config.reduce_on_plateau:
        return 0
    if run.lightning_steps is not None:
        return run.lightning_steps
    if not scheduler.is_stepped_twice or not scheduler.updates:
        return 0
    return scheduler.updates if config.interval == "step" else run.epochs // max(config.frequency, 1)
