"""The callback that shows, on every logger, the learning rates that the updates really used."""

from __future__ import annotations

from operator import is_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from typing_extensions import override

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import (
    batches_that_stepped,
    callbacks_of,
    is_a,
    logging_cadence,
    logs_this_batch,
)
from lr_toolkit.lightning.checks.before_training import check_before_training, invisible_warmups
from lr_toolkit.lightning.checks.finding import Finding
from lr_toolkit.lightning.checks.plan_mismatch import find_mismatch
from lr_toolkit.lightning.checks.reporter import Reporter
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.runtime import RuntimeChecks
from lr_toolkit.lightning.loggers.rows import PlanReport, log_plan, log_row
from lr_toolkit.lightning.monitor.history import History
from lr_toolkit.lightning.monitor.lightning_compat import Readings, check_logger, put_metrics, warn_about_momentum
from lr_toolkit.lightning.monitor.names import Names, SeriesName, curves_of, optimizers_of, relabelled
from lr_toolkit.lightning.monitor.optimizer_log import OptimizerLog, Strand
from lr_toolkit.lightning.monitor.progress_bar import BarEntry
from lr_toolkit.lightning.monitor.recorder import UpdateRecorder
from lr_toolkit.lightning.monitor.run_summary import RunSummary
from lr_toolkit.lightning.monitor.start_report import config_of, planned_lines, start_report
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.names import in_a_line
from lr_toolkit.preview.phase_rows import phase_rows
from lr_toolkit.preview.picture import Line, has_matplotlib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning.pytorch import LightningModule, Trainer

__all__ = ["LRMonitor"]

_FORMAT = 1
_WATCHERS = ("Checkpoint", "EarlyStopping")
_PICTURES = (".png", ".svg", ".pdf", ".jpg")


