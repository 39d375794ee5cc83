"""The comparison as a table of texts: a row a method, winner first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.given_models import auc_difference
from rarecall.report.numbers import (
    UNKNOWN,
    bracket,
    duration,
    level,
    p_value,
    percent,
    rate_digits,
    share,
    share_bracket,
    share_digits,
    signed,
    signed_bracket,
)
from rarecall.report.texts import join

if TYPE_CHECKING:
    from rarecall.report.records import Estimate, Method
    from rarecall.report.stored import Comparison


def comparison_table(comparison: Comparison) -> dict[str, Any]:
    """Lay out the comparison, a row a method: head cells and body cells of (value, small print)."""
    digits, auc_digits = rate_digits(comparison), share_digits(comparison)
    required, shown = round(comparison.tpr, 9), comparison.methods
    others = [value for value in comparison.levels if value != required]
    spread = any(m.spread_at(required).sd is not None for m in shown)
    against = comparison.baseline is not None and comparison.compared > 0
    areas = against and any(m.auc_difference is not None for m in shown)
    precision = any(m.average_precision is not None for m in shown)
    timed = not comparison.given
    together = "all seeds together" if comparison.seeds > 1 else ""
    head = [(f"FPR at TPR >= {level(required)}", together)]
    head += [("One model", "mean ± sd over seeds")] * spread
    head += [(f"Against {comparison.baseline}", "percentage points")] * against
    head += [(f"FPR at TPR >= {level(value)}", together) for value in others]
    head += [("AUC", together)]
    head += [("AUC, one model", "mean ± sd over seeds")] * spread
    head += [(f"AUC against {comparison.baseline}", "after DeLong")] * areas
    head += [("Average precision", "")] * precision
    head += [("Time", "training + tuning")] * timed
    rows = []
    for method in comparison.methods:
        cells = [_rate(method.fpr_at(required), digits)]
        if spread:
            found = method.spread_at(required)
            cells.append((_spread(found.mean, found.sd, 100, digits, "%"), ""))
        if against:
            cells.append(_against(method, digits))
        cells += [_rate(method.fpr_at(value), digits) for value in others]
        interval = share_bracket(method.auc, auc_digits)
        cells.append((share(method.auc.value, auc_digits), interval))
        if spread:
            auc = method.auc_spread
            cells.append((_spread(auc.mean, auc.sd, 1, auc_digits, ""), ""))
        if areas:
            cells.append(auc_difference(method, comparison))
        if precision:
            cells.append((share(method.average_precision, auc_digits), ""))
        if timed:
            cells.append(_time(method))
        rows.append(
            {"name": method.name, "marks": method.marks, "labels": method.labels, "cells": cells}
        )
    return {"head": head, "rows": rows, "spread": spread, "against": against}


def _rate(estimate: Estimate, digits: int) -> tuple[str, str]:
    return percent(estimate.value, digits), bracket(estimate, digits)


def _spread(mean: float | None, sd: float | None, factor: int, digits: int, sign: str) -> str:
    if mean is None:
        return UNKNOWN
    around = "" if sd is None else f" ± {factor * sd:.{digits}f}"
    return f"{factor * mean:.{digits}f}{sign}{around}"


def _against(method: Method, digits: int) -> tuple[str, str]:
    found = method.difference
    if found is None:
        return ("baseline" if method.baseline else UNKNOWN), ""
    value = f"{signed(found.estimate.value, digits)} {signed_bracket(found.estimate, digits)}"
    return value.strip(), join(found.verdict, p_value(found.p), sep=", ")


def _time(method: Method) -> tuple[str, str]:
    tuning = f"+ {duration(method.tuning_seconds)} tuning" if method.tuning_seconds else ""
    return duration(method.seconds), tuning
