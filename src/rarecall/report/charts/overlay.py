"""ROC curves of rows over each other, in the corner of high TPR where the table looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report.charts import svg
from rarecall.report.charts.series import Look, draw_legend, look, new_chart
from rarecall.report.charts.style import STYLE, percent_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from rarecall.reproduction.stored import Row

_BASELINE = Look(svg.BASELINE, (0, (5, 2.5)), "s")


def overlay_chart(
    rows: Sequence[Row], levels: Sequence[float], title: str, name: str
) -> Markup | None:
    """Draw the stored ROC curves of a baseline and the rows against it; None where none is stored.

    Where there are several splits, a line is their mean and a band holds all of them.

    Args:
        rows: The baseline first, if there is one.
        levels: TPRs that the table looks at; the drawing begins below the lowest of them.
        title: Of the drawing, for those who cannot see it.
        name: Prefix of the element's ids, unique on the page.
    """
    from matplotlib import rc_context

    drawn = [row for row in rows if row.fpr and len(row.fpr) == len(row.tpr)]
    if not drawn:
        return None
    start = max(0.0, min([*levels, 0.9]) - 0.1) if levels else 0.0
    looks = _looks(drawn)
    labels = [row.label for row in drawn]
    with rc_context(STYLE):
        figure, axes = new_chart(44, labels)
        axes.grid()
        axes.set_axisbelow(True)
        for level in levels:
            axes.axhline(level, color=svg.INK, lw=1, ls=(0, (2, 2)))
        for place in reversed(range(len(drawn))):
            row, shown = drawn[place], looks[place]
            if len(row.fpr_low) == len(row.fpr_high) == len(row.tpr):
                band = (row.tpr, row.fpr_low, row.fpr_high)
                axes.fill_betweenx(*band, color=shown.colour, alpha=0.12, lw=0, zorder=2)
            axes.plot(row.fpr, row.tpr, color=shown.colour, ls=shown.dashes, lw=2.2, zorder=4)
        axes.set_ylim(start, 1 + 0.012 * (1 - start))
        axes.set_xlim(0, 1)
        texts = draw_legend(figure, labels, marker=False, looks=looks)
        axes.set_xlabel("Harmless cases flagged (FPR)")
        axes.set_ylabel("Critical cases caught (TPR)")
        percent_axis(axes, "x")
        percent_axis(axes, "y")
        told = f"{title}: ROC curves of {', '.join(labels)}, TPR from {100 * start:.0f}% to 100%."
        if any(row.curves > 1 for row in drawn):
            told += (
                " Lines are means over splits, bands reach from the least to the greatest split."
            )
        return svg.inline(figure, name, told, texts)


def _looks(rows: Sequence[Row]) -> list[Look]:
    """Dash the baseline as everywhere; the others take the colours that it leaves."""
    labels = {row.baseline for row in rows}
    free = (look(place) for place in range(len(rows) + 6))
    others = (one for one in free if one.colour != svg.BASELINE)
    return [_BASELINE if row.label in labels else next(others) for row in rows]
