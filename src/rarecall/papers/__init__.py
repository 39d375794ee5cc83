"""The papers: their tables, value by value, and the protocols that made them, ready to be run."""

from rarecall.papers.printed import Cell, PrintedTable, paper_table, table_names
from rarecall.papers.protocol import (
    Protocol,
    ResolvedProtocol,
    protocol_names,
    read_protocol,
    resolve,
)

__all__ = [
    "Cell",
    "PrintedTable",
    "Protocol",
    "ResolvedProtocol",
    "paper_table",
    "protocol_names",
    "read_protocol",
    "resolve",
    "table_names",
]
