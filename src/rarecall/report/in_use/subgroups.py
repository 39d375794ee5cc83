"""Where a threshold does worse than it should, in plain words; ASCII, for any terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report.numbers import level, percent, plural, rate_digits

if TYPE_CHECKING:
    from rarecall.report.in_use.stored import Subgroup
    from rarecall.report.stored import Comparison

_MOST_NAMED = 4


def subgroup_summary(comparison: Comparison) -> str:
    """Say where the threshold misses more than it should, beyond chance; empty without any."""
    found = comparison.in_use
    if found is None or not found.subgroups:
        return ""
    known = [one for one in found.subgroups if one.tpr.high is not None]
    few = sum(one.few for one in found.subgroups)
    thin = (
        f" {plural(few, 'subgroup has', 'subgroups have')} so few cases of a class that "
        f"{'its rate says' if few == 1 else 'their rates say'} next to nothing."
        if few
        else ""
    )
    if not known:
        return f"Without intervals no difference between subgroups is claimed.{thin}"
    low = low_subgroups(comparison)
    if not low:
        return (
            f"In none of {plural(len(known), 'subgroup', 'subgroups')} is the TPR shown to be "
            f"below {level(comparison.tpr)}.{thin}"
        )
    return f"{low}{thin}"


def low_subgroups(comparison: Comparison) -> str:
    """Name the subgroups whose TPR lies below the required one beyond chance; empty if none."""
    found = comparison.in_use
    if found is None:
        return ""
    known = [one for one in found.subgroups if one.tpr.high is not None]
    low = [one for one in known if one.tpr.high is not None and one.tpr.high < comparison.tpr]
    if not low:
        return ""
    named = _named(low, [percent(one.tpr.value) for one in low])
    by_chance = len(known) * (1 - found.confidence) / 2
    return (
        f"TPR below {level(comparison.tpr)} by more than chance explains, each subgroup looked at "
        f"by itself: {named}. Among {len(known)} of them chance alone would name about "
        f"{by_chance:.1g}."
    )


def alarmed_subgroups(comparison: Comparison) -> str:
    """Name the subgroups with more false alarms than all cases together, beyond chance."""
    found, digits = comparison.in_use, rate_digits(comparison)
    if found is None or found.alarms is None:
        return ""
    overall = found.alarms.fpr
    high = [one for one in found.subgroups if one.fpr.low is not None and one.fpr.low > overall]
    if not high:
        return ""
    return (
        f"More false alarms than over all ({percent(overall, digits)}), beyond chance: "
        f"{_named(high, [percent(one.fpr.value, digits) for one in high])}."
    )


def _named(found: list[Subgroup], rates: list[str]) -> str:
    named = [f"{one.column} {one.value} ({rate})" for one, rate in zip(found, rates, strict=True)]
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
