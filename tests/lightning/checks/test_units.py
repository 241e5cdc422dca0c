"""Schedules in another unit or of another length than the run."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torch_lr
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from lr_toolkit import Horizon, LRMonitor, ScheduledLR, ScheduleWarning, configure_optimizers, cosine, scheduler_config
from lr_toolkit.lightning.checks.scheduler_length import SchedulerLength, length_of
from tests.helpers.fits import Probe, fit
from tests.helpers.twins import (
    Make,
    Twin,
    chain,
    codes,
    cosine_of,
    cyclic,
    epoch,
    exponential,
    linear,
    milestones,
    one_cycle,
    run,
    step,
)


def ours(optimizer: Any) -> Any:
    """This package's scheduler, bound by hand."""
    return ScheduledLR(optimizer, cosine(), Horizon(24, 8))


def transformers_warmup(optimizer: Any) -> Any:
    """A warmup from 0, and a decay."""
    return get_linear_schedule_with_warmup(optimizer, 2, 24)


def sequence(first: int, rest: int) -> Make:
    """A warmup and a cosine, one after the other."""

    def make(optimizer: Any) -> Any:
        parts = [torch_lr.LinearLR(optimizer, 0.1, 1, first), torch_lr.CosineAnnealingLR(optimizer, rest)]
        return torch_lr.SequentialLR(optimizer, parts, [first])

    return make


def sequence_to(last: Make, milestone: int = 4) -> Make:
    """A warmup, and another scheduler to the end of the run."""
    return lambda optimizer: torch_lr.SequentialLR(optimizer, [linear(optimizer), last(optimizer)], [milestone])


def drops(milestones: list[float]) -> Make:
    """torch's MultiStepLR."""
    return lambda optimizer: torch_lr.MultiStepLR(optimizer, milestones)


def stairs(length: float, gamma: float = 0.1) -> Make:
    """torch's StepLR."""
    return lambda optimizer: torch_lr.StepLR(optimizer, length, gamma)


def climb(length: int) -> Make:
    """torch's LinearLR, upwards."""
    return lambda optimizer: torch_lr.LinearLR(optimizer, 0.1, 1, length)


