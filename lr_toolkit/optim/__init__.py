"""The schedulers of a plain PyTorch loop: what meets an optimizer."""

from lr_toolkit.optim.on_change import OnChange as OnChange
from lr_toolkit.optim.plateau import GreedyLR as GreedyLR
from lr_toolkit.optim.plateau import MetricRule as MetricRule
from lr_toolkit.optim.plateau import ReduceOnPlateau as ReduceOnPlateau
from lr_toolkit.optim.scheduled_lr import ScheduledLR as ScheduledLR
