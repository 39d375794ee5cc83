"""Own values beside the paper's: one row a method, its interval, and the printed value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.charts import svg
from rarecall.report.charts.figure_values import written
from rarecall.report.charts.series import clipped
from rarecall.report.charts.style import STYLE, WIDTH, percent_axis

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

    from rarecall.reproduction.stored import Row, Setting
    from rarecall.reproduction.stored_values import Measure

_PITCH, _TOP, _BOTTOM = 38, 26, 44
_NAME = 40


def beside_chart(setting: Setting, measure: Measure, name: str) -> Markup | None:
    """Draw a measure of every row; None where nothing was measured.

    A disc is the own value with its interval over test samples, a hollow diamond the paper's. Rows
    that others are compared with are squares.

    Args:
        setting: A block of the table.
        measure: One of its columns.
        name: Prefix of the element's ids, unique on the page.
    """
    from matplotlib import rc_context

    rows = [row for row in setting.rows if row.own_value(measure) is not None]
    if not rows:
        return None
    baselines = {row.baseline for row in setting.rows}
    texts = {svg.token(place): clipped(row.label, _NAME) for place, row in enumerate(rows)}
    with rc_context(STYLE):
        height = _TOP + _PITCH * len(rows) + _BOTTOM
        figure = svg.new_figure(WIDTH, height)
        axes = figure.add_axes((0.025, _BOTTOM / height, 0.95, _PITCH * len(rows) / height))
        for place, row in enumerate(rows):
            _row(axes, place, row, measure, baseline=row.label in baselines)
        axes.set_ylim(len(rows) - 0.55, -0.65)
        _limits(axes, rows, measure)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        token = svg.token(len(rows))
        texts[token] = measure.title
        axes.set_xlabel(token)
        if measure.percent:
            percent_axis(axes, "x")
        marks = [(0.03, "own", "own, with interval")]
        if any(row.printed_value(measure) is not None for row in rows):
            marks.append((0.5, "paper", "the paper's"))
        for x, kind, label in marks:
            axes.text(
                x + 0.035, 1 - 9 / height, label, transform=figure.transFigure, va="center", size=11
            )
            _mark(axes, x, 1 - 9 / height, kind, transform=figure.transFigure)
        return svg.inline(figure, name, _in_words(setting, measure, rows), texts)


def _row(axes: Axes, place: int, row: Row, measure: Measure, *, baseline: bool) -> None:
    value, printed = row.own_value(measure), row.printed_value(measure)
    low, high = row.interval(measure)
    if value is None:
        return
    colour = svg.BASELINE if baseline else svg.WINNER
    fixed = axes.get_yaxis_transform()
    axes.text(0.0, place - 0.34, svg.token(place), transform=fixed, va="center", size=11)
    paper = f" ({written(printed, percent=measure.percent)})" if printed is not None else ""
    axes.text(
        1.0, place - 0.34, written(value, percent=measure.percent) + paper,
        transform=fixed, ha="right", va="center", size=11,
    )  # fmt: skip
    if low is not None and high is not None:
        axes.plot([low, high], [place + 0.1] * 2, color=colour, lw=2.4)
    axes.plot(
        [value], [place + 0.1], "s" if baseline else "o", color=colour,
        markeredgecolor=svg.PAPER, ms=8.5, clip_on=False, zorder=4,
    )  # fmt: skip
    if printed is not None:
        _mark(axes, printed, place + 0.1, "paper")


def _mark(axes: Axes, x: float, y: float, kind: str, **options: Any) -> None:
    if kind == "own":
        axes.plot([x], [y], "o", color=svg.WINNER, ms=7.5, clip_on=False, zorder=5, **options)
        return
    axes.plot(
        [x], [y], "D", markerfacecolor=svg.PAPER, markeredgecolor=svg.INK, markeredgewidth=1.5,
        ms=6, clip_on=False, zorder=5, **options,
    )  # fmt: skip


def _limits(axes: Axes, rows: list[Row], measure: Measure) -> None:
    ends = []
    for row in rows:
        found = (row.own_value(measure), *row.interval(measure), row.printed_value(measure))
        ends += [end for end in found if end is not None]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or 0.02
    start = 0.0 if measure.lower and low >= 0 else low - room
    axes.set_xlim(start, high + room)


def _in_words(setting: Setting, measure: Measure, rows: list[Row]) -> str:
    said = []
    for row in rows:
        printed = written(row.printed_value(measure), percent=measure.percent)
        own = written(row.own_value(measure), percent=measure.percent)
        said.append(f"{row.label}: {own}, the paper {printed}")
    return f"{setting.name}, {measure.title}, own and printed. {'; '.join(said)}."
