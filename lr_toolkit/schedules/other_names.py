"""What the schedulers of other libraries are called here, by the names that are common for them."""

from __future__ import annotations

__all__ = ["equivalent_of"]

_COSINE = "warmup('5%') >> cosine()"

# Without case and underscores, and without the ending of a torch class.
_EQUIVALENTS = {
    "chained": "warmup('5%') >> cosine()",
    "clr": "triangular(2000, low=0.1)",
    "constant": "hold()",
    "constantwithwarmup": "warmup('5%') >> hold()",
    "cosineannealing": "cosine()",
    "cosineannealingwarmrestarts": "cosine_restarts('10 epochs', growth=2.0, rest='cut')",
    "cosineannealingwarmuprestarts": "cosine_restarts('10 epochs', warmup='1 epoch', rest='cut')",
    "cosinedecay": "cosine()",
    "cosinedecayrestarts": "cosine_restarts('10 epochs', growth=2.0)",
    "cosinerestart": "cosine_restarts(times=3)",
    "cosinerestarts": "cosine_restarts(times=3)",
    "cosinewithrestarts": "cosine_restarts(times=3)",
    "cosinewithhardrestarts": "warmup('5%') >> repeat(cosine(), 3)",
    "cosinewithhardrestartswithwarmup": "warmup('5%') >> repeat(cosine(), 3)",
    "cosineonecycle": "one_cycle('30%')",
    "cosinewarmupwithmin": "warmup('5%') >> cosine(end_lr=1e-5)",
    "cosinewithmin": "warmup('5%') >> cosine(end_lr=1e-5)",
    "cosinewarmup": _COSINE,
    "cosinewithwarmup": _COSINE,
    "customlambda": "custom(fn)",
    "cyclic": "triangular(2000, low=0.1)",
    "d2z": "warmup('5%') >> linear()",
    "exponentialdecay": "exponential(0.95)",
    "exprange": "scaled(triangular(2000, low=0.1), exponential(0.9999, every=1), floor=0.1)",
    "fitflatcos": "flat_cosine('25%')",
    "flatcos": "flat_cosine('25%')",
    "hyperbolic": "hyperbolic('100%')",
    "inversesqrt": "warmup('5%') >> inverse_sqrt('5%')",
    "inversesquareroot": "warmup('5%') >> inverse_sqrt('5%')",
    "inversetimedecay": "inverse_time('5%')",
    "kdecay": "cosine(k=1.5)",
    "learningratemonitor": "LRMonitor()",
    "lambda": "custom(lambda i: 0.95**i)",
    "linearwarmup": "warmup('5%') >> linear()",
    "linearwithwarmup": "warmup('5%') >> linear()",
    "linearonecycle": "one_cycle('30%', shape='linear')",
    "lineartozero": "warmup('5%') >> linear()",
    "minussqrt": "one_minus_sqrt()",
    "multiplicative": "custom(lambda i: 0.95**i)",
    "noam": "warmup(4000) >> inverse_sqrt(4000)",
    "onecycle": "one_cycle('30%')",
    "onecyclepolicy": "one_cycle('30%')",
    "oneminussquare": "one_minus_square()",
    "piecewiseconstant": "piecewise(['50%', '75%'], levels=[1.0, 0.1, 0.01])",
    "piecewiseconstantdecay": "piecewise(['50%', '75%'], levels=[1.0, 0.1, 0.01])",
    "piecewiseinterpolate": "piecewise(['50%', '75%'], levels=[0.1, 1.0, 0.0], shape='linear')",
    "piecewiselinear": "piecewise(['50%', '75%'], levels=[0.1, 1.0, 0.0], shape='linear')",
    "poly": "polynomial(0.9)",
    "polynomialdecay": "polynomial(1.0)",
    "polynomialdecaywithwarmup": "warmup('5%') >> polynomial(1.0)",
    "power": "power_law('10%') >> linear(over='10%')",
    "powercool": "power_cool(1.2)",
    "reduceonplateau": "hold(), with plateau=ReduceOnPlateau(monitor='val_loss')",
    "sequential": "warmup('5%') >> cosine()",
    "rsqrt": "warmup('5%') >> inverse_sqrt('5%')",
    "sgdr": "cosine_restarts('10 epochs', growth=2.0)",
    "stlr": "slanted_triangular('10%')",
    "tristage": "warmup('10%') >> hold() >> exponential_to(0.01, over='50%')",
    "trapezoid": "wsd('5%', '20%')",
    "warmupconstant": "warmup('5%') >> hold()",
    "warmupcosine": _COSINE,
    "warmupcosinedecay": _COSINE,
    "warmupexponentialdecay": "warmup('5%') >> exponential(0.95)",
    "warmuplinear": "warmup('5%') >> linear()",
    "warmupstabledecay": "wsd('5%', '20%')",
    "wsds": "wsd_s('5%', '10%', times=3)",
    # torch's classes with the name of a builder, which need an argument
    "exponential": "exponential(0.95)",
    "multistep": "multistep(at=['50%', '75%'])",
    "polynomial": "polynomial(2.0)",
    "step": "step('30%')",
    "tanh": "tanh()",
    "wsd": "wsd('5%', '20%')",
    "linear": "linear()",
    "cosine": "cosine()",
    "warmup": "warmup('5%') >> hold()",
}


def equivalent_of(name: str) -> str:
    """The line to write for a scheduler or recipe of another library; empty if there is none.

    Example:
        >>> equivalent_of("OneCycleLR"), equivalent_of("cosine_with_warmup"), equivalent_of("ReduceLROnPlateau")
        ("one_cycle('30%')", "warmup('5%') >> cosine()", "hold(), with plateau=ReduceOnPlateau(monitor='val_loss')")
    """
    bare = name.lower().replace("_", "").replace("schedulewith", "with").removeprefix("get")
    bare = bare.removesuffix("schedule").removesuffix("scheduler")
    return _EQUIVALENTS.get(bare.removesuffix("lr").replace("reducelr", "reduce"), "")
