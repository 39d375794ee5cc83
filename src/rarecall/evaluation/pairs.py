"""Differences between models' AUCs on the same samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.metrics import auc_difference, holm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.roles import TestScores


def auc_differences(
    models: Mapping[str, TestScores], baseline: str, *, confidence: float
) -> dict[str, dict[str, float]]:
    """Compare every model's AUC with the baseline's, after DeLong, p-values adjusted after Holm.

    Args:
        models: Scores of the same samples in the same order.
        baseline: Name of the one that the others are compared with.
        confidence: Of the intervals, in (0, 1).

    Returns:
        For every other model ``value`` (its AUC minus the baseline's), ``low``, ``high``,
        ``p_value``, ``p_adjusted``.

    >>> import numpy as np
    >>> from rarecall.roles import TestScores
    >>> rng, targets = np.random.default_rng(0), np.repeat([1, 0], [50, 50])
    >>> ids = np.arange(100).astype(str)
    >>> good, bad = (TestScores(rng.normal(shift * targets), targets, ids) for shift in (3, 0))
    >>> found = auc_differences({"bad": bad, "good": good}, "bad", confidence=0.95)
    >>> found["good"]["low"] > 0.2
    True
    """
    base = models[baseline]
    found = {
        name: auc_difference(
            scores.scores, base.scores, base.targets, confidence=confidence, groups=base.groups
        )
        for name, scores in models.items()
        if name != baseline
    }
    if not found:
        return {}
    adjusted = holm([one.p_value for one in found.values()])
    return {
        name: {
            "value": float(one.difference),
            "low": float(one.low),
            "high": float(one.high),
            "p_value": float(one.p_value),
            "p_adjusted": float(p),
        }
        for (name, one), p in zip(found.items(), adjusted, strict=True)
    }
