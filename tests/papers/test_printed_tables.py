"""Every transcribed number is the paper's; tables are found by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rarecall.errors import ConfigurationError
from rarecall.papers import Cell, paper_table, table_names
from rarecall.papers.printed import read_row

TEXTS = Path(__file__).parents[3] / "shared" / "papers"
COLUMNWISE = "deep-auc-margin"
"""A text whose tables came column by column."""

COUNTS = {"alm": 16, "alm-v1": 6, "rankreg": 9, "lct": 9, "deep-auc": 5}


def test_every_table_of_numbers_is_there() -> None:
    names = table_names()
    for paper, count in COUNTS.items():
        assert len([name for name in names if re.fullmatch(rf"{paper}-table-\d+", name)]) == count
    assert len(names) == sum(COUNTS.values())


@pytest.mark.parametrize("name", table_names())
def test_values_are_rates_and_every_row_has_all_its_settings(name: str) -> None:
    table = paper_table(name)
    assert table.title
    assert table.place
    assert table.citation
    highest = max(cell.value for cell in table.cells.values() if cell.value is not None)
    assert highest <= 100.0
    per_row = len(table.settings) * len(table.measures)
    assert len(table.cells) == len(table.rows) * per_row
    assert not any(cell.spread and cell.spread > 30 for cell in table.cells.values())


def test_known_cells_are_as_printed() -> None:
    alm = paper_table("alm-table-1")
    assert alm.value("BCE", "1:100", "fpr@98") == 56.0
    assert alm.value("ALM + A-ML", "1:200", "fpr@95") == 74.0
    assert any("54.0" in doubt for doubt in alm.doubts)
    assert paper_table("alm-table-10").cells["BCE", "1:100", "auc mean"] == Cell(82.0, 2.6)
    assert paper_table("alm-table-12").cells["ALM + BCE", "1:100", "auc"].marked
    assert paper_table("alm-table-16").value("BCE", "1:19", "auc") == 91.95
    assert paper_table("alm-v1-table-3").cells["ALM WITH A-ML", "1:8", "auc mean"].spread == 8.7
    assert paper_table("rankreg-table-5").value("Dequeue Min", "Melanoma", "auc") is None
    assert paper_table("lct-table-3").value("VS + LCT", "melanoma 200", "auc") == 0.911
    assert paper_table("deep-auc-table-1").cells["C100 (R)", "auc-margin", "auc"].spread == 0.016


def test_the_published_bests_are_found() -> None:
    table = paper_table("rankreg-table-1")
    best = [min(table.value(row, "1:100", f"fpr@{level}") or 100 for row in table.rows[:-1])
            for level in (98, 95, 92)]  # fmt: skip
    assert best == [42.8, 25.6, 20.6]


def test_unknown_tables_and_cells_say_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'alm-table-1"):
        paper_table("alm-tabel-1")
    with pytest.raises(ConfigurationError, match="Its rows are BCE"):
        paper_table("alm-table-1").value("BCE", "1:100", "fpr@97")


@pytest.mark.parametrize("row", ["BCE", "", "1 2", "BCE 1 2 3"])
def test_a_row_needs_a_label_and_values(row: str) -> None:
    with pytest.raises(ValueError, match="label and"):
        read_row(row, 2)


def cleaned(text: str) -> list[str]:
    text = re.sub(r"<[^>]+>|\$", "", text).replace("\\pm", "±").replace("\t", " ")
    text = re.sub(r"\s*±\s*", "±", text)
    return [re.sub(r" +", " ", line).strip() for line in text.splitlines()]


@pytest.mark.skipif(not TEXTS.is_dir(), reason="the papers' texts are not beside the project")
@pytest.mark.parametrize("name", table_names())
def test_every_row_stands_in_the_paper_s_text_near_its_table(name: str) -> None:
    table = paper_table(name)
    lines = cleaned((TEXTS / f"{table.paper}.txt").read_text(encoding="utf-8"))
    captions = [
        k for k, line in enumerate(lines) if re.match(rf"{re.escape(table.place)}[.:]", line)
    ]
    assert len(captions) == 1
    near = lines[max(0, captions[0] - 45) : captions[0] + 95]
    columns = " ".join(near)
    for row in table.rows:
        for setting in table.settings:
            cells = [table.cells[row, setting, measure] for measure in table.measures]
            words = [as_printed(cell) for cell in cells if cell.value is not None]
            if table.paper == COLUMNWISE:
                missing = [word for word in words if not re.search(rf"(?<![\d.]){word}", columns)]
                assert not missing, (row, setting)
                continue
            label = re.escape(re.split(r" \+(?=\w)|WITH |buffer-", row)[-1])
            found = re.compile(rf"{label}.*?(?<![\d.]){' '.join(words)}(?![\d.])")
            assert any(found.search(line) for line in near), (row, setting, words)


def as_printed(cell: Cell) -> str:
    """A pattern for the number, whatever zeros end it."""
    assert cell.value is not None
    text = number(cell.value)
    if cell.spread is not None:
        text += f"±{number(cell.spread)}"
    return text + r"\*?"


def number(value: float) -> str:
    whole = re.escape(f"{value:.10g}")
    return rf"{whole}0*" if "." in whole else rf"{whole}(?:\.0+)?"
