"""Probabilities where the critical class is rarer, or less rare, than in the data at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import MetricError
from rarecall.metrics.inputs import checked_scores, checked_share

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def shift_prior(probabilities: ArrayLike, *, before: float, after: float) -> NDArray[np.float64]:
    r"""Correct calibrated probabilities for another prevalence.

    .. math:: p' = \frac{p \, \pi' / \pi}{p \, \pi' / \pi + (1 - p) (1 - \pi') / (1 - \pi)}

    Right where only the shares of the classes differ, and each class looks as before. The order of
    the samples stays, so no threshold on raw scores, and no promise about one, is touched.

    Args:
        probabilities: Of being critical, in [0, 1], right at the prevalence ``before``, shape
            ``(n,)``.
        before: Prevalence :math:`\pi` of the part that the probabilities were fitted on, in (0, 1).
        after: Prevalence :math:`\pi'` where they will be used, in (0, 1).

    Returns:
        Probabilities, shape ``(n,)``; 0 and 1 stay what they are.

    Raises:
        MetricError: Values that are no probabilities.
        ConfigurationError: A prevalence outside its range.

    Reference:
        Saerens, Latinne & Decaestecker, *Adjusting the outputs of a classifier to new a priori
        probabilities*, Neural Computation 2002, eq. 2.4.

    >>> shift_prior([0.0, 0.5, 0.9, 1.0], before=0.5, after=0.1)
    array([0. , 0.1, 0.5, 1. ])
    """
    values = unlabelled_probabilities(probabilities)
    before = checked_share(before, "before", one=False)
    after = checked_share(after, "after", one=False)
    return shifted(values, before, after)


def shifted(values: NDArray[np.float64], before: float, after: float) -> NDArray[np.float64]:
    """Shift checked probabilities; ``after`` may be 0 or 1.

    >>> shifted(np.array([0.2, 0.8]), 0.5, 0.0)
    array([0., 0.])
    """
    critical = values * (after / before)
    harmless = (1.0 - values) * ((1.0 - after) / (1.0 - before))
    total = critical + harmless
    # A certain sample of a class that no longer exists: 0 / 0. It stays certain.
    return np.where(total > 0.0, critical / np.where(total > 0.0, total, 1.0), values)


def unlabelled_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Check probabilities and give float64 of shape ``(n,)``.

    Raises:
        MetricError: Another shape, NaN, or a value outside [0, 1].

    >>> unlabelled_probabilities([0, 0.5])
    array([0. , 0.5])
    """
    values = checked_scores(probabilities, "probabilities")
    if values.size and not (values.min() >= 0.0 and values.max() <= 1.0):
        raise MetricError(
            f"Probabilities lie between 0 and 1; these values reach from {values.min():g} to "
            f"{values.max():g}. Are they scores? Calibrate them first "
            "(rarecall.calibration.fit_calibrator)."
        )
    return values
