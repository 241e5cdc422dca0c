"""``configure_optimizers`` and ``scheduler_config``: the LR of every update in real Trainers, and their place in Lightning."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.optim import SGD, Optimizer

from lr_toolkit import (
    Horizon,
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    Schedule,
    ScheduledLR,
    ScheduleError,
    ScheduleMixin,
    ScheduleWarning,
    configure_optimizers,
    cosine,
    custom,
    hold,
    scheduler_config,
    warmup,
)
from tests.helpers.runs import BASES, RUNS, Net, Run, loader, plain_module, trainer

# A loader whose length is known is one of the cases.
pytestmark = pytest.mark.filterwarnings("ignore:Your `IterableDataset` has `__len__` defined")

# It fits every run of the table, and its value differs from update to update.
SCHEDULE = "warmup('20%') >> cosine(end=0.1)"


def helper(schedule: Any = SCHEDULE, **options: Any) -> Net:
    """A module that uses the helper."""
    return Net(lambda net, optimizer: configure_optimizers(optimizer, schedule, net.trainer, **options))


class Mixed(ScheduleMixin, Net):
    """A module that uses the mixin."""

    schedule = SCHEDULE

    def __init__(self, **options: Any) -> None:
        super().__init__(lambda *_: pytest.fail("the mixin answers"))
        vars(self).update(options)

    def build_optimizer(self) -> Optimizer:
        """The recording optimizer."""
        return self.optimizer()


def planned(schedule: Any, horizon: Horizon, updates: int | None = None) -> list[list[float]]:
    """base * timeline(k) for each group and update."""
    timeline = Schedule.parse(schedule).resolve(horizon)
    return [[timeline(k, base_lr=base) for base in BASES] for k in range(horizon.steps if updates is None else updates)]


@pytest.mark.parametrize("module", [helper, Mixed])
@pytest.mark.parametrize("name", RUNS)
def test_every_update_uses_base_times_timeline(name: str, module: Callable[[], Net]) -> None:
    """In each Trainer, with helper and mixin, the LR at optimizer update k is base * timeline(k), to the last bit."""
    net = module()
    RUNS[name].fit(net)

    assert net.lrs == planned(SCHEDULE, RUNS[name].horizon)


@pytest.mark.parametrize("module", [helper, Mixed])
@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.per_epoch])
def test_with_interval_epoch_the_lr_moves_once_per_epoch(name: str, module: Callable[..., Net]) -> None:
    """With ``interval="epoch"`` every update of epoch e uses base * timeline(e)."""
    net = module(interval="epoch")
    RUNS[name].fit(net)
    expected = planned(SCHEDULE, Horizon(RUNS[name].epochs, unit="epoch"))

    assert net.lrs == [expected[epoch] for epoch, _ in net.used]
    assert len({epoch for epoch, _ in net.used}) == RUNS[name].epochs


def test_the_lrs_that_are_compared_move() -> None:
    """The tests above compare LRs that differ from update to update, and from epoch to epoch."""
    assert len({row[0] for row in planned(SCHEDULE, Horizon(24, 8))}) == 24


@pytest.mark.parametrize(
    "text", ["warmup('1 epoch') >> hold()", "multistep(at=['1 epoch', '2 epochs'])", "step('1 epoch', gamma=0.5)"]
)
def test_epochs_are_exact_where_accumulation_changes(text: str) -> None:
    """A duration in epochs ends with that epoch, even if the epochs have different numbers of updates."""
    run = RUNS["accumulation 1 then 4"]
    net = helper(text)
    run.fit(net)
    drops = {"multistep": [0.1, 0.01], "step": [0.5, 0.25]}.get(text.partition("(")[0])

    if drops is None:
        assert [lrs[0] for _, lrs in net.used] == [0.1 * ((i + 1) / 9) for i in range(8)] + [0.1] * 4
    else:
        assert [lrs[0] for _, lrs in net.used] == pytest.approx([0.1 * ([1.0, *drops][epoch]) for epoch, _ in net.used])


@pytest.mark.parametrize(
    ("options", "horizon"), [({}, Horizon(40, 4)), ({"interval": "epoch"}, Horizon(10, unit="epoch"))]
)
def test_a_horizon_that_is_given_is_taken(options: dict[str, Any], horizon: Horizon) -> None:
    """``horizon=`` replaces the Trainer's length: the run follows the beginning of the longer plan."""
    net = helper(horizon=horizon, **options)
    RUNS["max_epochs"].fit(net)

    assert net.lrs[:8] == (planned(SCHEDULE, horizon, 8) if not options else planned(SCHEDULE, horizon, 1) * 8)


