"""Timelines bound to torch optimizers."""

from lr_toolkit.optim.plateau.greedy import GreedyLR as GreedyLR
from lr_toolkit.optim.plateau.reduce_on_plateau import ReduceOnPlateau as ReduceOnPlateau
from lr_toolkit.optim.plateau.rule import MetricRule as MetricRule
from lr_toolkit.optim.resume import OnChange as OnChange
from lr_toolkit.optim.scheduled_lr import ScheduledLR as ScheduledLR
