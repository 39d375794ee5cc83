"""The tables of one setting: side by side, against the baseline, spread, and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.numbers import UNKNOWN, count, duration
from rarecall.report.reproduction.amounts import (
    around,
    between,
    digits,
    gap,
    p_values,
    plain,
    signed,
    spread_of_splits,
)
from rarecall.report.texts import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.reproduction.judging import Verdict
    from rarecall.reproduction.stored import Reproduction, Row, Setting
    from rarecall.reproduction.stored_values import Measure

Cells = list[tuple[str, list[str]]]
"""Values, each with the small print below it."""


def side_table(found: Reproduction, setting: Setting) -> dict[str, Any]:
    """Lay out paper and own values, and own minus paper below the paper's."""
    known = _printed(found)
    rows = []
    for row in setting.rows:
        cells: Cells = []
        for measure in found.measures:
            both = _side(row, measure, digits(found, measure))
            cells += both if measure.label in known else both[1:]
        rows.append({**_named(setting, row), "cells": cells})
    return {**_head_beside(found, known), "rows": rows}


def _side(row: Row, measure: Measure, places: int) -> Cells:
    printed, spread = row.printed.get(measure.label, (None, None))
    own, value = row.own.get(measure.label), row.own_value(measure)
    text = plain(value, measure, places)
    if own is not None and measure.single:
        text = around(value, own.single_sd, measure, places)
    # As many decimals as papers print, whatever the own column has.
    paper = around(printed, spread, measure, _printed_places(measure))
    further = gap(value, printed)
    beside = "" if further is None else f"own\u00a0{signed(further, measure, places)}"
    return [(paper, [beside]), (text, [between(*row.interval(measure), measure, places)])]


def against_table(
    found: Reproduction, setting: Setting, judged: Sequence[Verdict]
) -> dict[str, Any] | None:
    """Lay out the differences to the baseline rows, own and printed; None where there is none."""
    if not judged:
        return None
    rows, known = [], _printed(found)
    for row in setting.rows:
        mine = {one.measure.label: one for one in judged if one.row == row.label}
        if not mine:
            continue
        cells: Cells = []
        for measure in found.measures:
            both = _against(row, measure, mine.get(measure.label), digits(found, measure))
            cells += both if measure.label in known else both[1:]
        rows.append({**_named(setting, row), "against": row.baseline, "cells": cells})
    return {**_head_beside(found, known), "rows": rows}


def _against(row: Row, measure: Measure, verdict: Verdict | None, places: int) -> Cells:
    tested = row.against.get(measure.label)
    printed = None if verdict is None else verdict.printed
    paper = (signed(printed, measure, _printed_places(measure)), [""])
    if verdict is None or tested is None or tested.difference is None:
        return [paper, (UNKNOWN, ["not tested" if measure.single else "not measured"])]
    interval = between(tested.low, tested.high, measure, places, sign=True)
    word = "not shown"
    if verdict.better is not None:
        word = "better" if verdict.better else "worse"
    own = signed(tested.difference, measure, places)
    return [paper, (own, [interval, word, p_values(tested)])]


def spread_table(found: Reproduction, setting: Setting) -> dict[str, Any]:
    """Lay out ensemble, spread over splits, and single models."""
    rows = []
    for row in setting.rows:
        cells: Cells = []
        for measure in found.measures:
            cells += _spread(row, measure, digits(found, measure))
        rows.append({**_named(setting, row), "cells": cells})
    return {**_head(found, "ensemble", "over splits", "single models"), "rows": rows}


def _spread(row: Row, measure: Measure, places: int) -> Cells:
    own = row.own.get(measure.label)
    if own is None:
        return [(UNKNOWN, [])] * 3
    of_splits, fine = spread_of_splits(own, measure, places)
    return [
        (plain(own.ensemble, measure, places), [between(own.low, own.high, measure, places)]),
        (of_splits, fine),
        (around(own.single_mean, own.single_sd, measure, places), []),
    ]


def cost_table(setting: Setting) -> list[dict[str, Any]]:
    """Lay out what every row was trained with, and what that took."""
    return [
        {
            **_named(setting, row),
            "method": row.method or UNKNOWN,
            "parameters": [(key, text_of(value)) for key, value in row.parameters.items()],
            "cells": [
                count(row.trainings),
                count(row.steps),
                count(row.samples),
                duration(row.seconds),
                f"{count(row.done)} of {count(row.wanted)}"
                + (f", {count(row.failed)} failed" if row.failed else ""),
            ],
        }
        for row in setting.rows
    ]


def _head(found: Reproduction, *columns: str) -> dict[str, Any]:
    groups = [(measure.title, _printed_as(measure), len(columns)) for measure in found.measures]
    return {"groups": groups, "head": [*columns] * len(groups)}


def _printed(found: Reproduction) -> set[str]:
    """Name the measures that the paper prints anything of."""
    rows = [row for setting in found.settings for row in setting.rows]
    return {
        m.label for m in found.measures if any(row.printed_value(m) is not None for row in rows)
    }


def _head_beside(found: Reproduction, known: set[str]) -> dict[str, Any]:
    """Head own values, beside the paper's where it prints any."""
    groups, head = [], []
    for measure in found.measures:
        columns = ["paper", "own"] if measure.label in known else ["own"]
        fine = _printed_as(measure) if measure.label in known else "not in the paper"
        groups.append((measure.title, fine, len(columns)))
        head += columns
    return {"groups": groups, "head": head}


def _named(setting: Setting, row: Row) -> dict[str, Any]:
    """Name a row, say whether others are compared with it, and what is left to do."""
    compared = row.label in {other.baseline for other in setting.rows}
    labels = {"baseline": "baseline"} if compared else {}
    if row.unfinished:
        few = f"{row.done} of {row.wanted} done" if row.done else "not run yet"
        failed = row.failed > 0 and row.done + row.failed >= row.wanted
        labels["few"] = f"{row.failed} of {row.wanted} failed" if failed else few
    return {
        "name": row.label,
        "marks": list(labels),
        "labels": list(labels.values()),
        "line": compared and row is not setting.rows[0],
    }


def _printed_places(measure: Measure) -> int:
    return 1 if measure.percent else 3


def _printed_as(measure: Measure) -> str:
    return "" if measure.label == measure.title else f"“{measure.label}” in the paper"