def test_a_horizon_by_hand_serves_where_none_is_known() -> None:
    """With ``horizon=`` a stream without length trains, and the Trainer's limits are not read."""
    net = helper(horizon=Horizon(30))
    made = trainer(max_epochs=2)
    made.fit(net, RUNS["stream and max_steps"].data())

    assert net.lrs == planned(SCHEDULE, Horizon(30), 12)


# --- in Lightning -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("plateau", [None, ReduceOnPlateau(monitor="loss")])
def test_the_dict_is_complete(interval: Any, plateau: ReduceOnPlateau | None) -> None:
    """The result holds the optimizer and the whole ``lr_scheduler`` dict. Lightning's config has the same values."""
    answer: dict[str, Any] = {}

    def configure(net: Net, optimizer: Optimizer) -> Any:
        answer.update(
            configure_optimizers(optimizer, "hold()", net.trainer, interval=interval, plateau=plateau, name="curve")
        )
        # Lightning adds a key to the dict that it is given.
        return answer | {"lr_scheduler": dict(answer["lr_scheduler"])}

    class Logging(Net):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            self.log("loss", loss := super().training_step(batch, batch_idx))
            return loss

    made = trainer(max_epochs=1)
    made.fit(Logging(configure), loader(2))
    config = made.lr_scheduler_configs[0]

    assert set(answer) == {"optimizer", "lr_scheduler"}
    given = answer["lr_scheduler"]
    assert set(given) == {"scheduler", "interval", "frequency", "monitor", "strict", "name"}
    assert isinstance(given["scheduler"], ScheduledLR)
    assert given["scheduler"].optimizer is answer["optimizer"]
    assert {key: getattr(config, key) for key in given} == given
    assert (given["interval"], given["frequency"], given["name"], given["strict"]) == (interval, 1, "curve", True)
    assert given["monitor"] == (plateau.monitor if plateau else None)
    assert not config.reduce_on_plateau


def test_scheduler_config_is_the_dict_alone() -> None:
    """``scheduler_config`` fits into each form of result that Lightning accepts."""

    def lists(net: Net, optimizer: Optimizer) -> Any:
        return [optimizer], [scheduler_config(optimizer, SCHEDULE, net.trainer)]

    net = Net(lists)
    RUNS["accumulate 3, ragged"].fit(net)

    assert net.lrs == planned(SCHEDULE, RUNS["accumulate 3, ragged"].horizon)


@pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers")  # Lightning's advice on speed
@pytest.mark.parametrize("name", [None, "curve"])
def test_lightnings_own_monitor_shows_it(name: str | None, tmp_path: Any) -> None:
    """Lightning's ``LearningRateMonitor`` logs the LR that each update used, under the given name."""
    net = helper(name=name)
    logger = CSVLogger(tmp_path)
    monitor = LearningRateMonitor("step")
    trainer(max_epochs=2, logger=logger, callbacks=[monitor], log_every_n_steps=1).fit(net, loader(4))

    assert monitor.lrs == {f"{name or 'lr-SGD'}/pg{group + 1}": [row[group] for row in net.lrs] for group in (0, 1)}


def test_the_last_value_is_reached() -> None:
    """After the run the optimizer holds the last value of the schedule."""
    net = helper()
    made = RUNS["max_epochs"].fit(net)

    assert [group["lr"] for group in made.optimizers[0].param_groups] == pytest.approx([0.1 * base for base in BASES])


@pytest.mark.parametrize(("skipped", "counts"), [((1, 2), (0, 1, 1, 1, 2, 3)), ((0, 4), (0, 0, 1, 2, 3, 3))])
def test_updates_that_happen_without_a_gradient_do_not_count(skipped: tuple[int, ...], counts: tuple[int, ...]) -> None:
    """If ``training_step`` returns None, Lightning steps optimizer and scheduler. The schedule stays, without a warning."""

    class Skipping(Net):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return None if batch_idx in skipped else super().training_step(batch, batch_idx)

    net = Skipping(lambda net, optimizer: configure_optimizers(optimizer, "linear()", net.trainer))
    with warnings.catch_warnings():
        # The skipped update that is tested.
        warnings.filterwarnings("ignore", message=".*training_step.* returned .?None")
        trainer(max_epochs=1).fit(net, loader(6))

    plan = planned("linear()", Horizon(6))
    assert net.lrs == [plan[k] for k in counts]


