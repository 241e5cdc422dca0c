"""What is added to a Trainer's callbacks."""

from lr_toolkit.lightning.callbacks.monitor import LRMonitor as LRMonitor
