"""Several series in one drawing: told apart by colour, dashes and marker, and named above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rarecall.report.charts import svg
from rarecall.report.charts.style import WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

_COLOURS = (
    svg.WINNER, svg.BASELINE, svg.REFERENCE, svg.CRITICAL, svg.HARMLESS, svg.MUTED,
)  # fmt: skip
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2.5)), (0, (1, 1.8)))
_MARKERS = ("o", "s", "D", "^", "v", "P")

MOST = len(_COLOURS) * len(_DASHES)
"""More series than this cannot be told apart in one drawing."""

ROW = 20
"""Height of a line of the legend, in drawing units."""

_SHORT, _LONG = 24, 52
"""Letters of a name that fit in half a line, and in a whole one."""


class Look(NamedTuple):
    """How one series is drawn."""

    colour: str
    dashes: Any
    marker: str


def look(place: int) -> Look:
    """Give the look of the series at a place; each of the first :data:`MOST` has its own.

    >>> len({look(place) for place in range(MOST)}) == MOST
    True
    """
    turn, colour = divmod(place % MOST, len(_COLOURS))
    # The dashes run along with the colours: neighbours differ in both.
    dashes = _DASHES[(turn + colour) % len(_DASHES)]
    return Look(_COLOURS[colour], dashes, _MARKERS[(turn + colour) % len(_MARKERS)])


def clipped(name: str, most: int = _LONG) -> str:
    """Cut a name that would leave the drawing.

    >>> clipped("BCE"), clipped("a very long name", 8)
    ('BCE', 'a very…')
    """
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


def legend_height(names: Sequence[str]) -> int:
    """Say how much room the names need above a drawing."""
    if len(names) < 2:
        return 0
    lines = -(-len(names) // 2) if _in_two(names) else len(names)
    return ROW * lines + 8


def draw_legend(
    figure: Figure,
    names: Sequence[str],
    first: int = 0,
    *,
    line: bool = True,
    marker: bool = True,
    looks: Sequence[Look] | None = None,
) -> dict[str, str]:
    """Write the names of the series at the top of a figure.

    Args:
        figure: As wide as every chart, with :func:`legend_height` left free at its top.
        names: Of the series, by place; a single one goes without.
        first: Number of the first token.
        line: Whether to show the line.
        marker: Whether to show the marker.
        looks: Of the series; their places' own unless given.

    Returns:
        The names by token.
    """
    from matplotlib.lines import Line2D

    if len(names) < 2:
        return {}
    _, height = (72 * size for size in figure.get_size_inches())
    columns = 2 if _in_two(names) else 1
    texts = {}
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        x, y = 0.02 + 0.5 * column, 1 - (0.5 + row) * ROW / height
        shown = look(place) if looks is None else looks[place]
        figure.add_artist(
            Line2D(
                [x, x + 0.03, x + 0.06], [y, y, y],
                color=shown.colour, ls=shown.dashes if line else "none", lw=2.2,
                marker=shown.marker if marker else "", markevery=[1], ms=6,
                markeredgecolor=svg.PAPER, transform=figure.transFigure,
            )
        )  # fmt: skip
        token = svg.token(first + place)
        texts[token] = clipped(name, _SHORT if columns == 2 else _LONG)
        figure.text(x + 0.08, y, token, color=svg.INK, va="center", size=11)
    return texts


def _in_two(names: Sequence[str]) -> bool:
    return max(map(len, names)) <= _SHORT


def new_chart(below: int, names: Sequence[str], plot: int = 240) -> tuple[Figure, Any]:
    """Make a figure with a legend's room above its axes.

    Args:
        below: Room for ticks and label under the axes.
        names: Of the series.
        plot: Height of the axes.
    """
    above = legend_height(names) + 6
    height = above + plot + below
    figure = svg.new_figure(WIDTH, height)
    axes = figure.add_axes((0.15, below / height, 0.8, plot / height))
    return figure, axes