def test_updates_that_a_grad_scaler_skips_do_not_count() -> None:
    """Under mixed precision the schedule advances by the updates that happened. Lightning counts skipped ones, too."""

    class Overflowing(Net):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return super().training_step(batch, batch_idx) * (math.inf if batch_idx in (1, 4) else 1.0)

    net = Overflowing(lambda net, optimizer: configure_optimizers(optimizer, "linear()", net.trainer))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    made = trainer(max_epochs=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])
    made.fit(net, loader(8))

    assert net.lrs == planned("linear()", Horizon(8), 6)
    assert made.global_step == 8


def test_a_group_that_is_added_during_the_run_follows() -> None:
    """A group that a callback unfreezes in mid-run uses base * timeline(k) from its first update on."""

    class Unfreeze(L.Callback):
        def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            if trainer.current_epoch == 1:
                trainer.optimizers[0].add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.5})

    net = helper("linear()")
    trainer(max_epochs=2, callbacks=[Unfreeze()]).fit(net, loader(4))
    plan, late = planned("linear()", Horizon(8)), Schedule.parse("linear()").resolve(Horizon(8))

    assert net.lrs == plan[:4] + [[*row, late(k, base_lr=0.5)] for k, row in enumerate(plan) if k >= 4]


# --- manual optimization -------------------------------------------------------------------------------------------


class Manual(L.LightningModule):
    """Two optimizers, stepped by hand: the first for every batch, the second for every other."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.layers = torch.nn.ModuleList([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)])
        self.used: list[list[float]] = [[], []]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Train both, and step their schedulers."""
        for index, (layer, optimizer, scheduler) in enumerate(
            zip(self.layers, self.optimizers(), self.lr_schedulers(), strict=True)
        ):
            if index and batch_idx % 2:
                continue
            self.used[index].append(optimizer.param_groups[0]["lr"])
            optimizer.zero_grad()
            self.manual_backward(layer(batch[0]).square().mean())
            optimizer.step()
            scheduler.step()

    def configure_optimizers(self) -> Any:
        """Each optimizer with a schedule of its own."""
        first, second = (SGD(layer.parameters(), lr=lr) for layer, lr in zip(self.layers, BASES, strict=True))
        return (
            configure_optimizers(first, "cosine()", self.trainer, name="first"),
            configure_optimizers(second, "linear()", self.trainer, name="second"),
        )


def test_manual_optimization_with_two_optimizers() -> None:
    """Under manual optimization Lightning does not warn, and each schedule follows the updates of its own optimizer."""
    net = Manual()
    made = trainer(max_epochs=2)
    made.fit(net, loader(6))

    assert net.used[0] == [cosine().resolve(Horizon(12, 6))(k, base_lr=BASES[0]) for k in range(12)]
    # It takes an update every second batch, which is known after two batches: its decay ends with the run.
    assert net.used[1] == [Schedule.parse("linear()").resolve(Horizon(6, 3))(k, base_lr=BASES[1]) for k in range(6)]
    assert [config.name for config in made.lr_scheduler_configs] == ["first", "second"]


# --- the other Lightning -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mixed", [True, False], ids=["mixin", "helper"])
def test_the_package_pytorch_lightning_works_too(mixed: bool) -> None:
    """A ``pytorch_lightning`` Trainer with a ``pytorch_lightning`` module follows the schedule, with mixin and helper."""
    pl = pytest.importorskip("pytorch_lightning")
    used: list[float] = []

    class Plain(plain_module(pl)):
        def build_optimizer(self) -> Optimizer:
            optimizer = SGD(self.parameters(), lr=BASES[0])
            optimizer.register_step_post_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
            return optimizer

    class Helped(Plain):
        def configure_optimizers(self) -> Any:
            return configure_optimizers(self.build_optimizer(), SCHEDULE, self.trainer)

    class Mixed(ScheduleMixin, Plain):
        schedule = SCHEDULE

    pl.Trainer(
        accelerator="cpu", devices=1, max_epochs=2, accumulate_grad_batches=2, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    ).fit((Mixed if mixed else Helped)(), loader(5))  # fmt: skip

    assert used == [lrs[0] for lrs in planned(SCHEDULE, Horizon(6, 3))]


