"""The papers' tables: what was printed, value by value, with its place and its doubts."""

from rarecall.papers.printed import Cell, PrintedTable, paper_table, table_names

__all__ = ["Cell", "PrintedTable", "paper_table", "table_names"]
