"""How every chart looks: sizes, colours, dashes and markers; colour is never the only cue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rarecall.report.charts import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rarecall.report.records import Method

WIDTH = 400
"""Drawing units, near the width of a phone, so that text keeps its size there."""

COLOURS = {"winner": svg.WINNER, "baseline": svg.BASELINE, "reference": svg.REFERENCE}
DASHES: dict[str, Any] = {
    "winner": "-",
    "baseline": (0, (5, 2.5)),
    "reference": (0, (1, 1.8)),
    "other": "-",
}
MARKERS = {"winner": "o", "baseline": "s", "reference": "D", "other": "o"}

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rarecall",
    "font.size": 12,
    "font.family": ["DejaVu Sans"],
    "text.color": svg.INK,
    "text.parse_math": False,
    "axes.edgecolor": svg.LINE,
    "axes.labelcolor": svg.MUTED,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 1.0,
    "axes.grid": False,
    "grid.color": svg.LINE,
    "grid.linewidth": 0.75,
    "xtick.color": svg.MUTED,
    "ytick.color": svg.MUTED,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "axes.labelsize": 12,
    "xtick.major.pad": 5,
    "ytick.major.pad": 4,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
}


def part_played(method: Method) -> str:
    """Say how a method is drawn: ``winner``, ``baseline``, ``reference`` or ``other``."""
    return method.marks[0] if method.marks else "other"


def percent_axis(axes: Axes, which: Literal["x", "y"], *, few: bool = False) -> None:
    """Label an axis of rates in percent, with few ticks and no needless decimals."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=3 if few else 6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))
