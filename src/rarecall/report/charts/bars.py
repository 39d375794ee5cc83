"""Values by name, one bar a series, with the paper's value beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.charts import svg
from rarecall.report.charts.figure_values import (
    axis_label,
    in_percent,
    name_of,
    read_series,
    written,
)
from rarecall.report.charts.series import MOST, clipped, draw_legend, legend_height, look
from rarecall.report.charts.style import STYLE, WIDTH, percent_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes

    from rarecall.report.charts.figure_values import Series

_BAR, _NAME, _GAP = 15, 18, 8
"""Heights of a bar, of the name above a group, and of the space below it."""


def bars_chart(stored: Mapping[str, Any], name: str) -> Markup | None:
    """Draw a figure of kind ``bars``, lying; None where no series has a value.

    Args:
        stored: The figure. A hollow diamond is the paper's value.
        name: Prefix of the element's ids, unique on the page.
    """
    from matplotlib import rc_context

    names = list(stored["x"]["values"])
    found = read_series(stored, len(names))[:MOST]
    if not any(value is not None for one in found for value in one.values):
        return None
    percent = in_percent(stored, "y")
    labels = [one.label for one in found]
    above, below, group = legend_height(labels) + 2, 44, _NAME + _BAR * len(found) + _GAP
    height = above + group * len(names) + below
    with rc_context(STYLE):
        figure = svg.new_figure(WIDTH, height)
        axes = figure.add_axes((0.03, below / height, 0.86, group * len(names) / height))
        texts = draw_legend(figure, labels, line=False)
        for place, one in enumerate(found):
            for row in range(len(names)):
                _bar(axes, one, place, row, group, percent=percent)
        for row, value in enumerate(names):
            token = svg.token(len(found) + row)
            texts[token] = clipped(name_of(value))
            axes.text(
                0.0, group * row + _NAME / 2, token, va="center", size=11,
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip
        axes.set_ylim(group * len(names), 0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.axvline(0, color=svg.MUTED, lw=1)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        last = svg.token(len(found) + len(names))
        texts[last] = axis_label(stored, "y")
        axes.set_xlabel(last)
        if percent:
            percent_axis(axes, "x")
        return svg.inline(figure, name, _in_words(stored, names, found, percent=percent), texts)


def _bar(axes: Axes, one: Series, place: int, row: int, group: int, *, percent: bool) -> None:
    value = one.values[row]
    if value is None:
        return
    shown = look(place)
    middle = group * row + _NAME + _BAR * (place + 0.5)
    axes.barh([middle], [value], height=_BAR - 3, color=shown.colour, alpha=0.75, lw=0)
    axes.plot([value], [middle], shown.marker, color=shown.colour, ms=5, clip_on=False)
    low, high, printed = one.low[row], one.high[row], one.printed[row]
    if low is not None and high is not None:
        axes.plot([low, high], [middle, middle], color=svg.INK, lw=1.2, clip_on=False)
    if printed is not None:
        axes.plot(
            [printed], [middle], "D", markerfacecolor=svg.PAPER, markeredgecolor=svg.INK,
            markeredgewidth=1.4, ms=6, zorder=5, clip_on=False,
        )  # fmt: skip
    axes.text(
        1.01, middle, written(value, percent=percent), va="center", size=10, color=svg.INK,
        transform=axes.get_yaxis_transform(),
    )  # fmt: skip


def _in_words(
    stored: Mapping[str, Any], names: Sequence[Any], found: Sequence[Series], *, percent: bool
) -> str:
    said = []
    for row, value in enumerate(names):
        known = []
        for one in found:
            paper = one.printed[row]
            beside = f" (paper {written(paper, percent=percent)})" if paper is not None else ""
            known.append(f"{one.label} {written(one.values[row], percent=percent)}{beside}".strip())
        said.append(f"{name_of(value)}: {', '.join(known)}")
    return f"{stored.get('title', '')}. {axis_label(stored, 'y')}. {'; '.join(said)}."
