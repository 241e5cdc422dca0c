"""``check_run``: what the checks of the package find in a run before its first update."""

from __future__ import annotations

from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from lr_toolkit.errors import ScheduleError, listeners
from lr_toolkit.lightning.checks.before_training import check_before_training
from lr_toolkit.lightning.checks.elsewhere import failed_look
from lr_toolkit.lightning.checks.finding import Finding, list_checks
from lr_toolkit.lightning.checks.reporter import Reporter
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.monitor.names import optimizers_of
from lr_toolkit.lightning.project.rehearsal import Project, rehearse

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule, Trainer

__all__ = ["check_project", "check_run", "codes_of", "read_and_check"]

_Found = TypeVar("_Found")


def check_run(
    trainer: Trainer,
    module: LightningModule,
    train_dataloaders: Any = None,
    datamodule: LightningDataModule | None = None,
    *,
    ignore: Collection[str] = (),
) -> tuple[Finding, ...]:
    """Check the learning rates of a run before it is run, for any scheduler. Nothing is trained.

    A copy of the Trainer sets up a copy of the module as a fit does, up to its first update: ``setup``, ``configure_optimizers``, the
    dataloaders, without loggers and without callbacks that write. Copies of the schedulers are stepped as Lightning would step them,
    and each check of ``list_checks()`` that needs no trained update looks at the result. What the package warns of on the way is a finding,
    too. What only training shows is left to ``LRMonitor``.

    ``lr-toolkit check my_module:LitModel`` does the same from the command line.

    Args:
        trainer: a Trainer that has taken no update.
        module: the module.
        train_dataloaders: as for ``trainer.fit``.
        datamodule: as for ``trainer.fit``.
        ignore: codes of checks that are silent, or their beginnings: ``["LR203", "LR5"]``.

    Returns:
        The findings, by code. Each has ``code``, ``text`` and ``page``.

    Raises:
        ScheduleError: if the run cannot be set up, with the error of the module's code and its place; for a Trainer that has trained
            or would start processes; for a code in ``ignore`` that no check has.

    Example:
        >>> import lightning as L
        >>> import torch
        >>> from lr_toolkit import check_run
        >>> class Module(L.LightningModule):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.layer = torch.nn.Linear(1, 1)
        ...     def training_step(self, batch, batch_idx):
        ...         return self.layer(batch[0]).mean()
        ...     def configure_optimizers(self):
        ...         optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        ...         return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=1000)]
        >>> data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(100, 1)))
        >>> trainer = L.Trainer(max_epochs=10, accelerator="cpu", logger=False, enable_checkpointing=False)
        >>> [finding.code for finding in check_run(trainer, Module(), data)]
        ['LR202']
    """
    return check_project(Project(trainer, module, train_dataloaders, datamodule).copied(), ignore=ignore)


def check_project(project: Project, *, ignore: Collection[str] = ()) -> tuple[Finding, ...]:
    """What ``check_run`` does, with a Trainer and a module that nobody needs afterwards."""
    _, findings = read_and_check(project, lambda *_: None, ignore=ignore)
    return findings


def read_and_check(
    project: Project, read: Callable[[Trainer, LightningModule], _Found], *, ignore: Collection[str] = ()
) -> tuple[_Found, tuple[Finding, ...]]:
    """What ``read`` returns before the first update of a run, and the findings of the checks."""
    reporter = Reporter(codes_of(ignore))

    def read_then_check(trainer: Trainer, module: LightningModule) -> _Found:
        found = read(trainer, module)
        try:
            info = RunInfo.of(trainer, module, optimizers_of(trainer), frozenset(), without_fit=True)
            findings = check_before_training(info)
        except ScheduleError:
            raise
        except Exception as error:  # anything can be inside somebody's scheduler
            findings = [failed_look("checked", error)]
        reporter.report(trainer, findings)
        return found

    listeners.add(reporter)
    try:
        found = rehearse(project, read_then_check)
    finally:
        listeners.discard(reporter)
    return found, tuple(sorted(reporter.findings, key=lambda finding: finding.code))


def codes_of(beginnings: Collection[str]) -> frozenset[str]:
    """The codes of all checks that begin with one of these.

    Raises:
        ScheduleError: for a beginning that no code has.

    Example:
        >>> {"LR203", "LR301", "LR302"} <= codes_of(["LR203", "LR30"])
        True
        >>> codes_of(["LR999"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        lr_toolkit.errors.ScheduleError: ignore 'LR999': no check has a code that begins so. ...
    """
    known = [check.code for check in list_checks()]
    found: set[str] = set()
    for beginning in [beginnings] if isinstance(beginnings, str) else beginnings:
        codes = (
            {code for code in known if code.startswith(str(beginning))} if str(beginning).startswith("LR") else set()
        )
        if not codes:
            near = get_close_matches(str(beginning).upper(), known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ScheduleError(
                f"ignore {beginning!r}: no check has a code that begins so.{hint} lr_toolkit.list_checks() lists all of them."
            )
        found |= codes
    return frozenset(found)
