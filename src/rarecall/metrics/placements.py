"""Placement values: where each sample stands among those of the other class, and their variance.

They are DeLong's structural components: the mean of either class's is the area under the ROC curve,
and how they vary tells how sure it is. Groups of rows enter after Obuchowski.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NO_VARIANCE = 1e-20
"""Below it a variance is rounding: areas lie in [0, 1]."""


class Spread(NamedTuple):
    """A variance, and how well it is known.

    Attributes:
        variance: 0 where the samples cannot show it.
        freedom: Student's degrees of freedom; 0 likewise.
        counts: How many positives and negatives, or groups of them, it rests on.
    """

    variance: float
    freedom: float
    counts: tuple[float, float]


class Placements(NamedTuple):
    """Twice the number of the other class ranked on the right side of each sample; ties count one.

    Attributes:
        positives: Twice the negatives below each positive, integers, shape ``(n₁,)``.
        negatives: Twice the positives above each negative, integers, shape ``(n₀,)``.
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]

    @property
    def right_pairs(self) -> int:
        """Twice the number of pairs ranked rightly."""
        return int(self.positives.sum())

    @property
    def all_pairs(self) -> int:
        """Twice the number of pairs."""
        return 2 * len(self.positives) * len(self.negatives)

    @property
    def area(self) -> float:
        """The area under the ROC curve, exact up to its one division."""
        return self.right_pairs / self.all_pairs

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the components in [0, 1], of positives and of negatives."""
        return (
            self.positives / (2 * len(self.negatives)),
            self.negatives / (2 * len(self.positives)),
        )


def placements(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> Placements:
    """Place every sample among the other class, in the order in which the samples came.

    >>> placements(np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    Placements(positives=array([1, 4]), negatives=array([3, 2]))
    """
    below = _doubled_count(positives, negatives)
    above = 2 * len(positives) - _doubled_count(negatives, positives)
    return Placements(below, above)


def area_spread(
    positives: NDArray[np.float64], negatives: NDArray[np.float64]
) -> tuple[int, Spread]:
    """Count twice the pairs ranked rightly, with DeLong's variance of their share, by two sorts.

    The negatives' placements are constant between two positives, so that none is written down.

    >>> area_spread(np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    (5, Spread(variance=0.15625, freedom=1.219..., counts=(2, 2)))
    """
    rising, others = np.sort(positives), np.sort(negatives)
    left, right = (np.searchsorted(others, rising, side) for side in ("left", "right"))
    doubled = (left + right).astype(np.int64)
    right_pairs = int(doubled.sum())
    # The i-th smallest negative has as many half positives below it as steps lie at or before i.
    steps = np.sort(np.concatenate([left, right]))
    lengths = np.diff(steps, prepend=0, append=len(others))
    levels = np.arange(len(lengths))
    mean = 2 * len(rising) - right_pairs / len(others)
    sums = (
        float(np.sum((doubled - right_pairs / len(rising)) ** 2)) / (2 * len(others)) ** 2,
        float(lengths @ (levels - mean) ** 2) / (2 * len(rising)) ** 2,
    )
    counts = len(rising), len(others)
    if min(counts) == 1:
        return right_pairs, Spread(0.0, 0.0, counts)
    parts = [total / (n * (n - 1)) for total, n in zip(sums, counts, strict=True)]
    return right_pairs, _welch(parts, counts)


def mean_spread(
    positives: NDArray[np.float64],
    negatives: NDArray[np.float64],
    units: tuple[NDArray[np.intp], NDArray[np.intp]] | None,
) -> Spread:
    r"""Estimate the variance of an area, or a difference of two, from its components.

    Without groups after DeLong. With groups after Obuchowski: the components' deviations are summed
    by group, and groups that hold both classes add the covariance of their two sums. A group
    counts for as many as its share of rows is worth, :math:`(\sum m_g)^2 / \sum m_g^2`.

    Args:
        positives: Components of the positives, or their differences, shape ``(n₁,)``.
        negatives: Likewise of the negatives, shape ``(n₀,)``.
        units: Group numbers of positives and negatives, or None.

    Reference:
        DeLong et al., Biometrics 1988; Obuchowski, *Nonparametric analysis of clustered ROC curve
        data*, Biometrics 1997.

    >>> mean_spread(np.array([0.25, 1.0]), np.array([0.75, 0.5]), None)
    Spread(variance=0.15625, freedom=1.219..., counts=(2, 2))
    """
    if units is None:
        counts = (len(positives), len(negatives))
        if min(counts) == 1:
            return Spread(0.0, 0.0, counts)
        return _welch([float(x.var(ddof=1)) / len(x) for x in (positives, negatives)], counts)
    classes = positives - positives.mean(), negatives - negatives.mean()
    n_units = 1 + max(int(unit.max()) for unit in units)
    sums, parts, worth = [], [], []
    for deviations, unit in zip(classes, units, strict=True):
        rows = np.bincount(unit, minlength=n_units)
        found = int(np.count_nonzero(rows))
        if found == 1:
            return Spread(0.0, 0.0, (1.0, 1.0))
        by_unit = np.bincount(unit, deviations, n_units) / len(deviations)
        sums.append(by_unit)
        parts.append(found / (found - 1) * float(by_unit @ by_unit))
        worth.append(len(deviations) ** 2 / float(rows @ rows))
    present = len(np.union1d(*units))
    shared = 2.0 * present / (present - 1) * float(sums[0] @ sums[1])
    return _welch(parts, (worth[0], worth[1]), shared=shared, most=present - 1)


def disjoint_pairs(units: tuple[NDArray[np.intp], NDArray[np.intp]]) -> int:
    """Count how many pairs of a positive and a negative can be formed from different groups each.

    >>> disjoint_pairs((np.array([0, 0, 1, 2]), np.array([2, 3])))
    2
    """
    critical, other = (np.unique(unit) for unit in units)
    return min(len(critical), len(other), len(np.union1d(critical, other)) // 2)


def _welch(
    parts: Sequence[float],
    counts: tuple[float, float],
    *,
    shared: float = 0.0,
    most: float = np.inf,
) -> Spread:
    variance = sum(parts) + shared
    if variance <= _NO_VARIANCE:
        return Spread(0.0, 0.0, counts)
    loss = sum(part**2 / max(count - 1.0, 1e-3) for part, count in zip(parts, counts, strict=True))
    return Spread(variance, min(variance**2 / loss, most) if loss > 0.0 else most, counts)


def _doubled_count(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.int64]:
    order = np.sort(others)
    counts = np.searchsorted(order, values, "right")
    # Ties are few as a rule: a second search for those alone saves half the time.
    tied = np.flatnonzero(order[counts - 1] == values)
    doubled = (2 * counts).astype(np.int64)
    doubled[tied] -= counts[tied] - np.searchsorted(order, values[tied], "left")
    return doubled
