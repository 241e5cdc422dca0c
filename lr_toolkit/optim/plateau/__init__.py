"""Rules that move a gain when a metric improves or stops improving."""

from lr_toolkit.optim.plateau.greedy import GreedyLR as GreedyLR
from lr_toolkit.optim.plateau.reduce_on_plateau import ReduceOnPlateau as ReduceOnPlateau
from lr_toolkit.optim.plateau.rule import MetricRule as MetricRule
