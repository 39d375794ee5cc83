"""A rate and its interval as a small line, for a cell of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from rarecall.report.records import Estimate

_WIDTH, _HEIGHT, _EDGE = 110, 14, 5


def interval_strip(
    rate: Estimate, ends: tuple[float, float] = (0.0, 1.0), required: float | None = None
) -> Markup:
    """Draw a rate; the numbers stand beside it, so readers of text skip it.

    Args:
        rate: With or without interval; nothing is drawn where it is unknown.
        ends: Of the line that it lies on; equal in all rows of a table.
        required: Marked by an upright line.
    """
    if rate.value is None:
        return Markup("")
    middle = _HEIGHT // 2

    def at(value: float) -> str:
        inside = min(max((value - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0)
        return f"{_EDGE + (_WIDTH - 2 * _EDGE) * inside:.1f}"

    parts = [f'<path d="M{at(ends[0])} {middle}H{at(ends[1])}" style="stroke:var(--line)"/>']
    if required is not None:
        style = "stroke:var(--muted);stroke-dasharray:2 2"
        parts.append(f'<path d="M{at(required)} 0V{_HEIGHT}" style="{style}"/>')
    if rate.low is not None and rate.high is not None:
        style = "stroke:var(--winner);stroke-width:2"
        parts.append(f'<path d="M{at(rate.low)} {middle}H{at(rate.high)}" style="{style}"/>')
    parts.append(f'<circle cx="{at(rate.value)}" cy="{middle}" r="4" style="fill:var(--winner)"/>')
    return Markup(
        f'<svg class="strip" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )
