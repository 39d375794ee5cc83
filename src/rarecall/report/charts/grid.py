"""A measure over two quantities as a map of cells, the best one marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.charts import svg
from rarecall.report.charts.figure_values import axis_label, in_percent, name_of, written
from rarecall.report.charts.series import clipped
from rarecall.report.charts.style import STYLE, WIDTH
from rarecall.report.records import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes

_SHADES = 5
"""Opacities of the cells, 0.1 to 0.5: the ink on them stays readable in both themes."""

_MOST_NUMBERED, _MOST_TICKS = 8, 8
"""Columns, at most, whose cells have room for a number, and names along an axis."""

_CELL = 34

Cells = dict[tuple[int, int], float]


def grid_chart(stored: Mapping[str, Any], name: str) -> Markup | None:
    """Draw a figure of kind ``heatmap``; None where no cell has a value.

    Deeper cells are better: higher, or lower where ``better`` says ``"lower"``.

    Args:
        stored: The figure, ``z`` with one list a value of y.
        name: Prefix of the element's ids, unique on the page.
    """
    from matplotlib import rc_context

    across, up = list(stored["x"]["values"]), list(stored["y"]["values"])
    cells = _cells(stored["z"], len(across), len(up))
    if not cells:
        return None
    lower = stored.get("better") == "lower"
    percent = bool(stored.get("percent")) or in_percent(stored, "z")
    best = (min if lower else max)(cells, key=lambda key: cells[key])
    cell = _CELL if len(up) <= 12 else 22
    height = 34 + cell * len(up) + 52
    with rc_context(STYLE):
        figure = svg.new_figure(WIDTH, height)
        axes = figure.add_axes((0.19, 52 / height, 0.77, cell * len(up) / height))
        _draw(axes, cells, best, (len(across), len(up)), lower=lower, percent=percent)
        texts = _ticks(axes, across, up)
        for token, text in zip(
            range(len(texts), len(texts) + 3),
            (axis_label(stored, "x"), axis_label(stored, "y"), str(stored.get("z_label") or "")),
            strict=True,
        ):
            texts[svg.token(token)] = text
        last = len(texts)
        axes.set_xlabel(svg.token(last - 3))
        axes.set_ylabel(svg.token(last - 2))
        axes.set_title(svg.token(last - 1), loc="left", fontsize=12, color=svg.INK, pad=7)
        told = _in_words(stored, across, up, cells, best, percent=percent)
        return svg.inline(figure, name, told, texts)


def _cells(stored: Any, columns: int, rows: int) -> Cells:
    if len(stored) != rows or any(len(row) != columns for row in stored):
        raise ValueError("z needs one list a value of y, as long as x")
    found = {
        (column, row): number(value)
        for row, values in enumerate(stored)
        for column, value in enumerate(values)
    }
    return {key: value for key, value in found.items() if value is not None}


def _draw(
    axes: Axes,
    cells: Cells,
    best: tuple[int, int],
    size: tuple[int, int],
    *,
    lower: bool,
    percent: bool,
) -> None:
    from matplotlib.patches import Rectangle

    low, high = min(cells.values()), max(cells.values())
    digits = 2 if high - low < 0.01 else 1
    for (column, row), value in cells.items():
        share = 0.0 if high == low else (value - low) / (high - low)
        depth = 1 - share if lower else share
        axes.add_patch(
            Rectangle(
                (column, row), 0.96, 0.94, facecolor=svg.WINNER, lw=0,
                alpha=(1 + round(depth * (_SHADES - 1))) / 10,
            )
        )  # fmt: skip
        if size[0] <= _MOST_NUMBERED:
            text = written(value, percent=percent, digits=digits).removesuffix("%")
            axes.text(
                column + 0.48, row + 0.47, text, ha="center", va="center", fontsize=11,
                weight="bold" if (column, row) == best else "normal",
            )  # fmt: skip
    axes.add_patch(
        Rectangle(best, 0.96, 0.94, fill=False, edgecolor=svg.INK, lw=2, zorder=4, clip_on=False)
    )
    axes.set_xlim(0, size[0])
    axes.set_ylim(0, size[1])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _ticks(axes: Axes, across: Sequence[Any], up: Sequence[Any]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for values, middle, setter in ((across, 0.48, axes.set_xticks), (up, 0.47, axes.set_yticks)):
        step = -(-len(values) // _MOST_TICKS)
        places = range(0, len(values), step)
        tokens = [svg.token(len(texts) + number) for number in range(len(places))]
        named = (clipped(name_of(values[place]), 9) for place in places)
        texts.update(zip(tokens, named, strict=True))
        setter([place + middle for place in places], tokens)
    return texts


def _in_words(
    stored: Mapping[str, Any],
    across: Sequence[Any],
    up: Sequence[Any],
    cells: Cells,
    best: tuple[int, int],
    *,
    percent: bool,
) -> str:
    def told(value: float) -> str:
        return written(value, percent=percent, digits=2)

    worst = max(cells.values(), key=lambda value: abs(value - cells[best]))
    where = (
        f"{axis_label(stored, 'x')} {name_of(across[best[0]])}, "
        f"{axis_label(stored, 'y')} {name_of(up[best[1]])}"
    )
    measure = str(stored.get("z_label") or "The measure")
    return (
        f"{stored.get('title', '')}. {measure} over {axis_label(stored, 'x')} and "
        f"{axis_label(stored, 'y')}: {told(worst)} at worst, {told(cells[best])} at best, "
        f"at {where}."
    )
