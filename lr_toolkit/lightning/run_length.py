"""The length of a Trainer's run as a scheduler follows it: after a resume, and when it changes while the run goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, final

from lr_toolkit.lightning._compat import has_dataloader
from lr_toolkit.lightning.dataloader import set_up_dataloader
from lr_toolkit.lightning.run import facts_at_fit_start, may_resume, read_run_facts
from lr_toolkit.lightning.run_facts import Pace, RunFacts, horizon_ahead, horizon_on_the_way, horizon_with_past
from lr_toolkit.schedules.horizon import Horizon, horizon_from, horizon_state

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["TrainerRunLength"]

_KEYS = ("accumulate", "max_epochs", "max_steps", "batches", "pace")
_LATER = ("now", "measured", "counted_from")  # what the run has shown since it began


@final
class TrainerRunLength:
    """Reports the length of a Trainer's run, after a resume and while it goes on.

    ``horizon_of`` takes the whole run to be as it is now. If devices, accumulation or the batch size changed since a checkpoint,
    the past epochs had another length, which the saved horizon has. Ask ``horizon_after`` when the scheduler's state is loaded:
    by then Lightning has restored the progress of its loops, which it has not in ``configure_optimizers``. ``horizon_now`` is
    the length at the beginning of a batch.

    Args:
        trainer: the Trainer.
        horizon: the horizon that the scheduler was made for.
        batches: the batches of an epoch on which the ranks have agreed, if those of this rank differ.
        is_cut: whether the run is the beginning of ``horizon`` alone. Such a run keeps its horizon.
    """

    def __init__(self, trainer: Trainer, horizon: Horizon, batches: int | None = None, *, is_cut: bool = False) -> None:
        self._trainer = trainer
        self._is_cut = is_cut
        if horizon.unit == "epoch" and may_resume(trainer):
            set_up_dataloader(trainer)
        self.awaits_data = horizon.unit == "step" and not has_dataloader(trainer)
        self._promised = math.inf if self.awaits_data else trainer.fit_loop.max_batches
        self._began = facts_at_fit_start(trainer)
        facts = replace(self._began, batches=self._promised if batches is None else batches)
        self._agreed: float | None = batches
        self._measured: float | None = batches
        self._pace: Pace | None = None
        self._pace_from = self._counts(0)
        self._record = _record(facts, horizon, facts.epoch)
        self._now: dict[str, Any] | None = None
        self._resumed: tuple[Mapping[str, Any], Horizon] | None = None  # what was loaded before the data was set up
        self.is_placed = False  # whether it is known where in the run the scheduler begins

    # --- at a resume ---

    @property
    def record(self) -> dict[str, Any]:
        """The facts from which the length of the whole run follows, as plain data for a checkpoint.

        ``"now"`` holds those that have changed since the run began, ``"measured"`` the batches that an epoch turned out to have,
        ``"counted_from"`` the point from which updates are measured.
        """
        # A horizon in epochs did not need the dataloader.
        if self._record["batches"] is None and self._measured is None and not self.awaits_data:
            self._promised = self._trainer.fit_loop.max_batches
            self._record["batches"] = _whole(self._promised)
        later: dict[str, Any] = {"now": self._now, "measured": self._measured}
        if not self._trainer.lightning_module.automatic_optimization:
            later["counted_from"] = list(self._pace_from)
        return {**self._record, **{key: value for key, value in later.items() if value is not None}}

    def unchanged_unit(self, record: Mapping[str, Any]) -> Literal["steps", "epochs"] | None:
        """The unit in which this run is as long as the one of ``record``; ``None`` if its length differs."""
        limit = _limit(self._record)
        return limit[0] if limit in (_limit(record), _limit({**record, **record.get("now", {})})) else None

    def horizon_after(self, record: Mapping[str, Any], saved: Horizon, taken: int) -> Horizon:
        """The horizon of the resumed run, ``taken`` steps into the horizon ``saved`` of the run of ``record``."""
        if self.awaits_data:
            self._resumed = record, saved
        facts = replace(self._facts(), pace=_pace_of(record))
        if self._is_cut or (self._is_same_run(record) and not facts.is_off_plan):
            return saved
        return horizon_with_past(facts, saved, taken, behind=record.get("behind", 0))

    def _is_same_run(self, record: Mapping[str, Any]) -> bool:
        """Whether the code makes the run of ``record``, as it began or as it is since its length has changed."""
        own, began = _beginning(self.record), _beginning(record)
        unknown = {"pace"}
        if self.awaits_data:  # until they are known, the epochs are taken to be what they were
            own |= {key: began.get(key) for key in ("batches", "steps_per_epoch")}
            unknown |= {"batches"}
        # A pace is measured on the way: the code cannot know it, nor the horizon that follows from it.
        known = [began] if "pace" in began else []
        known += [record["now"]] if "now" in record else []
        return own == began or any(
            all(own[key] == facts[key] for key in _KEYS if key not in unknown) for facts in known
        )

    def adopt(self, record: Mapping[str, Any]) -> Horizon | None:
        """Go on from a state that was loaded, with what its ``record`` knows of the run.

        Returns:
            The horizon of the run, if its length had changed since it began, and the code makes the same run.
        """
        self.is_placed = True
        if self._is_same_run(record):
            self._record, self._now = {**self._record, **_beginning(record)}, record.get("now")
            self._measured = record.get("measured", self._measured)
        self._pace = _pace_of(record)
        self._pace_from = tuple(record.get("counted_from", self._pace_from))
        self._record["behind"] = record.get("behind", 0)
        return horizon_from(self._now) if self._now else None

    # --- while the run goes on ---

    @property
    def has_agreed(self) -> bool:
        """Whether the batches of an epoch are those on which the ranks have agreed."""
        return self._agreed is not None

    def agree(self, batches: float) -> None:
        """Take an epoch to have this number of batches from now on, whatever the dataloader of this rank has."""
        self._promised = self._trainer.fit_loop.max_batches
        self._agreed = self._measured = batches

    def read_epochs(self, taken: int, agreed: float | None) -> Horizon:
        """The horizon with the epochs of the dataloader, which Lightning has set up by now. Call it before the first update.

        ``agreed`` is the number of batches on which the ranks have agreed, if those of this rank differ.
        """
        self.awaits_data = False
        self._promised = self._trainer.fit_loop.max_batches
        self._agreed = self._measured = agreed
        self._now = None
        began = replace(self._began, batches=self._promised if agreed is None else agreed)
        horizon = horizon_ahead(began, in_epochs=False)
        self._record = _record(began, horizon, began.epoch)
        if not self.is_placed or self._resumed is None:
            return horizon
        record, saved = self._resumed
        horizon = self.horizon_after(record, saved, taken)
        return self.adopt(record) or horizon

    def measure_epoch(self) -> None:
        """Note how many batches the epoch had that ends here. Call it once for each whole epoch that its loader has ended."""
        progress: Any = self._trainer.fit_loop.epoch_loop.batch_progress.current
        batches = progress.started
        if self._agreed is None and (batches != self._promised or self._measured is not None):
            self._measured = batches

    def measure_pace(self, taken: int, *, begins_epoch: bool) -> None:
        """Note how many updates the optimizer takes per batch, if it has taken some since the measurement began."""
        updates, batches, all_updates = (
            now - then for now, then in zip(self._counts(taken), self._pace_from, strict=True)
        )
        if self._record["unit"] == "epoch":  # the scheduler does not count the updates of its optimizer
            updates = all_updates
        if updates and batches:
            pace = Pace(Fraction(updates, batches), Fraction(updates, all_updates or updates))
            self._pace = None if pace == Pace(Fraction(1), Fraction(1)) else pace
        elif begins_epoch:
            self._pace_from = self._counts(taken)  # an optimizer that begins later is measured from its first epoch on

    @property
    def batches_measured(self) -> int:
        """The batches since the measurement of the pace began."""
        return self._counts(0)[1] - self._pace_from[1]

    @property
    def short_epoch(self) -> tuple[int, int] | None:
        """The batches that an epoch had, and those that its loader promised, if these are more."""
        if self._agreed is not None or self._measured is None or math.isinf(self._promised):
            return None
        return (int(self._measured), int(self._promised)) if self._measured < self._promised else None

    def horizon_now(self, known: Horizon, taken: int, *, is_used: bool) -> Horizon:
        """The horizon of the run as it is at the beginning of a batch; ``known`` if no fact has changed.

        ``taken`` are the scheduler's steps up to here, and ``is_used`` means that an update has used the LR of the next. Until one of
        them is there, a change belongs to the beginning of the run.
        """
        if self._is_cut:
            return known
        facts = self._facts()
        before = self._now or self.record
        now = _record(facts, known, self._record["behind"])
        if all(before.get(key) == now.get(key) for key in _KEYS):
            return known
        horizon = horizon_on_the_way(facts, known, taken, behind=self._record["behind"])
        now = _record(facts, horizon, self._record["behind"])
        if taken or is_used:
            self._now = now
        else:
            self._record, self._now = now, None
        return horizon

    def horizon_from_here(self) -> Horizon:
        """The horizon of a scheduler that begins here, in a run that has begun before."""
        self.is_placed = True
        facts = self._facts()
        unit = horizon_from(self._record).unit
        horizon = horizon_on_the_way(facts, Horizon(1, unit=unit), 0, behind=facts.epoch)
        self._record, self._now = _record(facts, horizon, facts.epoch), None
        self._pace_from = self._counts(0)
        return horizon

    def _facts(self) -> RunFacts:
        facts = read_run_facts(self._trainer)
        if self.awaits_data:
            facts = replace(facts, batches=math.inf)
        if facts.batches != self._promised:  # the dataloader was exchanged
            self._promised, self._measured = facts.batches, self._agreed
        batches = facts.batches if self._measured is None else self._measured
        # Lightning updates at the last batch that was promised. An epoch that ends before it drops what is accumulated.
        ends_with_update = facts.ends_with_update and self.short_epoch is None
        return replace(facts, batches=batches, ends_with_update=ends_with_update, pace=self._pace)

    def _counts(self, taken: int) -> tuple[int, int, int]:
        """The updates of the optimizer, the batches, and the updates of all optimizers up to here."""
        batches: Any = self._trainer.fit_loop.epoch_loop.batch_progress.total
        return taken, batches.processed, self._trainer.global_step


def _record(facts: RunFacts, horizon: Horizon, behind: int) -> dict[str, Any]:
    return {
        **horizon_state(horizon),
        "accumulate": [list(change) for change in facts.accumulation],
        "max_epochs": facts.max_epochs,
        "max_steps": facts.max_steps,
        "batches": _whole(facts.batches),
        "behind": behind,
        **({"pace": _pace_state(facts.pace)} if facts.pace else {}),
    }


def _whole(batches: float) -> int | None:
    return None if math.isinf(batches) else int(batches)


def _pace_state(pace: Pace) -> list[int]:
    return [number for ratio in (pace.per_batch, pace.share) for number in ratio.as_integer_ratio()]


def _pace_of(record: Mapping[str, Any]) -> Pace | None:
    """The pace that was measured last."""
    state = (record.get("now") or record).get("pace")
    return None if state is None else Pace(Fraction(*state[:2]), Fraction(*state[2:]))


def _beginning(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without what the run has shown since it began."""
    return {key: value for key, value in record.items() if key not in _LATER}


def _limit(record: Mapping[str, Any]) -> tuple[Literal["steps", "epochs"], int]:
    """The limit that ends the run of ``record``. A Trainer may have two."""
    if record["max_steps"] == -1 or horizon_from(record).epochs == record["max_epochs"]:
        return "epochs", record["max_epochs"]
    return "steps", record["max_steps"]
