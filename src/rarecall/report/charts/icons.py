"""A thousand cases as a thousand signs: flagged rightly, flagged wrongly, missed, the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS, ROWS = 40, 25
_PITCH = 10
_WIDTH, _HEIGHT = COLUMNS * _PITCH, ROWS * _PITCH
_LEGEND = 20
"""Of one line of the two of the legend."""


def icon_chart(real: float, false: float, missed: float) -> Markup | None:
    """Draw 1000 cases as signs, critical ones first; None where the counts are no such counts.

    Shapes differ as well as colours: full discs are flagged, crosses are missed, dots are the rest.

    Args:
        real: Flagged and critical, among 1000.
        false: Flagged and harmless.
        missed: Critical and not flagged.
    """
    rest = COLUMNS * ROWS - real - false - missed
    if min(real, false, missed) < 0 or rest < -1e-6:
        return None
    counts = whole_counts([real, missed, false, max(rest, 0.0)], COLUMNS * ROWS)
    names = ("real alarms", "missed", "false alarms", "not flagged, rightly")
    starts = [sum(counts[:place]) for place in range(4)]
    drawn = [
        _signs(kind, range(start, start + n))
        for kind, start, n in zip(_KINDS, starts, counts, strict=True)
        if n
    ]
    legend = []
    for place, (kind, name, n) in enumerate(zip(_KINDS, names, counts, strict=True)):
        x, y = 6 + 200 * (place // 2), _HEIGHT + _LEGEND * (place % 2 + 1)
        legend.append(f'<path d="{_PATHS[kind](x, y - 4)}" style="{_STYLES[kind]}"/>')
        legend.append(f'<text x="{x + 9}" y="{y}" style="{_LABEL}">{n} {name}</text>')
    told = ", ".join(f"{n} {name}" for name, n in zip(names, counts, strict=True))
    return Markup(
        f'<svg class="chart icons" viewBox="0 0 {_WIDTH} {_HEIGHT + 2 * _LEGEND + 6}" role="img" '
        f'aria-label="{escape(f"1000 cases: {told}.")}">{"".join(drawn + legend)}</svg>'
    )


def whole_counts(amounts: Sequence[float], total: int) -> list[int]:
    """Round amounts so that they keep their total: the largest remainders are rounded up.

    >>> whole_counts([9.76, 0.24, 237.04, 752.96], 1000)
    [10, 0, 237, 753]
    """
    low = [int(amount) for amount in amounts]
    order = sorted(range(len(amounts)), key=lambda k: low[k] - amounts[k])
    for place in order[: total - sum(low)]:
        low[place] += 1
    return low


def _signs(kind: str, places: range) -> str:
    path = "".join(
        _PATHS[kind](_PITCH * (k % COLUMNS) + _PITCH // 2, _PITCH * (k // COLUMNS) + _PITCH // 2)
        for k in places
    )
    return f'<path d="{path}" style="{_STYLES[kind]}"/>'


def _dot(x: int, y: int) -> str:
    return f"M{x} {y}h0"


def _cross(x: int, y: int) -> str:
    return f"M{x - 3} {y - 3}l6 6m0-6l-6 6"


_KINDS = ("real", "missed", "false", "rest")
_PATHS = {"real": _dot, "missed": _cross, "false": _dot, "rest": _dot}
_LABEL = "font-size:12px;fill:var(--ink)"
_ROUND = "fill:none;stroke-linecap:round;stroke:var(--{});stroke-width:{}"
_STYLES = {
    "real": _ROUND.format("critical", 8),
    "missed": _ROUND.format("critical", 2.4),
    "false": _ROUND.format("harmless", 6),
    "rest": _ROUND.format("other", 2),
}
