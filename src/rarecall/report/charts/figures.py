"""The figures of a reproduction, drawn from what was stored for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.charts.bars import bars_chart
from rarecall.report.charts.grid import grid_chart
from rarecall.report.charts.lines import lines_chart
from rarecall.report.charts.scatter import scatter_chart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from markupsafe import Markup

_DRAWN: dict[str, Callable[[Mapping[str, Any], str], Markup | None]] = {
    "heatmap": grid_chart,
    "lines": lines_chart,
    "bars": bars_chart,
    "scatter": scatter_chart,
}


def figure_chart(stored: Mapping[str, Any], name: str) -> Markup | None:
    """Draw one entry of ``figures``; None where it holds nothing that can be drawn.

    Every entry has ``kind``, ``title``, ``x`` and ``y`` (each with ``label``; ``percent: true``
    where its values are rates). Values may be null.

    - ``heatmap``: ``x.values`` and ``y.values`` (numbers or names), ``z``: one list a
      value of y with one entry a value of x; ``z_label``, ``percent``, ``better``
      (``"lower"`` or ``"higher"``).
    - ``lines``: ``x.values`` (numbers or names), ``series``: ``label``, ``values``, and ``low``
      and ``high`` where there is an interval, ``printed`` for the paper's values.
    - ``bars``: ``x.values`` (names), ``series`` as for lines.
    - ``scatter``: ``series``: ``label``, ``x`` and ``y`` (lists).

    Args:
        stored: The entry.
        name: Prefix of the element's ids, unique on the page.
    """
    draw = _DRAWN.get(str(stored.get("kind")))
    if draw is None:
        return None
    try:
        return draw(stored, name)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        # One figure in an unknown form must not keep the report from being written.
        return None
