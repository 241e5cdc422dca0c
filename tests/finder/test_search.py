"""The search in a plain loop: invariances, refusals, and no trace."""

from __future__ import annotations

import json
from fractions import Fraction
from math import inf, log2, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_toolkit import Horizon, NoLRFound, ScheduledLR, ScheduleError, linear, search_lr, warmup
from lr_toolkit.finder.line_search import search_line
from lr_toolkit.finder.problem import Problem
from lr_toolkit.finder.search import plan_of
from lr_toolkit.finder.search_log import SearchLog
from tests.helpers.finding import assert_same, batches, loader, samples, squared_error, state_of

SCHEDULE = warmup("5%") >> linear()


def network(seed: int = 0) -> nn.Module:
    """Untrained."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))


def found(
    optimizer: Any = torch.optim.Adam, *, scale: float = 1.0, data: Any = None, schedule: Any = SCHEDULE, **options: Any
) -> Any:
    """Search with a network and an optimizer."""
    model = network()
    lr = options.pop("lr", 1e-3)

    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        return scale * squared_error(model, batch)

    return search_lr(
        model, optimizer(model.parameters(), lr=lr), loss, batches() if data is None else data, schedule, 160, **options
    )


# --- what it finds ---


@pytest.mark.parametrize("method", ["auto", "line_search"])
def test_a_scaled_loss_changes_the_lr_of_sgd_alone(method: Any) -> None:
    """With 1000 times the loss SGD needs a thousandth of the LR, and Adam the same."""
    assert found(scale=1000, method=method).lr == pytest.approx(found(method=method).lr, rel=0.1)
    sgd, scaled = (found(torch.optim.SGD, scale=scale, method=method).lr for scale in (1, 1000))
    assert abs(log2(scaled * 1000 / sgd)) < 0.5


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("lr", [1e-8, 1.0])
def test_the_initial_lr_does_not_matter(optimizer: Any, lr: float) -> None:
    """Within half an octave."""
    assert abs(log2(found(optimizer, lr=lr).lr / found(optimizer).lr)) < 0.5


def test_the_ratio_of_the_groups_is_kept() -> None:
    """The highest LR is the answer; a group at a tenth, or at zero, stays there."""
    model = network()
    groups = [
        {"params": [each], "lr": lr} for each, lr in zip(model.parameters(), (1e-3, 1e-4, 0.0, 1e-3), strict=True)
    ]
    search = search_lr(model, torch.optim.Adam(groups), squared_error, batches(), SCHEDULE, 160)

    assert search.lrs == pytest.approx([search.lr, search.lr / 10, 0.0, search.lr])


def test_a_schedule_that_falls_to_zero_gets_a_higher_peak() -> None:
    """A noisy regression at a constant LR ends at a noise floor that grows with the LR; a line to zero leaves it."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 16, generator=generator) * torch.logspace(0, -1.5, 16)
    y = x @ torch.ones(16, 1) + torch.randn(2000, 1, generator=generator)
    data = list(zip(x.split(4), y.split(4), strict=True))

    def peak(schedule: Any) -> float:
        model = nn.Linear(16, 1)
        return search_lr(
            model, torch.optim.SGD(model.parameters(), lr=0.1), squared_error, data, schedule, 3000, seed=1
        ).lr

    assert peak("linear()") > 1.2 * peak("hold()")


