"""What the drawings of stored figures share: reading axes and series, writing values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rarecall.report.records import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

Values = list[float | None]

MOST_TICKS = 8


@dataclass(frozen=True)
class Series:
    """One series of a figure: values by place, with their ends and the paper's values, or None."""

    label: str
    values: Values
    low: Values
    high: Values
    printed: Values


def axis_label(stored: Mapping[str, Any], which: str) -> str:
    """Give the label of an axis, empty where none is stored."""
    axis = stored.get(which)
    return str(axis.get("label") or "") if isinstance(axis, dict) else ""


def in_percent(stored: Mapping[str, Any], which: str) -> bool:
    """Whether the values on an axis are rates."""
    axis = stored.get(which)
    return bool(axis.get("percent")) if isinstance(axis, dict) else False


def read_series(stored: Mapping[str, Any], places: int) -> list[Series]:
    """Read all series, each as long as the axis."""
    return [
        Series(
            str(one.get("label") or ""),
            *(_filled(one.get(key), places) for key in ("values", "low", "high", "printed")),
        )
        for one in stored.get("series") or ()
    ]


def positions(values: Sequence[Any]) -> tuple[list[float], bool]:
    """Place the values of an axis: numbers that rise where they are, anything else evenly.

    >>> positions([0.1, 0.5]), positions(["a", "b"])
    (([0.1, 0.5], True), ([0.0, 1.0], False))
    """
    found = [number(value) for value in values]
    known = [value for value in found if value is not None]
    rising = len(known) == len(values) and known == sorted(set(known))
    return (known, True) if rising else ([float(place) for place in range(len(values))], False)


def is_logarithmic(places: Sequence[float]) -> bool:
    """Whether places that span decades are better drawn so that equal ratios lie equally far apart.

    >>> is_logarithmic([1e-4, 1e-3, 1e-2]), is_logarithmic([1, 2, 3])
    (True, False)
    """
    return len(places) > 2 and places[0] > 0 and places[-1] / places[0] >= 100


def name_of(value: Any) -> str:
    """Write a value of an axis.

    >>> name_of(0.30000001), name_of("a")
    ('0.3', 'a')
    """
    found = number(value)
    return str(value) if found is None else f"{found:.4g}"


def written(value: float | None, *, percent: bool, digits: int = 1) -> str:
    """Write a value of a figure.

    >>> written(0.1234, percent=True), written(0.1234, percent=False), written(None, percent=True)
    ('12.3%', '0.123', '–')
    """
    if value is None:
        return "–"
    return f"{100 * value:.{digits}f}%" if percent else f"{value:.{digits + 2}f}"


def set_ticks(
    axes: Axes, places: Sequence[float], values: Sequence[Any], first: int
) -> dict[str, str]:
    """Tick the horizontal axis at every value, or at some where there is no room.

    Returns:
        The ticks' names by token, numbered from ``first``.
    """
    step = max(1, math.ceil(len(places) / MOST_TICKS))
    shown = range(0, len(places), step)
    texts = {f"@{first + place}@": name_of(values[place]) for place in shown}
    axes.set_xticks([places[place] for place in shown], list(texts))
    axes.minorticks_off()
    return texts


def _filled(stored: object, places: int) -> Values:
    found = [number(one) for one in stored] if isinstance(stored, list | tuple) else []
    return (found + [None] * places)[:places]
