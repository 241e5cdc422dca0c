"""Keras, on its NumPy backend in float64."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

from numpy.random import Generator

from tests.data.peers.drawing import choice, milestones, number, whole

Drawn = tuple[dict[str, Any], int]


def load(folder: str) -> dict[str, Any]:
    """Turn float64 on, which Keras narrows to float32 on every backend but TensorFlow's."""
    os.environ["KERAS_BACKEND"] = "numpy"
    import keras
    from keras.src.backend.common import dtypes

    keras.config.set_floatx("float64")
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    origin = "the installed package, on NumPy, with float64 not narrowed to float32"
    return {"library": "keras", "version": version("keras"), "origin": origin}


def used(name: str, arguments: dict[str, Any], lr: float, updates: int) -> list[float]:
    """The LR of each update: what the schedule returns for the optimizer's ``iterations``."""
    import keras

    schedule = getattr(keras.optimizers.schedules, name)(**arguments)
    return [float(schedule(update)) for update in range(updates)]


def cosine(rng: Generator) -> Drawn:
    steps = whole(rng, 1, 25)
    return {
        "initial_learning_rate": number(rng, 1e-3, 1.0),
        "decay_steps": steps,
        "alpha": number(rng, 0.0, 0.5),
    }, steps + 4


def warmup_cosine(rng: Generator) -> Drawn:
    arguments, updates = cosine(rng)
    up, first = whole(rng, 1, 10), choice(rng, [0.0, number(rng, 1e-5, 1e-3)])
    peak = {"initial_learning_rate": first, "warmup_target": number(rng, 0.01, 1.0), "warmup_steps": up}
    return {**arguments, **peak}, updates + up


def restarts(rng: Generator) -> Drawn:
    named = {
        "initial_learning_rate": number(rng, 1e-3, 1.0),
        "first_decay_steps": whole(rng, 2, 8),
        "alpha": number(rng, 0.0, 0.5),
    }
    return {**named, "t_mul": choice(rng, [1.0, 2.0]), "m_mul": choice(rng, [1.0, number(rng, 0.5, 1.0)])}, 34


def exponential(rng: Generator) -> Drawn:
    named = {
        "initial_learning_rate": number(rng, 1e-3, 1.0),
        "decay_steps": whole(rng, 1, 10),
        "decay_rate": number(rng, 0.3, 0.99),
    }
    return {**named, "staircase": choice(rng, [False, True])}, 34


def piecewise(rng: Generator) -> Drawn:
    boundaries = milestones(rng, 1, 28)
    return {"boundaries": boundaries, "values": [number(rng, 1e-4, 1.0) for _ in range(len(boundaries) + 1)]}, 34


def polynomial(rng: Generator) -> Drawn:
    steps = whole(rng, 1, 30)
    lrs = {"initial_learning_rate": number(rng, 1e-2, 1.0), "end_learning_rate": number(rng, 0.0, 1e-2)}
    return {**lrs, "decay_steps": steps, "power": choice(rng, [1.0, 2.0, number(rng, 0.3, 4.0)])}, steps + 4


DRAWS = {
    "CosineDecay": cosine,
    "CosineDecay, with a warmup": warmup_cosine,
    "CosineDecayRestarts": restarts,
    "ExponentialDecay": exponential,
    "InverseTimeDecay": exponential,
    "PiecewiseConstantDecay": piecewise,
    "PolynomialDecay": polynomial,
}

# Keras finds the cycle by a logarithm, which is a little too small at the fifth restart of cycles that triple: log(243) / log(3).
REFUSED = [("CosineDecayRestarts", {"initial_learning_rate": 1.0, "first_decay_steps": 1, "t_mul": 3.0}, 125)]
