"""The drawings of a reproduction: own beside printed values, ROC curves, the paper's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rarecall.reproduction.stored import Reproduction, Row, Setting
    from rarecall.reproduction.stored_values import Measure

MOST_SETTINGS = 12
"""Settings beyond this number have no curves, so that the page stays of a usable size."""


def setting_drawings(found: Reproduction, setting: Setting, place: int) -> dict[str, Any]:
    """Draw one setting: every measure, and the ROC curves by baseline.

    Args:
        found: The whole.
        setting: One block.
        place: Its number, for ids that are unique on the page.
    """
    from rarecall.report.charts.beside import beside_chart
    from rarecall.report.charts.overlay import overlay_chart

    if place >= MOST_SETTINGS:
        return {"beside": [], "roc": []}
    beside = [
        {"head": measure.title, "drawing": drawing, "paper": _printed(setting, measure)}
        for number, measure in enumerate(found.measures)
        if (drawing := beside_chart(setting, measure, f"beside-{place}-{number}")) is not None
    ]
    levels = [m.at for m in found.measures if m.kind == "fpr_at_tpr" and m.at is not None]
    roc = []
    for number, (name, rows) in enumerate(groups(setting)):
        drawing = overlay_chart(rows, levels, f"{setting.name}, {name}", f"roc-{place}-{number}")
        if drawing is not None:
            splits = max(row.curves for row in rows)
            of = f"Mean of {splits} splits, with the band that holds them all, on test"
            told = of if splits > 1 else "On test"
            roc.append({"head": name, "drawing": drawing, "told": told})
    return {"beside": beside, "roc": roc}


def _printed(setting: Setting, measure: Measure) -> bool:
    """Whether the paper prints a value of a measure for any row."""
    return any(row.printed_value(measure) is not None for row in setting.rows)


def groups(setting: Setting) -> list[tuple[str, list[Row]]]:
    """Part the rows into those that belong together: a baseline and what is compared with it."""
    found: list[tuple[str, list[Row]]] = []
    taken: set[str] = set()
    for baseline in dict.fromkeys(row.baseline for row in setting.rows if row.baseline):
        own = [row for row in setting.rows if row.label == baseline]
        own += [row for row in setting.rows if row.baseline == baseline]
        found.append((f"{baseline} and the rows against it", own))
        taken |= {row.label for row in own}
    rest = [row for row in setting.rows if row.label not in taken]
    if rest:
        found.append(("the other rows" if found else "all rows", rest))
    return found


def figure_drawings(found: Reproduction) -> list[dict[str, Any]]:
    """Draw the paper's figures from own runs; one in no known form is named without a drawing."""
    from rarecall.report.charts.figures import figure_chart

    return [
        {
            "title": str(one.get("title") or f"Figure {number + 1}"),
            "note": str(one.get("note") or ""),
            "kind": str(one.get("kind") or ""),
            "drawing": figure_chart(one, f"figure-{number}"),
            "paper": any(
                series.get("printed")
                for series in one.get("series") or ()
                if isinstance(series, dict)
            ),
        }
        for number, one in enumerate(found.raw.get("figures") or ())
        if isinstance(one, dict)
    ]
