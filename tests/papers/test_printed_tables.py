"""Every transcribed number is the paper's; tables are found by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rarecall.errors import ConfigurationError
from rarecall.papers import Cell, paper_table, table_names
from rarecall.papers.printed import read_row

TEXTS = Path(__file__).parents[3] / "shared" / "papers"
COLUMNWISE = {name for name in table_names() if name.startswith("deep-auc")} | {"lct-table-4"}
"""Tables whose rows are columns of the text."""

COUNTS = {"alm": 16, "alm-v1": 8, "rankreg": 9, "lct": 10, "deep-auc": 5}
ELSEWHERE = {"alm-correlation", *(f"lct-figure-{number}" for number in (4, 5, 6, 7))}
"""Numbers of the running text, and of figures' captions."""

PARAMETERS = {"alm-v1-table-7", "alm-v1-table-8"}


def test_every_table_of_numbers_is_there() -> None:
    names = table_names()
    for paper, count in COUNTS.items():
        assert len([name for name in names if re.fullmatch(rf"{paper}-table-\d+", name)]) == count
    assert len(names) == sum(COUNTS.values()) + len(ELSEWHERE)


@pytest.mark.parametrize("name", table_names())
def test_values_are_rates_and_every_row_has_all_its_settings(name: str) -> None:
    table = paper_table(name)
    assert table.title
    assert table.place
    assert table.citation
    highest = max(cell.value for cell in table.cells.values() if cell.value is not None)
    assert table.unit in ("percent", "share", "number")
    assert highest <= 100.0 or table.unit == "number"
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
    assert paper_table("deep-auc-table-1").cells["AUC-M", "C100 (R)", "auc"].spread == 0.016
    assert paper_table("alm-table-6").measures == ("fpr@100", "fpr@99", "fpr@96", "auc")
    assert paper_table("alm-table-5").value("LDAM", "1:50", "fpr@90") == 8.9
    assert paper_table("rankreg-table-4").value("Ranks", "CIFAR-100 1:100", "fpr@90") == 43.0
    assert paper_table("rankreg-table-4").value("Ranks", "CIFAR-10 1:100", "fpr@90") is None
    assert paper_table("alm-v1-table-8").value("ALM WITH A-FL", "1:19", "margin") == 2.0


def test_rates_are_also_told_as_shares() -> None:
    assert paper_table("alm-table-1").share("BCE", "1:100", "fpr@98") == Cell(0.56)
    assert paper_table("lct-table-3").share("VS", "melanoma 10", "auc") == Cell(0.954)
    assert paper_table("alm-table-1").share("BCE", "1:100", "fpr@97") is None
    assert paper_table("alm-correlation").value(
        "Pearson correlation", "binary tables", "correlation"
    ) == pytest.approx(-0.85)
    assert paper_table("lct-table-12").share("CIFAR10 pair", "samples", "majority") is None


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
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"\s*±\s*", "±", text)
    return [re.sub(r" +", " ", line).strip() for line in text.splitlines()]


def lines_of(paper: str) -> list[str]:
    return cleaned((TEXTS / f"{paper}.txt").read_text(encoding="utf-8"))


with_texts = pytest.mark.skipif(
    not TEXTS.is_dir(), reason="the papers' texts are not beside the project"
)


def near(name: str) -> list[str]:
    """Lines around the caption of a table."""
    table = paper_table(name)
    lines = lines_of(table.paper)
    at = [k for k, line in enumerate(lines) if re.match(rf"(?:\d+ )?{table.place}[.:]", line)]
    assert len(at) == 1
    return lines[max(0, at[0] - 45) : at[0] + 95]


@with_texts
@pytest.mark.parametrize("name", sorted(set(table_names()) - ELSEWHERE - PARAMETERS))
def test_every_row_stands_in_the_paper_s_text_near_its_table(name: str) -> None:
    table, lines = paper_table(name), near(name)
    columns = " ".join(lines)
    for row in table.rows:
        for setting in table.settings:
            cells = [table.cells[row, setting, measure] for measure in table.measures]
            words = [as_printed(cell) for cell in cells if cell.value is not None]
            if name in COLUMNWISE:
                missing = [word for word in words if not re.search(rf"(?<![\d.]){word}", columns)]
                assert not missing, (row, setting)
                continue
            label = re.escape(re.split(r" \+(?=\w)|WITH |buffer-", row)[-1])
            found = re.compile(rf"{label}.*?(?<![\d.]){' '.join(words)}(?![\d.])")
            assert any(found.search(line) for line in lines), (row, setting, words)


@with_texts
@pytest.mark.parametrize("name", ["alm-table-5", "alm-table-6", "rankreg-table-5"])
def test_columns_are_headed_as_printed(name: str) -> None:
    table, text = paper_table(name), " ".join(near(name))
    levels = [re.escape(measure.removeprefix("fpr@")) for measure in table.measures[:3]]
    assert re.search("% ?.*?".join(levels) + "%", text)


@with_texts
@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_chosen_parameters_stand_in_the_paper_s_text_in_their_order(name: str) -> None:
    table = paper_table(name)
    text = "\n".join(near(name))
    text = text[text.index(f"{table.place}. ") :].replace("N/3", "0.333").replace("= N", "= 1")
    at = 0
    for setting in table.settings:
        for row in table.rows:
            given = [cell.value for cell in (table.cells[row, setting, m] for m in table.measures)]
            words = [number(value) for value in given if value is not None] or ["-"]
            label = re.escape(row.removeprefix("ALM WITH "))
            values = r"[^\n]*?= ?".join(words)
            found = re.compile(rf"^(?:ALM with )?{label} [^\n]*?{values}$", re.M)
            match = found.search(text, at)
            assert match is not None, (row, setting)
            at = match.end()


@with_texts
@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_numbers_outside_of_tables_stand_in_the_paper_s_text(name: str) -> None:
    table = paper_table(name)
    (value,) = [cell.value for cell in table.cells.values()]
    words = rf"{table.place}:.*AUROC ?= ?{value}" if "figure" in name else rf"obtained {value}"
    assert any(re.search(words, line) for line in lines_of(table.paper))


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