def test_the_line_search_finds_two_over_the_curvature() -> None:
    """Along the gradient of a quadratic the loss is back at its height at 2 / curvature, to an eighth of an octave."""
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(3.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def quadratic(model: Any, batch: Any) -> Any:
        return (5.0 / 2 * model.weight.square()).sum()

    plan = plan_of(optimizer, "hold()", Horizon(100))
    *_, line = search_line(Problem(model, optimizer, quadratic, lambda: iter([(0,)] * 99), plan, seed=0), SearchLog())

    assert all(2 ** (-1 / 8) * 0.4 <= limit <= 0.4 for limit in line.limits)
    assert len(line.limits) == 10


@pytest.mark.parametrize("method", ["auto", "schedules"])
def test_the_lowest_short_run_is_inside_of_the_interval(method: Any) -> None:
    """The interval has the answer and the best of the tried LRs; the curve has every run, all with one seed."""
    search = found(method=method, seed=11)
    runs = [trial for trial in search.curve if trial.kind == "schedule"]
    best = min(runs, key=lambda trial: trial.loss)

    assert search.low <= search.lr <= search.high
    assert search.low <= best.lr <= search.high
    assert {trial.seed for trial in search.curve} == {11}
    assert (len(runs) >= 5) if method == "auto" else (len(runs) == 15)


def test_a_dip_of_the_noise_does_not_end_the_search() -> None:
    """Raw features: 0.003 is lower than its neighbours by chance, and 0.04 as low within the noise; a run is best at 1."""
    data = load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(data.data))[: len(data.data) * 3 // 4]
    x, y = torch.tensor(data.data[order] / 100, dtype=torch.float32), torch.tensor(data.target[order])
    torch.manual_seed(100)
    model = nn.Linear(30, 2)

    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    data = DataLoader(
        TensorDataset(x, y), 16, shuffle=True, drop_last=True, generator=torch.Generator().manual_seed(100)
    )
    search = search_lr(model, torch.optim.Adam(model.parameters()), loss, data, SCHEDULE, 200, seed=100)

    assert search.lr > 0.1


def test_the_automatic_search_costs_about_one_run() -> None:
    """A line search on ten batches and five runs of an eighth."""
    assert found().cost < 1.1


def test_a_search_can_be_repeated() -> None:
    """Equal seeds give equal results to the last bit, in another order for another seed."""
    first, again, other = (found(data=loader(), seed=seed) for seed in (1, 1, 2))

    assert first.curve == again.curve
    assert first.curve != other.curve


def test_a_short_run_follows_the_curve_of_the_whole() -> None:
    """As long as the run itself, it reads the same LRs as a scheduler does; shorter, it reads between them."""
    optimizer = torch.optim.SGD(network().parameters(), lr=0.5)
    plan = plan_of(optimizer, SCHEDULE, Horizon(40))
    scheduler = ScheduledLR(optimizer, SCHEDULE, Horizon(40))

    from lr_toolkit.finder.lr_plan import positions

    values = plan.with_bases([0.5])

    def lrs(k: Any) -> Any:
        return values(k)["lr"]

    assert [lrs(k) for k in positions(40, 40)] == [scheduler.planned(k) for k in range(40)]
    halves = [lrs(k)[0] for k in positions(20, 40)]
    assert halves[5:] == pytest.approx(
        [np.mean([scheduler.planned(k)[0] for k in (2 * i, 2 * i + 1)]) for i in range(5, 20)]
    )


def test_an_absolute_level_stays() -> None:
    """A floor that is an LR is the same LR for another base."""
    optimizer = torch.optim.SGD(network().parameters(), lr=0.5)
    plan = plan_of(optimizer, linear(end_lr=0.01), Horizon(40))

    assert [plan.with_bases([base])(Fraction(40))["lr"] for base in (0.1, 10.0)] == [[0.01], [0.01]]


# --- what it refuses ---


def constant(model: nn.Module, batch: Any) -> torch.Tensor:
    """A loss that depends on nothing."""
    return 0.0 * squared_error(model, batch) + 1.0


def not_a_number(model: nn.Module, batch: Any) -> torch.Tensor:
    """A loss that is NaN."""
    return squared_error(model, batch) * nan


def endless_fall(model: nn.Module, batch: Any) -> torch.Tensor:
    """A loss without a minimum: the larger the step, the lower."""
    return sum(each.sum() for each in model.parameters()) * 1e-3  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("loss", "method", "words"),
    [
        (constant, "auto", "the loss is flat"),
        (constant, "line_search", "the loss is flat"),
        (constant, "schedules", "the curve is flat"),
        (constant, "range_test", "the loss is flat"),
        (not_a_number, "auto", "nan before training"),
        (not_a_number, "schedules", "not finite"),
        (not_a_number, "range_test", "not finite or diverges after 0 updates"),
        (endless_fall, "line_search", "or none raises it"),
        (endless_fall, "schedules", "no minimum inside the range"),
        (endless_fall, "range_test", "no minimum inside the range"),
    ],
)
def test_there_is_no_number_without_an_answer(loss: Any, method: Any, words: str) -> None:
    """A flat loss, a NaN and a range without a minimum are refused with the reason and the curve."""
    model = network()
    with pytest.raises(NoLRFound, match=words) as caught:
        search_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), loss, batches(), SCHEDULE, 160, method=method)

    assert isinstance(caught.value, ScheduleError)
    if loss is not not_a_number:
        assert len(caught.value.curve) > 9


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "fast"}, "write one of 'auto'"),
        ({"budget": 0}, "Write budget=1.0"),
        ({"budget": True}, "Write budget=1.0"),
        ({"seed": -1}, "Write seed=0"),
        ({"data": iter([1])}, "can be read only once"),
        ({"data": []}, "got no training batch"),
        ({"optimizer": torch.optim.LBFGS}, "line_search_fn='strong_wolfe'"),
        ({"lr": 0.0}, "Write lr=1e-3"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], words: str) -> None:
    """The message has the call to write."""
    with pytest.raises(ScheduleError, match=words):
        found(**options)


