"""optax, called in float64."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from numpy.random import Generator

from tests.data.peers.drawing import choice, milestones, number, whole

Drawn = tuple[dict[str, Any], int]


def load(folder: str) -> dict[str, Any]:
    """Turn float64 on."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return {"library": "optax", "version": version("optax"), "origin": "the installed package, in float64"}


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update: what the schedule returns for its number."""
    import optax

    given = {key: _numbers(value) for key, value in arguments.items()}
    schedule = getattr(optax, name)(**given)
    return [float(schedule(update)) for update in range(updates)]


def _numbers(value: Any) -> Any:
    """A mapping by whole numbers, whose keys JSON writes as texts."""
    return {int(key): scale for key, scale in value.items()} if isinstance(value, dict) else value


def _two(rng: Generator) -> tuple[float, float]:
    return number(rng, 1e-3, 1.0), choice(rng, [0.0, number(rng, 1e-5, 1.0)])


def linear(rng: Generator) -> Drawn:
    first, last = _two(rng)
    steps, begin = whole(rng, 1, 25), whole(rng, 0, 8)
    return {
        "init_value": first,
        "end_value": last,
        "transition_steps": steps,
        "transition_begin": begin,
    }, steps + begin + 4


def polynomial(rng: Generator) -> Drawn:
    arguments, updates = linear(rng)
    return {**arguments, "power": choice(rng, [1, 2, number(rng, 0.3, 4.0)])}, updates


def cosine(rng: Generator) -> Drawn:
    steps = whole(rng, 1, 30)
    rest = {"alpha": choice(rng, [0.0, number(rng, 0.0, 0.5)]), "exponent": choice(rng, [1.0, number(rng, 0.5, 3.0)])}
    return {"init_value": number(rng, 1e-3, 1.0), "decay_steps": steps, **rest}, steps + 4


def exponential(rng: Generator) -> Drawn:
    value = number(rng, 1e-3, 1.0)
    named = {"init_value": value, "transition_steps": whole(rng, 1, 10), "decay_rate": number(rng, 0.3, 0.99)}
    named |= {"transition_begin": whole(rng, 0, 6), "staircase": choice(rng, [False, True])}
    return named | choice(rng, [{}, {"end_value": value * 0.25}]), 34


def piecewise(rng: Generator) -> Drawn:
    scales = {str(boundary): number(rng, 0.1, 0.9) for boundary in milestones(rng, 1, 28)}
    return {"init_value": number(rng, 1e-3, 1.0), "boundaries_and_scales": scales}, 32


def interpolate(rng: Generator) -> Drawn:
    arguments, updates = piecewise(rng)
    return {"interpolate_type": choice(rng, ["linear", "cosine"]), **arguments}, updates


def linear_onecycle(rng: Generator) -> Drawn:
    steps = whole(rng, 12, 30)
    factors = {"div_factor": number(rng, 2, 50), "final_div_factor": number(rng, 10, 1e4)}
    return {
        "transition_steps": steps,
        "peak_value": number(rng, 0.01, 1.0),
        "pct_start": number(rng, 0.2, 0.5),
        **factors,
    }, steps + 4


def cosine_onecycle(rng: Generator) -> Drawn:
    return linear_onecycle(rng)


def warmup_constant(rng: Generator) -> Drawn:
    up = whole(rng, 1, 20)
    return {
        "init_value": choice(rng, [0.0, number(rng, 1e-5, 1e-3)]),
        "peak_value": number(rng, 0.01, 1.0),
        "warmup_steps": up,
    }, up + 4


def warmup_cosine(rng: Generator) -> Drawn:
    arguments, _ = warmup_constant(rng)
    steps = arguments["warmup_steps"] + whole(rng, 1, 15)
    rest = {"decay_steps": steps, "end_value": choice(rng, [0.0, number(rng, 1e-5, 1e-3)])}
    return {**arguments, **rest, "exponent": choice(rng, [1.0, number(rng, 0.5, 3.0)])}, steps + 4


def warmup_exponential(rng: Generator) -> Drawn:
    arguments, _ = warmup_constant(rng)
    arguments |= {"transition_steps": whole(rng, 1, 10), "decay_rate": number(rng, 0.3, 0.99)}
    return {**arguments, "staircase": choice(rng, [False, True])}, 34


def sgdr(rng: Generator) -> Drawn:
    cycles = [warmup_cosine(rng)[0] | {"exponent": 1.0} for _ in range(whole(rng, 1, 2))]
    return {"cosine_kwargs": cycles}, sum(cycle["decay_steps"] for cycle in cycles) + 3


DRAWS = {
    "linear_schedule": linear,
    "polynomial_schedule": polynomial,
    "cosine_decay_schedule": cosine,
    "exponential_decay": exponential,
    "piecewise_constant_schedule": piecewise,
    "piecewise_interpolate_schedule": interpolate,
    "linear_onecycle_schedule": linear_onecycle,
    "cosine_onecycle_schedule": cosine_onecycle,
    "warmup_constant_schedule": warmup_constant,
    "warmup_cosine_decay_schedule": warmup_cosine,
    "warmup_exponential_decay_schedule": warmup_exponential,
    "sgdr_schedule": sgdr,
}
