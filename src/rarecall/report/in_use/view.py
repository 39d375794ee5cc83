"""What a model does in use as texts in order, for the page; nothing in it is escaped yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.in_use import probabilities, sentences
from rarecall.report.in_use import subgroups as subgroup_words
from rarecall.report.in_use.amounts import cases_for, per_cases
from rarecall.report.in_use.case_view import case_content
from rarecall.report.numbers import bracket, count, level, percent, plural, rate_digits

if TYPE_CHECKING:
    from rarecall.report.in_use.stored import InUse
    from rarecall.report.records import Estimate
    from rarecall.report.stored import Comparison


def in_use_content(comparison: Comparison) -> dict[str, Any] | None:
    """Say what the model does in use; None where nothing of it is stored."""
    found = comparison.in_use
    if found is None:
        return None
    return {
        "of": found.of,
        "plain": sentences.plain(comparison),
        "own": sentences.own_threshold(comparison),
        "rests_on": sentences.rests_on(comparison),
        "alarms": alarm_rows(comparison),
        "probability": probability(found),
        "decision": decision(found),
        "subgroups": subgroups(comparison),
        "cases": case_content(found),
        "claims": [
            (one.claim, count(one.positives), count(one.negatives), one.enough, one.why)
            for one in found.claims
        ],
        "evidence": sentences.evidence(found),
    }


def alarm_rows(comparison: Comparison) -> dict[str, Any] | None:
    """Lay out the expected counts: head, and rows of name, value, interval, meaning."""
    found, chosen = comparison.in_use, comparison.threshold
    if found is None or found.alarms is None or found.prevalence is None:
        return None
    alarms, prevalence = found.alarms, found.prevalence
    per = cases_for(prevalence)
    times = per / alarms.per
    known = chosen is not None and chosen.unit == "row" and not alarms.own

    def ends(rate: Estimate | None, share: float, *, falling: bool = False) -> str:
        """Give the interval of a count that follows from that of one rate."""
        if not known or rate is None or rate.low is None or rate.high is None:
            return ""
        low, high = (1 - rate.high, 1 - rate.low) if falling else (rate.low, rate.high)
        return f"[{_amount(per * share * low)}, {_amount(per * share * high)}]"

    tpr = chosen.test_tpr if chosen is not None else None
    fpr = chosen.test_fpr if chosen is not None else None
    rows = [
        ("Flagged", _amount(times * alarms.flagged), "", "alarms to look at"),
        ("Real alarms", _amount(times * alarms.real), ends(tpr, prevalence), "flagged, critical"),
        ("False alarms", _amount(times * alarms.false), ends(fpr, 1 - prevalence), "not critical"),
        (
            "Missed",
            _amount(times * alarms.missed),
            ends(tpr, prevalence, falling=True),
            "critical, not flagged",
        ),
        ("Precision", percent(alarms.precision), "", "share of alarms that are real"),
    ]
    confidence = level(found.confidence) if any(interval for _, _, interval, _ in rows) else ""
    return {"per": per_cases(per), "confidence": confidence, "rows": rows, "drawn": per == 1000}


def _amount(value: float) -> str:
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:,.1f}"


def probability(found: InUse) -> dict[str, Any] | None:
    """Say where probabilities come from and how good they are; None without any."""
    told = found.probability
    if told is None:
        return None
    said = (
        ("Origin", probabilities.origin(told)),
        ("Honesty", probabilities.honesty(told)),
        ("Sharpness", probabilities.sharpness(told)),
    )
    rows = [
        (
            count(one.n),
            percent(one.mean),
            percent(one.rate.value),
            bracket(one.rate),
            probabilities.outside(one),
        )
        for one in told.bins
    ]
    return {
        "said": [(head, text) for head, text in said if text],
        "parts": probabilities.brier_parts(told),
        "bins": rows,
        "groups": plural(len(rows), "group", "groups"),
    }


def decision(found: InUse) -> dict[str, Any] | None:
    """Say where the model is worth acting on; None without a curve."""
    told = found.decision
    if told is None:
        return None
    return {
        "useful": probabilities.useful(told),
        "worth": probabilities.worth(told),
        "prevalence": percent(told.prevalence),
    }


def subgroups(comparison: Comparison) -> dict[str, Any] | None:
    """Lay out the rates by subgroup, with the whole on top; None without any."""
    found = comparison.in_use
    if found is None or not found.subgroups:
        return None
    digits = rate_digits(comparison)
    rows: list[dict[str, Any]] = []
    for one in found.subgroups:
        first = not rows or rows[-1]["column"] != one.column
        rows.append(
            {
                "column": one.column,
                "first": first,
                "value": one.value,
                "n": count(one.n),
                "positives": count(one.positives),
                "negatives": count(one.negatives),
                "tpr": (percent(one.tpr.value), bracket(one.tpr)),
                "fpr": (percent(one.fpr.value, digits), bracket(one.fpr, digits)),
                "few": one.few,
                "rates": (one.tpr, one.fpr),
            }
        )
    drawn = any(one.tpr.has_interval or one.fpr.has_interval for one in found.subgroups)
    return {
        "said": subgroup_words.subgroup_summary(comparison),
        "alarms": subgroup_words.alarmed_subgroups(comparison),
        "rows": rows,
        "intervals": level(found.confidence) if drawn else "",
        "grouped": comparison.threshold is not None and comparison.threshold.unit == "group",
    }