TWINS = {
    "T_max in steps, stepped per epoch": Twin(
        {"LR202": "T_max=24, and gets 3 steps.*only 12%.*'interval': 'step'"}, cosine_of(24), step(cosine_of(24))
    ),
    "T_max in epochs, stepped per step": Twin(
        {"LR203": "T_max=3, and gets 24 steps.*ended long before.*'interval': 'epoch'"},
        step(cosine_of(3)),
        epoch(cosine_of(3)),
    ),
    "OneCycle, bare": Twin({"LR202": "total_steps=24, and gets 3 steps"}, one_cycle(24), step(one_cycle(24))),
    "transformers, bare: LR 0 for an epoch": Twin(
        {
            "LR202": "num_training_steps=24, and gets 3 steps",
            "LR301": "The first 8 updates have a learning rate of 0",
        },
        transformers_warmup,
        step(transformers_warmup),
    ),
    "SequentialLR in steps, stepped per epoch": Twin(
        {"LR202": r"has 24 steps \(CosineAnnealingLR with T_max=20 from step 4 on\), and gets 3 steps.*'step'"},
        sequence(4, 20),
        step(sequence(4, 20)),
    ),
    "SequentialLR in epochs, stepped per step": Twin(
        {"LR203": "has 3 steps .*T_max=2 from step 1 on.*gets 24 steps.*ended long before.*If 3 counts epochs"},
        step(sequence(1, 2)),
        epoch(sequence(1, 2)),
    ),
    "SequentialLR whose last scheduler has no length, stepped per epoch": Twin(
        {"LR202": "its last milestone=12, and gets 3 steps"},
        sequence_to(exponential, 12),
        step(sequence_to(exponential, 12)),
    ),
    "ChainedScheduler in steps, stepped per epoch": Twin({"LR202": "T_max=24, and gets 3 steps"}, chain, step(chain)),
    "milestones in steps, stepped per epoch": Twin(
        {"LR204": "first milestone=12, and gets 3 steps.*never drops"}, drops([12, 18]), step(drops([12, 18]))
    ),
    "step_size in steps, stepped per epoch": Twin(
        {"LR204": "step_size=12, and gets 3 steps.*never drops"}, stairs(12), step(stairs(12))
    ),
    "milestones in epochs, stepped per step": Twin(
        {"LR205": r"last drop at update 2 of 120.*\(1, 2\) count updates.*'interval': 'epoch'"},
        step(drops([1, 2])),
        epoch(drops([1, 2])),
        options={"batches": 40},
    ),
    "our milestones, numbers of epochs without the word": Twin(
        {"LR205": r"write multistep\(\['1 epochs', '2 epochs'\]\)"},
        step(milestones(1, 2)),
        step(milestones("1 epochs", "2 epochs")),
        options={"batches": 40},
    ),
    "a warmup in steps, stepped per epoch": Twin(
        {"LR202": "total_iters=8, and gets 3 steps"}, climb(8), step(climb(8))
    ),
    "CyclicLR, bare": Twin({"LR202": "total_size=10, and gets 3 steps"}, cyclic, step(cyclic)),
    "frequency beyond the epoch": Twin(
        {"LR211": "never steps: frequency=100 counts the batches"}, step(exponential, frequency=100), step(exponential)
    ),
    "frequency beyond the run": Twin(
        {"LR211": "never steps: frequency=5 with interval='epoch'"}, epoch(exponential, frequency=5), epoch(exponential)
    ),
    "frequency that starts again with every epoch": Twin(
        {"LR212": "takes 6 steps in this run, not 8"}, step(exponential, frequency=3), step(exponential, frequency=4)
    ),
    "frequency and accumulation": Twin(
        {"LR212": "counts batches, not updates"},
        step(exponential, frequency=3),
        step(exponential),
        options={"accumulate_grad_batches": 2},
    ),
    "frequency and an accumulation that does not divide it": Twin(
        {"LR212": "takes 3 steps in this run, not 4"},
        step(exponential, frequency=2),
        step(exponential),
        options={"accumulate_grad_batches": 3, "batches": 9},
    ),
    "an epoch that is cut before its end": Twin(
        {"LR201": "ends before its first epoch does"},
        epoch(exponential),
        step(exponential),
        options={"max_steps": 5, "max_epochs": -1},
    ),
    "a cosine that is longer by a quarter": Twin(
        {"LR202": "T_max=30, and gets 24 steps.*only 80% of it is run.* Write T_max=24; or"},
        step(cosine_of(30)),
        step(cosine_of(25)),
    ),
    "a decay of transformers that is longer": Twin(
        {"LR202": "num_training_steps=36, and gets 24 steps.* Write num_training_steps=24"},
        step(lambda optimizer: get_linear_schedule_with_warmup(optimizer, 2, 36)),
        step(lambda optimizer: get_linear_schedule_with_warmup(optimizer, 2, 25)),
    ),
    "a cosine that climbs again": Twin(
        {"LR203": "T_max=18, and gets 24 steps.*so the LR climbs again after its end. Write T_max=24"},
        step(cosine_of(18)),
        step(cosine_of(23)),
    ),
    "a cosine of transformers that climbs again": Twin(
        {"LR203": "num_training_steps=18, and gets 24 steps.*climbs again"},
        step(lambda optimizer: get_cosine_schedule_with_warmup(optimizer, 2, 18)),
        step(lambda optimizer: get_cosine_schedule_with_warmup(optimizer, 2, 24)),
    ),
    "a cosine in epochs that climbs again": Twin(
        {"LR203": "T_max=7, and gets 9 steps in this run .interval='epoch'.*climbs again"},
        epoch(cosine_of(7)),
        epoch(lambda optimizer: torch_lr.CosineAnnealingLR(optimizer, 9, eta_min=1e-3)),
        {"max_epochs": 9},
    ),
    "a cosine in neither unit": Twin(
        {"LR203": "T_max=9, and gets 24 steps.*so it has ended long before the run. Write T_max=24; or"},
        step(cosine_of(9)),
        step(cosine_of(24)),
    ),
    "a sequence that climbs again": Twin(
        {
            "LR203": r"has 19 steps \(CosineAnnealingLR with T_max=15 from step 4 on\),.*climbs again after its end. Write T_max=20"
        },
        step(sequence(4, 15)),
        step(sequence(4, 20)),
    ),
    "milestones that are fractions of the run": Twin(
        {
            "LR207": r"milestones=\[0.5, 0.75\], which is never reached.* Write lr_toolkit.scheduler_config\(optimizer, \"multistep\(at="
        },
        epoch(drops([0.5, 0.75])),
        epoch(drops([1.0, 2])),
    ),
    "a milestone of half an epoch": Twin(
        {"LR207": r"milestones=\[1.5\], which is never reached.* Write milestones=\[1, 2\]"},
        epoch(drops([1.5, 2])),
        epoch(drops([1, 2])),
    ),
    "a milestone at 0": Twin(
        {"LR207": r"milestones=\[0\], which acts before the first update"}, epoch(drops([0, 2])), epoch(drops([2]))
    ),
    "a milestone below 0, in a sequence": Twin(
        {"LR207": r"milestones=\[-4\], which is never reached"},
        step(sequence_to(drops([-4, 10]))),
        step(sequence_to(drops([4, 10]))),
    ),
    "a stair of half a step": Twin(
        {"LR207": "StepLR has step_size=2.5, which acts at its whole multiples alone.* Write step_size=2"},
        step(stairs(2.5)),
        step(stairs(2)),
    ),
    "ours, in the wrong unit": Twin({"LR206": "ScheduledLR counts in steps, and interval='epoch'"}, ours, step(ours)),
}