def test_a_model_that_cannot_be_copied_is_refused() -> None:
    """The reason is named, and what to do."""
    model = network()
    model.graph = model[0].weight * 2  # type: ignore[assignment]  # part of a graph
    with pytest.raises(ScheduleError, match="cannot copy it"):
        search_lr(model, torch.optim.SGD(model.parameters(), lr=0.1), squared_error, batches())


# --- no trace ---


@pytest.mark.parametrize("method", ["auto", "line_search", "schedules", "range_test"])
def test_nothing_changes(method: Any) -> None:
    """Model, optimizer with its state, gradients, generators and a loader's own generator are as before."""
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    squared_error(model, batches()[0]).backward()
    optimizer.step()
    data = loader(seeded=True)
    before, order = state_of(model, optimizer), data.generator.get_state()
    search_lr(model, optimizer, squared_error, data, SCHEDULE, 160, method=method)

    assert_same(before, state_of(model, optimizer))
    assert torch.equal(order, data.generator.get_state())


@pytest.mark.parametrize("call", [0, 5, 60, 150])
@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)])
def test_nothing_changes_if_the_loss_raises(call: int, error: BaseException) -> None:
    """The error comes out as it is, whenever it is raised."""
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    calls = []

    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) > call:
            raise error
        return squared_error(model, batch)

    before = state_of(model, optimizer)
    with pytest.raises(type(error)) as caught:
        search_lr(model, optimizer, loss, loader(), SCHEDULE, 160)

    assert caught.value is error
    assert_same(before, state_of(model, optimizer))


def test_the_schedule_may_name_groups() -> None:
    """A mapping by the names of groups, as everywhere."""
    model = network()
    groups = [{"params": model[0].parameters(), "name": "body"}, {"params": model[2].parameters(), "name": "head"}]
    schedule = {"head": "linear()", "*": "hold()"}
    search = search_lr(model, torch.optim.Adam(groups, lr=1e-3), squared_error, batches(), schedule, 160)

    assert search.lrs == (search.lr, search.lr)
    assert "head" in search.schedule


def test_a_loader_with_workers_can_be_searched() -> None:
    """The batches of a worker process are the same as those of the main process."""
    data = [DataLoader(samples(), 16, shuffle=True, num_workers=workers) for workers in (0, 2)]

    assert len({found(data=each, seed=4, method="line_search").limits for each in data}) == 1


# --- the result ---


def test_the_result_is_saved_as_data(tmp_path: Path) -> None:
    """JSON reads it back, and a diverged run has no loss."""
    search = found(torch.optim.SGD, method="schedules")
    data = json.loads(search.save(tmp_path / "sub" / "search.json").read_text("utf-8"))

    assert data["lr"] == search.lr
    assert any(trial.loss == inf for trial in search.curve)
    assert [trial["loss"] for trial in data["curve"]] == [
        None if each.loss == inf else each.loss for each in search.curve
    ]


@pytest.mark.parametrize("method", ["auto", "line_search", "schedules", "range_test"])
def test_each_method_has_a_picture_and_a_table(method: Any, tmp_path: Path) -> None:
    """The suggestion is a line at its LR; the text names LR, schedule and cost."""
    search = found(method=method)
    axes = search.plot().axes[0]
    label = f"suggested: {search.lr:.3g}"

    assert [line.get_xdata()[0] for line in axes.lines if line.get_label() == label] == [search.lr]
    assert axes.get_xscale() == "log"
    assert search.save(tmp_path / "search.png").stat().st_size > 10_000
    assert f"base LR {search.lr:.3g}" in str(search)
    assert "warmup(&#x27;5%&#x27;)" in search._repr_html_()


def test_a_refusal_shows_its_table() -> None:
    """The message has each short run."""
    model = network()
    with pytest.raises(NoLRFound) as caught:
        search_lr(
            model,
            torch.optim.SGD(model.parameters(), lr=0.1),
            endless_fall,
            batches(),
            SCHEDULE,
            160,
            method="schedules",
        )

    assert str(caught.value).count("\n") == len(caught.value.curve) + 2
