"""Counts and chances in the words that people use."""

from __future__ import annotations

from rarecall.report.numbers import percent

_FEWEST = 5
"""Among so many cases that this number of critical ones is there, they can be counted."""


def cases_for(prevalence: float, per: int = 1000) -> int:
    """Choose among how many cases to count, so that some of them are critical.

    >>> cases_for(0.02), cases_for(0.0004), cases_for(1e-12)
    (1000, 100000, 1000000)
    """
    while prevalence * per < _FEWEST - 1e-9 and per < 1_000_000:
        per *= 10
    return per


def per_cases(per: int) -> str:
    """Write among how many cases is counted.

    >>> per_cases(1000), per_cases(100_000)
    ('1000', '100,000')
    """
    return "1000" if per == 1000 else f"{per:,}"


def about(amount: float) -> str:
    """Write an expected count: whole, and never none where some are expected.

    >>> about(9.76), about(0.3), about(0.0), about(12345.6)
    ('10', 'fewer than 1', 'none', '12,346')
    """
    if amount <= 0:
        return "none"
    return "fewer than 1" if amount < 0.5 else f"{round(amount):,}"


def one_in(rate: float) -> str:
    """Write a chance as a count of cases; rates near all or none as they are.

    >>> one_in(0.00012), one_in(0.0238), one_in(0.25), one_in(0.31), one_in(0.97)
    ('1 in 8,333', '1 in 42', '1 in 4', '3 in 10', '97.0%')
    >>> one_in(0.0), one_in(1.0)
    ('none', 'all')
    """
    if rate <= 0:
        return "none"
    if rate >= 1:
        return "all"
    if rate < 0.28:
        return f"1 in {round(1 / rate):,}"
    return f"{round(10 * rate)} in 10" if rate < 0.95 else percent(rate)


def ratio(value: float) -> str:
    """Write a share of something as a whole percent.

    >>> ratio(0.7756), ratio(0.004)
    ('78%', 'less than 1%')
    """
    return "less than 1%" if 0 < value < 0.005 else f"{value:.0%}"
