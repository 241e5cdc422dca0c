"""Rules that move a gain when a metric improves or stops improving."""

from lr_toolkit.optim.plateau.greedy import GreedyLR as GreedyLR
from lr_toolkit.optim.plateau.reduce_on_plateau import ReduceOnPlateau as ReduceOnPlateau
from lr_toolkit.optim.plateau.rule import MetricRule as MetricRule
from lr_toolkit.optim.plateau.written_rule import MetricRuleLike as MetricRuleLike
from lr_toolkit.optim.plateau.written_rule import read_rule as read_rule