@final
class LRMonitor(Callback):
    """Logs every parameter group's learning rate, as each update used it, to every logger of the Trainer.

    A row is written every ``log_every_n_steps`` updates (or once per epoch), and always for the first and the last
    update and where a phase of a schedule of this package begins. Its step is Lightning's own x axis, the number of
    batches that stepped before; an update never has two rows. When training begins it shows the plan, and warns of
    mistakes that would spoil the run (a schedule in the wrong unit, a scheduler that never steps, ...).

    Curves are called ``lr/<scheduler or group name>`` (``lr/optimizer`` where nobody gave a name), whatever the
    optimizer's class. Works without scheduler and logger. On several devices every rank needs it, as it needs most
    callbacks: they compare a plateau's metric; the first rank alone logs, prints and warns.

    They are among the Trainer's ``callback_metrics``: before validation and at the end of an epoch those that were used last,
    and, where a checkpoint callback or early stopping may look for them, those of each row.

    TensorBoard also gets the plan, under ``lr_plan/``: its curves, a chart of planned and used, the table, and with matplotlib
    the picture. Weights & Biases gets a chart of the plan, ``lr_toolkit`` in the run's config, and values in its summary.

    Args:
        logging_interval: ``"step"``, ``"epoch"``, or ``None`` for the interval of each scheduler (per step where an
            optimizer has none, or optimization is manual).
        log_momentum: log ``momentum/...`` too: the first beta or the momentum, 0 where there is neither.
        log_weight_decay: log ``weight_decay/...`` too, 0 where there is none.
        log_key_prefix: put before every name, for example ``"optim/"``.
        names: ``"lightning"`` for the names of Lightning's ``LearningRateMonitor`` (``lr-SGD``), to replace it in a
            project that relies on them; a Trainer without logger is then refused, as it does.
        table: print the plan when training begins, on the first rank: schedule, length of the run, and for each
            parameter group its first, highest and last LR. By default where the Trainer prints its model summary.
        print_lr: print the learning rates at the end of each epoch.
        progress_bar: show the learning rate in the Trainer's progress bar.
        save_plot: where to write a picture of the planned and the used learning rates when training ends; its ending
            says the format (``"lr.png"``, ``"lr.svg"``).
        strict: raise at the first update that does not use the learning rate that its schedule says. Otherwise the updates that
            are logged, and the first of each epoch, are held against the schedule, and a warning says what departs.

    Attributes:
        lrs: the values that were logged; with ``names="lightning"`` those that Lightning's monitor would hold.
        last_momentum_values: the same for momentum.
        last_weight_decay_values: the same for weight decay.

    Raises:
        MisconfigurationException: for another interval, or parameter groups of one optimizer that share a name.
        ScheduleError: for other ``names``; for a ``save_plot`` that is no picture, or without matplotlib; with ``strict``, at
            the first update that departs from its schedule, and for a schedule of this package that nobody steps.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import LRMonitor
        >>> monitor = LRMonitor(print_lr=True)
        >>> trainer = L.Trainer(max_epochs=10, callbacks=[monitor])
        >>> monitor.history  # after trainer.fit(...): one row for each update that was logged
        {'step': [], 'epoch': []}

    Reference:
        Lightning's ``LearningRateMonitor``, whose arguments and attributes it has; it never logs the last value, begins
        at update 49, and writes a row for every batch under accumulation.
    """

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
    ) -> None:
        if logging_interval not in (None, "step", "epoch"):
            raise MisconfigurationException("logging_interval should be `step` or `epoch` or `None`.")
        if names not in ("stable", "lightning"):
            raise ScheduleError(
                f"LRMonitor(names={names!r}): write names='stable' for lr/<scheduler or group name>, or names='lightning' "
                "for the names of Lightning's LearningRateMonitor."
            )
        path: object = save_plot
        if path is not None and not (isinstance(path, (str, Path)) and Path(path).suffix in _PICTURES):
            raise ScheduleError(
                f"LRMonitor(save_plot={save_plot!r}): must be a path that ends in {', '.join(_PICTURES)}. Write "
                "LRMonitor(save_plot='lr.png')."
            )
        if save_plot is not None and not has_matplotlib():
            raise ScheduleError(
                f"LRMonitor(save_plot={str(save_plot)!r}): pictures are drawn by matplotlib, which is not installed. Write "
                "pip install 'lr_toolkit[plot]'."
            )
        self.logging_interval = logging_interval
        self.log_momentum = log_momentum
        self.log_weight_decay = log_weight_decay
        self.log_key_prefix = log_key_prefix
        self.names: Names = names
        self.table = table
        self.print_lr = print_lr
        self.progress_bar = progress_bar
        self.strict = strict
        self.save_plot = save_plot
        # Lightning asks for it at every hook of every step.
        self._state_key = self._generate_state_key(
            logging_interval=logging_interval, names=names, log_key_prefix=log_key_prefix
        )
        self._readings = Readings()
        self._tracks: list[OptimizerLog] = []
        self._bar: BarEntry | None = None
        self._forget()

    def _forget(self) -> None:
        self._validated: frozenset[str] = frozenset()
        self._saved: dict[str, Any] | None = None
        self._curves: list[SeriesName] = []
        self._all: dict[str, SeriesName] = {}  # also of groups that have left
        self._renamed: dict[str, str] = {}  # labels that groups have kept, by those that they would be given now
        self._history = History()
        self._next: dict[str, float] = {}
        self._departed = False
        self._strategy: Any = None  # the Trainer's, who holds the list of its optimizers; none before the monitor joins
        self._optimizers: Any = None  # as it was last seen
        self._epoch = 0
        self._is_watched = False  # whether somebody may look at the metrics in mid-epoch, and they are worth their time
        self._reporter = Reporter()
        self._watch: RuntimeChecks | None = None
        self._planned: tuple[Line, ...] = ()
        self._before = 0  # updates of an earlier fit, which are on the x axis
        self._ended: list[dict[str, Any]] = []

    @property
    def lrs(self) -> dict[str, list[float]]:
        """For each curve the values that were logged; with ``names="lightning"`` those that Lightning's monitor would hold."""
        if self.names == "lightning":
            return self._readings.lrs
        return {name: self._history.series(name)[1] for name in self._all}

    @property
    def last_momentum_values(self) -> dict[str, float | None]:
        """The latest of them for momentum; ``None`` before the first."""
        return self._latest("momentum")

    @property
    def last_weight_decay_values(self) -> dict[str, float | None]:
        """The latest of them for weight decay; ``None`` before the first."""
        return self._latest("weight_decay")

    def _latest(self, quantity: str) -> dict[str, float | None]:
        if self.names == "lightning":
            read: dict[str, float | None] = getattr(self._readings, quantity)
            return read
        names = [getattr(one, quantity) for one in self._all.values()]
        return {name: self._history.latest(name) for name in names}

    @property
    def history(self) -> dict[str, list[int] | list[float]]:
        """Every row that was logged in the latest fit, as columns: ``step``, ``epoch``, then the curves (NaN: not logged).

        It is in the checkpoint, eight bytes a value: a resumed fit goes on with it.

        ``pandas.DataFrame(monitor.history)`` shows it in a notebook.
        """
        return self._history.columns()

    @property
    def next_lrs(self) -> dict[str, float]:
        """After training: the learning rate that the next update would use, which none has used yet."""
        return dict(self._next)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the monitor has warned of in the latest fit."""
        return self._reporter.findings

    # --- the run begins ---

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":  # before a checkpoint is read, also before LearningRateFinder saves its own
            self._close()
            self._forget()

    @override
    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = frozenset(trainer.callback_metrics)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.names == "lightning":
            check_logger(trainer)
        if self.log_momentum:
            warn_about_momentum(trainer, optimizers_of(trainer))
        saved = self._saved_until(batches_that_stepped(trainer))
        if saved:
            self._history = History.of(saved["history"])
            self._renamed = dict(saved.get("labels", {}))
        self._sight(trainer)
        self._bind(trainer)
        self._readings.begin(self._curves)
        if saved and len(saved["tracks"]) == len(self._tracks):
            for track, state in zip(self._tracks, saved["tracks"], strict=True):
                track.resume(state)
        if self.progress_bar:
            self._bar = BarEntry(trainer, self._bar_text)
        watchers = [one for one in callbacks_of(trainer) for kind in _WATCHERS if is_a(one, kind)]
        self._is_watched = self.names == "stable" and bool(watchers)
        self._brief(trainer, pl_module)
        self._watch = RuntimeChecks(trainer, pl_module, strict=self.strict)

    def _brief(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the plan, and warn of what would spoil the run."""
        if not trainer.is_global_zero:
            return
        scene = RunInfo.of(trainer, pl_module, [one.capture.optimizer for one in self._tracks], self._validated)
        reports = start_report(scene, self._curves, invisible_warmups(scene))
        if self.table or (self.table is None and any(is_a(one, "ModelSummary") for one in callbacks_of(trainer))):
            for report in reports:
                report.show()
        self._planned = planned_lines(scene, self._curves)
        self._before = scene.layout.before
        table = "\n\n".join(one.text() for one in reports)
        pattern = f"{self.log_key_prefix or ''}{'lr/' if self.names == 'stable' else 'lr-'}"
        log_plan(trainer, PlanReport(self._planned, config_of(scene), table, pattern))
        self._reporter.report(trainer, check_before_training(scene))

    def _sight(self, trainer: Trainer) -> None:
        """Keep what every batch asks for: the epoch, and the list of optimizers, which is another one after an exchange."""
        self._strategy, self._epoch = trainer.strategy, trainer.current_epoch
        self._optimizers = self._strategy._optimizers

    def _bind(self, trainer: Trainer) -> None:
        """RuntimeChecks the optimizers that there are now."""
        self._tracks = []
        for one in optimizers_of(trainer):
            scheduler = _scheduler_of(trainer, one)
            capture = UpdateRecorder(
                one, momentum=self.log_momentum, weight_decay=self.log_weight_decay, scheduler=scheduler
            )
            self._tracks.append(OptimizerLog(capture, _begins(scheduler)))
        self._name_groups(trainer)

    def _follow(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the optimizers and schedulers that there are now, where somebody has exchanged them."""
        self._sight(trainer)
        found = optimizers_of(trainer)
        if len(found) == len(self._tracks) and all(map(is_, found, (one.capture.optimizer for one in self._tracks))):
            schedulers = [_scheduler_of(trainer, one) for one in found]
            if all(map(is_, schedulers, (one.capture.scheduler for one in self._tracks))):
                return
            for track, scheduler in zip(self._tracks, schedulers, strict=True):
                track.capture.scheduler, track.begins = scheduler, _begins(scheduler)
        else:
            self._log_the_last(trainer)
            for track in self._tracks:
                track.capture.close()
            self._bind(trainer)
        if self._watch is not None:
            self._watch.close()
            self._watch = RuntimeChecks(trainer, pl_module, strict=self.strict)

    def _name_groups(self, trainer: Trainer) -> None:
        """Give every group its curve; with names of ours, a group keeps the one that it has."""
        optimizers = [one.capture.optimizer for one in self._tracks]
        curves = fresh = curves_of(trainer, optimizers, self.names, self.log_key_prefix or "")
        if self.names == "stable":
            known = {(at, group): label for at, one in enumerate(self._tracks) for group, label in one.labels().items()}
            curves = relabelled(fresh, known, self._renamed)
            pairs = zip(fresh, curves, strict=True)
            self._renamed = {new.label: kept.label for new, kept in pairs if new.label != kept.label}
        self._curves = curves
        self._all |= {one.name: one for one in curves}
        self._readings.rename(curves)
        for at, track in enumerate(self._tracks):
            track.braid(one for one in curves if one.optimizer == at)

    def _adopt_groups(self, trainer: Trainer) -> None:
        if any(one.has_other_groups for one in self._tracks):
            self._name_groups(trainer)

    # --- checkpoints ---

    @property
    @override
    def state_key(self) -> str:
        return self._state_key

    @override
    def state_dict(self) -> dict[str, Any]:
        """The history, where each optimizer stands on the x axis, and what its groups are called: a resumed run goes on with it."""
        if self._saved is not None:  # training has not gone on with it yet
            return self._saved
        tracks = [one.state() for one in self._tracks]
        return {
            "format": _FORMAT,
            "history": self._history.state(),
            "tracks": tracks or self._ended,
            "labels": self._renamed,
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._saved = state_dict if state_dict.get("format") == _FORMAT else None

    def _saved_until(self, step: int) -> dict[str, Any] | None:
        """What a checkpoint has brought, if it is of before ``step``: with LearningRateFinder a resumed run begins anew."""
        saved, self._saved = self._saved, None
        return saved if saved and all(one["step"] <= step for one in saved["tracks"]) else None

    # --- Lightning's cadence ---

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._follow(trainer, pl_module)
        for track in self._tracks:
            track.turn = -1
        self._look(trainer)
        if self.names == "lightning" and self.logging_interval != "step":
            self._read(trainer, "epoch")

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._strategy is None or self._strategy._optimizers is not self._optimizers:
            self._follow(trainer, pl_module)
        if self.names == "lightning" and self.logging_interval != "epoch" and logs_this_batch(trainer):
            self._read(trainer, "step")

    def _read(self, trainer: Trainer, interval: str) -> None:
        self._adopt_groups(trainer)
        wanted = [one for one in self._curves if self.logging_interval or one.interval in (interval, "any")]
        self._readings.read(
            trainer,
            [one.capture.optimizer for one in self._tracks],
            wanted,
            momentum=self.log_momentum,
            weight_decay=self.log_weight_decay,
        )

    # --- the updates ---

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = batches_that_stepped(trainer)
        turning: list[OptimizerLog] = []
        for track in self._tracks:
            capture = track.capture
            if capture.fresh:
                capture.fresh = False
                if capture.groups is not track.groups:
                    self._adopt_groups(trainer)
                # Every update comes here, and most of them show nothing: that is found out without a call.
                if step < track.turn and capture.counted not in track.begins:
                    track.step, track.counted = step, capture.counted
                else:
                    turning += [track]
        if turning:
            self._take(trainer, turning, step)

    def _take(self, trainer: Trainer, tracks: Sequence[OptimizerLog], step: int) -> None:
        """Log what is due of the optimizers whose update something may be due at, and hold it against the plan."""
        due: list[Strand] = []
        doubted: list[OptimizerLog] = []
        every = logging_cadence(trainer)
        for track in tracks:
            epoch = track.epoch
            strands = track.due(step, self._epoch, self.logging_interval, every)
            due += strands
            # A foreign LR is mostly written as an epoch begins; no device is waited for to look at it.
            if strands or self.strict or (epoch != track.epoch and track.capture.is_exact):
                doubted += [track]
            if self.strict:
                track.turn = -1
        if due:
            self._log(trainer, due, in_batch=True)
        for track in doubted:
            self._compare(trainer, track)

    def _log(self, trainer: Trainer, due: Sequence[Strand], *, in_batch: bool) -> None:
        """Write one row of what the strands used in their latest update, which is the same batch for all of them."""
        names, values = due[0].latest()
        for one in due[1:]:
            more, numbers = one.latest()
            names, values = names + more, [*values, *numbers]
        track = due[0].track
        if names:
            log_row(trainer, names, values, track.step, in_batch=in_batch)
            self._history.add(track.step, track.epoch, names, values)
            if self._is_watched:
                put_metrics(trainer, dict(zip(names, values, strict=True)))
        for one in due:
            one.logged = track.step

    def _compare(self, trainer: Trainer, track: OptimizerLog) -> None:
        """Hold the latest update of an optimizer against its plan."""
        capture = track.capture
        scheduler = capture.scheduler
        # Where base LRs or gains have changed since the update, what they were then is not known any more.
        if scheduler is None or self._departed or capture.levels is not scheduler.levels:
            return
        if capture.factors is None and scheduler.follows(capture.counted, capture.lrs):
            return
        if not any(config.scheduler is scheduler for config in trainer.lr_scheduler_configs):
            return  # another scheduler has taken over, as weight averaging does
        at = self._tracks.index(track)
        names = [one.name for one in self._curves if one.optimizer == at]
        planned = scheduler.planned(capture.counted)
        planned = [lr * factor for lr, factor in zip(planned, capture.factors or (1.0,) * len(planned), strict=False)]
        found = find_mismatch(
            trainer, scheduler, update=capture.counted, used=capture.lrs, planned=planned, names=names
        )
        if found is not None:
            self._departed = True
            if self.strict:
                raise ScheduleError(f"LRMonitor(strict=True): {found.finding}")
            self._reporter.report(trainer, [found.finding])

    # --- what a person sees ---

    def _bar_text(self) -> str:
        """The LR of the latest update; of several groups the highest, which says most about where the run stands."""
        values = [lr for track in self._tracks if track.capture.is_exact for lr in track.capture.lrs]
        if not values:  # tensors: what was logged, so that the bar waits for no device
            values = [lr for one in self._curves if (lr := self._history.latest(one.name)) is not None]
        return f"{max(values):.1e}" if values else ""

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._put_metrics(trainer)
        self._look(trainer)

    def _look(self, trainer: Trainer, *, ended: bool = False) -> None:
        if self._watch is not None and not trainer.sanity_checking:
            self._reporter.report(trainer, self._watch.check(trainer, ended=ended))

    def _used(self) -> dict[str, float]:
        """What every optimizer used last."""
        return {
            name: value
            for track in self._tracks
            for strand in track.strands
            for name, value in zip(*strand.latest(), strict=True)
        }

    def _put_metrics(self, trainer: Trainer) -> None:
        """With names of ours: the LRs that were used last, in time for the callbacks that watch a metric."""
        if self.names == "stable":
            put_metrics(trainer, self._used())

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._put_metrics(trainer)
        if self._watch is not None:
            self._reporter.report(trainer, self._watch.check_ranks(trainer))
        if not self.print_lr:
            return
        used = self._used()
        lrs = {one.name: used[one.name] for one in self._curves if one.name in used}
        if lrs:
            trainer.print(f"epoch {trainer.current_epoch}: {in_a_line(lrs)}")

    # --- the run ends ---

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer, ended=True)
        self._finish(trainer)

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._finish(trainer)

    def _finish(self, trainer: Trainer) -> None:
        """Log the last updates, show how the run went, and let go of the optimizers."""
        if self._tracks:
            self._log_the_last(trainer)
            self._next = {name: lr for track in self._tracks for name, lr in track.coming()}
            outcome = self._outcome()
            if trainer.is_global_zero and any(one.used[1] for one in outcome.lines):
                outcome.report(trainer, self.log_key_prefix or "", self.save_plot)
        self._close()

    def _log_the_last(self, trainer: Trainer) -> None:
        """Log each optimizer's last update, which was not known to be the last."""
        left: dict[int, list[Strand]] = {}
        for track in self._tracks:
            if track.capture.fresh:  # something raised between the update and the end of its batch
                track.step, track.epoch = batches_that_stepped(trainer), trainer.current_epoch
            for strand in track.strands:
                if track.step > strand.logged:
                    left.setdefault(track.step, []).append(strand)
        for step in sorted(left):
            self._log(trainer, left[step], in_batch=False)

    def _outcome(self) -> RunSummary:
        planned = {one.name: one.planned for one in self._planned}
        used = {name: self._history.series(name) for name in self._all}
        phases = {
            k + self._before
            for one in self._tracks
            if (ours := one.capture.scheduler) is not None and ours.horizon.unit == "step"
            for k in one.begins
            if k
        }
        return RunSummary(
            [Line(name, planned.get(name, ((), ())), points) for name, points in used.items()],
            self._next,
            max(one.step for one in self._tracks) + 1,
            sorted(phases),
        )

    def _close(self) -> None:
        self._ended = [one.state() for one in self._tracks] or self._ended
        for track in self._tracks:
            track.capture.close()
        self._tracks = []
        if self._watch is not None:
            self._watch.close()
        if self._bar is not None:
            self._bar.remove()
            self._bar = None


def _scheduler_of(trainer: Trainer, optimizer: Any) -> ScheduledLR | None:
    """The scheduler of this package that drives ``optimizer``, if there is one."""
    for config in trainer.lr_scheduler_configs:
        if isinstance(config.scheduler, ScheduledLR) and config.scheduler.optimizer is optimizer:
            return config.scheduler
    return None


def _begins(scheduler: ScheduledLR | None) -> frozenset[int]:
    """The counts of a scheduler at which a phase begins."""
    return frozenset(leg.start for leg in phase_rows(scheduler.route)) if scheduler else frozenset()
