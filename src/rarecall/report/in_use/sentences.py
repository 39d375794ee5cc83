"""What a model does in use, in plain words; ASCII, for any terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report.in_use.amounts import about, cases_for, one_in, per_cases
from rarecall.report.numbers import UNKNOWN, bracket, level, percent, plural, rate_digits

if TYPE_CHECKING:
    from rarecall.report.in_use.stored import Alarms, InUse
    from rarecall.report.stored import Comparison

_MOST_NAMED = 4


def critical(comparison: Comparison) -> str:
    """Name the critical class once, as the user wrote it."""
    data = comparison.raw["data"]
    name, target = str(data.get("critical") or ""), str(data.get("target") or "")
    if not name:
        return "critical"
    return f"critical ({target} = {name})" if name.isdigit() and target else f"critical ({name})"


def plain(comparison: Comparison) -> str:
    """Say what happens to a thousand cases, for whoever acts on the alarms; empty if unknown."""
    found = comparison.in_use
    if found is None or found.alarms is None or found.prevalence is None:
        return ""
    alarms = found.alarms
    per = cases_for(found.prevalence)
    times = per / alarms.per
    real, false, missed = (times * n for n in (alarms.real, alarms.false, alarms.missed))
    ill = about(round(real) + round(missed) if real + missed >= 1 else real + missed)
    where = "in use" if found.given else f"like those of the {comparison.measured_on} part"
    task = comparison.raw.get("task") or {}
    if task.get("kind") == "multiclass" and len(task.get("critical") or ()) > 1:
        where += ", those of other critical classes aside"
    given = f", {percent(found.prevalence)} as was given" if found.given else ""
    threshold = "The delivered threshold"
    if alarms.own:
        threshold = f"A threshold that just reaches TPR >= {level(comparison.tpr)} on these samples"
    return (
        f"Of {per_cases(per)} cases {where}, about {ill} {_are(ill)} {critical(comparison)}"
        f"{given}. {threshold} flags {_flagged(real, false)}. {_worth(alarms)}"
        f"{_missed(comparison, alarms)}"
    )


def _flagged(real: float, false: float) -> str:
    if real + false <= 0:
        return "none of them"
    # Of rounded parts, so that the counts in the sentence add up.
    total = about(round(real) + round(false) if real + false >= 1 else real + false)
    counts = [about(n).replace("none", "no") for n in (real, false)]
    return f"about {total} of them: {counts[0]} real and {counts[1]} false alarms"


def _are(amount: str) -> str:
    return "is" if amount in ("1", "fewer than 1") else "are"


def _worth(alarms: Alarms) -> str:
    if alarms.precision is None:
        return ""
    if alarms.precision <= 0 or alarms.precision >= 1:
        return f"{one_in(alarms.precision).capitalize()} of the alarms are real. "
    chance = one_in(alarms.precision)
    # "1 in 18 alarms is real", "3 in 10 alarms are".
    return f"So about {chance} alarms {'is' if chance.startswith('1 in') else 'are'} real. "


def _missed(comparison: Comparison, alarms: Alarms) -> str:
    rate = 1 - alarms.tpr
    if rate >= 1:
        return "All critical cases are missed."
    if rate > 0:
        chance = one_in(rate)
        verb = "is" if chance.startswith("1 in") else "are"
        return f"About {chance} critical cases {verb} missed."
    chosen = comparison.threshold
    seen, bound = "", ""
    if chosen is not None and chosen.unit == "row" and not alarms.own:
        if chosen.test_positives is not None:
            seen = f" {chosen.test_positives:,}"
        if chosen.test_tpr.low is not None:
            bound = f": up to {one_in(1 - chosen.test_tpr.low)} could be"
    return (
        f"None of the{seen} critical {comparison.measured_on} cases was missed; that does not say "
        f"that none ever is{bound}."
    )


def own_threshold(comparison: Comparison) -> str:
    """Warn where the rates are those of a threshold set on the measured samples; else empty."""
    found = comparison.in_use
    if found is None or found.alarms is None or not found.alarms.own:
        return ""
    return (
        "No threshold was given or chosen beforehand. These rates are those of a threshold set on "
        "the very samples that were measured, so they flatter, and nothing is promised."
    )


def rests_on(comparison: Comparison) -> str:
    """Say from which rates the alarms follow."""
    found, digits = comparison.in_use, rate_digits(comparison)
    if found is None or found.alarms is None:
        return ""
    tpr, fpr = rates(comparison)
    source = "as was given" if found.given else f"that of the {comparison.measured_on} part"
    return (
        f"From TPR {tpr} and FPR {fpr} on {comparison.measured_on}, and a share of critical cases "
        f"of {percent(found.prevalence, max(digits, 1))}, {source}."
    )


def rates(comparison: Comparison) -> tuple[str, str]:
    """Write the two rates that alarms follow from, with their intervals where they are known."""
    alarms = comparison.in_use and comparison.in_use.alarms
    if not alarms:
        return UNKNOWN, UNKNOWN
    digits, chosen = rate_digits(comparison), comparison.threshold
    texts = [percent(alarms.tpr), percent(alarms.fpr, digits)]
    if chosen is None or alarms.own or chosen.unit != "row":
        return texts[0], texts[1]
    ends = (bracket(chosen.test_tpr), bracket(chosen.test_fpr, digits))
    return f"{texts[0]} {ends[0]}".strip(), f"{texts[1]} {ends[1]}".strip()


def evidence(found: InUse) -> str:
    """Say how many of the claims too few cases carry; empty without claims."""
    if not found.claims:
        return ""
    return weak_evidence(found) or "Enough cases stand behind every claim here."


def weak_evidence(found: InUse) -> str:
    """Name the claims that too few cases carry; empty where all are carried."""
    weak = [claim.claim for claim in found.claims if not claim.enough]
    if not weak:
        return ""
    named = ", ".join(weak[:_MOST_NAMED])
    more = f" and {len(weak) - _MOST_NAMED} more" if len(weak) > _MOST_NAMED else ""
    return (
        f"{len(weak)} of {plural(len(found.claims), 'claim', 'claims')} "
        f"{'rests' if len(weak) == 1 else 'rest'} on too few cases: {named}{more}."
    )
