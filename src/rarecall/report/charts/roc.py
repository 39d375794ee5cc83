"""The ROC curves' corner of high TPR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report.charts import svg
from rarecall.report.charts.style import COLOURS, DASHES, STYLE, WIDTH, part_played, percent_axis
from rarecall.report.curves import roc_in_window, roc_window
from rarecall.report.numbers import level, percent, rate_digits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup
    from matplotlib.axes import Axes

    from rarecall.report.curves import Points, TestScores, Window
    from rarecall.report.records import Method
    from rarecall.report.stored import Comparison


def roc_chart(
    comparison: Comparison, scores: Mapping[str, TestScores], name: str = "roc"
) -> Markup | None:
    """Draw the ROC curves' corner of high TPR; None when no scores are stored.

    Args:
        comparison: What was stored.
        scores: Test scores by method.
        name: Of the drawing, unique on the page.
    """
    from matplotlib import rc_context

    if not scores:
        return None
    window = roc_window(comparison)
    with rc_context(STYLE):
        height = 320
        figure = svg.new_figure(WIDTH, height)
        # On the right there is room for half of the last tick's label.
        axes = figure.add_axes((0.14, 0.13, 0.81, 0.84))
        pixels = (round(0.81 * WIDTH), round(0.84 * height))
        axes.set_xlim(0, window.fpr)
        axes.set_ylim(window.tpr, 1 + 0.012 * (1 - window.tpr))
        axes.grid()
        axes.set_axisbelow(True)
        axes.axhline(comparison.tpr, color=svg.INK, lw=1, ls=(0, (2, 2)))
        for method in reversed(comparison.methods):
            if method.name in scores:
                _curve(axes, method, roc_in_window(scores[method.name], window, pixels))
        texts = _roc_labels(axes, comparison, scores, window)
        axes.set_xlabel("Harmless cases flagged (FPR)")
        axes.set_ylabel("Critical cases caught (TPR)")
        percent_axis(axes, "x")
        percent_axis(axes, "y")
        return svg.inline(figure, name, _roc_in_words(comparison, window), texts)


def _curve(axes: Axes, method: Method, points: Points) -> None:
    part = part_played(method)
    axes.plot(
        *points,
        color=COLOURS.get(part, svg.OTHER),
        ls=DASHES[part],
        lw={"winner": 2.8, "baseline": 2.4, "reference": 2.2}.get(part, 0.9),
        zorder={"winner": 5, "baseline": 4, "reference": 3}.get(part, 2),
    )


def _roc_labels(
    axes: Axes, comparison: Comparison, scores: Mapping[str, TestScores], window: Window
) -> dict[str, str]:
    """Label the prominent curves in the empty corner below them, best on top."""
    from matplotlib.patches import Rectangle

    named = [m for m in comparison.methods if m.marks and m.name in scores]
    texts: dict[str, str] = {}
    rows: list[tuple[str, str, str]] = []
    for place, method in enumerate(named):
        texts[svg.token(place)] = method.name
        part = part_played(method)
        rows.append((f"{svg.token(place)} ({' and '.join(method.labels)})", COLOURS[part], part))
    if any(not m.marks and m.name in scores for m in comparison.methods):
        rows.append((f"the other {comparison.noun}s", svg.MUTED, "other"))
    chosen = comparison.threshold
    if (
        chosen is not None
        and chosen.test_fpr.value is not None
        and chosen.test_tpr.value is not None
    ):
        rows.append(("the delivered threshold", svg.INK, "threshold"))
        axes.plot(
            [chosen.test_fpr.value],
            [max(chosen.test_tpr.value, window.tpr)],
            "*",
            color=svg.INK,
            markeredgecolor=svg.PAPER,
            ms=15,
            zorder=8,
            clip_on=False,
        )
    longest = max(len(texts.get(label.partition(" ")[0], "")) + len(label) for label, _, _ in rows)
    width = min(0.95, 0.15 + 0.0175 * longest)
    axes.add_patch(
        Rectangle(
            (0.99 - width, 0.01),
            width,
            0.066 * len(rows) + 0.015,
            color=svg.PAPER,
            alpha=0.85,
            lw=0,
            transform=axes.transAxes,
            zorder=8.5,
        )
    )
    for place, (label, colour, part) in enumerate(reversed(rows)):
        y = 0.05 + 0.066 * place
        if part == "threshold":
            axes.plot([0.93], [y], "*", color=colour, ms=10, transform=axes.transAxes, zorder=9)
        else:
            axes.plot(
                [0.88, 0.98],
                [y, y],
                color=svg.OTHER if part == "other" else colour,
                ls=DASHES[part],
                lw=0.9 if part == "other" else 2.4,
                transform=axes.transAxes,
                zorder=9,
            )
        axes.text(
            0.86,
            y,
            label,
            color=colour,
            ha="right",
            va="center",
            weight="bold" if part == "winner" else "normal",
            transform=axes.transAxes,
            zorder=9,
        )
    # On the side that the curves leave free at this height.
    crossing = [m.fpr_at(comparison.tpr).value for m in named]
    late = [rate for rate in crossing if rate is not None and rate > window.fpr / 2]
    axes.text(
        0.005 if late else 0.995,
        comparison.tpr,
        f"required TPR {level(comparison.tpr)}",
        color=svg.INK,
        ha="left" if late else "right",
        va="bottom",
        size=11,
        transform=axes.get_yaxis_transform(),
        zorder=9,
    )
    return texts


def _roc_in_words(comparison: Comparison, window: Window) -> str:
    digits = rate_digits(comparison)
    said = []
    for method in comparison.methods:
        rates = [
            f"{percent(method.fpr_at(value).value, digits)} at TPR {level(value)}"
            for value in comparison.levels
            if method.fpr_at(value).value is not None
        ]
        if method.marks and rates:
            said.append(f"{method.name} ({' and '.join(method.labels)}): FPR {', '.join(rates)}")
    return (
        f"ROC curves on the {comparison.measured_on} part, TPR from {percent(window.tpr, 0)} to "
        f"100%, FPR from 0% to {percent(window.fpr)}. {'; '.join(said)}."
    )
