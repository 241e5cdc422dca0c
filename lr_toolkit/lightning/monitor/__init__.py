"""What is added to a Trainer's callbacks."""

from lr_toolkit.lightning.monitor.monitor import LRMonitor as LRMonitor
