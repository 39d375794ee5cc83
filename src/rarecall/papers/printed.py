"""Tables as printed in the papers: rows by their label, values by setting and measure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml

from rarecall.errors import ConfigurationError, did_you_mean

_VALUE = re.compile(r"(-?\d+(?:\.\d+)?)(?:±(\d+(?:\.\d+)?))?(\*?)")


class Cell(NamedTuple):
    """One printed value.

    Attributes:
        value: As printed, in the table's unit; None where a dash stands.
        spread: The standard deviation behind the sign ±, or None.
        marked: Whether an asterisk marks it.
    """

    value: float | None
    spread: float | None = None
    marked: bool = False


@dataclass(frozen=True)
class PrintedTable:
    """One table of a paper.

    Attributes:
        name: As ``rarecall`` calls it, ``"alm-table-1"``.
        paper: Name of the paper's text.
        citation: Authors, title, venue, year.
        place: As the paper calls it, ``"Table 1"``.
        title: What it shows.
        settings: Blocks of columns, or of rows: data sets, class ratios.
        measures: Columns of every block.
        cells: Values by row label, setting and measure, in printed order.
        doubts: What looks wrong in print; the values are left as they are.
        unit: ``"percent"`` or ``"share"`` for rates and areas; ``"number"`` for anything else.
    """

    name: str
    paper: str
    citation: str
    place: str
    title: str
    settings: tuple[str, ...]
    measures: tuple[str, ...]
    cells: dict[tuple[str, str, str], Cell]
    doubts: tuple[str, ...]
    unit: str = "percent"

    @property
    def rows(self) -> tuple[str, ...]:
        """Row labels, in printed order."""
        return tuple(dict.fromkeys(row for row, _, _ in self.cells))

    def share(self, row: str, setting: str, measure: str) -> Cell | None:
        """Give a printed rate or area as a share in [0, 1]; None where nothing is printed.

        >>> paper_table("alm-table-10").share("BCE", "1:100", "auc mean")
        Cell(value=0.82, spread=0.026, marked=False)
        """
        cell = self.cells.get((row, setting, measure))
        if cell is None or cell.value is None or self.unit == "number":
            return None
        by = 100.0 if self.unit == "percent" else 1.0
        spread = None if cell.spread is None else round(cell.spread / by, 6)
        return Cell(round(cell.value / by, 6), spread, cell.marked)

    def value(self, row: str, setting: str, measure: str) -> float | None:
        """Give one value as printed.

        Raises:
            ConfigurationError: There is no such cell.
        """
        try:
            return self.cells[row, setting, measure].value
        except KeyError:
            raise ConfigurationError(
                f"{self.name} has no cell ({row!r}, {setting!r}, {measure!r}). Its rows are "
                f"{', '.join(self.rows)}; its settings {', '.join(self.settings)}; its measures "
                f"{', '.join(self.measures)}."
            ) from None


def table_names() -> tuple[str, ...]:
    """Names of all tables that were transcribed.

    >>> "alm-table-1" in table_names()
    True
    """
    return tuple(_tables())


def paper_table(name: str) -> PrintedTable:
    """Give a table by its name.

    Raises:
        ConfigurationError: There is no such table.

    >>> table = paper_table("rankreg-table-1")
    >>> table.value("LDAM +RankReg", "1:100", "fpr@98"), table.measures
    (42.8, ('fpr@98', 'fpr@95', 'fpr@92', 'auc'))
    """
    tables = _tables()
    if name not in tables:
        raise ConfigurationError(
            f"There is no table {name!r}.{did_you_mean(name, tables)} Known are "
            f"{', '.join(tables)}."
        )
    return tables[name]


def citation_of(paper: str) -> str:
    """Cite a paper by the name of its text: authors, title, venue; empty for none of the five.

    >>> citation_of("rankreg").split(",")[0], citation_of("mine")
    ('Mohammadi', '')
    """
    return next((one.citation for one in _tables().values() if one.paper == paper), "")


def read_row(row: str, width: int) -> tuple[str, list[Cell]]:
    """Part a printed row into its label and its cells; cells missing at the end are None.

    >>> read_row("ALM + BCE 93.1* 83.6±1.6", 3)[1][1]
    Cell(value=83.6, spread=1.6, marked=False)
    """
    words = row.split()
    first = len(words)
    while first > 0 and (words[first - 1] == "-" or _VALUE.fullmatch(words[first - 1])):
        first -= 1
    label, printed = " ".join(words[:first]), words[first:]
    if not label or not 0 < len(printed) <= width:
        raise ValueError(f"the row {row!r} does not hold a label and 1 to {width} values")
    return label, [*map(_cell, printed), *[Cell(None)] * (width - len(printed))]


def _cell(word: str) -> Cell:
    found = _VALUE.fullmatch(word)
    if found is None:
        return Cell(None)
    value, spread, mark = found.groups()
    return Cell(float(value), None if spread is None else float(spread), bool(mark))


@cache
def _tables() -> dict[str, PrintedTable]:
    found = {}
    folder = resources.files("rarecall.papers") / "tables"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            stored = yaml.safe_load(file.read_text(encoding="utf-8"))
            for name, table in stored["tables"].items():
                found[name] = _table(name, {**stored, **table})
    return found


def _table(name: str, stored: dict[str, Any]) -> PrintedTable:
    measures = tuple(stored["measures"])
    blocks, settings = _blocks(stored["rows"]), tuple(stored["settings"])
    cells: dict[tuple[str, str, str], Cell] = {}
    for block, rows in blocks.items():
        for row in rows:
            columns = settings if block is None else (block,)
            label, values = read_row(row, len(columns) * len(measures))
            keys = [(label, column, measure) for column in columns for measure in measures]
            if keys[0] in cells:
                raise ValueError(f"{name} has two rows {label!r}")
            cells.update(zip(keys, values, strict=True))
    if None not in blocks:
        settings = tuple(str(block) for block in blocks)
    return PrintedTable(
        name=name,
        paper=stored["paper"],
        citation=stored["citation"],
        place=stored["place"],
        title=stored["title"],
        settings=settings,
        measures=measures,
        cells=cells,
        doubts=tuple(stored.get("doubts", ())),
        unit=stored["unit"],
    )


def _blocks(text: str) -> dict[str | None, list[str]]:
    """Rows by the setting that a line ``# setting`` names, or all under None."""
    found: dict[str | None, list[str]] = {}
    block: str | None = None
    for line in text.splitlines():
        if line.startswith("# "):
            block = line[2:].strip()
        elif line.strip():
            found.setdefault(block, []).append(line.strip())
    return found
