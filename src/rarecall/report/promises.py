"""The threshold in plain words: what it promises, and what it did on test; ASCII again."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from rarecall.report.numbers import bracket, count, level, percent, plural, rate_digits

if TYPE_CHECKING:
    from rarecall.report.records import Estimate, Threshold
    from rarecall.report.stored import Comparison


NONE_GIVEN = (
    "No calibration data was given that a guarantee could rest on: no threshold is delivered."
)
NOTHING = "Without a threshold there is nothing to guarantee."
GIVE_DATA = (
    "For one, give unweighted samples of the same source that were used for nothing else "
    "(--calibration), or choose a threshold on them with rarecall threshold."
)


def threshold(comparison: Comparison) -> str:
    """Say which score flags a case."""
    chosen = comparison.threshold
    if chosen is None:
        return NONE_GIVEN if comparison.given else "No threshold is stored for this run."
    if chosen.value is None:
        return "Threshold: none that helps; to keep the required TPR, every case must be flagged."
    return f"Threshold: flag a case when its score is {exact(chosen.value)} or more."


def exact(value: float) -> str:
    """Write a threshold so that reading it back gives the same number.

    >>> exact(0.1 + 0.2), exact(-2.0)
    ('0.30000000000000004', '-2.0')
    """
    return repr(float(value))


def guarantee(comparison: Comparison) -> str:
    """Say what the threshold promises, or that it promises nothing and what is missing."""
    chosen = comparison.threshold
    if chosen is None:
        return "Nothing is promised." if comparison.given else NOTHING
    cases = _unit(chosen)
    promise = f"TPR >= {level(chosen.tpr)} with {level(chosen.confidence)} confidence"
    needed = "" if chosen.needed is None else f"{count(chosen.needed)} critical {cases}"
    if chosen.guaranteed:
        held = "" if chosen.positives is None else f" {count(chosen.positives)}"
        rests = f"It rests on{held} critical calibration {cases}"
        return f"Guarantee: {promise}. {rests}{needed and f' (at least {chosen.needed} needed)'}."
    if not needed:
        return f"This threshold carries no guarantee of {promise}."
    have = "fewer" if chosen.positives is None else str(chosen.positives)
    return (
        f"This threshold carries no guarantee. {promise} needs {needed} "
        f"in the calibration part; there {'is' if have == '1' else 'are'} {have}."
    )


def more_needed(comparison: Comparison) -> str:
    """Say how many critical samples a guarantee would take; empty if it holds."""
    chosen, calibration = comparison.threshold, comparison.part("calibration")
    if chosen is None:
        return GIVE_DATA if comparison.given else ""
    if (
        chosen.guaranteed
        or chosen.needed is None
        or chosen.unit != "row"
        or calibration is None
        or not 0 < calibration.positives < chosen.needed
    ):
        return ""
    more = plural(
        chosen.needed - calibration.positives, "more critical case", "more critical cases"
    )
    if comparison.given:
        return f"Ways out: {more} for calibration, a lower TPR or a lower confidence."
    total = sum(part.positives for part in comparison.parts)
    all_in_all = ceil(chosen.needed * total / calibration.positives)
    return (
        f"Ways out: {more} for calibration (about {count(all_in_all)} in all, where this run has "
        f"{count(total)}, at the same shares), a larger share for calibration, a lower TPR or a "
        "lower confidence."
    )


def achieved(comparison: Comparison) -> str:
    """Say what the threshold did on test; empty when not stored."""
    chosen, digits = comparison.threshold, rate_digits(comparison)
    if chosen is None or chosen.test_tpr.value is None:
        return ""
    tpr = _rate("TPR", chosen.test_tpr, 1)
    things = "groups" if chosen.unit == "group" else "cases"
    caught = f"of the critical {things}"
    if chosen.test_positives is not None and chosen.test_misses is not None:
        hits = chosen.test_positives - chosen.test_misses
        caught = f"{count(hits)} of {count(chosen.test_positives)} critical {things}"
    sentence = f"On test, the delivered threshold caught {caught} ({tpr})"
    if chosen.test_fpr.value is None:
        return sentence + "."
    fpr = _rate("FPR", chosen.test_fpr, digits)
    flagged = f"harmless {things}"
    if chosen.test_negatives is not None and chosen.test_false_alarms is not None:
        flagged = (
            f"{count(chosen.test_false_alarms)} of {count(chosen.test_negatives)} harmless {things}"
        )
    return f"{sentence} and flagged {flagged} ({fpr})."


def kept(comparison: Comparison) -> str:
    """Say whether the test part speaks against the required TPR; empty when it does not."""
    chosen = comparison.threshold
    if chosen is None or chosen.test_tpr.value is None or chosen.test_tpr.value >= chosen.tpr:
        return ""
    if chosen.test_tpr.high is not None and chosen.test_tpr.high < chosen.tpr:
        return (
            f"That is below the required {level(chosen.tpr)}, and more than chance explains: "
            "test data seem to differ from calibration data. Do not rely on this threshold "
            "before you know why."
        )
    return (
        f"That is below the required {level(chosen.tpr)}, "
        "but within what chance allows for so few cases."
    )


def real_alarms(comparison: Comparison) -> str:
    """Say how many of the alarms on test were real; empty when not stored."""
    chosen = comparison.threshold
    if chosen is None or chosen.test_positives is None or chosen.test_misses is None:
        return ""
    if chosen.test_false_alarms is None:
        return ""
    hits = chosen.test_positives - chosen.test_misses
    alarms = hits + chosen.test_false_alarms
    if not alarms:
        return ""
    return (
        f"Of {plural(alarms, 'alarm', 'alarms')} on test, {count(hits)} "
        f"({percent(hits / alarms)}) {'was' if hits == 1 else 'were'} real. "
        "Where the critical class is rarer than in the test part, the share is smaller."
    )


def _rate(name: str, estimate: Estimate, digits: int) -> str:
    interval = bracket(estimate, digits)
    return f"{name} {percent(estimate.value, digits)}{interval and ' ' + interval}"


def _unit(chosen: Threshold) -> str:
    return "groups" if chosen.unit == "group" else "cases"


def other_rate(comparison: Comparison) -> str:
    """Say why the delivered threshold's FPR is not the answer's; empty when both are the same."""
    chosen, digits = comparison.threshold, rate_digits(comparison)
    headline = comparison.winner.fpr_at(comparison.tpr).value
    if chosen is None or chosen.test_fpr.value is None or headline is None:
        return ""
    delivered, compared = percent(chosen.test_fpr.value, digits), percent(headline, digits)
    if delivered == compared:
        return ""
    return (
        f"Why {delivered} here and {compared} in the answer: to compare {comparison.noun}s fairly, "
        f"the answer puts each one's threshold where it just reaches {level(comparison.tpr)} on "
        "the test part itself. In use nobody knows that place; the delivered threshold had to be "
        "chosen beforehand, from the calibration part."
    )
