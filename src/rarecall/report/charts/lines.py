"""Values over a quantity, one line a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.charts import svg
from rarecall.report.charts.figure_values import (
    axis_label,
    in_percent,
    is_logarithmic,
    name_of,
    positions,
    read_series,
    set_ticks,
    written,
)
from rarecall.report.charts.series import MOST, draw_legend, look, new_chart
from rarecall.report.charts.style import STYLE, percent_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes

    from rarecall.report.charts.figure_values import Series
    from rarecall.report.charts.series import Look


_MOST_MARKED = 25
"""Points of a line, at most, that have markers."""


def lines_chart(stored: Mapping[str, Any], name: str) -> Markup | None:
    """Draw a figure of kind ``lines``; None where no series has a value.

    Args:
        stored: The figure; the first eighteen series are drawn. Hollow diamonds are the paper's.
        name: Prefix of the element's ids, unique on the page.
    """
    from matplotlib import rc_context

    values = list(stored["x"]["values"])
    places, numeric = positions(values)
    found = [
        one for one in read_series(stored, len(values)) if any(v is not None for v in one.values)
    ]
    if not found:
        return None
    found = found[:MOST]
    percent = in_percent(stored, "y")
    labels = [one.label for one in found]
    with rc_context(STYLE):
        figure, axes = new_chart(44, labels)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        for place, one in enumerate(found):
            _line(axes, places, one, look(place))
        if numeric and is_logarithmic(places):
            axes.set_xscale("log")
        texts = draw_legend(figure, labels)
        texts |= set_ticks(axes, places, values, len(found))
        for token, which in ((len(found) + len(values), "x"), (len(found) + len(values) + 1, "y")):
            texts[svg.token(token)] = axis_label(stored, which)
        axes.set_xlabel(svg.token(len(found) + len(values)))
        axes.set_ylabel(svg.token(len(found) + len(values) + 1))
        if percent:
            percent_axis(axes, "y")
        return svg.inline(figure, name, _in_words(stored, values, found, percent=percent), texts)


def _line(axes: Axes, places: Sequence[float], one: Series, shown: Look) -> None:
    import numpy as np

    def gaps(values: Sequence[float | None]) -> Any:
        return np.array([np.nan if value is None else value for value in values])

    low, high = gaps(one.low), gaps(one.high)
    if np.isfinite(low).any() and np.isfinite(high).any():
        axes.vlines(places, low, high, color=shown.colour, lw=1.4, alpha=0.6)
    marker = shown.marker if len(places) <= _MOST_MARKED else ""
    axes.plot(
        places, gaps(one.values), color=shown.colour, ls=shown.dashes, lw=2.2,
        marker=marker, ms=6.5, markeredgecolor=svg.PAPER, clip_on=False, zorder=4,
    )  # fmt: skip
    axes.plot(
        places, gaps(one.printed), "D", markerfacecolor=svg.PAPER, markeredgecolor=shown.colour,
        markeredgewidth=1.6, ms=6.5, clip_on=False, zorder=5,
    )  # fmt: skip


def _in_words(
    stored: Mapping[str, Any], values: Sequence[Any], found: Sequence[Series], *, percent: bool
) -> str:
    said = []
    for one in found:
        known = [
            f"{written(value, percent=percent)} at {name_of(at)}"
            + (f" (paper {written(paper, percent=percent)})" if paper is not None else "")
            for at, value, paper in zip(values, one.values, one.printed, strict=True)
            if value is not None
        ]
        said.append(f"{one.label}: {', '.join(known)}")
    axes = f"{axis_label(stored, 'y')} over {axis_label(stored, 'x')}"
    return f"{stored.get('title', '')}. {axes}. {'; '.join(said)}."
