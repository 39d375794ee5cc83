"""The area under a part of the ROC curve: few false alarms, few misses, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import ConfigurationError
from rarecall.metrics.curves import roc_curve
from rarecall.metrics.inputs import checked_rate, checked_share

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def partial_auc(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    max_fpr: float | None = None,
    min_tpr: float | None = None,
    standardize: bool = False,
    weights: ArrayLike | None = None,
) -> float:
    r"""Area between the ROC curve and a TPR of ``min_tpr``, as far as an FPR of ``max_fpr``.

    .. math:: \int_0^{u} \max(\mathrm{TPR}(x) - l, 0) \, dx

    with :math:`u` the highest FPR and :math:`l` the least TPR. ``max_fpr`` alone is the one-way
    partial AUC; both together the two-way one; ``min_tpr`` alone the area above a TPR, as the
    ISIC 2024 challenge scores it at 0.8.

    The curve is exact: a step at every score, a straight line only through tied ones.

    Args:
        scores: Higher is more critical, shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        max_fpr: Highest false positive rate that is looked at, in (0, 1].
        min_tpr: True positive rate from which area counts, in [0, 1).
        standardize: Whether to scale linearly so that a ranking that knows nothing gets 0.5 and a
            perfect one 1, after McClish.
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        From 0 to ``max_fpr * (1 - min_tpr)``; higher is better. At most 1 when standardized.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, weights that cannot be used, or one
            class missing.
        ConfigurationError: A rate outside its range, or none given.

    Reference:
        McClish, *Analyzing a portion of the ROC curve*, Medical Decision Making 1989; Yang et al.,
        *Two-way partial AUC and its properties*, Statistical Methods in Medical Research 2019.

    >>> scores, targets = [0.9, 0.8, 0.7, 0.6, 0.3, 0.2], [1, 0, 1, 0, 1, 0]
    >>> round(partial_auc(scores, targets, max_fpr=0.5), 4)  # 1/3 * 1/3 + 1/6 * 2/3
    0.2222
    >>> round(partial_auc(scores, targets, min_tpr=0.5), 4)  # 1/3 * 1/6 + 1/3 * 1/2
    0.2222
    """
    if max_fpr is None and min_tpr is None:
        raise ConfigurationError(
            "partial_auc needs max_fpr, min_tpr or both: the part of the curve that matters. The "
            "area under all of it is rarecall.metrics.auc."
        )
    end = 1.0 if max_fpr is None else checked_share(max_fpr, "max_fpr", one=True)
    floor = 0.0 if min_tpr is None else checked_rate(min_tpr, "min_tpr")
    if floor == 1.0:
        raise ConfigurationError("min_tpr must be below 1: no area lies above a TPR of 1.")
    curve = roc_curve(scores, targets, weights=weights)
    area = _area_above(*_up_to(curve.fpr, curve.tpr, end), floor)
    if not standardize:
        return area
    chance, perfect = max(end - floor, 0.0) ** 2 / 2, end * (1.0 - floor)
    return 0.5 * (1.0 + (area - chance) / (perfect - chance))


def _up_to(
    fpr: NDArray[np.float64], tpr: NDArray[np.float64], end: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    stop = int(np.searchsorted(fpr, end, "right"))
    if stop == len(fpr):
        return fpr, tpr
    last = np.interp(end, fpr[stop - 1 : stop + 1], tpr[stop - 1 : stop + 1])
    return np.append(fpr[:stop], end), np.append(tpr[:stop], last)


def _area_above(fpr: NDArray[np.float64], tpr: NDArray[np.float64], floor: float) -> float:
    above = np.maximum(tpr - floor, 0.0)
    pieces = np.diff(fpr) * (above[:-1] + above[1:]) / 2
    # The curve crosses the floor within one piece at most; only a triangle of it lies above.
    after = int(np.argmax(above > 0.0))
    if above[after] > 0.0 and after > 0:
        pieces[after - 1] *= above[after] / (tpr[after] - tpr[after - 1])
    return float(pieces.sum())
