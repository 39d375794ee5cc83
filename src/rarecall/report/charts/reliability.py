"""Whether probabilities mean what they say: the share that was critical at each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.report.charts import svg
from rarecall.report.charts.style import STYLE, WIDTH, percent_axis
from rarecall.report.numbers import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes

    from rarecall.report.in_use.stored import Bin

_HEIGHT = 340
_RARE = 0.12
"""Below this share of critical cases most groups lie near 0, and both axes are stretched there."""
_TICKS = (0.0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)


def reliability_chart(bins: Sequence[Bin], name: str = "reliability") -> Markup | None:
    """Draw a group of cases a mark, with its interval, against the diagonal; None without groups.

    Args:
        bins: Groups of cases by rising probability.
        name: Of the drawing, unique on the page.
    """
    from matplotlib import rc_context

    if not bins:
        return None
    with rc_context(STYLE):
        figure = svg.new_figure(WIDTH, _HEIGHT)
        axes = figure.add_axes((0.14, 0.13, 0.81, 0.84))
        end = _reach(bins)
        stretched(axes, end, stretch=is_stretched(bins))
        axes.grid()
        axes.set_axisbelow(True)
        axes.plot([0, end], [0, end], color=svg.INK, lw=1, ls=(0, (2, 2)))
        axes.text(0.97, 0.03, "dashed: as said", transform=axes.transAxes, ha="right", fontsize=11)
        for one in bins:
            low, high = one.rate.low, one.rate.high
            if low is not None and high is not None:
                axes.plot([one.mean] * 2, [low, high], color=svg.WINNER, lw=1.8)
        axes.plot(
            [one.mean for one in bins],
            [one.rate.value or 0.0 for one in bins],
            "o",
            color=svg.WINNER,
            markeredgecolor=svg.PAPER,
            ms=8,
            clip_on=False,
            zorder=4,
        )
        axes.set_xlabel("Probability given by the model")
        axes.set_ylabel("Share that was critical")
        return svg.inline(figure, name, _in_words(bins), {})


def is_stretched(bins: Sequence[Bin]) -> bool:
    """Whether the axes are stretched near 0."""
    cases = sum(one.n for one in bins)
    return sum(one.n * (one.rate.value or 0.0) for one in bins) < _RARE * cases


def stretched(axes: Axes, end: float, *, stretch: bool) -> None:
    """Give both axes the range 0 to ``end``, by square root where small rates crowd."""
    from matplotlib.ticker import FixedLocator

    for which, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if stretch:
            getattr(axes, f"set_{which}scale")(
                "function", functions=(lambda v: np.sqrt(np.maximum(v, 0.0)), np.square)
            )
        percent_axis(axes, "x" if which == "x" else "y")
        if stretch:
            axis.set_major_locator(FixedLocator(_apart(end)))
    axes.set_xlim(0, end)
    axes.set_ylim(0, end)


def _apart(end: float) -> list[float]:
    """Give the ticks up to an end that have room for their labels by square root."""
    ticks: list[float] = []
    for tick in _TICKS:
        if tick <= end and (not ticks or tick**0.5 - ticks[-1] ** 0.5 > 0.09 * end**0.5):
            ticks.append(tick)
    return ticks


def _reach(bins: Sequence[Bin]) -> float:
    ends = [0.02]
    for one in bins:
        ends += [end for end in (one.mean, one.rate.value, one.rate.high) if end is not None]
    return min(1.0, 1.04 * max(ends))


def _in_words(bins: Sequence[Bin]) -> str:
    said = "; ".join(
        f"{percent(one.mean)} said, {percent(one.rate.value)} of {one.n:,} critical" for one in bins
    )
    return f"Probability against share that was critical on test, by group of cases. {said}."