@pytest.mark.parametrize(
    "make",
    [
        step(drops([5, 90])),
        step(drops([5])),  # the run has 3 epochs
        step(milestones(5)),
        step(stairs(1, 0.97)),
        step(lambda optimizer: torch_lr.ChainedScheduler([linear(optimizer), torch_lr.ExponentialLR(optimizer, 0.99)])),
        epoch(drops([1])),
        lambda optimizer: [step(linear)(optimizer), step(cosine_of(120))(optimizer)],
    ],
)
def test_an_early_drop_may_be_meant(make: Make) -> None:
    """What only resembles a mistake is not reported."""
    assert run(make, {"batches": 40}).findings == ()


def test_milestones_of_a_short_run_may_be_meant() -> None:
    """If epochs have few updates, an early epoch is not an early update: 2 of 24."""
    assert run(step(drops([1, 2])), {}).findings == ()


# --- the length of a scheduler ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "last",
    [
        lambda optimizer: torch_lr.LambdaLR(optimizer, lambda k: 0.9**k),
        exponential,
        torch_lr.ConstantLR,
    ],
    ids=["LambdaLR", "ExponentialLR", "ConstantLR"],
)
def test_a_sequence_that_ends_without_a_length(last: Make) -> None:
    """A sequence whose last scheduler has no length goes on to the end of the run."""
    assert run(step(sequence_to(last)), {"max_epochs": 9}).findings == ()


LENGTHS: list[tuple[Make, SchedulerLength | None]] = [
    (cosine_of(9), SchedulerLength("T_max", 9, "decay")),
    (one_cycle(9), SchedulerLength("total_steps", 9, "decay")),
    (climb(9), SchedulerLength("total_iters", 9, "climb")),
    (lambda optimizer: torch_lr.LinearLR(optimizer, 1, 0.1, 9), SchedulerLength("total_iters", 9, "decay")),
    (lambda optimizer: torch_lr.PolynomialLR(optimizer, 9), SchedulerLength("total_iters", 9, "decay")),
    (lambda optimizer: torch_lr.CosineAnnealingWarmRestarts(optimizer, 9), SchedulerLength("T_0", 9, "cycle")),
    (cyclic, SchedulerLength("total_size", 10, "cycle")),
    (stairs(9), SchedulerLength("step_size", 9, "drop")),
    (drops([20, 9]), SchedulerLength("its first milestone", 9, "drop")),
    (drops([20, 0, 7.5, -3]), SchedulerLength("its first milestone", 20, "drop")),
    (drops([0.5]), None),
    (drops([]), None),
    (transformers_warmup, SchedulerLength("num_training_steps", 24, "decay")),
    (lambda optimizer: torch_lr.LambdaLR(optimizer, lambda k: 1.0), None),
    (exponential, None),
    (sequence(4, 20), SchedulerLength("T_max", 24, "decay", 4, "CosineAnnealingLR")),
    (sequence_to(sequence(3, 20)), SchedulerLength("T_max", 27, "decay", 7, "CosineAnnealingLR")),
    (sequence_to(stairs(9)), SchedulerLength("step_size", 13, "cycle", 4, "StepLR")),
    (sequence_to(exponential), SchedulerLength("its last milestone", 4, "cycle")),
    (torch_lr.ReduceLROnPlateau, None),
]


@pytest.mark.parametrize(("make", "length"), LENGTHS)
def test_the_length_of_a_scheduler(make: Make, length: SchedulerLength | None) -> None:
    """The length, what the scheduler calls it and what happens in it; ``None`` if it is not known."""
    assert length_of(make(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1))) == length


