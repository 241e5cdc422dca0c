"""Timelines bound to torch optimizers."""

from lr_toolkit.optim.greedy import GreedyLR as GreedyLR
from lr_toolkit.optim.plateau import ReduceOnPlateau as ReduceOnPlateau
from lr_toolkit.optim.reaction import Reaction as Reaction
from lr_toolkit.optim.resume import OnChange as OnChange
from lr_toolkit.optim.scheduled_lr import ScheduledLR as ScheduledLR
