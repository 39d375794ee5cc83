"""The winner's scores per class, with the threshold and the errors it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.report.charts import svg
from rarecall.report.charts.style import STYLE, WIDTH, percent_axis
from rarecall.report.curves import histogram
from rarecall.report.numbers import plural

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

    from rarecall.report.curves import Floats, TestScores
    from rarecall.report.stored import Comparison

_HEIGHT = 320


def score_chart(comparison: Comparison, test: TestScores, name: str = "scores") -> Markup:
    """Draw a histogram of each class, critical above harmless; errors are filled, the rest pale.

    Args:
        comparison: What was stored.
        test: Test scores of the winner.
        name: Of the drawing, unique on the page.
    """
    from matplotlib import rc_context

    chosen = comparison.threshold
    cut = None if chosen is None else chosen.value
    bars = histogram(test, cut)
    with rc_context(STYLE):
        figure = svg.new_figure(WIDTH, _HEIGHT)
        upper = figure.add_axes((0.14, 0.565, 0.84, 0.345))
        lower = figure.add_axes((0.14, 0.13, 0.84, 0.345))
        errors = "" if cut is None else f": {int((test.critical < cut).sum()):,} missed"
        above = plural(len(test.critical), "critical case", "critical cases") + errors
        _panel(upper, bars.edges, bars.critical, svg.CRITICAL, above, headroom=1.3)
        if cut is not None:
            alarms = int((test.harmless >= cut).sum())
            errors = ": " + plural(alarms, "false alarm", "false alarms")
        below = plural(len(test.harmless), "harmless case", "harmless cases") + errors
        _panel(lower, bars.edges, bars.harmless, svg.HARMLESS, below)
        upper.set_xticklabels([])
        lower.set_xlabel("Score (higher is more critical)")
        whose = comparison.winner.name if comparison.given else "the winner"
        words = f"Histograms of {whose}'s scores on {comparison.measured_on}. {above}; {below}."
        if cut is not None:
            _fill(upper, bars.edges, bars.critical, svg.CRITICAL, bars.edges < cut)
            _fill(lower, bars.edges, bars.harmless, svg.HARMLESS, bars.edges >= cut)
            _mark(upper, lower, cut)
            words += f" The threshold is {cut:.4g}."
        return svg.inline(figure, name, words, {})


def _panel(
    axes: Axes, edges: Floats, shares: Floats, colour: str, title: str, *, headroom: float = 1.08
) -> None:
    axes.stairs(shares, edges, color=colour, lw=1.2)
    axes.stairs(shares, edges, color=colour, fill=True, alpha=0.22, lw=0)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, headroom * float(shares.max()))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    percent_axis(axes, "y", few=True)
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=svg.INK, pad=5)


def _fill(
    axes: Axes,
    edges: Floats,
    shares: Floats,
    colour: str,
    wrong: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> None:
    """Fill the bins on the wrong side of the threshold; bin edges meet it exactly."""
    axes.stairs(np.where(wrong[:-1], shares, 0.0), edges, color=colour, fill=True, lw=0)


def _mark(upper: Axes, lower: Axes, cut: float) -> None:
    for axes in (upper, lower):
        axes.axvline(cut, color=svg.INK, lw=1.4, ls=(0, (3, 2)), zorder=6)
    left, right = lower.get_xlim()
    toward_right = (cut - left) < 0.6 * (right - left)
    upper.annotate(
        "threshold",
        (cut, 0.93),
        xycoords=("data", "axes fraction"),
        xytext=(5 if toward_right else -5, 0),
        textcoords="offset points",
        ha="left" if toward_right else "right",
        va="center",
        fontsize=11,
        color=svg.INK,
        zorder=9,
    )
