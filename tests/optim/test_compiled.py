"""A compiled optimizer under a schedule: a single graph for all LRs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounter
from torch.optim import SGD, Adam, AdamW, Optimizer

from lr_toolkit import CombinedOptimizer, Horizon, ReduceOnPlateau, ScheduledLR

UPDATES = 50
PLAN = "warmup(5) >> cosine(end_lr=0.0001)"
KINDS: dict[str, Callable[[Any], Optimizer]] = {
    "Adam": Adam,
    "AdamW": AdamW,
    "SGD with momentum": partial(SGD, momentum=0.9),
}


def combination(groups: Any) -> Optimizer:
    """SGD with momentum for the first group, AdamW for the second."""
    return CombinedOptimizer(sgd=SGD(groups[:1], momentum=0.9), adamw=AdamW(groups[1:]))


# The imports of torch.compile warn, and Dynamo warns of the profiler range in an optimizer's step.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*[Pp]rofiler:UserWarning")


@pytest.fixture(autouse=True)
def without_compiled_code() -> Iterator[None]:
    """Start and end each test without compiled code."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def started(kind: Callable[[Any], Optimizer], *, tensor: bool = True, device: str = "cpu") -> Optimizer:
    """An optimizer with two groups, after a first update, which creates the optimizer's state."""
    lrs = [torch.tensor(lr, device=device) if tensor else lr for lr in (0.1, 0.02)]
    weights = [torch.nn.Parameter(torch.ones(3, device=device)) for _ in lrs]
    for weight in weights:
        weight.grad = torch.full_like(weight, 0.5)
    optimizer = kind([{"params": [weight], "lr": lr} for weight, lr in zip(weights, lrs, strict=True)])
    optimizer.step()
    return optimizer


def weights_of(optimizer: Optimizer) -> torch.Tensor:
    """All weights."""
    return torch.stack([weight.detach() for group in optimizer.param_groups for weight in group["params"]])


def train(step: Callable[[], object], scheduler: ScheduledLR, updates: int = UPDATES) -> list[float]:
    """Train, and return the LRs that the first group used."""
    used = []
    for _ in range(updates):
        used.append(float(scheduler.optimizer.param_groups[0]["lr"]))
        step()
        scheduler.step()
    return used


@pytest.mark.parametrize(
    ("kind", "optimizers"),
    [*((kind, 1) for kind in KINDS.values()), (combination, 2)],
    ids=[*KINDS, "a combination of two"],
)
def test_fifty_lrs_take_a_single_graph(kind: Callable[[Any], Optimizer], optimizers: int) -> None:
    """Fifty updates with fifty LRs: one graph per optimizer, every update counted, and the weights of an eager run."""
    optimizer, eager = started(kind), started(kind)
    scheduler, eager_scheduler = (ScheduledLR(each, PLAN, Horizon(UPDATES)) for each in (optimizer, eager))
    graphs = CompileCounter()

    used = train(torch.compile(optimizer.step, backend=graphs), scheduler)
    train(eager.step, eager_scheduler)

    assert len(set(used)) == UPDATES
    assert graphs.frame_count == optimizers
    assert scheduler.last_epoch == UPDATES
    # A compiled Adam keeps its step count in a tensor, so its rounding differs from that of the eager one.
    torch.testing.assert_close(weights_of(optimizer), weights_of(eager), rtol=1e-4, atol=1e-6)


def test_float_lrs_that_change_are_compiled_again() -> None:
    """The LR has to be a tensor, because a float is a constant of the graph."""
    optimizer = started(Adam, tensor=False)
    graphs = CompileCounter()

    train(torch.compile(optimizer.step, backend=graphs), ScheduledLR(optimizer, PLAN, Horizon(UPDATES)), 5)

    assert graphs.frame_count > 1


def test_a_compiled_training_step_counts_its_updates() -> None:
    """A compiled function that contains ``optimizer.step()`` runs the optimizer's hooks, so its updates count."""
    optimizer = started(Adam)
    scheduler = ScheduledLR(optimizer, PLAN, Horizon(UPDATES))
    weight = optimizer.param_groups[0]["params"][0]
    graphs = CompileCounter()

    @torch.compile(backend=graphs)
    def step() -> None:
        weight.square().sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    train(step, scheduler, 3)
    compiled = graphs.frame_count
    train(step, scheduler, UPDATES - 3)

    assert scheduler.last_epoch == UPDATES
    assert graphs.frame_count == compiled


def test_a_reduction_and_a_resume_keep_the_graph() -> None:
    """torch does not compile again after a reduction or after loading a state, which contains other tensors."""
    optimizer = started(AdamW)
    plateau = ReduceOnPlateau(monitor="loss", patience=0, factor=0.5)
    scheduler = ScheduledLR(optimizer, PLAN, Horizon(UPDATES), plateau=plateau)
    graphs = CompileCounter()
    step = torch.compile(optimizer.step, backend=graphs)
    train(step, scheduler, 10)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))

    for reading in (1.0, 2.0):
        scheduler.observe(reading)
    train(step, scheduler, 5)
    after_the_reduction = graphs.frame_count
    tensors = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])

    assert after_the_reduction == 1
    assert all(group["lr"] is lr for group, lr in zip(optimizer.param_groups, tensors, strict=True))
    train(step, scheduler, 5)
    assert scheduler.last_epoch == 15


def capturable_combination(groups: Any, **options: Any) -> Optimizer:
    """Adam and AdamW, of which each captures its own step."""
    adam, adamw = Adam(groups[:1], capturable=True, **options), AdamW(groups[1:], capturable=True, **options)
    return CombinedOptimizer(adam=adam, adamw=adamw)


@pytest.mark.gpu  # only a GPU has CUDA graphs; test_group_writer.py tests a capture as far as the CPU can show it
@pytest.mark.parametrize("make", [partial(AdamW, capturable=True), capturable_combination], ids=["one", "combination"])
def test_a_cuda_graph_is_captured_once(make: Callable[..., Optimizer]) -> None:
    """A replayed update reads each new LR: fifty LRs, one capture, the weights of an eager run."""
    kind = partial(make, weight_decay=0.0)
    optimizer, eager = started(kind, device="cuda"), started(kind, device="cuda")
    scheduler, eager_scheduler = (ScheduledLR(each, PLAN, Horizon(UPDATES)) for each in (optimizer, eager))
    start = [weight.clone() for weight in weights_of(optimizer)]

    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        optimizer.step()  # captured, not run
    torch.testing.assert_close(weights_of(optimizer), torch.stack(start))
    used = train(graph.replay, scheduler)
    train(eager.step, eager_scheduler)

    assert len(set(used)) == UPDATES
    assert scheduler.last_epoch == UPDATES
    torch.testing.assert_close(weights_of(optimizer), weights_of(eager))


@pytest.mark.gpu  # these graphs are inductor's for a GPU; the tests above count graphs on the CPU without a compiler
def test_a_compiled_step_with_cuda_graphs_follows_the_schedule() -> None:
    """``mode="reduce-overhead"`` replays CUDA graphs by itself, and the weights are those of an eager run."""
    kind = partial(AdamW, capturable=True)
    optimizer, eager = started(kind, device="cuda"), started(kind, device="cuda")
    scheduler, eager_scheduler = (ScheduledLR(each, PLAN, Horizon(UPDATES)) for each in (optimizer, eager))

    train(torch.compile(optimizer.step, mode="reduce-overhead"), scheduler)
    train(eager.step, eager_scheduler)

    assert scheduler.last_epoch == UPDATES
    torch.testing.assert_close(weights_of(optimizer), weights_of(eager), rtol=1e-4, atol=1e-6)
