"""The report of a reproduction: the paper's numbers and own ones side by side, from stored results.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rarecall.report.reproduction.page import write_reproduction_report
    from rarecall.report.reproduction.terminal import print_reproduction

__all__ = ["print_reproduction", "write_reproduction_report"]

_HOMES = {
    "print_reproduction": "rarecall.report.reproduction.terminal",
    "write_reproduction_report": "rarecall.report.reproduction.page",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
