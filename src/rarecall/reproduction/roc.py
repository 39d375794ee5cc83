"""The ROC curve that is stored for a cell of a table: of its one split, or the mean of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics import roc_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rarecall.reproduction.uncertainty import Scored

POINTS = 200
"""Of a stored curve, at most."""

_SLACK = 1e-12


def roc_points(splits: Sequence[Scored]) -> dict[str, Any] | None:
    """Give the ROC curve of a cell, thinned.

    With several splits it is the mean over them of the FPR at every TPR that one of them reaches,
    so that it passes through the table's own FPR at a TPR.

    Args:
        splits: Scores of every split's ensemble.

    Returns:
        ``fpr`` and ``tpr``, ascending, and how many ``splits``; with several also ``low`` and
        ``high``, the least and the greatest FPR of a split at every TPR. None outside binary work,
        and where a split lacks a class.

    >>> from rarecall.reproduction.uncertainty import Scored
    >>> targets = np.array([0, 0, 1, 1])
    >>> ranked = [np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 3.0, 2.0, 1.0])]
    >>> told = roc_points([Scored(scores, targets, "a") for scores in ranked])
    >>> told["tpr"], told["fpr"], told["high"]
    ([0.0, 0.5, 1.0], [0.0, 0.25, 0.25], [0.0, 0.5, 0.5])
    """
    if not splits or any(one.scores.ndim != 1 for one in splits):
        return None
    try:
        curves = [roc_curve(one.scores, one.targets) for one in splits]
    except MetricError:
        return None
    if len(curves) == 1:
        fpr, tpr = np.asarray(curves[0].fpr), np.asarray(curves[0].tpr)
        kept = _thinned(fpr, tpr)
        return {"fpr": fpr[kept].tolist(), "tpr": tpr[kept].tolist(), "splits": 1}
    levels = np.unique(np.concatenate([np.asarray(curve.tpr) for curve in curves]))
    needed = np.stack(
        [
            np.asarray(curve.fpr)[np.searchsorted(np.asarray(curve.tpr), levels - _SLACK)]
            for curve in curves
        ]
    )
    mean = needed.mean(axis=0)
    kept = _thinned(mean, levels)
    return {
        "fpr": mean[kept].tolist(),
        "tpr": levels[kept].tolist(),
        "low": needed.min(axis=0)[kept].tolist(),
        "high": needed.max(axis=0)[kept].tolist(),
        "splits": len(curves),
    }


def _thinned(fpr: NDArray[np.float64], tpr: NDArray[np.float64]) -> NDArray[np.int64]:
    """Take even steps along the curve, so that neither its rise nor its tail is lost."""
    along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(fpr)) + np.abs(np.diff(tpr)))])
    kept = np.unique(np.searchsorted(along, np.linspace(0.0, along[-1], POINTS)))
    found: NDArray[np.int64] = kept[kept < len(fpr)]
    return found
