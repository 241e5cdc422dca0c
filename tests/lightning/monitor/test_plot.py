"""``LRMonitor.plot``: the used LRs over the planned ones, after a fit and during it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import lightning as L
import matplotlib as mpl
import pytest
import torch

from lr_toolkit import LRMonitor, ScheduleError, absolute, configure_optimizers, linear
from lr_toolkit.preview.picture import Line, draw
from tests.helpers.fits import Probe, fit

SCHEDULE = "warmup('25%') >> cosine()"


def scheduled(net: Probe) -> Any:
    """An optimizer with a schedule of this package."""
    return configure_optimizers(net.sgd(), SCHEDULE, net.trainer)


def points(line: Any) -> list[tuple[float, float]]:
    """The points of a drawn line."""
    return [*zip(line.get_xdata(), line.get_ydata(), strict=True)]


def test_the_used_lrs_lie_over_the_plan(pyplot: Any) -> None:
    """The axes have the LRs that each update used, the plan, the phases, the epochs and the schedule."""
    net, monitor = Probe(scheduled), LRMonitor()
    fit(net, monitor, batches=8, max_epochs=2, log_every_n_steps=1)
    axes = monitor.plot()
    planned, used = (line for line in axes.lines if len(line.get_xdata()) > 2)

    assert points(used) == [(x, lr) for x, (lr,) in net.used]
    assert points(planned) == points(used)
    assert axes.get_title() == SCHEDULE
    assert [text.get_text() for text in axes.texts] == ["warmup", "cosine"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["lr/optimizer", "planned", "used"]
    assert axes.child_axes[0].get_xlabel() == "epoch"
    assert pyplot.get_fignums() == [axes.figure.number]


def test_the_axes_of_the_user_are_taken(pyplot: Any) -> None:
    """Two runs are drawn side by side; a logarithmic axis is one word."""
    _, pair = pyplot.subplots(1, 2)
    for axes, log in zip(pair, (False, True), strict=True):
        monitor = LRMonitor()
        fit(Probe(scheduled), monitor, log_every_n_steps=1)
        assert monitor.plot(axes, log=log) is axes

    assert [axes.get_yscale() for axes in pair] == ["linear", "log"]
    assert len(pyplot.get_fignums()) == 1


class Drawn(L.Callback):
    """Plots in the middle of a fit."""

    def __init__(self, monitor: LRMonitor) -> None:
        self.monitor = monitor
        self.counts: list[int] = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Plot what was used by now."""
        lines = [line for line in self.monitor.plot().lines if len(line.get_xdata()) > 2]
        self.counts.append(len(lines[-1].get_xdata()))


@pytest.mark.usefixtures("pyplot")
def test_a_fit_is_plotted_on_the_way() -> None:
    """During a fit the axes have what was logged by now."""
    monitor = LRMonitor()
    drawn = Drawn(monitor)
    fit(Probe(scheduled), monitor, drawn, batches=8, max_epochs=2, log_every_n_steps=1)

    assert drawn.counts[0] < drawn.counts[1] <= 16


@pytest.mark.usefixtures("pyplot")
def test_a_pickled_monitor_plots_the_same() -> None:
    """A monitor that comes back from another process, as under ddp_spawn, has the whole picture."""
    monitor = LRMonitor()
    fit(Probe(scheduled), monitor, log_every_n_steps=1)
    titles = [each.plot().get_title() for each in (monitor, pickle.loads(pickle.dumps(monitor)))]

    assert titles == [SCHEDULE, SCHEDULE]


def test_there_is_nothing_to_plot_before_a_fit() -> None:
    """The error names what to do first."""
    with pytest.raises(ScheduleError, match=r"Write trainer\.fit\(model\) before it"):
        LRMonitor().plot()


@pytest.mark.usefixtures("pyplot")
def test_the_picture_of_a_user_is_left_as_it_is(tmp_path: Path) -> None:
    """``plot`` draws in the style of the user; ``save_plot`` writes a picture in its own."""
    with mpl.style.context("dark_background"):
        monitor = LRMonitor(save_plot=tmp_path / "lr.png")
        fit(Probe(scheduled), monitor, log_every_n_steps=1)
        axes = monitor.plot()

    assert axes.get_facecolor() == mpl.colors.to_rgba("black")
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_has_axes_for_each_other_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below those of the LR, with the same updates; they have what was used."""
    figures: list[Any] = []
    monkeypatch.setattr("lr_toolkit.lightning.monitor.run_summary.save", lambda figure, path: figures.append(figure))

    def both(net: Probe) -> Any:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        decays = {"momentum": absolute(linear(start=0.8, end=0.9)), "weight_decay": "linear(end=0.5)"}
        return configure_optimizers(optimizer, SCHEDULE, net.trainer, **decays)

    fit(Probe(both, groups=2), LRMonitor(save_plot=tmp_path / "lr.png"), batches=10, log_every_n_steps=1)
    (figure,) = figures
    lr, momentum, decay = figure.axes

    assert figure.get_suptitle() == "The learning rates of a run, planned and used"
    assert [axes.get_ylabel() for axes in figure.axes] == ["learning rate", "momentum", "weight decay"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "update"]
    assert momentum.get_xlim() == decay.get_xlim() == lr.get_xlim()
    for axes, values in (
        (momentum, [0.8 + 0.01 * k for k in range(10)]),
        (decay, [0.1 - 0.005 * k for k in range(10)]),
    ):
        (line,) = [line for line in axes.lines if len(line.get_xdata()) == 10]
        assert list(line.get_ydata()) == pytest.approx(values, rel=1e-6)
    assert lr.get_legend() is not None


def test_the_legend_stands_beside_the_picture_if_it_would_hide_a_curve() -> None:
    """And inside if there is room."""
    xs = list(range(100))
    filled = [Line(f"group {n}", used=(xs, [0.1 * (1 + n + (k % 2)) for k in xs])) for n in range(4)]
    inside, beside = (draw(lines) for lines in ([Line("lr", used=(xs, [0.1 - 0.001 * k for k in xs]))], filled))

    assert inside.axes[0].get_legend() is not None
    assert not inside.legends
    assert beside.axes[0].get_legend() is None
    (legend,) = beside.legends
    assert [text.get_text() for text in legend.get_texts()][-1] == "used"
