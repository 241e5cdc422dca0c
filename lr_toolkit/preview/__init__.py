"""What a person looks at: sparkline, table, picture."""

from lr_toolkit.preview.report import Report as Report
from lr_toolkit.preview.report import Table as Table
from lr_toolkit.preview.sparkline import sparkline as sparkline
