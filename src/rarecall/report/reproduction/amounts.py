"""Values of a reproduction as its tables write them: percent without the sign, or as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report.numbers import UNKNOWN, p_value, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.reproduction.stored import Reproduction
    from rarecall.reproduction.stored_values import Against, Measure, Own


def digits(found: Reproduction, measure: Measure) -> int:
    """Choose the decimals of a column: one more where an own rate lies below 1%."""
    if not measure.percent:
        return 3
    values = [row.own_value(measure) for setting in found.settings for row in setting.rows]
    return 2 if any(value is not None and 0 < abs(value) < 0.00995 for value in values) else 1


def plain(value: float | None, measure: Measure, places: int) -> str:
    """Write a value without its unit.

    >>> from rarecall.reproduction.stored_values import Measure
    >>> rate = Measure("98", "fpr_at_tpr", 0.98, True, True)
    >>> plain(0.56, rate, 1), plain(None, rate, 1)
    ('56.0', '–')
    """
    if value is None:
        return UNKNOWN
    text = f"{value * (100 if measure.percent else 1):.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def signed(value: float | None, measure: Measure, places: int) -> str:
    """Write a difference with its sign.

    >>> from rarecall.reproduction.stored_values import Measure
    >>> signed(-0.071, Measure("98", "fpr_at_tpr", 0.98, True, True), 1)
    '-7.1'
    """
    text = plain(value, measure, places)
    return f"+{text}" if value is not None and value > 0 and float(text) != 0 else text


def between(
    low: float | None, high: float | None, measure: Measure, places: int, *, sign: bool = False
) -> str:
    """Write an interval; empty where it is unknown.

    >>> from rarecall.reproduction.stored_values import Measure
    >>> between(0.02, 0.123, Measure("98", "fpr_at_tpr", 0.98, True, True), 1)
    '[2.0, 12.3]'
    """
    if low is None or high is None:
        return ""
    write = signed if sign else plain
    return f"[{write(low, measure, places)}, {write(high, measure, places)}]"


def gap(own: float | None, printed: float | None) -> float | None:
    """Own value minus the printed one, where both are known."""
    return None if own is None or printed is None else own - printed


def around(mean: float | None, sd: float | None, measure: Measure, places: int) -> str:
    """Write a mean and its standard deviation.

    >>> from rarecall.reproduction.stored_values import Measure
    >>> around(0.5, 0.02, Measure("98", "fpr_at_tpr", 0.98, True, True), 1)
    '50.0 ± 2.0'
    """
    text = plain(mean, measure, places)
    return text if mean is None or sd is None else f"{text} ± {plain(sd, measure, places)}"


def spread_of_splits(own: Own, measure: Measure, places: int) -> tuple[str, list[str]]:
    """Write the mean over splits with its deviation, and below it the interval and their number."""
    text = around(own.split_mean, own.split_sd, measure, places)
    interval = between(own.split_low, own.split_high, measure, places)
    return text, [interval, plural(len(own.splits), "split", "splits") if own.splits else ""]


def p_values(tested: Against) -> str:
    """Write the p-value, adjusted where it is."""
    if tested.holm is not None:
        return f"{p_value(tested.holm)} (Holm)"
    return p_value(tested.p)


def unit(measures: Sequence[Measure]) -> str:
    """Say in which unit the columns are."""
    if all(measure.percent for measure in measures):
        return "Values in percent, differences in percentage points."
    if not any(measure.percent for measure in measures):
        return ""
    shares = ", ".join(measure.title for measure in measures if not measure.percent)
    return f"Values in percent, differences in percentage points; {shares} as it is."
