"""What a finished comparison says, made from stored results only: a page and a terminal table."""

from rarecall.report.page import write_report
from rarecall.report.terminal import terminal_table

__all__ = ["terminal_table", "write_report"]
