"""The callback that logs the learning rates that the updates really used: its arguments and hooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

from typing_extensions import override

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.lightning._compat import validated_metrics
from lr_toolkit.lightning.monitor.latest_fit import LatestFit
from lr_toolkit.lightning.monitor.names import Names
from lr_toolkit.lightning.monitor.run_summary import RunSummary
from lr_toolkit.lightning.monitor.settings import MonitorSettings
from lr_toolkit.lightning.sparse_callback import SparseCallback
from lr_toolkit.lightning.trainer_of_optimizer import note_trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning.pytorch import LightningModule, Trainer
    from matplotlib.axes import Axes

    from lr_toolkit.lightning.checks.finding import Finding

__all__ = ["LRMonitor"]


_ANSWERS = {
    "log_every_n_steps": "Write Trainer(log_every_n_steps={}), which the monitor follows.",
    "plot": "Write save_plot={}, or monitor.plot() after the fit.",
}


@final
class LRMonitor(SparseCallback):
    """Logs the learning rate (LR) of every parameter group, as each update used it, to every logger of the Trainer.

    A row is written every ``log_every_n_steps`` updates (or once per epoch), and always for the first and the last update and
    where a phase of a schedule of this package begins. Its step is Lightning's own x axis, the number of batches that stepped
    before; an update never has two rows. When training begins, the plan is shown and checked: a warning names each mistake
    that would spoil the run (a schedule in the wrong unit, a scheduler that never steps, ...).

    The series are called ``lr/<scheduler or group name>`` (``lr/optimizer`` without a name), whatever the optimizer's class.
    Works without a scheduler and without a logger. On several devices every rank needs the callback, because the ranks compare
    a plateau's metric; only the first rank logs, prints and warns.

    The LRs are added to ``trainer.callback_metrics`` before validation and at the end of each epoch; with a checkpoint or
    early-stopping callback, also at every logged row.

    TensorBoard also gets the planned curves, as the run ``lr_plan`` below the run, so that planned and used share their cards; and
    under ``lr_plan/`` the table and, with matplotlib, the picture. Weights & Biases gets a chart of the plan, ``lr_toolkit`` in the
    run's config, and values in its summary.

    A name with a slash is a folder in ``ModelCheckpoint(filename="{lr/optimizer:.1e}")``. Write
    ``ModelCheckpoint(filename="lr={lr/optimizer:.1e}", auto_insert_metric_name=False)``, or use ``names="lightning"``.

    A CSV logger gets the plan as ``lr_plan.txt`` beside its metrics, MLflow as the tags ``lr_toolkit.schedule`` and
    ``lr_toolkit.plan``.

    Args:
        logging_interval: ``"step"``, ``"epoch"``, or ``None`` for the interval of each scheduler (per step for an optimizer
            without a scheduler, and under manual optimization).
        log_momentum: log ``momentum/...`` too: the first beta or the momentum, 0 if there is neither.
        log_weight_decay: log ``weight_decay/...`` too, 0 if there is none.
        log_key_prefix: put before every name, for example ``"optim/"``.
        names: ``"lightning"`` for the names of Lightning's ``LearningRateMonitor`` (``lr-SGD``), to replace it in a
            project that relies on them; like it, it refuses a Trainer without a logger.
        table: print the plan when training begins, on the first rank: the schedule, the length of the run, and the
            first, highest and last LR of each parameter group. By default if the Trainer prints its model summary.
        print_lr: print the LRs at the end of each epoch.
        progress_bar: show the LR in the Trainer's progress bar.
        save_plot: the file for a picture of the planned and the used LRs, and of each other key that is scheduled below them,
            on a transparent ground, written when training ends; its ending is the
            format (``"lr.png"``, ``"lr.svg"``).
        strict: raise at the first update that does not use the LR that its schedule plans. Otherwise the logged updates and the
            first update of each epoch are compared with the schedule, and a warning names the first difference.
        ignore: the codes of the checks that are silent, for example ``["LR203"]``.

    Raises:
        MisconfigurationException: for another interval, or parameter groups of one optimizer that share a name.
        ScheduleError: for other ``names``; for a ``save_plot`` that is no picture, or without matplotlib; with ``strict``, at
            the first update that does not use its planned LR, and for a schedule of this package that is never stepped.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import LRMonitor
        >>> monitor = LRMonitor(print_lr=True)
        >>> trainer = L.Trainer(max_epochs=10, callbacks=[monitor])
        >>> monitor.history  # after trainer.fit(...): one row per logged update
        {'step': [], 'epoch': []}

    Reference:
        Lightning's ``LearningRateMonitor``, which has the same first arguments and attributes; it never logs the last value,
        begins at update 49, and writes a row for every batch under accumulation.
    """

    @answer_arguments("LRMonitor", "LRMonitor()", _ANSWERS)
    def __init__(
        self,
        logging_interval: Literal["step", "epoch"] | None = None,
        log_momentum: bool = False,
        log_weight_decay: bool = False,
        log_key_prefix: str | None = None,
        *,
        names: Names = "stable",
        table: bool | None = None,
        print_lr: bool = False,
        progress_bar: bool = True,
        strict: bool = False,
        save_plot: str | Path | None = None,
        ignore: Sequence[str] = (),
    ) -> None:
        self.settings = MonitorSettings(
            logging_interval=logging_interval,
            log_momentum=log_momentum,
            log_weight_decay=log_weight_decay,
            prefix=log_key_prefix or "",
            names=names,
            table=table,
            print_lr=print_lr,
            progress_bar=progress_bar,
            strict=strict,
            save_plot=save_plot,
            ignore=ignore,
        )
        super().__init__(logging_interval=logging_interval, names=names, log_key_prefix=log_key_prefix)
        self._fit = LatestFit(self.settings)

    # --- what there is to see, during a fit and after it ---

    @property
    def lrs(self) -> dict[str, list[float]]:
        """The logged LRs of each series; with ``names="lightning"`` those that Lightning's monitor would hold."""
        return self._fit.result.lrs()

    @property
    def last_momentum_values(self) -> dict[str, float | None]:
        """The latest momentum of each series; ``None`` before the first."""
        return self._fit.result.momentum()

    @property
    def last_weight_decay_values(self) -> dict[str, float | None]:
        """The latest weight decay of each series; ``None`` before the first."""
        return self._fit.result.weight_decay()

    @property
    def history(self) -> dict[str, list[int] | list[float]]:
        """The rows that were logged in the latest fit, as columns: ``step``, ``epoch``, then the series (NaN: not logged).

        The history is kept in the checkpoint, eight bytes per value: a resumed fit goes on with it. A long one is thinned: the first
        update of each phase stays, and about 10,000 other rows, evenly spaced.

        ``pandas.DataFrame(monitor.history)`` shows it in a notebook.
        """
        return self._fit.result.history.columns()

    @property
    def planned(self) -> dict[str, tuple[Sequence[float], Sequence[float]]]:
        """The planned LRs of each series, as updates and values, thinned for a chart; nothing before training begins.

        After a change on the way (a plateau has moved the LR, a group has joined, the run has another length) they are those of
        the logged updates, each as it was planned then, and what is planned now for the rest of the run.
        """
        return self._fit.result.plans()

    @property
    def next_lrs(self) -> dict[str, float]:
        """After training: the LR that the next update would use, which none has used yet."""
        return dict(self._fit.result.next_lrs)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the monitor has warned of in the latest fit, and what schedulers and other callbacks have."""
        return self._fit.findings

    def plot(self, ax: Axes | None = None, log: bool = False) -> Axes:
        """Draw the used LRs over the planned ones with matplotlib, and return the axes.

        Args:
            ax: where to draw; by default the axes of a new figure of pyplot, which a notebook shows.
            log: whether to draw on a logarithmic axis.

        Raises:
            ImportError: if matplotlib is not installed; the message names the extra.
            ScheduleError: before the first LR was logged.
        """
        return RunSummary.of_logged(self._fit.result).plot(ax, log=log)

    # --- a fit begins ---

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            note_trainer(trainer)
            self._fit.set_up()

    @override
    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._fit.note_validated(validated_metrics(trainer))

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._fit.begin(trainer, pl_module).start()

    # --- a fit goes on: a callback that joins in mid-epoch has had no on_train_start ---

    @property
    @override
    def begins_each_batch(self) -> bool:
        return self._fit.begins_each_batch

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        (self._fit.run or self._fit.begin(trainer, pl_module)).start_epoch()

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        (self._fit.run or self._fit.begin(trainer, pl_module)).start_batch()

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._fit.run:
            self._fit.run.end_batch()

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._fit.run:
            self._fit.run.start_validation()

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._fit.run:
            self._fit.run.end_epoch()

    # --- a fit ends ---

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._fit.end()

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._fit.fail()

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            self._fit.tear_down(trainer, pl_module)

    # --- checkpoints: two equal monitors share a state, which Lightning refuses for state_dict() ---

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint.setdefault("callbacks", {})[self.state_key] = self._fit.state()

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._fit.load(checkpoint.get("callbacks", {}).get(self.state_key))
