"""The cases to look at as texts in order: pictures, and tables with a case a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.numbers import UNKNOWN

if TYPE_CHECKING:
    from rarecall.report.in_use.cases import Case
    from rarecall.report.in_use.stored import InUse

_SIDE_BY_SIDE = 8
"""Cases in one table, so that it fits a page of paper."""
_FIRST_ROWS = 12
"""Columns of the data shown of a case at once; the rest unfolds."""
_MISSES = "Critical cases with the lowest scores, worst first."
_ALARMS = "Harmless cases with the highest scores, worst first."


def case_content(found: InUse) -> list[dict[str, Any]]:
    """Lay out misses and false alarms; what there is none of is left out."""
    told = (
        _cases("Hardest misses", _MISSES, found.misses),
        _cases("Worst false alarms", _ALARMS, found.false_alarms),
    )
    return [one for one in told if one is not None]


def _cases(name: str, meaning: str, found: tuple[Case, ...]) -> dict[str, Any] | None:
    if not found:
        return None
    pictures = [
        {
            "id": one.id,
            "source": one.thumbnail,
            "score": _score(one.score),
            "margin": _margin(one.margin),
        }
        for one in found
        if one.thumbnail
    ]
    tables = []
    if len(pictures) < len(found) or any(one.row for one in found):
        portions = range(0, len(found), _SIDE_BY_SIDE)
        tables = [_table(found[start : start + _SIDE_BY_SIDE]) for start in portions]
    return {"name": name, "meaning": meaning, "pictures": pictures, "tables": tables}


def _table(found: tuple[Case, ...]) -> dict[str, Any]:
    facts = [("Score", [_score(one.score) for one in found])]
    if any(one.margin is not None for one in found):
        facts.append(("To the threshold", [_margin(one.margin) for one in found]))
    if any(one.group is not None for one in found):
        facts.append(("Group", [one.group or "" for one in found]))
    columns = list(dict.fromkeys(key for one in found for key in one.row))
    rows = [(key, [one.row.get(key, "") for one in found]) for key in columns]
    spare = rows[_FIRST_ROWS:] if len(rows) > _FIRST_ROWS + 2 else []
    return {
        "ids": [one.id for one in found],
        "facts": facts,
        "rows": rows[: len(rows) - len(spare)],
        "spare": spare,
    }


def _score(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4g}"


def _margin(value: float | None) -> str:
    return "" if value is None else f"{value:+.3g}"
