"""The report with ten and with a hundred groups, and after a resume under a changed plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch.optim import SGD

from lr_toolkit import LRMonitor, ScheduleWarning, configure_optimizers, cosine, hold, linear, warmup
from lr_toolkit.preview.axes import has_matplotlib
from tests.helpers.fits import BarMetrics, Probe, fit

EQUAL = [0.1] * 100
PAIRS = [0.1 * 0.5 ** (index // 2) for index in range(10)]
LAYERS = [0.1 * 0.9**index for index in range(30)]


def named(lrs: list[float], schedule: Any = None) -> Any:
    """An answer: a named group for each LR."""

    def answer(net: Probe) -> Any:
        names = [f"backbone.layers.{index // 2}.attention.{'no_' * (index % 2)}decay" for index in range(len(lrs))]
        groups = [
            {"params": [weight], "lr": lr, "name": name}
            for weight, lr, name in zip(net.weights, lrs, names, strict=True)
        ]
        return configure_optimizers(net.watched(SGD(groups)), schedule or linear(end=0.1), net.trainer)

    return answer


def rows_of(text: str) -> list[list[str]]:
    """The rows of the table of groups, the heading first."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split()[:1] == ["group"])
    return [line.split() for line in lines[start : lines.index("", start)]]


@pytest.mark.parametrize(
    ("lrs", "rows"), [(PAIRS[:6], 6), (PAIRS, 5), (EQUAL[:10], 1), (EQUAL, 1), (LAYERS[:10], 10), (LAYERS, 12)]
)
def test_the_table_of_many_groups(lrs: list[float], rows: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Within 80 columns each row has a different name; equal groups share a row, and of many rows the first and last are shown."""
    fit(Probe(named(lrs), groups=len(lrs)), LRMonitor(table=True), batches=2)
    shown = capsys.readouterr().out
    heading, *table = rows_of(shown)

    assert max(map(len, shown.splitlines())) <= 80
    assert len({row[0] for row in table}) == len(table) == rows
    assert ("alike" in heading) is (len(set(lrs)) < len(lrs) > 6)
    if "alike" in heading:
        counted = [(int(row[1]), int(row[2])) for row in table]
        assert counted == [(len(lrs) // rows - 1, len(lrs) // rows)] * rows
    if len(lrs) == 30:
        assert ["...", "19", "more"] in table
        assert (table[0][0], table[-1][0]) == ("..0.attention.decay", "..14.attention.no_decay")


@pytest.mark.parametrize(
    ("lrs", "line"),
    [
        ([0.1, 0.01], "lr/backbone.layers.0.attention.decay 1.000e-01, lr/backbone.layers.0.attention.no_decay 1.000e-02"),
        (EQUAL, "lr/backbone.layers.0.attention.decay and 99 alike 1.000e-01"),
        (
            LAYERS,
            "30 LRs from 4.710e-03 (lr/backbone.layers.14.attention.no_decay) to 1.000e-01 (lr/backbone.layers.0.attention.decay)",
        ),
    ],
)  # fmt: skip
def test_a_printed_line_stays_a_line(lrs: list[float], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``print_lr`` shows two groups each, a hundred equal groups as one, and thirty different groups by their range."""
    fit(Probe(named(lrs, hold()), groups=len(lrs)), LRMonitor(table=False, print_lr=True), batches=2)

    assert f"epoch 0: {line}" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("bar", [RichProgressBar, TQDMProgressBar])
@pytest.mark.needs("lightning>=2.6", "before it, Rich's bar breaks with the newest Rich")
def test_the_progress_bar_of_many_groups(bar: Any) -> None:
    """The bar shows one number for a hundred groups, the highest."""
    metrics = BarMetrics()
    net = Probe(named([*LAYERS, *EQUAL[:70]], hold()), groups=100)
    fit(net, bar(), LRMonitor(table=False), metrics, enable_progress_bar=True, batches=2)

    assert [each["lr"] for each in metrics.shown] == ["1.0e-01", "1.0e-01"]


# --- a picture that cannot be made ---------------------------------------------------------------------------------------


def test_a_picture_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    """If its folder is deleted during the run, training still ends well, and the history has the last rows."""

    class Takes(Callback):
        def on_train_epoch_end(self, trainer: Any, net: Any) -> None:
            (tmp_path / "pictures").rmdir()
            (tmp_path / "pictures").write_text("a file now")

    (tmp_path / "pictures").mkdir()
    monitor = LRMonitor(save_plot=tmp_path / "pictures" / "lr.png")
    with pytest.warns(
        ScheduleWarning, match=r"^LR593: .*picture of the learning rates could not be made \(\w+Error.*monitor.history"
    ):
        trainer = fit(Probe(named([0.1])), monitor, Takes(), batches=2, logger=CSVLogger(str(tmp_path)))

    assert trainer.state.finished
    assert monitor.history["step"] == [0, 1]


def test_a_picture_that_cannot_be_drawn_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the drawing does not stop the run."""

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no font")

    monkeypatch.setattr("lr_toolkit.lightning.monitor.run_summary.draw", fails)
    with pytest.warns(ScheduleWarning, match="^LR593: .*could not be made .RuntimeError: no font"):
        fit(Probe(named([0.1])), LRMonitor(save_plot=tmp_path / "lr.png"), batches=2)

    assert has_matplotlib()


# --- after a changed plan ------------------------------------------------------------------------------------------------

OLD, NEW = warmup(2) >> hold(4) >> linear(end=0.1), warmup(2) >> cosine(end=0.5)
POLICIES: dict[str, tuple[str, list[list[str]]]] = {
    "replan": ("", [["warmup(2)", "0"], ["cosine(end=0.5)", "2"]]),
    "keep": (
        "keep: the saved plan, warmup(2) >> hold(4) >> linear(end=0.1) until update 8, then its last LR",
        [["warmup(2)", "0"], ["hold(4)", "2"], ["linear(end=0.1)", "6"]],
    ),
    "stretch": (
        "stretch: from update 4 on, what was left of warmup(2) >> hold(4) >> linear(end=0.1) lasts until update 16",
        [["warmup(2)", "0"], ["hold(4)", "2"], ["linear(end=0.1)", "10"]],
    ),
    "continue": (
        "continue: from update 4 on, from the LR in use, what is left of warmup(2) >> cosine(end=0.5)",
        [["cosine(end=0.5)", "4"]],
    ),
}


def resumed(folder: Path, monitor: LRMonitor, **options: Any) -> Probe:
    """A run of 8 updates under the old plan, interrupted at 4, then resumed under the new plan with 16 updates."""
    kept = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=4, save_top_k=-1, save_last=False)

    def answer(plan: Any, **more: Any) -> Any:
        return lambda net: configure_optimizers(net.sgd(), plan, net.trainer, **more)

    fit(Probe(answer(OLD)), kept, LRMonitor(table=False), max_epochs=1, enable_checkpointing=True)
    net = Probe(answer(NEW, **options))
    fit(net, monitor, max_epochs=2, log_every_n_steps=50, ckpt_path=folder / "step=4.ckpt")
    return net


# Lightning starts a plain loader over, which is meant.
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
# The callback is left out on purpose.
@pytest.mark.filterwarnings("ignore:Be aware that when using .ckpt_path., callbacks used to create the checkpoint")
@pytest.mark.parametrize("rewarm", [None, "3 steps"])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch")
def test_the_plan_that_is_followed_is_the_one_that_is_shown(
    policy: Any, rewarm: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a resume under each policy the table names the policy and its phases, and the first update of each phase is logged."""
    monitor = LRMonitor(table=True)
    net = resumed(tmp_path, monitor, on_change=policy, rewarm=rewarm)
    shown = capsys.readouterr().out
    description, phases = POLICIES[policy]
    if rewarm:
        description = f"rewarm: climbs again from update 4 to 7{'; ' * bool(description)}{description}"
        before = [row for row in phases if int(row[1]) < 4]
        rest = [row for row in phases if int(row[1]) > 7]
        current = max((row for row in phases if int(row[1]) <= 7), key=lambda row: int(row[1]))
        phases = [*before, ["warmup(3)", "4"], [current[0], "7"], *rest]

    lines = shown.splitlines()
    if len(phases) > 1:
        start = next(number for number, line in enumerate(lines) if line.split()[:1] == ["phase"])
        assert [line.split()[:2] for line in lines[start + 1 : lines.index("", start)]] == phases
    assert description in " ".join(shown.split())
    used = {x: lrs[0] for x, lrs in net.used}
    (planned,) = monitor.planned.values()
    assert {x: lr for x, lr in zip(*planned, strict=True) if x in used} == pytest.approx(used, rel=1e-12)
    assert {int(row[1]) for row in phases if int(row[1]) > 4} <= set(monitor.history["step"])
