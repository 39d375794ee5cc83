"""A threshold with a guarantee for any classifier."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import check_consistent_length, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.estimators.choosing import RULES, choose, choose_crossed
from rarecall.estimators.compat import input_tags_of
from rarecall.estimators.given import row_weights
from rarecall.estimators.labels import as_targets, checked_labels, critical_labels
from rarecall.estimators.ranking import specificity_at_tpr
from rarecall.estimators.sources import (
    RESPONSES,
    Response,
    Rows,
    of_fitted,
    of_folds,
    of_rows_aside,
)
from rarecall.estimators.warning import NoGuaranteeWarning
from rarecall.metrics.inputs import checked_share
from rarecall.roles import ValidationScores
from rarecall.task import BINARY

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from numpy.typing import ArrayLike, NDArray

    from rarecall.estimators.choosing import Choice
    from rarecall.thresholds import Certificate

# ruff: noqa: N803, N806  (X is scikit-learn's name)


def _delegated(name: str) -> Callable[[Any], bool]:
    def check(self: Any) -> bool:
        # An AttributeError of the classifier's own says more than False would.
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return check


class ThresholdAtTPR(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Gives a classifier of two classes a threshold that keeps a true positive rate.

    It takes any classifier with ``decision_function`` or ``predict_proba``: scikit-learn's,
    boosted trees, a pipeline. These two stay as they are; ``predict`` goes by the threshold.

    Args:
        estimator: The classifier; a fitted one with ``cv="prefit"``.
        target_tpr: The true positive rate that is required, in (0, 1).
        confidence: Of the guarantee, in (0, 1).
        method: ``"guaranteed"`` with the confidence, on ``"average"``, or ``"empirical"``,
            without a promise.
        cv: On which scores the threshold is chosen.

            - ``"prefit"``: those of the rows given to ``fit``, which the classifier must not have
              seen. The promise holds.
            - A share in (0, 1): ``fit`` sets that part of its rows aside, and fits a clone on the
              rest. The promise holds.
            - A number of folds, or a splitter: every row is scored by a clone that has not seen
              it, and the classifier that is used is fitted on all rows. It is another model than
              those clones, so the threshold is approximate and nothing is promised.
        response_method: ``"decision_function"`` or ``"predict_proba"``; ``"auto"`` takes the first
            that there is.
        critical: The label that must not be missed; by default of two numbers the greater one,
            else the rarer class.
        random_state: Of the rows that a share sets aside.

    Attributes:
        estimator_: The fitted classifier.
        classes_: Labels, sorted.
        critical_: The label that must not be missed.
        threshold_: Of :meth:`raw_scores`; a row is critical at or above it.
        choice_: The threshold with all that is known of it.
        certificate_: What is promised, or None.

    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = make_classification(2000, weights=[0.9], random_state=0)
    >>> fitted = LogisticRegression().fit(X[:1000], y[:1000])
    >>> model = ThresholdAtTPR(fitted, target_tpr=0.95).fit(X[1000:], y[1000:])
    >>> model.certificate_.guaranteed, model.choice_.n_positives
    (True, 96)
    """

    def __init__(
        self,
        estimator: Any,
        *,
        target_tpr: float = 0.95,
        confidence: float = 0.95,
        method: str = "guaranteed",
        cv: Any = "prefit",
        response_method: str = "auto",
        critical: Any = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.target_tpr = target_tpr
        self.confidence = confidence
        self.method = method
        self.cv = cv
        self.response_method = response_method
        self.critical = critical
        self.random_state = random_state

    def fit(
        self, X: Any, y: ArrayLike, *, groups: ArrayLike | None = None, trained_on: Any = None
    ) -> Self:
        """Choose the threshold, after fitting the classifier where ``cv`` says so.

        Args:
            X: Rows as the classifier takes them; with ``cv="prefit"`` such as it has not seen.
            y: Labels of two classes, shape ``(n,)``.
            groups: Group of every row (patient, account), shape ``(n,)``: groups stay together,
                and the guarantee counts them.
            trained_on: With ``cv="prefit"``, the table that the classifier was trained on, to
                make sure that none of its rows is in ``X``.

        Returns:
            Itself.

        Raises:
            DataError: One class only, or rows of ``X`` that are in ``trained_on`` too.
            ConfigurationError: A parameter that cannot be used.
            NotFittedError: ``cv="prefit"`` and the classifier is not fitted.
            ValueError: More than two classes, and what the classifier itself refuses.
        """
        self._check_words()
        tpr = checked_share(self.target_tpr, "target_tpr", one=False)
        confidence = checked_share(self.confidence, "confidence", one=False)
        labels = checked_labels(self, y)
        kind = type_of_target(labels, input_name="y")
        if kind != "binary":
            raise ValueError(
                f"Only binary classification is supported. The type of the target is {kind}."
            )
        X, labels, groups = indexable(X, labels, groups)
        classes, critical = critical_labels(self.critical, labels)
        rows = Rows(X, labels, classes, critical, groups)
        response = Response(self.response_method, critical[0])
        if isinstance(self.cv, str):
            source = of_fitted(self.estimator, rows, response, trained_on)
        elif isinstance(self.cv, (float, np.floating)):
            source = of_rows_aside(
                self.estimator, rows, response, float(self.cv), self.random_state
            )
        else:
            source = of_folds(self.estimator, rows, response, self.cv)
        self.estimator_, scores = source.estimator, source.scores
        self.classes_, self.critical_ = classes, classes[critical[0]]
        self._response = response
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                delattr(self, name)
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        rule, name = self.method, response.name(self.estimator_)
        self.choice_: Choice
        self.certificate_: Certificate | None = None
        if isinstance(scores, ValidationScores):
            self.choice_ = choose_crossed(scores, rule, tpr=tpr, confidence=confidence)
        else:
            self.choice_, self.certificate_ = choose(
                scores,
                rule=rule,
                tpr=tpr,
                confidence=confidence,
                used=source.used,
                score_name=name,
            )[:2]
        self.threshold_ = self.choice_.value
        if self.certificate_ is None and rule != "empirical":
            warnings.warn(self.choice_.statement, NoGuaranteeWarning, stacklevel=2)
        return self

    def raw_scores(self, X: Any) -> NDArray[np.float64]:
        """Score rows; what ``threshold_`` is about.

        Returns:
            What the classifier's response method gives for the critical class, higher is more
            critical, shape ``(n,)``.
        """
        check_is_fitted(self, "estimator_")
        return self._response.scores(self.estimator_, X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Decide by the threshold, shape ``(n,)``."""
        flagged = self.raw_scores(X) >= self.threshold_
        number = self._response.number
        return np.asarray(self.classes_[np.where(flagged, number, 1 - number)])

    @available_if(_delegated("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Give what the classifier gives; :meth:`predict` goes by ``threshold_``, not by 0."""
        check_is_fitted(self, "estimator_")
        return np.asarray(self.estimator_.decision_function(X))

    @available_if(_delegated("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give what the classifier gives; :meth:`predict` goes by ``threshold_``, not by .5."""
        check_is_fitted(self, "estimator_")
        return np.asarray(self.estimator_.predict_proba(X))

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Measure one minus the FPR at the target TPR on these rows; not the accuracy.

        Returns:
            In [0, 1], higher is better.

        Raises:
            MetricError: A class is missing in ``y``.
        """
        scores = self.raw_scores(X)
        labels = checked_labels(self, y)
        check_consistent_length(scores, labels)
        weights, _ = row_weights(sample_weight, scores)
        targets = as_targets(labels, self.classes_, (self._response.number,))
        return specificity_at_tpr(scores, targets, BINARY, self.target_tpr, weights)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags = input_tags_of(self.estimator)
        return tags

    def _more_tags(self) -> dict[str, Any]:
        return {"binary_only": True}  # scikit-learn 1.5

    def _check_words(self) -> None:
        if self.method not in RULES:
            raise ConfigurationError(
                f"method must be one of {', '.join(RULES)}, not {self.method!r}."
                f"{did_you_mean(str(self.method), RULES)}"
            )
        if isinstance(self.cv, str) and self.cv != "prefit":
            raise ConfigurationError(
                f"cv must be 'prefit', a share, a number of folds or a splitter, not {self.cv!r}."
            )
        if self.response_method not in ("auto", *RESPONSES):
            raise ConfigurationError(
                f"response_method must be auto, {' or '.join(RESPONSES)}, not "
                f"{self.response_method!r}."
            )
