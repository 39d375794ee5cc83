"""The one gate through which scores and targets enter a measure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

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

    What is float64 already is not copied: leave it as it is.

    Raises:
        MetricError: Another shape, no number, NaN or infinity.

    >>> checked_scores([1, 2])
    array([1., 2.])
    """
    array = _as_array(scores, name)
    try:
        # A cast from complex would only warn and drop half of the number.
        if array.dtype.kind == "c":
            raise TypeError("complex numbers have no order")
        array = array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise MetricError(f"{name} must be real numbers, one a sample: {error}.") from error
    if array.ndim != 1:
        raise MetricError(
            f"{name} must have shape (n,), one number a sample, not {array.shape}. "
            "Give the critical class's score alone."
        )
    finite = np.isfinite(array)
    if not finite.all():
        raise MetricError(
            f"{name} must be finite so that they can be ranked: {int(np.sum(~finite))} of "
            f"{len(array)} are NaN or infinite, the first at position {int(np.argmin(finite))}. "
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
    critical = binary_targets(targets, n)
    count = int(np.count_nonzero(critical))
    refuse_one_class(count, n - count)
    return critical


def binary_targets(targets: ArrayLike, n: int) -> NDArray[np.bool_]:
    """Check targets as :func:`checked_targets` does, but let a class be missing.

    Raises:
        MetricError: Another shape, or a value that is neither 0 nor 1.

    >>> binary_targets([0, 0], n=2)
    array([False, False])
    """
    array = _as_array(targets, "targets")
    if array.shape != (n,):
        raise MetricError(f"targets must have shape ({n},) as the scores do, not {array.shape}.")
    if array.dtype.kind not in "biuf":
        # Strings and dates compare with numbers only one by one.
        array = array.astype(object)
    try:
        critical: NDArray[np.bool_] = array if array.dtype == np.bool_ else np.equal(array, 1)
        count = int(np.count_nonzero(critical))
        others = n - count if array.dtype == np.bool_ else int(np.count_nonzero(array == 0))
    except TypeError as error:  # such as pandas' NA, which equals nothing and differs from nothing
        raise MetricError(f"targets must be 1 (critical) or 0: {error}.") from error
    if count + others < n:
        strange = ~(critical | np.equal(array, 0))
        raise MetricError(
            f"targets must be 1 (critical) or 0; {array[strange][0]!r} came at position "
            f"{int(np.argmax(strange))}."
        )
    return critical


def refuse_one_class(positives: int, negatives: int) -> None:
    """Refuse samples of which none, or all, are critical.

    Raises:
        MetricError: One of the counts is 0.

    >>> refuse_one_class(1, 1)
    """
    if not positives or not negatives:
        missing = "non-critical (0)" if positives else "critical (1)"
        raise MetricError(
            f"A measure needs samples of both classes, but none of the {positives + negatives} "
            f"targets is {missing}."
        )


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


def checked_rate(value: float, name: str) -> float:
    """Check a rate that may be 0 and may be 1.

    Raises:
        ConfigurationError: Outside [0, 1]; a percentage is recognised as such.

    >>> checked_rate(0, "fpr")
    0.0
    """
    rate = float(value)
    return rate if rate == 0.0 else checked_share(rate, name, one=True)


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


def _as_array(values: ArrayLike, name: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        # Lists of unequal length; tensors on another device or with gradients.
        raise MetricError(f"{name} must be real numbers, one a sample: {error}.") from error
