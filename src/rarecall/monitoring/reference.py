"""What new scores are compared with: the calibration scores, whole or as quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import DataError
from rarecall.metrics.inputs import checked_scores

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Distribution:
    """Scores of which all are known, or only evenly spaced quantiles.

    Attributes:
        scores: Sorted, shape ``(k,)``.
        n: How many scores there were; more than ``k`` where only quantiles are known.
    """

    scores: NDArray[np.float64]
    n: int

    @property
    def thinned(self) -> bool:
        """Whether only quantiles are known."""
        return self.n > len(self.scores)

    @property
    def unknown(self) -> float:
        """By how much a share may be wrong: half the step between quantiles; 0 if all are known."""
        return 0.5 / max(len(self.scores) - 1, 1) if self.thinned else 0.0

    def share_upto(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the share of scores at or below each value, shape of ``values``.

        >>> Distribution(np.array([1.0, 2.0, 2.0, 5.0]), 4).share_upto(np.array([0.0, 2.0]))
        array([0.  , 0.75])
        """
        return self._share(np.searchsorted(self.scores, values, "right"))

    def share_below(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the share of scores below each value, shape of ``values``.

        >>> Distribution(np.array([1.0, 2.0, 2.0, 5.0]), 4).share_below(np.array([2.0]))
        array([0.25])
        """
        return self._share(np.searchsorted(self.scores, values, "left"))

    def _share(self, counts: NDArray[np.intp]) -> NDArray[np.float64]:
        k = len(self.scores)
        if not self.thinned:
            return np.asarray(counts / k)
        # The share lies between the levels of two quantiles; at both ends it is known.
        middle = (counts - 0.5) / max(k - 1, 1)
        return np.where(counts == 0, 0.0, np.where(counts == k, 1.0, middle))


@dataclass(frozen=True, eq=False)
class Reference:
    """Calibration scores as they were.

    Attributes:
        everyone: All of them.
        positives: Those of the critical samples, or None where they are not known.
    """

    everyone: Distribution
    positives: Distribution | None


def read_reference(reference: Mapping[str, Any] | ArrayLike) -> Reference:
    """Read what a certificate keeps, or plain scores.

    Args:
        reference: A certificate's ``reference`` (``n``, ``positives``, ``scores``,
            ``positive_scores``), or calibration scores of shape ``(n,)``.

    Raises:
        DataError: A mapping without these fields, or no score at all.
        MetricError: Scores that are not finite numbers of shape ``(n,)``.

    >>> read_reference([3.0, 1.0]).everyone.scores
    array([1., 3.])
    """
    if not isinstance(reference, Mapping):
        return Reference(_distribution(reference, None), None)
    missing = {"n", "positives", "scores", "positive_scores"} - set(reference)
    if missing:
        raise DataError(
            "A reference for drift needs the fields n, positives, scores and positive_scores; "
            f"{', '.join(sorted(missing))} is missing. Give certificate.reference as it is, or the "
            "calibration scores."
        )
    return Reference(
        _distribution(reference["scores"], int(reference["n"])),
        _distribution(reference["positive_scores"], int(reference["positives"])),
    )


def _distribution(scores: ArrayLike, n: int | None) -> Distribution:
    values = np.sort(checked_scores(scores, "reference scores"))
    if not len(values):
        raise DataError("The reference holds no scores, so nothing can be compared with it.")
    return Distribution(values, max(n or 0, len(values)))
