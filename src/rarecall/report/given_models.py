"""What is said of models whose scores were given: none was chosen, so the others stand beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report.numbers import (
    between,
    p_value,
    rate_digits,
    share_digits,
)

if TYPE_CHECKING:
    from rarecall.report.records import Method
    from rarecall.report.stored import Comparison

_MOST_NAMED = 4


def others(comparison: Comparison) -> str:
    """Say how the other models differ from the one in use; empty where it is alone."""
    others = [method for method in comparison.methods if not method.winner]
    if not others:
        return ""
    if comparison.baseline is None or not any(method.difference for method in others):
        return "No difference between the models was tested."
    said = [_beside(method, comparison) for method in others[:_MOST_NAMED]]
    more = len(others) - _MOST_NAMED
    rest = f" The table has the other {more}." if more > 0 else ""
    return " ".join(filter(None, said)) + rest


def _beside(method: Method, comparison: Comparison) -> str:
    found, digits = method.difference, rate_digits(comparison)
    if found is None or found.estimate.value is None:
        return ""
    value = found.estimate.value
    size = f"{abs(value) * 100:.{digits}f} percentage points {'fewer' if value < 0 else 'more'}"
    flags = f"{method.name} flags {size} of the harmless"
    if value == 0:
        flags = f"{method.name} flags exactly as many of the harmless"
    ends, chance = between(found.estimate, digits), p_value(found.p)
    if found.verdict in ("lower", "higher"):
        facts = ", ".join(filter(None, (ends, chance)))
        return f"{flags} than {comparison.baseline}{facts and f' ({facts})'}."
    so_far = ends and f", but anything {ends} may be true"
    return (
        f"No difference shown between {method.name} and {comparison.baseline}: {flags}{so_far}"
        f"{chance and f' ({chance})'}."
    )


def auc_difference(method: Method, comparison: Comparison) -> tuple[str, str]:
    """Write the difference of a model's AUC to the baseline's: value with interval, p-value."""
    found, digits = method.auc_difference, share_digits(comparison)
    if found is None or found.estimate.value is None:
        return ("baseline" if method.baseline else "\N{EN DASH}"), ""
    value, low, high = found.estimate.value, found.estimate.low, found.estimate.high
    ends = "" if low is None or high is None else f" [{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"{value:+.{digits}f}{ends}", p_value(found.p)
