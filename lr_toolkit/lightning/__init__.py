"""Lightning: schedulers for the length of a Trainer's run, callbacks, checks and loggers."""

from lr_toolkit.lightning.checks.finding import Finding as Finding
from lr_toolkit.lightning.checks.finding import list_checks as list_checks
from lr_toolkit.lightning.configure import configure_optimizers as configure_optimizers
from lr_toolkit.lightning.configure import scheduler_config as scheduler_config
from lr_toolkit.lightning.finder.find_lr import find_lr as find_lr
from lr_toolkit.lightning.finder.finder import LRFinder as LRFinder
from lr_toolkit.lightning.mixin import ScheduleMixin as ScheduleMixin
from lr_toolkit.lightning.monitor.monitor import LRMonitor as LRMonitor
from lr_toolkit.lightning.project.findings import check_run as check_run
from lr_toolkit.lightning.project.preview import preview_run as preview_run
from lr_toolkit.lightning.run import horizon_of as horizon_of
from lr_toolkit.lightning.schedule_free import ScheduleFree as ScheduleFree
from lr_toolkit.lightning.scheduled_number import ScheduledNumber as ScheduledNumber
from lr_toolkit.lightning.scheduled_number import scheduled as scheduled
from lr_toolkit.lightning.scheduler_slot import build_scheduler as build_scheduler
from lr_toolkit.lightning.warmup.warmup import LRWarmup as LRWarmup
from lr_toolkit.lightning.weight_ema import WeightEMA as WeightEMA
