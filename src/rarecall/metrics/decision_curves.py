"""Net benefit: whether acting on the model beats acting on everyone and on nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import ConfigurationError
from rarecall.metrics.inputs import checked_share
from rarecall.metrics.probabilities import checked_probabilities

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rarecall.metrics.samples import Sample


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit at every threshold, per case: 0.01 is one more real alarm in 100 cases.

    Attributes:
        thresholds: Probabilities from which one acts, shape ``(k,)``.
        model: Net benefit of acting where the model's probability reaches the threshold, ``(k,)``.
        everyone: Of acting on every case, ``(k,)``.
        nobody: Of acting on none: 0 everywhere, ``(k,)``.
        prevalence: Share of critical cases that the benefits are for.
    """

    thresholds: NDArray[np.float64]
    model: NDArray[np.float64]
    everyone: NDArray[np.float64]
    nobody: NDArray[np.float64]
    prevalence: float


def net_benefit(
    probabilities: ArrayLike,
    targets: ArrayLike,
    threshold: float,
    prevalence: float | None = None,
    *,
    weights: ArrayLike | None = None,
) -> float:
    r"""Real alarms per case, less false alarms at the rate of exchange that the threshold states.

    .. math:: \pi \, \mathrm{TPR} - (1 - \pi) \, \mathrm{FPR} \, \frac{t}{1 - t}

    Who acts at a probability of :math:`t = 0.1` and not below holds one case found to be worth nine
    false alarms.

    Args:
        probabilities: Of being critical, in [0, 1], shape ``(n,)``: calibrated scores.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        threshold: The probability :math:`t` from which one acts, in [0, 1).
        prevalence: Share :math:`\pi` of critical cases in use, in (0, 1); by default their share
            here. Where it differs, give probabilities that hold there
            (:func:`rarecall.calibration.shift_prior`).
        weights: What every row counts for, at least 0, shape ``(n,)``: 2 is the row twice.

    Returns:
        At most :math:`\pi`; acting on nobody gives 0, and less means harm.

    Raises:
        MetricError: Values that are no probabilities, wrong shapes, weights that cannot be used, or
            one class missing.
        ConfigurationError: ``threshold`` or ``prevalence`` outside its range.

    Reference:
        Vickers & Elkin, *Decision curve analysis*, Medical Decision Making 2006.

    >>> round(net_benefit([0.9, 0.3, 0.4, 0.1], [1, 1, 0, 0], threshold=0.2), 4)  # 2/4 - 1/4 * 1/4
    0.4375
    """
    curve = decision_curve(probabilities, targets, [threshold], prevalence, weights=weights)
    return float(curve.model[0])


def decision_curve(
    probabilities: ArrayLike,
    targets: ArrayLike,
    thresholds: ArrayLike | None = None,
    prevalence: float | None = None,
    *,
    weights: ArrayLike | None = None,
) -> DecisionCurve:
    r"""Net benefit of the model, of acting on everyone and on nobody, over thresholds.

    A model is worth using at the thresholds where it lies above both others. The curve judges it on
    these samples; let others have fitted its probabilities.

    Args:
        probabilities: Of being critical, in [0, 1], shape ``(n,)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        thresholds: Probabilities in [0, 1), shape ``(k,)``; by default 0.01, 0.02, ... 0.99.
        prevalence: As in :func:`net_benefit`.
        weights: As there.

    Raises:
        MetricError: Values that are no probabilities, wrong shapes, weights that cannot be used, or
            one class missing.
        ConfigurationError: ``thresholds`` or ``prevalence`` outside their range.

    Reference:
        Vickers & Elkin, *Decision curve analysis*, Medical Decision Making 2006.

    >>> curve = decision_curve([0.9, 0.3, 0.4, 0.1], [1, 1, 0, 0], [0.2, 0.5])
    >>> curve.model, curve.everyone
    (array([0.4375, 0.25 ]), array([0.375, 0.   ]))
    """
    sample = checked_probabilities(probabilities, targets, weights)
    levels = _checked_thresholds(thresholds)
    if prevalence is None:
        share = float(sample.positives / (sample.positives + sample.negatives))
    else:
        share = checked_share(prevalence, "prevalence", one=False)
    tpr, fpr = (_share_from(sample, rows, levels) for rows in (sample.critical, ~sample.critical))
    price = (1.0 - share) * levels / (1.0 - levels)
    return DecisionCurve(
        thresholds=levels,
        model=share * tpr - price * fpr,
        everyone=share - price,
        nobody=np.zeros_like(levels),
        prevalence=share,
    )


def _checked_thresholds(thresholds: ArrayLike | None) -> NDArray[np.float64]:
    if thresholds is None:
        return np.arange(1, 100) / 100.0
    levels = np.asarray(thresholds, dtype=np.float64)
    if levels.ndim != 1 or not levels.size:
        raise ConfigurationError(f"thresholds must have shape (k,), k >= 1, not {levels.shape}.")
    outside = ~((levels >= 0.0) & (levels < 1.0))
    if outside.any():
        raise ConfigurationError(
            "A threshold of a decision curve is a probability of at least 0 and below 1, not "
            f"{levels[outside][0]:g}."
        )
    return levels


def _share_from(
    sample: Sample, rows: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    values = sample.scores[rows]
    if sample.weights is None:
        below = np.searchsorted(np.sort(values), thresholds, "left")
        return np.asarray(1.0 - below / len(values))
    order = np.argsort(values)
    mass = np.concatenate([[0.0], np.cumsum(sample.weights[rows][order])])
    return np.asarray(1.0 - mass[np.searchsorted(values[order], thresholds, "left")] / mass[-1])
