"""Loggers: one adapter per tracker, plain ``log_metrics`` for any other, and the registration of a user's own."""

from lr_toolkit.lightning.loggers.adapter import LoggerAdapter as LoggerAdapter
from lr_toolkit.lightning.loggers.registry import register_logger_adapter as register_logger_adapter
from lr_toolkit.lightning.loggers.reports import PlanReport as PlanReport
from lr_toolkit.lightning.loggers.reports import RowReport as RowReport
from lr_toolkit.lightning.loggers.reports import SummaryReport as SummaryReport
