"""The measure over λ of a network that was trained over many λ, from the stored choice."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from rarecall.report.charts import svg
from rarecall.report.charts.style import STYLE, WIDTH, percent_axis
from rarecall.report.numbers import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes

_SHADES = 5
"""Opacities of the cells, 0.1 to 0.5: the ink on them stays readable in both themes."""

_MOST_NUMBERED = 8
"""Columns, at most, whose cells have room for a number."""


def heatmap_chart(
    choice: Mapping[str, Any], *, name: str = "heatmap", rate: bool = False
) -> Markup | None:
    """Draw the measure over λ; None where it is finite nowhere.

    One hyper-parameter makes a line, two make a map. Of more, the two that the measure depends on
    most are drawn, each cell with the best over the others.

    Args:
        choice: What :meth:`rarecall.conditioning.ConditionChoice.to_json` gave.
        name: Prefix of the element's ids, unique on the page.
        rate: Whether the measure is minus a rate, as the trainer's FPR measure is; it is shown
            as that rate, lower is better.
    """
    from matplotlib import rc_context

    values = _by_point(choice)
    if not values:
        return None
    label = _labels(min(values.values()), max(values.values()), rate=rate)
    shown = _shown(choice, values)
    texts = {svg.token(i): choice["names"][column] for i, column in enumerate(shown)}
    texts[svg.token(len(shown))] = str(choice["measure"])
    best = [choice["best"][choice["names"][column]] for column in shown]
    with rc_context(STYLE):
        if len(shown) == 1:
            figure = svg.new_figure(WIDTH, 260)
            axes = figure.add_axes((0.17, 0.17, 0.79, 0.78))
            _line(axes, _best_over_the_rest(values, shown), best[0], rate=rate)
            axes.set_ylabel(svg.token(1))
        else:
            across, up = (choice["axes"][column] for column in shown)
            height = 96 + 40 * len(up)
            figure = svg.new_figure(WIDTH, height)
            axes = figure.add_axes((0.17, 58 / height, 0.79, 1 - 92 / height))
            _cells(axes, _best_over_the_rest(values, shown), (across, up), tuple(best), label)
            axes.set_ylabel(svg.token(1))
            axes.set_title(svg.token(2), loc="left", fontsize=12, color=svg.INK, pad=7)
        axes.set_xlabel(svg.token(0))
        return svg.inline(figure, name, _in_words(choice, values, shown, label), texts)


def _by_point(choice: Mapping[str, Any]) -> dict[tuple[float, ...], float]:
    points = itertools.product(*choice["axes"])
    found = zip(points, choice["values"], strict=True)
    return {tuple(point): value for point, value in found if value is not None}


def _shown(choice: Mapping[str, Any], values: Mapping[tuple[float, ...], float]) -> list[int]:
    """Columns of λ to draw, in their order."""
    varying = [i for i, axis in enumerate(choice["axes"]) if len(axis) > 1] or [0]

    def swing(column: int) -> float:
        best = _best_over_the_rest(values, [column]).values()
        return max(best) - min(best)

    return sorted(sorted(varying, key=swing, reverse=True)[:2])


def _best_over_the_rest(
    values: Mapping[tuple[float, ...], float], shown: Sequence[int]
) -> dict[tuple[float, ...], float]:
    found: dict[tuple[float, ...], float] = {}
    for point, value in values.items():
        key = tuple(point[column] for column in shown)
        found[key] = max(value, found.get(key, value))
    return found


def _line(
    axes: Axes, values: Mapping[tuple[float, ...], float], best: float, *, rate: bool
) -> None:
    places = sorted(values)
    sign = -1 if rate else 1
    xs, ys = [place[0] for place in places], [sign * values[place] for place in places]
    axes.plot(xs, ys, "o-", color=svg.WINNER, ms=6, markeredgecolor=svg.PAPER, clip_on=False)
    axes.plot(
        [best],
        [sign * values[best,]],
        "o",
        color=svg.WINNER,
        markeredgecolor=svg.INK,
        markeredgewidth=1.6,
        ms=11,
        clip_on=False,
        zorder=4,
    )
    axes.annotate(
        "chosen",
        (best, sign * values[best,]),
        xytext=(0, -13),
        textcoords="offset points",
        ha="left" if best == xs[0] else "right" if best == xs[-1] else "center",
        va="center",
        fontsize=11,
        color=svg.INK,
    )
    spread = max(ys) - min(ys) or abs(max(ys)) or 1.0
    axes.set_ylim(min(ys) - 0.25 * spread, max(ys) + 0.1 * spread)
    if rate:
        percent_axis(axes, "y")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_xticks(xs, [f"{x:g}" for x in xs])


def _cells(
    axes: Axes,
    values: Mapping[tuple[float, ...], float],
    places: tuple[Sequence[float], Sequence[float]],
    best: tuple[float, ...],
    label: Callable[[float], str],
) -> None:
    from matplotlib.patches import Rectangle

    across, up = places
    low, high = min(values.values()), max(values.values())
    for (column, x), (row, y) in itertools.product(enumerate(across), enumerate(up)):
        value = values.get((x, y))
        share = 0.0 if value is None or high == low else (value - low) / (high - low)
        chosen = (x, y) == best
        if value is not None:
            opacity = (1 + round(share * (_SHADES - 1))) / 10
            axes.add_patch(
                Rectangle((column, row), 0.96, 0.94, facecolor=svg.WINNER, alpha=opacity, lw=0)
            )
        if chosen:
            axes.add_patch(
                Rectangle(
                    (column, row),
                    0.96,
                    0.94,
                    fill=False,
                    edgecolor=svg.INK,
                    lw=2,
                    zorder=4,
                    clip_on=False,
                )
            )
        if len(across) <= _MOST_NUMBERED:
            axes.text(
                column + 0.48,
                row + 0.47,
                "–" if value is None else label(value),
                ha="center",
                va="center",
                fontsize=11,
                weight="bold" if chosen else "normal",
            )
    axes.set_xlim(0, len(across))
    axes.set_ylim(0, len(up))
    axes.set_xticks([i + 0.48 for i in range(len(across))], [f"{x:g}" for x in across])
    axes.set_yticks([i + 0.47 for i in range(len(up))], [f"{y:g}" for y in up])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _labels(low: float, high: float, *, rate: bool) -> Callable[[float], str]:
    """How values are written: with the decimals that tell the cells apart."""
    if rate:
        digits = 2 if high - low < 0.005 else 1
        return lambda value: percent(abs(value), digits)
    digits = 4 if high - low < 0.005 else 3
    return lambda value: f"{value:.{digits}f}"


def _in_words(
    choice: Mapping[str, Any],
    values: Mapping[tuple[float, ...], float],
    shown: Sequence[int],
    label: Callable[[float], str],
) -> str:
    names = " and ".join(str(choice["names"][column]) for column in shown)
    best = ", ".join(f"{key} {value:g}" for key, value in choice["best"].items())
    over = ", the best over the others" if len(choice["names"]) > len(shown) else ""
    return (
        f"{choice['measure']} on validation over {names}{over}: "
        f"{label(min(values.values()))} at worst, {label(max(values.values()))} at best. "
        f"Chosen: {best}."
    )
