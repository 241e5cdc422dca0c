"""The schedulers of a plain PyTorch loop: what meets an optimizer."""

from lr_toolkit.optim import hparams
from lr_toolkit.optim.branching import Branch as Branch
from lr_toolkit.optim.branching import branch as branch
from lr_toolkit.optim.combined import CombinedOptimizer as CombinedOptimizer
from lr_toolkit.optim.on_change import OnChange as OnChange
from lr_toolkit.optim.parameter_groups import param_groups as param_groups
from lr_toolkit.optim.plateau import GreedyLR as GreedyLR
from lr_toolkit.optim.plateau import MetricRule as MetricRule
from lr_toolkit.optim.plateau import ReduceOnPlateau as ReduceOnPlateau
from lr_toolkit.optim.scheduled_lr import ScheduledLR as ScheduledLR

hparams.register()
