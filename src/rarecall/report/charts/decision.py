"""What acting on the model is worth beside acting on everyone and on no one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report.charts import svg
from rarecall.report.charts.style import STYLE, WIDTH, percent_axis
from rarecall.report.in_use.probabilities import useful

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

    from rarecall.report.in_use.stored import Decision

_HEIGHT = 340


def decision_chart(found: Decision, name: str = "decision") -> Markup:
    """Draw the net benefit, among 1000 cases, against the threshold probability.

    Args:
        found: The three lines.
        name: Of the drawing, unique on the page.
    """
    from matplotlib import rc_context

    model = [1000 * value for value in found.model]
    everyone = [1000 * value for value in found.everyone]
    top = max(*model, *everyone, 0.1)
    with rc_context(STYLE):
        figure = svg.new_figure(WIDTH, _HEIGHT)
        axes = figure.add_axes((0.14, 0.13, 0.81, 0.84))
        axes.set_xlim(0, found.thresholds[-1])
        axes.set_ylim(-0.2 * top, (1.08 if _corner_is_free(model, everyone, top) else 1.5) * top)
        axes.grid()
        axes.set_axisbelow(True)
        axes.axhline(0, color=svg.INK, lw=1.2, ls=(0, (2, 2)))
        axes.plot(found.thresholds, everyone, color=svg.BASELINE, lw=2.4, ls=(0, (5, 2.5)))
        axes.plot(found.thresholds, model, color=svg.WINNER, lw=2.8, zorder=4)
        _legend(axes)
        axes.set_xlabel("Threshold probability")
        axes.set_ylabel("Net benefit, per 1000 cases")
        percent_axis(axes, "x")
        return svg.inline(figure, name, f"Decision curve. {useful(found)}", {})


def _corner_is_free(model: list[float], everyone: list[float], top: float) -> bool:
    """Whether the upper right of the drawing has room for the names of the lines."""
    middle = len(model) // 2 - 1
    return max(*model[middle:], *everyone[middle:]) < 0.75 * top


def _legend(axes: Axes) -> None:
    """Name the lines in the upper right: net benefit falls to there."""
    from matplotlib.patches import Rectangle

    rows = (
        ("act on the model", svg.WINNER, "-", 2.8),
        ("act on everyone", svg.BASELINE, (0, (5, 2.5)), 2.4),
        ("act on no one", svg.INK, (0, (2, 2)), 1.2),
    )
    axes.add_patch(
        Rectangle(
            (0.5, 0.785), 0.5, 0.215, color=svg.PAPER, alpha=0.85, lw=0,
            transform=axes.transAxes, zorder=8,
        )
    )  # fmt: skip
    for place, (label, colour, dashes, width) in enumerate(rows):
        y = 0.96 - 0.066 * place
        axes.plot(
            [0.88, 0.98], [y, y], color=colour, ls=dashes, lw=width,
            transform=axes.transAxes, zorder=9,
        )  # fmt: skip
        axes.text(
            0.86, y, label, color=colour, ha="right", va="center",
            weight="bold" if place == 0 else "normal", transform=axes.transAxes, zorder=9,
        )  # fmt: skip
