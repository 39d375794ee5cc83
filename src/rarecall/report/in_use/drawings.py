"""The drawings of a model in use, by name; those that cannot be drawn are None."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rarecall.report.numbers import percent

if TYPE_CHECKING:
    from rarecall.report.records import Estimate
    from rarecall.report.stored import Comparison


def in_use_drawings(comparison: Comparison, told: dict[str, Any], suffix: str = "") -> None:
    """Put the drawings into what :func:`~rarecall.report.in_use.view.in_use_content` said.

    Args:
        comparison: What was stored.
        told: Its content; gains ``icons``, ``reliability``, ``curve`` and the subgroups' strips.
        suffix: Of the drawings' names, unique on the page.
    """
    from rarecall.report.charts import (
        decision_chart,
        icon_chart,
        interval_strip,
        reliability_chart,
    )
    from rarecall.report.charts.reliability import is_stretched

    found = comparison.in_use
    if found is None:
        return
    alarms, probability, decision = found.alarms, found.probability, found.decision
    told["icons"] = None
    if alarms is not None and told["alarms"] and told["alarms"]["drawn"]:
        times = 1000 / alarms.per
        told["icons"] = icon_chart(times * alarms.real, times * alarms.false, times * alarms.missed)
    bins = () if probability is None else probability.bins
    told["reliability"] = reliability_chart(bins, f"reliability{suffix}")
    told["stretched"] = bool(bins) and is_stretched(bins)
    told["curve"] = None if decision is None else decision_chart(decision, f"decision{suffix}")
    if told["subgroups"]:
        rows = told["subgroups"]["rows"]
        reach = [_reach([row["rates"][which] for row in rows]) for which in (0, 1)]
        # Misses are few and so are false alarms: each line starts at the end that matters.
        ends = (min(reach[0][0], 2 * comparison.tpr - 1.0), 1.0), (0.0, reach[1][1])
        for row in rows:
            tpr, fpr = row.pop("rates")
            strips = interval_strip(tpr, ends[0], comparison.tpr), interval_strip(fpr, ends[1])
            row["strips"] = strips
        told["subgroups"]["ends"] = [[percent(end, 0) for end in pair] for pair in ends]


def _reach(rates: list[Estimate]) -> tuple[float, float]:
    """Give the range that holds all rates and their intervals, in whole tenths."""
    found = [end for rate in rates for end in (rate.low, rate.value, rate.high) if end is not None]
    if not found:
        return 0.0, 1.0
    return math.floor(10 * min(found)) / 10, max(math.ceil(10 * max(found)) / 10, 0.1)
