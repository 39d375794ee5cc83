"""Numbers as people read them. Rates come in [0, 1] and leave as percent: only reports do that."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rarecall.report.records import Estimate
    from rarecall.report.stored import Comparison

UNKNOWN = "–"


def percent(rate: float | None, digits: int = 1) -> str:
    """Write a rate in percent, never rounding a chance that exists to none or to all.

    >>> percent(0.1234), percent(0.95), percent(0.0), percent(None)
    ('12.3%', '95.0%', '0%', '–')
    >>> percent(0.00001), percent(0.99999)
    ('<0.1%', '>99.9%')
    """
    if rate is None:
        return UNKNOWN
    if rate in (0.0, 1.0):
        return f"{rate:.0%}"
    smallest = 10.0 ** -(digits + 2)
    if 0 < rate < smallest / 2:
        return f"<{smallest:.{digits}%}"
    if 1 - smallest / 2 < rate < 1:
        return f">{1 - smallest:.{digits}%}"
    return f"{rate:.{digits}%}"


def level(rate: float) -> str:
    """Write a required rate without needless zeros.

    >>> level(0.95), level(0.995), level(0.9)
    ('95%', '99.5%', '90%')
    """
    return f"{100 * rate:.6g}%"


def bracket(estimate: Estimate, digits: int = 1) -> str:
    """Write an interval of a rate in percent, without the sign; empty when unknown.

    >>> from rarecall.report.records import Estimate
    >>> bracket(Estimate(0.123, 0.101, 0.149))
    '[10.1, 14.9]'
    """
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{100 * estimate.low:.{digits}f}, {100 * estimate.high:.{digits}f}]"


def signed(rate: float | None, digits: int = 1) -> str:
    """Write a difference of rates in percentage points, with its sign.

    >>> signed(-0.031), signed(0.0), signed(0.0001)
    ('-3.1', '0.0', '0.0')
    """
    if rate is None:
        return UNKNOWN
    text = f"{100 * rate:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def signed_bracket(estimate: Estimate, digits: int = 1) -> str:
    """Write an interval of a difference in percentage points; empty when unknown."""
    if not estimate.has_interval:
        return ""
    return f"[{signed(estimate.low, digits)}, {signed(estimate.high, digits)}]"


def share(value: float | None, digits: int = 3) -> str:
    """Write an AUC: in [0, 1], the leading zero kept.

    >>> share(0.98765), share(1.0), share(None)
    ('0.988', '1', '–')
    """
    if value is None:
        return UNKNOWN
    if value in (0.0, 1.0):
        return f"{value:.0f}"
    return f"{value:.{digits}f}"


def share_bracket(estimate: Estimate, digits: int = 3) -> str:
    """Write an interval of an AUC; empty when unknown."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def between(estimate: Estimate, digits: int = 1) -> str:
    """Say an interval of a difference in percentage points in words; empty when unknown.

    >>> from rarecall.report.records import Estimate
    >>> between(Estimate(-0.03, -0.052, 0.01))
    'from 5.2 fewer to 1.0 more'
    """
    if estimate.low is None or estimate.high is None:
        return ""

    def side(value: float) -> str:
        return f"{abs(value) * 100:.{digits}f} {'fewer' if value < 0 else 'more'}"

    return f"from {side(estimate.low)} to {side(estimate.high)}"


def p_value(p: float | None) -> str:
    """Write a p-value as ``p = 0.012`` or ``p < 0.001``; empty when unknown.

    >>> p_value(0.0123), p_value(0.0002), p_value(1.0)
    ('p = 0.012', 'p < 0.001', 'p = 1')
    """
    if p is None:
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def duration(seconds: float | None) -> str:
    """Write a time span with two units at most.

    >>> duration(0.42), duration(42.1), duration(125), duration(7500)
    ('0.4 s', '42 s', '2 min 5 s', '2 h 5 min')
    """
    if seconds is None:
        return UNKNOWN
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count(number: int | None) -> str:
    """Write a whole number with separators.

    >>> count(11183)
    '11,183'
    """
    return UNKNOWN if number is None else f"{number:,}"


def plural(number: int, one: str, many: str) -> str:
    """Write a number with its noun.

    >>> plural(1, "case", "cases"), plural(1200, "case", "cases")
    ('1 case', '1,200 cases')
    """
    return f"{number:,} {one if number == 1 else many}"


def false_alarms(rate: float) -> str:
    """Say an FPR as a count: false alarms per 1000 harmless cases, or per more when they are few.

    >>> false_alarms(0.123)
    '123 false alarms per 1000 harmless cases'
    >>> false_alarms(0.00012)
    '1 false alarm per 10,000 harmless cases'
    """
    for cases in (1000, 10_000, 100_000, 1_000_000):
        alarms = round(rate * cases)
        if alarms:
            break
    per = "1000" if cases == 1000 else f"{cases:,}"
    return f"{plural(alarms, 'false alarm', 'false alarms')} per {per} harmless cases"


def rate_digits(comparison: Comparison) -> int:
    """Choose the decimals of every FPR in a report: 2 where some are below 1%, else 1."""
    values = [
        method.fpr_at(level).value for method in comparison.methods for level in comparison.levels
    ]
    return 2 if any(value is not None and 0 < value < 0.00995 for value in values) else 1


def share_digits(comparison: Comparison) -> int:
    """Choose the decimals of every AUC in a report: 4 where some would round to 1, else 3."""
    values = [method.auc.value for method in comparison.methods]
    return 4 if any(value is not None and 0.9985 <= value < 1 for value in values) else 3
