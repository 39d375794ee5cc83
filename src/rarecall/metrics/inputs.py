"""The one gate through which scores and targets enter a measure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rarecall.errors import ConfigurationError, MetricError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Classes(NamedTuple):
    """The scores of both classes, each in the order in which they came."""

    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]


def checked_scores(scores: ArrayLike, name: str = "scores") -> NDArray[np.float64]:
    """Check scores and give float64 of shape ``(n,)``, every one finite.

    Raises:
        MetricError: Another shape, no number, NaN or infinity.

    >>> checked_scores([1, 2])
    array([1., 2.])
    """
    try:
        array = np.asarray(scores)
        # A cast from complex would only warn and drop half of the number.
        if array.dtype.kind == "c":
            raise TypeError("complex numbers have no order")
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"{name} must be real numbers, one a sample: {error}.") from error
    if array.ndim != 1:
        raise MetricError(
            f"{name} must have shape (n,), one number a sample, not {array.shape}. "
            "Give the critical class's score alone."
        )
    broken = ~np.isfinite(array)
    if broken.any():
        raise MetricError(
            f"{name} must be finite so that they can be ranked: {int(broken.sum())} of "
            f"{len(array)} are NaN or infinite, the first at position {int(np.argmax(broken))}. "
            "Training may have diverged; a lower learning rate or gradient clipping helps."
        )
    return array


def checked_targets(targets: ArrayLike, n: int) -> NDArray[np.bool_]:
    """Check targets and give booleans of shape ``(n,)``, True for the critical class.

    Raises:
        MetricError: Another shape, a value that is neither 0 nor 1, or one class missing.

    >>> checked_targets([0, 1], n=2)
    array([False,  True])
    """
    array = np.asarray(targets)
    if array.shape != (n,):
        raise MetricError(f"targets must have shape ({n},) as the scores do, not {array.shape}.")
    if array.dtype.kind not in "biuf":
        # Strings and dates compare with numbers only one by one.
        array = array.astype(object)
    critical: NDArray[np.bool_] = np.equal(array, 1)
    strange = ~(critical | np.equal(array, 0))
    if strange.any():
        raise MetricError(
            f"targets must be 1 (critical) or 0; {array[strange][0]!r} came at position "
            f"{int(np.argmax(strange))}."
        )
    count = int(critical.sum())
    if count in {0, n}:
        missing = "critical (1)" if count == 0 else "non-critical (0)"
        raise MetricError(
            f"A measure needs samples of both classes, but none of the {n} targets is {missing}."
        )
    return critical


def by_class(scores: ArrayLike, targets: ArrayLike) -> Classes:
    """Check scores and targets, and part the scores by class.

    Raises:
        MetricError: As :func:`checked_scores` and :func:`checked_targets`.

    >>> by_class([0.1, 0.9, 0.4], [0, 1, 0])
    Classes(positives=array([0.9]), negatives=array([0.1, 0.4]))
    """
    values = checked_scores(scores)
    critical = checked_targets(targets, len(values))
    return Classes(values[critical], values[~critical])


def checked_share(value: float, name: str, *, one: bool) -> float:
    """Check a rate: in (0, 1), or in (0, 1] where ``one`` is allowed.

    Raises:
        ConfigurationError: Outside that range; a percentage is recognised as such.

    >>> checked_share(0.95, "tpr", one=True)
    0.95
    """
    share = float(value)
    if not (0.0 < share < 1.0 or (one and share == 1.0)):
        hint = f" For {share:g}% give {share / 100:g}." if 1.0 < share <= 100.0 else ""
        raise ConfigurationError(
            f"{name} must be above 0 and {'at most' if one else 'below'} 1, not {share:g}.{hint}"
        )
    return share


def positives_to_catch(tpr: float, n_positives: int) -> int:
    r"""How many of ``n_positives`` a TPR asks for, :math:`\lceil \beta n_1 \rceil`, at least 1.

    >>> positives_to_catch(0.95, 20)
    19
    >>> positives_to_catch(0.07, 100)  # 0.07 * 100 is 7.000000000000001 in floating point
    7
    """
    return max(1, min(n_positives, math.ceil(tpr * n_positives * (1.0 - 1e-12))))


def as_percent(rate: float) -> str:
    """Write a rate as people read it.

    >>> as_percent(0.95), as_percent(0.075)
    ('95%', '7.5%')
    """
    return f"{100 * rate:.6g}%"
