"""The answer as a picture: FPR at the required TPR, one row a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report.charts import svg
from rarecall.report.charts.style import COLOURS, MARKERS, STYLE, WIDTH, part_played, percent_axis
from rarecall.report.numbers import level, percent, rate_digits

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

    from rarecall.report.records import Method
    from rarecall.report.stored import Comparison


def rates_chart(comparison: Comparison, name: str = "rates") -> Markup | None:
    """Draw every method's FPR at the required TPR, interval and seeds; None if no FPR is stored.

    Args:
        comparison: What was stored.
        name: Of the drawing, unique on the page.
    """
    from matplotlib import rc_context

    digits = rate_digits(comparison)
    rows = [m for m in comparison.methods if m.fpr_at(comparison.tpr).value is not None]
    if not rows:
        return None
    texts = {svg.token(i): method.name for i, method in enumerate(rows)}
    with rc_context(STYLE):
        pitch, top, bottom = 40, 4, 44
        height = top + pitch * len(rows) + bottom
        figure = svg.new_figure(WIDTH, height)
        axes = figure.add_axes((0.025, bottom / height, 0.95, 1 - (top + bottom) / height))
        for place, method in enumerate(rows):
            _rate_row(axes, place, method, comparison)
        axes.set_ylim(len(rows) - 0.6, -0.6)
        axes.set_xlim(0, _reach(rows, comparison))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.set_xlabel(f"Harmless cases flagged at TPR ≥ {level(comparison.tpr)}")
        percent_axis(axes, "x")
        alternative = f"False positive rate of every {comparison.noun}. " + "; ".join(
            f"{method.name}: {percent(method.fpr_at(comparison.tpr).value, digits)}"
            for method in rows
        )
        return svg.inline(figure, name, alternative + ".", texts)


def _rate_row(axes: Axes, place: int, method: Method, comparison: Comparison) -> None:
    part = part_played(method)
    colour = COLOURS.get(part, svg.MUTED)
    found = method.fpr_at(comparison.tpr)
    if found.value is None:
        return
    weight = "bold" if method.winner else "normal"
    axes.text(
        0.0,
        place - 0.38,
        svg.token(place),
        transform=axes.get_yaxis_transform(),
        va="center",
        weight=weight,
    )
    axes.text(
        1.0,
        place - 0.38,
        percent(found.value, rate_digits(comparison)),
        transform=axes.get_yaxis_transform(),
        ha="right",
        va="center",
        weight=weight,
    )
    if found.low is not None and found.high is not None:
        thick = 3.5 if method.winner else 2
        axes.plot([found.low, found.high], [place, place], color=colour, lw=thick, clip_on=True)
    seeds = [seed.fpr for seed in method.seeds if seed.fpr is not None]
    if len(seeds) > 1:
        axes.plot(seeds, [place] * len(seeds), "|", color=colour, ms=11, mew=1, clip_on=True)
    axes.plot(
        [found.value],
        [place],
        MARKERS[part],
        color=colour,
        markeredgecolor=svg.PAPER,
        ms=10 if method.winner else 8,
        clip_on=False,
        zorder=4,
    )


def _reach(rows: list[Method], comparison: Comparison) -> float:
    ends = [0.01]
    for method in rows:
        found = method.fpr_at(comparison.tpr)
        ends += [end for end in (found.value, found.high) if end is not None]
        ends += [seed.fpr for seed in method.seeds if seed.fpr is not None]
    return min(1.02, 1.03 * max(ends))
