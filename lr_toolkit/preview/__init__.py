"""Previews, sparklines, tables, reports and pictures of schedules and learning rates."""

from lr_toolkit.preview.preview import Preview as Preview
from lr_toolkit.preview.report import Report as Report
from lr_toolkit.preview.report import Table as Table
from lr_toolkit.preview.sparkline import sparkline as sparkline