def test_the_callbacks_work_with_pytorch_lightning_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Under a ``pytorch_lightning`` Trainer ``LRMonitor`` logs the used LRs, and ``LRWarmup`` ramps them."""
    pl = pytest.importorskip("pytorch_lightning")

    class Plain(plain_module(pl)):
        def configure_optimizers(self) -> Any:
            return configure_optimizers(SGD(self.parameters(), lr=BASES[0]), hold(), self.trainer)

    monitor = LRMonitor(strict=True)
    pl.Trainer(
        accelerator="cpu", devices=1, max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        log_every_n_steps=1, callbacks=[monitor, LRWarmup(3)],
    ).fit(Plain(), loader(5))  # fmt: skip

    assert monitor.lrs == {"lr/optimizer": [BASES[0] * factor for factor in (0.25, 0.5, 0.75, 1.0, 1.0)]}
    assert "LR schedule: hold() (SGD)" in capsys.readouterr().out


# --- fast_dev_run ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "factors"),
    [("warmup(3) >> cosine()", [0.25]), ("warmup(500) >> hold(100)", [1 / 501]), ("multistep(at=[7, 9])", [1.0])],
)
def test_fast_dev_run_cuts_the_schedule(text: str, factors: list[float]) -> None:
    """``fast_dev_run`` cuts a run on purpose. A schedule that does not fit is cut too, with a warning."""
    net = helper(text)
    with pytest.warns(ScheduleWarning, match="^LR261: fast_dev_run cuts the schedule "):
        trainer(fast_dev_run=True).fit(net, loader(4))

    assert [lrs[0] for lrs in net.lrs] == [0.1 * factor for factor in factors]


@pytest.mark.parametrize("schedule", ["cosine() >> step(", "warmup(3) >> cosine() >> linear()", "cosine(end_lr=99)"])
def test_fast_dev_run_excuses_nothing_else(schedule: str) -> None:
    """A schedule that no run can follow is refused under ``fast_dev_run``, too."""
    net = helper(schedule)
    with pytest.raises(ScheduleError):
        trainer(fast_dev_run=True).fit(net, loader(4))

    assert net.used == []


# --- refusals, all before the first update -----------------------------------------------------------------------------


class NoSchedule(Mixed):
    """A mixin without a schedule."""

    schedule = None


class NoOptimizer(ScheduleMixin, Net):
    """A mixin without an optimizer."""

    schedule = "hold()"


RUN = RUNS["max_epochs"]
REFUSED: dict[str, tuple[Callable[[], Net], Run, str]] = {
    "a phase longer than the run": (lambda: helper("warmup(500) >> cosine()"), RUN, r"take 500 steps.*has 24.*over='5%'"),
    "epochs beyond the run": (lambda: helper("warmup('4 epochs') >> cosine()"), RUN, r"take 32 steps.*has 24"),
    "a milestone beyond the run": (lambda: helper("multistep(at=[30, 60])"), RUN, r"milestone 60.*24 steps.*shares"),
    "two open phases": (lambda: helper("cosine() >> linear()"), RUN, r"both leave their length open.*over='50%'"),
    "epochs of a stream": (
        lambda: helper("warmup('1 epoch') >> hold()"), RUNS["stream and max_steps"], r"'1 epoch' needs .*Horizon\(steps=10, "
    ),
    "not a schedule": (lambda: helper(0.1), RUN, r"0\.1"),
    "no schedule": (lambda: helper(None), RUN, r"None"),
    "not a builder": (lambda: helper("cosin()"), RUN, r"cosin"),
    "a call in the text": (lambda: helper("cosine(__import__('os').getpid())"), RUN, r"__import__"),
    "steps per epoch": (
        lambda: helper("warmup(3) >> cosine()", interval="epoch"), RUN, r"interval='epoch'.*'3 steps' has no.*'3 epochs'.*'5%'"
    ),
    "a step per epoch": (lambda: helper("step(1)", interval="epoch"), RUN, r"'1 step' has no meaning.*'1 epoch'"),
    "a second warmup in steps per epoch": (
        lambda: helper(interval="epoch", on_change="replan", rewarm="3 steps"),
        RUN,
        r"rewarm='3 steps' with interval='epoch'.*'3 epochs'",
    ),
    "an unknown interval": (lambda: helper(interval="batch"), RUN, r"interval='batch'.*interval='step' or interval='epoch'"),
    "a horizon in updates per epoch": (
        lambda: helper(interval="epoch", horizon=Horizon(24, 8)), RUN, r"horizon=Horizon.*unit='epoch'"
    ),
    "a horizon in epochs per update": (
        lambda: helper(horizon=Horizon(3, unit="epoch")), RUN, r"interval='step', horizon=Horizon.*steps=3 \* 100, steps_per_epoch=100"
    ),
    "a horizon that is a float": (lambda: helper(horizon=24.0), RUN, r"horizon=24.*Horizon\(steps=10_000"),
    "a plateau that is a name": (lambda: helper(plateau="val_loss"), RUN, r"plateau='val_loss'.*ReduceOnPlateau\(monitor='val_loss'"),
    "torch's plateau": (
        lambda: Net(
            lambda net, optimizer: configure_optimizers(
                optimizer, "hold()", net.trainer, plateau=torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
            )
        ), RUN, r"plateau=.*ReduceLROnPlateau.*ReduceOnPlateau\(monitor='val_loss'",
    ),
    "a plateau without monitor": (
        lambda: Net(lambda net, o: configure_optimizers(o, "hold()", net.trainer, plateau=ReduceOnPlateau())),
        RUN, r"monitor=''.*monitor='val_loss'",
    ),
    "min_lr for other groups": (
        lambda: helper("hold()", plateau=ReduceOnPlateau(monitor="loss", min_lr=(1e-3,) * 3)), RUN, r"3 values for 2 parameter groups"
    ),
    "end_lr above a base": (lambda: helper(cosine(end_lr=0.05)), RUN, r"end_lr=0.05.*base LR 0.02,.*end=0.1.*group 1"),
    "no trainer": (
        lambda: Net(lambda net, optimizer: configure_optimizers(optimizer, "hold()", None)), RUN, r"trainer=None.*self\.trainer.*horizon="
    ),
    "a plateau without trainer": (
        lambda: Net(lambda net, optimizer: configure_optimizers(
            optimizer, "hold()", None, horizon=Horizon(24), plateau=ReduceOnPlateau(monitor="loss"))),
        RUN, r"plateau=.*self\.trainer",
    ),
    "a list of optimizers": (
        lambda: Net(lambda net, optimizer: configure_optimizers([optimizer], "hold()", net.trainer)),
        RUN, r"optimizer=list\).*torch.optim.AdamW",
    ),
    "the length is unknown": (helper, Run({"max_epochs": -1}, lambda: loader(4), None, 0), r"without end.*horizon="),
    "a mixin without schedule": (NoSchedule, RUN, r"NoSchedule has no schedule. Write schedule = warmup"),
    "a mixin without optimizer": (lambda: NoOptimizer(lambda *_: None), RUN, r"NoOptimizer has no optimizer. Write def build_optimizer"),
    "a mixin with a bad text": (lambda: Mixed(schedule="cosine(0.1"), RUN, r"cosine\(0\.1"),
    "a mixin with an interval": (lambda: Mixed(interval="steps"), RUN, r"interval='steps'.*interval='step'"),
    "a custom function below zero": (
        lambda: helper(warmup(2) >> hold(2) >> "linear(over=2)" >> custom(lambda i: -1.0)),
        RUN, r"-1\.0.*lambda i",
    ),
    "a custom function that gives NaN": (
        lambda: helper(custom(lambda i: math.nan)), RUN, r"nan.*lambda i"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_before_the_first_update(name: str) -> None:
    """Each is a ``ScheduleError`` before the first update, with the argument, the value and a call that works."""
    build, run, message = REFUSED[name]
    nets: list[Net] = []
    with pytest.raises(ScheduleError, match=f"(?s){message}"):
        run.fit(nets.append(build()) or nets[0])

    assert not any(net.used for net in nets)


# --- two ranks -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_ranks_follow_the_same_schedule(two_ranks: dict[str, list[dict[str, Any]]]) -> None:
    """On two gloo ranks every update uses base * timeline(k), and the weights stay equal."""
    first, second = two_ranks["plain"]

    assert first == second
    assert first["lrs"] == planned("cosine()", Horizon(8, 4))
