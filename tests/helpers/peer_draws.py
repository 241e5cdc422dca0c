"""Configurations of torch and transformers with random arguments, each beside the real scheduler that it is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import transformers
from numpy.random import Generator
from torch.optim import Optimizer, lr_scheduler

from lr_toolkit.schedules import peers

DRAWS = 20


@dataclass(frozen=True)
class Draw:
    """Arguments of a configuration, and how many updates of the real loop are compared."""

    arguments: dict[str, Any]
    updates: int
    real: Callable[[Optimizer], Any] | None = None
    """The scheduler, if it is not made from the arguments alone."""


# --- torch ------------------------------------------------------------------------------------------------------------


def step_lr(rng: Generator) -> Draw:
    return Draw({"step_size": whole(rng, 1, 20), "gamma": rng.uniform(0.1, 1.1)}, 40)


def multistep_lr(rng: Generator) -> Draw:
    milestones = sorted(rng.choice(range(1, 35), size=whole(rng, 1, 5), replace=False).tolist())
    return Draw({"milestones": milestones, "gamma": rng.uniform(0.1, 0.9)}, 40)


def multistep_twice(rng: Generator) -> Draw:
    return Draw({"milestones": [5, 0, 5, whole(rng, 6, 30)], "gamma": rng.uniform(0.1, 0.9)}, 40)


def constant_lr(rng: Generator) -> Draw:
    return Draw({"factor": rng.uniform(0.0, 1.0), "total_iters": whole(rng, 0, 30)}, 40)


def linear_lr(rng: Generator) -> Draw:
    factors = {"start_factor": rng.uniform(0.01, 1.0), "end_factor": rng.uniform(0.0, 1.0)}
    return Draw({**factors, "total_iters": whole(rng, 1, 30)}, 40)


def linear_lr_to_its_base(rng: Generator) -> Draw:
    return Draw({"start_factor": rng.uniform(0.01, 1.0), "total_iters": whole(rng, 1, 30)}, 40)


def exponential_lr(rng: Generator) -> Draw:
    return Draw({"gamma": rng.uniform(0.5, 1.05)}, 40)


def polynomial_lr(rng: Generator) -> Draw:
    return Draw({"total_iters": whole(rng, 1, 30), "power": float(rng.choice([1.0, 2.0, rng.uniform(0.3, 4.0)]))}, 40)


def cosine_lr(rng: Generator) -> Draw:
    length = whole(rng, 1, 40)
    return Draw({"T_max": length, "eta_min": rng.choice([0.0, rng.uniform(0.0, 1e-3)])}, length)


def warm_restarts(rng: Generator) -> Draw:
    return Draw({"T_0": whole(rng, 1, 12), "T_mult": whole(rng, 1, 3), "eta_min": rng.uniform(0.0, 1e-3)}, 60)


def cyclic_lr(rng: Generator) -> Draw:
    lrs = {"base_lr": rng.uniform(1e-4, 1e-2), "max_lr": rng.uniform(2e-2, 1.0)}
    mode = str(rng.choice(["triangular", "triangular2", "exp_range"]))
    sizes = {"step_size_up": whole(rng, 1, 12), "step_size_down": whole(rng, 1, 12)}
    return Draw({**lrs, **sizes, "mode": mode, "gamma": rng.uniform(0.8, 1.0), "cycle_momentum": False}, 60)


def one_cycle_lr(rng: Generator, *, phases: int = 2) -> Draw:
    # pct_start * total_steps is a whole number: between two updates the peak is moved, which a test of its own shows.
    steps, tenths = 10 * whole(rng, 2, 6), whole(rng, 2, 4)
    named = {"pct_start": tenths / 10, "div_factor": rng.uniform(2, 50), "final_div_factor": rng.uniform(10, 1e4)}
    strategy = {"anneal_strategy": str(rng.choice(["cos", "linear"])), "cycle_momentum": False}
    return Draw(
        {"max_lr": rng.uniform(0.01, 1.0), "total_steps": steps, **named, **strategy, "three_phase": phases == 3}, steps
    )


def one_cycle_three_phases(rng: Generator) -> Draw:
    return one_cycle_lr(rng, phases=3)


def lambda_lr(rng: Generator) -> Draw:
    slope = rng.uniform(0.0, 2.0)
    return Draw({"lr_lambda": lambda i: 1 / (1 + slope * i)}, 40)


def sequential_lr(rng: Generator) -> Draw:
    """Three schedulers: one shorter than its place, one that is cut, and one that goes on."""
    up, every, length = whole(rng, 1, 8), whole(rng, 1, 6), whole(rng, 5, 20)
    first, second = up + whole(rng, 0, 4), whole(rng, 4, 15)
    milestones = [first, first + second]

    def real(optimizer: Optimizer) -> Any:
        children = [
            lr_scheduler.LinearLR(optimizer, 0.1, 1.0, up),
            lr_scheduler.StepLR(optimizer, every, 0.5),
            lr_scheduler.CosineAnnealingLR(optimizer, length),
        ]
        return lr_scheduler.SequentialLR(optimizer, children, milestones)

    ours = [
        peers.torch("LinearLR", 0.1, 1.0, up),
        peers.torch("StepLR", every, 0.5),
        peers.torch("CosineAnnealingLR", length),
    ]
    return Draw({"schedulers": ours, "milestones": milestones}, milestones[-1] + length, real)


def sequential_cut(rng: Generator) -> Draw:
    """A cosine that is cut at a milestone, and one after it."""
    length, cut, rest = whole(rng, 6, 30), whole(rng, 2, 5), whole(rng, 2, 20)

    def real(optimizer: Optimizer) -> Any:
        children = [lr_scheduler.CosineAnnealingLR(optimizer, length), lr_scheduler.PolynomialLR(optimizer, rest, 2.0)]
        return lr_scheduler.SequentialLR(optimizer, children, [cut])

    ours = [peers.torch("CosineAnnealingLR", length), peers.torch("PolynomialLR", rest, 2.0)]
    return Draw({"schedulers": ours, "milestones": [cut]}, cut + rest + 3, real)


def chained(rng: Generator) -> Draw:
    """The product of a climb, stairs and a power."""
    up, every, length, gamma = whole(rng, 1, 10), whole(rng, 1, 10), whole(rng, 10, 40), rng.uniform(0.3, 1.0)

    def real(optimizer: Optimizer) -> Any:
        children = [
            lr_scheduler.LinearLR(optimizer, 0.2, 1.0, up),
            lr_scheduler.StepLR(optimizer, every, gamma),
            lr_scheduler.PolynomialLR(optimizer, length, 2.0),
        ]
        return lr_scheduler.ChainedScheduler(children, optimizer)

    ours = [
        peers.torch("LinearLR", 0.2, 1.0, up),
        peers.torch("StepLR", every, gamma),
        peers.torch("PolynomialLR", length, 2.0),
    ]
    return Draw({"schedulers": ours}, 40, real)


TORCH: dict[str, tuple[str, Callable[[Generator], Draw]]] = {
    "StepLR": ("StepLR", step_lr),
    "MultiStepLR": ("MultiStepLR", multistep_lr),
    "MultiStepLR, a milestone twice": ("MultiStepLR", multistep_twice),
    "ConstantLR": ("ConstantLR", constant_lr),
    "LinearLR": ("LinearLR", linear_lr),
    "LinearLR to the base LR": ("LinearLR", linear_lr_to_its_base),
    "ExponentialLR": ("ExponentialLR", exponential_lr),
    "PolynomialLR": ("PolynomialLR", polynomial_lr),
    "CosineAnnealingLR": ("CosineAnnealingLR", cosine_lr),
    "CosineAnnealingWarmRestarts": ("CosineAnnealingWarmRestarts", warm_restarts),
    "CyclicLR": ("CyclicLR", cyclic_lr),
    "OneCycleLR": ("OneCycleLR", one_cycle_lr),
    "OneCycleLR, three phases": ("OneCycleLR", one_cycle_three_phases),
    "LambdaLR": ("LambdaLR", lambda_lr),
    "SequentialLR": ("SequentialLR", sequential_lr),
    "SequentialLR that cuts": ("SequentialLR", sequential_cut),
    "ChainedScheduler": ("ChainedScheduler", chained),
}


# --- transformers -----------------------------------------------------------------------------------------------------


def lengths(rng: Generator, least: int = 0) -> tuple[dict[str, int], int]:
    """A warmup, and a run that is longer."""
    warmup = whole(rng, least, 12)
    total = warmup + whole(rng, 2, 40)
    return {"num_warmup_steps": warmup, "num_training_steps": total}, total


def hf_constant(rng: Generator) -> Draw:
    return Draw({}, 10)


def hf_constant_with_warmup(rng: Generator) -> Draw:
    return Draw({"num_warmup_steps": whole(rng, 0, 20)}, 40)


def hf_linear(rng: Generator) -> Draw:
    named, total = lengths(rng)
    return Draw(named, total + 5)


def hf_cosine(rng: Generator) -> Draw:
    named, total = lengths(rng)
    return Draw(named, total)


def hf_cosine_waves(rng: Generator) -> Draw:
    cycles, half = float(rng.choice([0.25, 1.0, 1.5, 2.0])), 2 * whole(rng, 2, 10)
    warmup = whole(rng, 0, 12)
    total = warmup + int(2 * cycles * half)
    return Draw({"num_warmup_steps": warmup, "num_training_steps": total, "num_cycles": cycles}, total)


def hf_restarts(rng: Generator) -> Draw:
    cycles, warmup = whole(rng, 1, 4), whole(rng, 0, 12)
    total = warmup + cycles * whole(rng, 2, 12)
    return Draw({"num_warmup_steps": warmup, "num_training_steps": total, "num_cycles": cycles}, total + 5)


def hf_polynomial(rng: Generator) -> Draw:
    named, total = lengths(rng)
    return Draw({**named, "lr_end": rng.choice([1e-7, 1e-4]), "power": rng.choice([1.0, 2.0, 0.7])}, total + 5)


def hf_inverse_sqrt(rng: Generator) -> Draw:
    return Draw(
        {"num_warmup_steps": whole(rng, 0, 12)} | ({"timescale": whole(rng, 1, 50)} if rng.random() < 0.5 else {}), 60
    )


def hf_min_lr(rng: Generator) -> Draw:
    named, total = lengths(rng)
    return Draw({**named, **floor(rng)}, total)


def hf_warmup_min_lr(rng: Generator) -> Draw:
    named, total = lengths(rng, least=2)
    rate = {"warmup_lr_rate": rng.uniform(0.0, 0.5)} if rng.random() < 0.5 else {}
    return Draw({**named, **floor(rng), **rate}, total)


def hf_wsd(rng: Generator) -> Draw:
    up, stable, down = whole(rng, 0, 10), whole(rng, 0, 15), whole(rng, 1, 15)
    types = ["linear", "cosine", "1-sqrt"]
    named = {"num_warmup_steps": up, "num_decay_steps": down, "min_lr_ratio": rng.choice([0.0, rng.uniform(0.0, 0.5)])}
    named |= {"warmup_type": str(rng.choice(types)), "decay_type": str(rng.choice(types))}
    named |= {"num_stable_steps": stable} if rng.random() < 0.5 else {"num_training_steps": up + stable + down}
    return Draw(named, up + stable + down + 5)


def floor(rng: Generator) -> dict[str, float]:
    return {"min_lr": rng.uniform(1e-5, 1e-3)} if rng.random() < 0.5 else {"min_lr_rate": rng.uniform(0.0, 0.5)}


TRANSFORMERS: dict[str, tuple[str, Callable[[Generator], Draw]]] = {
    "constant": ("get_constant_schedule", hf_constant),
    "constant_with_warmup": ("get_constant_schedule_with_warmup", hf_constant_with_warmup),
    "linear": ("get_linear_schedule_with_warmup", hf_linear),
    "cosine": ("get_cosine_schedule_with_warmup", hf_cosine),
    "cosine, other waves": ("get_cosine_schedule_with_warmup", hf_cosine_waves),
    "cosine_with_restarts": ("get_cosine_with_hard_restarts_schedule_with_warmup", hf_restarts),
    "polynomial": ("get_polynomial_decay_schedule_with_warmup", hf_polynomial),
    "inverse_sqrt": ("get_inverse_sqrt_schedule", hf_inverse_sqrt),
    "cosine_with_min_lr": ("get_cosine_with_min_lr_schedule_with_warmup", hf_min_lr),
    "cosine_warmup_with_min_lr": ("get_cosine_with_min_lr_schedule_with_warmup_lr_rate", hf_warmup_min_lr),
    "warmup_stable_decay": ("get_wsd_schedule", hf_wsd),
}


def real_torch(name: str, arguments: dict[str, Any], optimizer: Optimizer) -> Any:
    """The scheduler of torch."""
    return getattr(lr_scheduler, name)(optimizer, **arguments)


def real_transformers(name: str, arguments: dict[str, Any], optimizer: Optimizer) -> Any:
    """The scheduler of transformers."""
    return getattr(transformers.optimization, name)(optimizer, **arguments)


def whole(rng: Generator, least: int, most: int) -> int:
    """A whole number from ``least`` to ``most``."""
    return int(rng.integers(least, most + 1))


def share_up(total: int, share: float) -> int:
    """The warmup of ``TrainingArguments``: the share of the run, rounded up."""
    return math.ceil(total * share)
