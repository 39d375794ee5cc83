"""The one interface of calibration maps: fitted on the right part, plain values when stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rarecall.calibration.fields import content_of, count, one_of
from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.metrics.inputs import by_class, checked_scores
from rarecall.roles import CalibrationScores, ValidationScores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import ArrayLike, NDArray


class Calibrator(ABC):
    """A rising map from raw scores to probabilities of being critical.

    The order of the scores is never turned round, so measures that rank (AUC, FPR at TPR) do not
    gain by the map; and where it is strict, nor do they lose.

    Attributes:
        n: Samples that it was fitted on; 0 before :meth:`fit`.
        positives: Critical ones among them.
        role: Of the part that it was fitted on, ``"validation"`` or ``"calibration"``.
    """

    method: ClassVar[str]
    """The word that names the map, as in :func:`~rarecall.calibration.fit_calibrator`."""

    strict: ClassVar[bool]
    """Whether different scores get different probabilities, as far as float64 can tell them."""

    def __init__(self) -> None:
        self.n = 0
        self.positives = 0
        self.role = ""

    def fit(self, scores: ValidationScores | CalibrationScores) -> Self:
        """Fit the map; fitting again starts anew.

        Rows of one group are taken as they are: the map is for rows. Weights count as repeated
        rows.

        Args:
            scores: Of the validation or the calibration part.

        Returns:
            Itself.

        Raises:
            TypeError: Training or test scores, or a bare array.
            MetricError: Scores that are not finite or all equal, or one class missing.
            DataError: A class that weighs nothing.
        """
        if not isinstance(scores, (ValidationScores, CalibrationScores)):
            raise TypeError(
                f"{type(self).__name__} is fitted on ValidationScores or CalibrationScores; "
                f"{type(scores).__name__} came. Training scores are surer than those of new "
                "samples, and what test scores have fitted they can no longer judge. Score another "
                "part of the data and pass that."
            )
        by_class(scores.scores, scores.targets)
        values, critical = scores.scores, scores.targets == 1
        if values.min() == values.max():
            raise MetricError(
                f"All {len(values)} scores are {values[0]:g}, so no probability can be told from "
                "another. Give the model's raw output."
            )
        weights = np.ones(len(values)) if scores.weights is None else scores.weights
        if not (weights[critical].sum() > 0 and weights[~critical].sum() > 0):
            raise DataError(
                "The samples of one class weigh nothing, so no probability of it can be learnt."
            )
        self._fit(values, critical, weights)
        self.n, self.positives = len(values), int(critical.sum())
        self.role = scores.role.value
        return self

    def probability(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Turn raw scores into probabilities.

        Args:
            scores: Finite, higher is more critical, shape ``(n,)``; no sample at all is fine.

        Returns:
            In [0, 1], shape ``(n,)``.

        Raises:
            ConfigurationError: The map is not fitted.
            MetricError: Scores that are not finite numbers of shape ``(n,)``.
        """
        if not self.n:
            raise ConfigurationError(
                f"This {type(self).__name__} is not fitted. Call fit(calibration_scores) first."
            )
        return self._map(checked_scores(scores))

    def to_json(self) -> dict[str, Any]:
        """Give the map as plain values that JSON can hold.

        Raises:
            ConfigurationError: The map is not fitted.
        """
        if not self.n:
            raise ConfigurationError(
                f"This {type(self).__name__} is not fitted, so there is nothing to store."
            )
        head = {"format": 1, "method": self.method}
        tail = {"n": self.n, "positives": self.positives, "role": self.role}
        return {**head, **self._values(), **tail}

    @classmethod
    def from_json(cls, mapping: object) -> Self:
        """Read what :meth:`to_json` gave; checks every field and executes nothing.

        Raises:
            RunError: A newer format, another method, or a missing, unknown or mistyped field.
        """
        found = cls()
        given = content_of(mapping)
        one_of(given, "method", (cls.method,))
        found._restore(given)
        found.n, found.positives = count(given, "n"), count(given, "positives")
        found.role = one_of(given, "role", ("validation", "calibration"))
        content_of(mapping, known=set(found.to_json()))
        return found

    @abstractmethod
    def _fit(
        self,
        values: NDArray[np.float64],
        critical: NDArray[np.bool_],
        weights: NDArray[np.float64],
    ) -> None:
        """Set the values of the map; both classes are there, and not all scores are equal."""

    @abstractmethod
    def _map(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn checked scores into probabilities."""

    @abstractmethod
    def _values(self) -> dict[str, Any]:
        """Give the values of the map."""

    @abstractmethod
    def _restore(self, given: Mapping[str, Any]) -> None:
        """Read the values of the map."""
