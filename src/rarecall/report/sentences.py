"""The findings in plain words, the same in the terminal and in the report.

Sentences are ASCII (``>=``), so that any terminal prints them; the page sets the proper signs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report import given_models
from rarecall.report.numbers import (
    between,
    bracket,
    count,
    false_alarms,
    level,
    p_value,
    percent,
    rate_digits,
)

if TYPE_CHECKING:
    from rarecall.report.records import Difference
    from rarecall.report.stored import Comparison


def answer(comparison: Comparison) -> str:
    """Say what the winner costs at the required TPR."""
    winner, digits = comparison.winner, rate_digits(comparison)
    found = winner.fpr_at(comparison.tpr)
    at = f"At TPR >= {level(comparison.tpr)}, {winner.name}"
    if found.value is None:
        return f"{at} has no stored false positive rate."
    interval = bracket(found, digits)
    if found.value == 0:
        part, where = comparison.part(comparison.measured_on), comparison.measured_on
        of = "the" if part is None else f"the {count(part.n - part.positives)}"
        return f"{at} flags none of {of} harmless {where} cases (0%{interval and ' ' + interval})."
    share = f"{percent(found.value, digits)} of the harmless"
    return f"{at} flags {share}{interval and ' ' + interval}; that is {false_alarms(found.value)}."


def breadth(comparison: Comparison) -> str:
    """Say so when the test part is too small to bound the winner's FPR; else empty."""
    found = comparison.winner.fpr_at(comparison.tpr)
    test = comparison.part(comparison.measured_on)
    if found.value is None or found.high is None or found.value > 0.9 or found.high < 0.995:
        return ""
    few = "few" if test is None else f"few critical cases ({count(test.positives)})"
    return (
        f"The {comparison.measured_on} part has too {few} to bound this rate from above: "
        f"at TPR >= {level(comparison.tpr)} it hangs on the lowest of their scores."
    )


def choice(comparison: Comparison) -> str:
    """Say how the winner was chosen; among given models none was."""
    if comparison.given:
        return comparison.why if len(comparison.methods) > 1 else ""
    candidates = len(comparison.methods) - len(comparison.references)
    if comparison.why:
        why = comparison.why
    elif candidates == 1:
        why = f"{comparison.winner.name} is the only method compared."
    else:
        why = f"{comparison.winner.name} is the best of {candidates} methods on validation."
    return f"{why} Test data had no say in it." if candidates > 1 else why


def certainty(comparison: Comparison) -> str:
    """Say how sure it is that the winner differs from the baseline."""
    winner, base = comparison.winner, comparison.baseline
    if comparison.given and (winner.baseline or base is None):
        return given_models.others(comparison)
    if winner.baseline:
        return (
            f"{winner.name} is the baseline itself: no other method did better on validation."
            if len(comparison.methods) - len(comparison.references) > 1
            else f"{winner.name} is also the baseline, so there is nothing to compare it with."
        )
    if base is None:
        return "There is no baseline in this run, so no difference was tested."
    if winner.difference is None:
        return f"Its difference to the baseline {base} was not tested."
    return _difference(comparison, winner.difference, base)


def _difference(comparison: Comparison, found: Difference, base: str) -> str:
    digits = rate_digits(comparison)
    value = found.estimate.value or 0.0
    size = (
        "exactly as many"
        if value == 0
        else f"{abs(value) * 100:.{digits}f} percentage points {'fewer' if value < 0 else 'more'}"
    )
    probability = _probability(found)
    ends = between(found.estimate, digits)
    against = f"Against the baseline {base}, it flags {size} of the harmless"
    if found.verdict == "lower":
        return f"{against}{ends and f', {ends}'}{probability}: fewer false alarms."
    if found.verdict == "higher":
        return f"{against}{ends and f', {ends}'}{probability}: more false alarms on test."
    low, high = found.estimate.low, found.estimate.high
    if low is not None and high is not None and (low > 0 or high < 0):
        reason = "that is too little once several methods are compared"
    elif ends:
        reason = f"the interval spans zero, {ends}"
    else:
        reason = "chance alone could do this"
    return (
        f"No difference shown to the baseline {base}: it flags {size} of the harmless, "
        f"but {reason}{probability}."
        if value
        else f"No difference shown to the baseline {base}: it flags {size} of the harmless"
        f"{ends and f', the interval runs {ends}'}{probability}."
    )


def _probability(found: Difference) -> str:
    if found.p_adjusted is not None:
        return f" ({p_value(found.p_adjusted)}, adjusted for the number of comparisons)"
    return f" ({p_value(found.p_value)})" if found.p_value is not None else ""


def scale(comparison: Comparison) -> str:
    """Say what the reference rows show; empty without any."""
    digits, winner = rate_digits(comparison), comparison.winner
    mine = winner.fpr_at(comparison.tpr).value
    sentences = []
    for reference in comparison.references:
        found = reference.fpr_at(comparison.tpr)
        if found.value is None:
            continue
        beside = ""
        if mine is not None and found.value < mine:
            beside = f", fewer than {winner.name}: look at them before you settle"
        interval = bracket(found, digits)
        sentences.append(
            f"{reference.name.capitalize()} (a reference, not a candidate) flag "
            f"{percent(found.value, digits)} of the harmless{interval and ' ' + interval}{beside}."
        )
    return " ".join(sentences)
