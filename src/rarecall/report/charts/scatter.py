"""Points of pairs of values, one marker a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.charts import svg
from rarecall.report.charts.figure_values import axis_label, in_percent
from rarecall.report.charts.series import MOST, draw_legend, look, new_chart
from rarecall.report.charts.style import STYLE, percent_axis
from rarecall.report.records import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup


def scatter_chart(stored: Mapping[str, Any], name: str) -> Markup | None:
    """Draw a figure of kind ``scatter``; None where it has no point.

    Args:
        stored: The figure; without ``series``, ``x.values`` and ``y.values`` are the points.
        name: Prefix of the element's ids, unique on the page.
    """
    from matplotlib import rc_context

    found = [(label, points) for label, points in _series(stored) if points][:MOST]
    if not found:
        return None
    labels = [label for label, _ in found]
    with rc_context(STYLE):
        figure, axes = new_chart(44, labels)
        axes.grid()
        axes.set_axisbelow(True)
        for place, (_, points) in enumerate(found):
            shown = look(place)
            axes.plot(
                *zip(*points, strict=True), shown.marker, color=shown.colour, ms=7.5,
                markeredgecolor=svg.PAPER, clip_on=False, zorder=4,
            )  # fmt: skip
        every = [point for _, points in found for point in points]
        for values, line in (
            ([y for _, y in every], axes.axhline),
            ([x for x, _ in every], axes.axvline),
        ):
            if min(values) < 0 < max(values):
                line(0, color=svg.MUTED, lw=1)
        texts = draw_legend(figure, labels, line=False)
        across, up = svg.token(len(found)), svg.token(len(found) + 1)
        texts |= {across: axis_label(stored, "x"), up: axis_label(stored, "y")}
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        for which in ("x", "y"):
            if in_percent(stored, which):
                percent_axis(axes, which)
        axes.margins(0.06)
        return svg.inline(figure, name, _in_words(stored, found), texts)


Points = list[tuple[float, float]]


def _series(stored: Mapping[str, Any]) -> list[tuple[str, Points]]:
    if stored.get("series"):
        return [
            (str(one.get("label") or ""), _points(one["x"], one["y"])) for one in stored["series"]
        ]
    return [("", _points(stored["x"]["values"], stored["y"]["values"]))]


def _points(across: Any, up: Any) -> Points:
    pairs = [(number(x), number(y)) for x, y in zip(across, up, strict=True)]
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _in_words(stored: Mapping[str, Any], found: list[tuple[str, Points]]) -> str:
    said = []
    for label, points in found:
        told = ", ".join(f"({_told(x, stored, 'x')}, {_told(y, stored, 'y')})" for x, y in points)
        said.append(f"{label}: {told}" if label else told)
    axes = f"{axis_label(stored, 'y')} against {axis_label(stored, 'x')}"
    return f"{stored.get('title', '')}. {axes}. {'; '.join(said)}."


def _told(value: float, stored: Mapping[str, Any], which: str) -> str:
    return f"{100 * value:.1f}%" if in_percent(stored, which) else f"{value:.4g}"
