"""The report of a reproduction: the paper's numbers and own ones side by side, from stored results.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

if TYPE_CHECKING:
    from rarecall.report.reproduction.page import write_reproduction_report
    from rarecall.report.reproduction.terminal import print_reproduction

__all__ = ["print_reproduction", "write_reproduction_report"]

_HOMES = {
    "print_reproduction": "report.reproduction.terminal",
    "write_reproduction_report": "report.reproduction.page",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