class Timm:
    """As timm's CosineLRScheduler: ``step`` takes the epoch, or the update."""

    def __init__(self, optimizer: Any, t_initial: int, t_in_epochs: bool = True, warmup_t: int = 0) -> None:
        self.optimizer, self.t_initial, self.t_in_epochs = optimizer, t_initial, t_in_epochs
        self.warmup_t, self.warmup_prefix, self.cycle_limit = warmup_t, warmup_t > 0, 1

    def state_dict(self) -> dict[str, Any]:
        """Lightning saves it."""
        return {"t_initial": self.t_initial}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Lightning loads it."""

    def step(self, epoch: int) -> None:
        """The LR of an epoch."""
        done = min(epoch / self.t_initial, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = 0.1 * (1 - 0.99 * done)


class StepsTimm(Probe):
    """Passes the epoch to ``step``, as timm's documentation shows for Lightning."""

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step."""
        scheduler.step(epoch=self.current_epoch + 1)


@pytest.mark.parametrize(
    ("make", "interval", "text"),
    [
        (lambda o: Timm(o, 6), "epoch", ""),
        (lambda o: Timm(o, 5), "epoch", ""),  # an epoch of cooldown
        (lambda o: Timm(o, 4, warmup_t=2), "epoch", ""),
        (lambda o: Timm(o, 6), "step", ""),  # gets the epoch at each update
        (lambda o: Timm(o, 9), "epoch", "LR202: Timm has t_initial=9, and gets 6 steps.*67%.*Write t_initial=6"),
        (lambda o: Timm(o, 2), "epoch", "LR203: Timm has t_initial=2, and gets 6 steps.*ended long before"),
        (lambda o: Timm(o, 8, warmup_t=2), "epoch", r"LR202: Timm has t_initial \+ warmup_t=10, and gets 6 steps"),
        (lambda o: Timm(o, 6, t_in_epochs=False), "epoch", ""),
    ],
)
def test_the_length_of_timms_schedulers(make: Make, interval: str, text: str) -> None:
    """It is known, in the unit that ``step`` takes: ``t_initial`` in a run of six epochs."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": make(optimizer), "interval": interval}}

    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match=text) if text else nullcontext():
        fit(StepsTimm(answer), monitor, max_epochs=6)

    assert codes(monitor) == [text[:5]] * bool(text)


# --- schedules of this package ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "interval", "text"),
    [
        ("step('30 epochs')", "step", r"step\('30 epochs'\) never drops the LR: its phase has 24 updates"),
        ("step('30 epochs')", "epoch", r"step\('30 epochs'\) never drops the LR: its phase has 3 epochs"),
        ("warmup(10) >> step(20, over=10) >> linear()", "step", r"step\(20, over=10\) never drops the LR.*hold\(\)"),
        ("step('2 epochs')", "step", ""),
        ("step(23)", "step", ""),
        ("hold()", "epoch", ""),
        ("piecewise([5, 9], levels=[1.0, 0.5, 1.0])", "step", ""),
        ("hold(23) >> inverse_time(5)", "step", ""),
        ("repeat(linear(over=2), 3) >> hold(level=1.0)", "step", ""),
        ("stairs(linear(), 3)", "step", ""),
    ],
)
def test_stairs_longer_than_their_phase(schedule: str, interval: Any, text: str) -> None:
    """A staircase whose first drop comes after its phase is reported; one that drops at the last update is not."""
    monitor = LRMonitor()
    net = Probe(lambda net: configure_optimizers(net.sgd(), schedule, net.trainer, interval=interval))
    with pytest.warns(ScheduleWarning, match=f"LR221: {text}") if text else nullcontext():
        fit(net, monitor, max_epochs=3)

    assert codes(monitor) == ["LR221"] * bool(text)


# --- several optimizers and max_steps ---------------------------------------------------------------------------------


class Pair(Probe):
    """Two optimizers, each stepped for every batch, with what ``answer`` gives as schedulers."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer, groups=2)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Step both, and their schedulers."""
        for weight, optimizer in zip(self.weights, self.optimizers(), strict=True):
            optimizer.zero_grad()
            self.manual_backward(weight.square().sum() * batch[0].mean())
            optimizer.step()
        for scheduler in self.lr_schedulers():
            scheduler.step()

    def configure_optimizers(self) -> Any:
        """One optimizer for each weight."""
        both = [torch.optim.SGD([weight], lr=0.1) for weight in self.weights]
        return both, [self.answer(self, optimizer) for optimizer in both]


