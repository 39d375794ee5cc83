"""The report of several critical classes or labels: each is the binary question it is."""

from rarecall.report.several.stored import Several, is_several

__all__ = ["Several", "is_several"]
