"""What a threshold does in each subgroup: site by site, women and men, young and old."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.metrics import rate_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.roles import Scores

FEW = 10
"""With fewer samples of a class in a subgroup, its rate says next to nothing."""


def subgroup_rates(
    scores: Scores,
    subgroups: pd.DataFrame,
    threshold: float,
    *,
    confidence: float,
    intervals: bool = True,
) -> list[dict[str, Any]]:
    """Measure the rates of one threshold in every subgroup.

    Args:
        scores: Of the test part.
        subgroups: A row a sample, a column a way to part them; text or categories.
        threshold: A sample is flagged when ``score >= threshold``.
        confidence: Of the intervals, in (0, 1).
        intervals: Whether binomial intervals hold: only for a threshold that was not chosen on
            these samples, and without weights.

    Returns:
        For every value of every column, in the order of the categories: ``column``, ``value``,
        ``n``, ``positives``, ``negatives``, ``tpr`` and ``fpr`` (None where the class is missing;
        their ends None without intervals), ``few``.

    >>> from rarecall.roles import TestScores
    >>> parts = np.array([0.2, 0.9, 0.6]), np.array([1, 1, 0]), np.array(["a", "b", "c"])
    >>> found = subgroup_rates(
    ...     TestScores(*parts), pd.DataFrame({"sex": list("fmf")}), 0.5, confidence=0.95
    ... )
    >>> [(one["value"], one["positives"], one["tpr"]["value"]) for one in found]
    [('f', 1, 0.0), ('m', 1, 1.0)]
    """
    flagged = scores.scores >= threshold
    critical = scores.targets == 1
    weights = scores.weights
    found = []
    for column in subgroups.columns:
        words = pd.Categorical(subgroups[column])
        for code, name in enumerate(words.categories):
            rows = words.codes == code
            if not rows.any():
                continue
            inside = rows & critical, rows & ~critical
            sizes = [int(part.sum()) for part in inside]
            tpr, fpr = (
                _rate(flagged[part], None if weights is None else weights[part], confidence)
                for part in inside
            )
            for rate in (tpr, fpr):
                if rate is not None and not intervals:
                    rate["low"] = rate["high"] = None
            found.append(
                {
                    "column": str(column),
                    "value": str(name),
                    "n": int(rows.sum()),
                    "positives": sizes[0],
                    "negatives": sizes[1],
                    "tpr": tpr,
                    "fpr": fpr,
                    "few": min(sizes) < FEW,
                }
            )
    return found


def _rate(
    flagged: NDArray[np.bool_], weights: NDArray[np.float64] | None, confidence: float
) -> dict[str, float | None] | None:
    if not len(flagged) or (weights is not None and weights.sum() <= 0):
        return None
    if weights is not None:
        share = float(np.average(flagged, weights=weights))
        return {"value": share, "low": None, "high": None}
    interval = rate_interval(int(flagged.sum()), len(flagged), confidence)
    return {"value": float(flagged.mean()), "low": interval.low, "high": interval.high}
