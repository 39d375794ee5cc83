"""Maps of the measure over λ, for methods that were trained over many λ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def condition_maps(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw, for every such method, the choice that its first network made on validation.

    Args:
        results: The content of ``results.json``.

    Returns:
        ``name``, ``drawing`` (SVG) and ``others`` (how many more networks chose) of each.
    """
    from rarecall.report.charts.heatmap import heatmap_chart

    found = []
    for place, method in enumerate(results.get("methods", [])):
        choices = [c for seed in method.get("seeds", []) for c in seed.get("conditions", [])]
        if not choices:
            continue
        rate = "FPR" in str(choices[0].get("measure"))
        drawing = heatmap_chart(choices[0], name=f"conditions-{place}", rate=rate)
        if drawing is not None:
            found.append({"name": method["name"], "drawing": drawing, "others": len(choices) - 1})
    return found
