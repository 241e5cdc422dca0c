"""Reads a rule for a metric as a configuration writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from lr_toolkit.optim.plateau.greedy import GreedyLR
from lr_toolkit.optim.plateau.reduce_on_plateau import ReduceOnPlateau
from lr_toolkit.optim.plateau.rule import MetricRule
from lr_toolkit.schedules.written_value import read_written

__all__ = ["RULES", "MetricRuleLike", "read_rule"]

MetricRuleLike: TypeAlias = MetricRule | str | Mapping[str, Any]

RULES = {"ReduceOnPlateau": ReduceOnPlateau, "GreedyLR": GreedyLR}
"""The classes that a text may name; a mapping of arguments without a name is for the first."""


def read_rule(given: MetricRuleLike | None) -> MetricRule | None:
    """The rule that a text or a mapping of arguments stands for; anything else is returned as it is.

    Raises:
        ScheduleError: if there is no such rule.

    Example:
        >>> read_rule("GreedyLR(monitor='loss', max_lr=0.1)")
        GreedyLR(monitor='loss', max_lr=0.1)
        >>> read_rule({"monitor": "val_loss", "factor": 0.5})
        ReduceOnPlateau(monitor='val_loss', factor=0.5)
    """
    if not isinstance(given, (str, Mapping)):
        return given
    rule: MetricRule = read_written("plateau", given, RULES, "ReduceOnPlateau(monitor='val_loss', patience=5)")
    return rule
