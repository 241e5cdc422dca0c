"""What the schedulers of other libraries are called here, by the names that are common for them."""

from __future__ import annotations

__all__ = ["equivalent_of"]

_COSINE = "warmup('5%') >> cosine()"

# Without case and underscores, and without the ending of a torch class.
_EQUIVALENTS = {
    "chained": "warmup('5%') >> cosine()",
    "constant": "hold()",
    "constantwithwarmup": "warmup('5%') >> hold()",
    "cosineannealing": "cosine()",
    "cosinedecay": "cosine()",
    "cosinewarmup": _COSINE,
    "cosinewithwarmup": _COSINE,
    "customlambda": "custom(fn)",
    "exponentialdecay": "exponential(0.95)",
    "learningratemonitor": "LRMonitor()",
    "lambda": "custom(lambda i: 0.95**i)",
    "linearwarmup": "warmup('5%') >> linear()",
    "linearwithwarmup": "warmup('5%') >> linear()",
    "multiplicative": "custom(lambda i: 0.95**i)",
    "onecycle": "warmup('30%') >> cosine()",
    "piecewiseconstantdecay": "multistep(at=['50%', '75%'])",
    "poly": "polynomial(2.0)",
    "reduceonplateau": "hold(), with plateau=ReduceOnPlateau(monitor='val_loss')",
    "sequential": "warmup('5%') >> cosine()",
    "trapezoid": "wsd('5%', '20%')",
    "warmupcosine": _COSINE,
    "warmuplinear": "warmup('5%') >> linear()",
    "warmupstabledecay": "wsd('5%', '20%')",
    # torch's classes with the name of a builder, which need an argument
    "exponential": "exponential(0.95)",
    "multistep": "multistep(at=['50%', '75%'])",
    "polynomial": "polynomial(2.0)",
    "step": "step('30%')",
    "linear": "linear()",
    "cosine": "cosine()",
    "warmup": "warmup('5%') >> hold()",
}


def equivalent_of(name: str) -> str:
    """The line to write for a scheduler or recipe of another library; empty if there is none.

    Example:
        >>> equivalent_of("OneCycleLR"), equivalent_of("cosine_with_warmup"), equivalent_of("ReduceLROnPlateau")
        ("warmup('30%') >> cosine()", "warmup('5%') >> cosine()", "hold(), with plateau=ReduceOnPlateau(monitor='val_loss')")
    """
    bare = name.lower().replace("_", "").removesuffix("schedule").removesuffix("scheduler").removeprefix("get")
    return _EQUIVALENTS.get(bare.removesuffix("lr").replace("reducelr", "reduce"), "")