class Accumulates(Pair):
    """Makes an update of four batches by hand."""

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Step both at every fourth batch."""
        if (batch_idx + 1) % 4 == 0:
            super().training_step(batch, batch_idx)


def pair_of(horizon: Horizon | None = None) -> Any:
    """The helper's scheduler."""
    return lambda net, optimizer: scheduler_config(optimizer, cosine(), net.trainer, horizon=horizon)


def pair_of_torchs(net: Any, optimizer: Any) -> Any:
    """torch's cosine, of the length that Lightning estimates."""
    return cosine_of(net.trainer.estimated_stepping_batches)(optimizer)


@pytest.mark.parametrize(
    ("answer", "options", "text"),
    [
        (
            pair_of(Horizon(16, 8)),
            {"max_steps": 16, "max_epochs": -1},
            r"made for 16 updates, and max_steps=16 .* about 8.*'cosine\(\)', self\.trainer\), which measures",
        ),
        (
            pair_of(Horizon(16, 8)),
            {"max_steps": 20, "max_epochs": 2},
            r"made for 16 updates, and max_steps=20 .* about 10.*max_steps=32",
        ),
        (pair_of(), {"max_steps": 16, "max_epochs": -1}, ""),
        (pair_of_torchs, {"max_steps": 16, "max_epochs": -1}, "CosineAnnealingLR is made for 16 updates"),
        (pair_of(Horizon(8)), {"max_steps": 16, "max_epochs": -1}, ""),
        (pair_of(), {"max_steps": 32, "max_epochs": 2}, ""),
        (pair_of(), {"max_epochs": 2}, ""),
        (pair_of_torchs, {"max_epochs": 2}, ""),
    ],
)
def test_max_steps_counts_the_updates_of_all_optimizers(answer: Any, options: dict[str, Any], text: str) -> None:
    """With two optimizers a run of ``max_steps`` ends in the middle of schedules that count on all of them.

    The helper's schedules are recalculated, so they end with the run.
    """
    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match=f"LR223: .*{text}") if text else nullcontext():
        fit(Pair(answer), monitor, **options)

    assert codes(monitor) == ["LR223"] * bool(text)


def test_a_horizon_that_the_run_does_not_reach() -> None:
    """A given horizon of twice the run or more is reported; if the module takes updates as it likes, after the first epoch."""

    def given(steps: int) -> Any:
        return lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer, horizon=Horizon(steps))

    expected = r"LR222: .*horizon=Horizon\(steps=800\), and gets 8 steps in this run, so only 1% of it"
    with pytest.warns(ScheduleWarning, match=expected):
        fit(Probe(given(800)), LRMonitor())

    monitor = LRMonitor()
    fit(Probe(given(15)), monitor)
    assert monitor.findings == ()

    expected = "LR507: ScheduledLR has horizon=800, and took 2 steps in the first epoch. At this pace it takes 2"
    with pytest.warns(ScheduleWarning, match=expected):
        fit(Accumulates(pair_of(Horizon(800))), LRMonitor())


@pytest.mark.filterwarnings("ignore:LR263")
def test_a_horizon_for_a_module_with_updates_of_its_own() -> None:
    """Under manual optimization only the module knows that two updates are the whole run of eight batches."""
    monitor = LRMonitor()
    fit(Accumulates(pair_of(Horizon(2))), monitor)
    assert monitor.findings == ()

    net = Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer, horizon=Horizon(2)))
    with pytest.warns(ScheduleWarning, match="LR302: From update 2 of 8 on the learning rate is less than a millionth"):
        fit(net, LRMonitor())


# --- trials -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize(
    "make",
    [step(cosine_of(500)), epoch(cosine_of(90)), epoch(exponential, frequency=2), epoch(milestones(30, 60))],
    ids=["in steps", "in epochs", "every second epoch", "milestones"],
)
def test_a_trial_is_no_run_that_is_too_short(make: Make, batches: int) -> None:
    """``fast_dev_run`` cuts the run on purpose: how much of a schedule it sees is not reported."""
    assert run(make, {"fast_dev_run": batches}).findings == ()


def test_a_trial_of_two_optimizers() -> None:
    """The ``max_steps`` that ``fast_dev_run`` sets is not the user's."""
    monitor = LRMonitor()
    fit(Pair(pair_of()), monitor, fast_dev_run=True)

    assert monitor.findings == ()
