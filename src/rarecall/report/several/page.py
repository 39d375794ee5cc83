"""The page of several classes or labels, drawings included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.conditions import condition_maps
from rarecall.report.several.view import several_content

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jinja2 import Environment

    from rarecall.report.several.stored import One, Several

MOST_DRAWN = 24
"""Classes beyond this number have no curves, so that the page stays of a usable size."""


def render_several(
    environment: Environment,
    several: Several,
    folder: Path | None,
    certified: Sequence[str] = (),
) -> str:
    """Lay out the page.

    Args:
        environment: Of the templates.
        several: What was stored.
        folder: Run folder with the stored scores; None for a page without curves.
        certified: Certificates in it.

    Returns:
        HTML in which every text from the user is escaped.
    """
    from rarecall.report.in_use.drawings import in_use_drawings

    content = several_content(several)
    for place, (one, told) in enumerate(zip(several.classes, content["classes"], strict=True)):
        told.update(_drawings(one, several.kind, folder if place < MOST_DRAWN else None, place))
        if told["in_use"] is not None:
            in_use_drawings(one.found, told["in_use"], f"-{place}")
    content["pictures"] = any(
        kind["pictures"]
        for told in content["classes"]
        if told["in_use"] is not None
        for kind in told["in_use"]["cases"]
    )
    content["conditions"] = condition_maps(several.overall.raw)
    content["certificates"] = certified
    content["undrawn"] = max(len(several.classes) - MOST_DRAWN, 0)
    return environment.get_template("several.html.j2").render(**content)


def _drawings(one: One, kind: str, folder: Path | None, place: int) -> dict[str, Any]:
    from rarecall.report.charts import rates_chart, roc_chart, score_chart
    from rarecall.report.curves import read_view_scores

    scores = {}
    if folder is not None:
        critical = [int(number) for number in one.found.raw["task"]["critical"]]
        for method in one.found.methods:
            found = read_view_scores(folder, method, kind, one.number, critical)
            if found is not None:
                scores[method.name] = found
    mine = scores.get(one.found.winner.name)
    return {
        "rates": rates_chart(one.found, f"rates-{place}"),
        "roc": roc_chart(one.found, scores, f"roc-{place}"),
        "histograms": None if mine is None else score_chart(one.found, mine, f"scores-{place}"),
    }
