"""What the papers print of a cell, as shares like own values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.papers import paper_table, table_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.papers import PrintedTable


class Printed:
    """The printed tables of a protocol.

    Args:
        names: Of the tables; what was not transcribed is passed over.

    >>> cell = Printed(["alm-table-1"]).cell("BCE", "1:100", "fpr@98")
    >>> cell["value"], cell["spread"], cell["marked"]
    (0.56, None, False)
    """

    def __init__(self, names: Sequence[str]) -> None:
        known = set(table_names())
        self.tables = [paper_table(name) for name in names if name in known]
        self._percent: dict[tuple[str, str], bool] = {}

    def cell(self, row: str, setting: str, measure: str) -> dict[str, Any] | None:
        """Give a printed cell, or None where nothing is printed."""
        for table in self.tables:
            found = table.cells.get((row, setting, measure))
            if found is None or found.value is None:
                continue
            scale = 100.0 if self.percent(table, measure) else 1.0
            return {
                # Rounded: 56.3 / 100 is 0.5629999999999999.
                "value": round(found.value / scale, 8),
                "spread": None if found.spread is None else round(found.spread / scale, 8),
                "marked": found.marked,
            }
        return None

    def percent(self, table: PrintedTable, measure: str) -> bool:
        """Whether a column is printed in percent: some value of it exceeds 1."""
        key = (table.name, measure)
        if key not in self._percent:
            values = [
                abs(cell.value)
                for (_, _, column), cell in table.cells.items()
                if column == measure and cell.value is not None
            ]
            self._percent[key] = bool(values) and max(values) > 1.0
        return self._percent[key]
