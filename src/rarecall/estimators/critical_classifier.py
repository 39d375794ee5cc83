"""The library's methods as a scikit-learn classifier."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from rarecall.estimators.fitting import fitted
from rarecall.estimators.given import row_weights
from rarecall.estimators.labels import as_targets, checked_labels
from rarecall.estimators.ranking import specificity_at_tpr
from rarecall.estimators.warning import NoGuaranteeWarning

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from numpy.typing import ArrayLike, NDArray

# ruff: noqa: N803  (X is scikit-learn's name)


class CriticalClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped bases
    """A classifier for problems where one class is rare and must not be missed.

    ``fit`` parts the rows in three: it trains on the first, chooses the best weights on the second
    (validation) and the threshold on the third (calibration), which nothing else has seen. So the
    threshold carries a guarantee where the calibration part holds critical rows enough; where not,
    a :class:`NoGuaranteeWarning` says how many it takes. Equal ``random_state`` and rows, in
    whatever order, give the same model.

    ``X`` is a matrix of numbers or a pandas frame (numbers, categories, dates, missing values),
    or images: uint8, shape ``(n, H, W)`` or ``(n, H, W, C)``.

    Args:
        method: Name of a method, ``"bce+alm"``; ``rarecall methods`` lists them; or
            ``"recommended"``. ``"bce"`` stands for ``"ce"`` where there are more than two classes.
        target_tpr: The true positive rate that is required, in (0, 1).
        critical: The label that must not be missed, or, of several classes, labels. By default of
            two classes named by numbers the greater one, else the rarest class.
        confidence: Of the guarantee, in (0, 1).
        threshold: ``"guaranteed"`` with the confidence, on ``"average"``, or ``"empirical"``,
            without a promise.
        calibrator: Map from scores to probabilities: ``"platt"``, ``"temperature"``, ``"beta"``,
            ``"isotonic"`` (has ties), or None for the logistic function of the score.
        probabilities: ``"calibrated"``, at the prevalence of the data; or ``"agreeing"``, shifted
            so that the largest is what ``predict`` decides, for tools that go by that.
        validation_share: Share of the rows that choose the weights, in (0, 1).
        calibration_share: Share of the rows that choose the threshold, in [0, 1); None for .2, or
            up to .3 where that makes the guarantee possible. 0: validation chooses it too.
        members: Networks whose scores are averaged.
        parameters: Of the method, by name, as ``{"alm.margin": 0.5}``.
        network: ``"auto"``, or a name that :func:`rarecall.models.build_network` knows.
        network_options: Of the network, as ``{"width": 256}``.
        steps: Optimiser steps; None for a number that suits the rows.
        learning_rate: None for one that suits.
        weight_decay: None for one that suits.
        batch_size: None for one that suits.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        threads: Processor threads; None for 1 with tables, all with images.
        random_state: Of everything that is drawn: None, a number, or a ``RandomState``.

    Attributes:
        classes_: Labels, sorted, shape ``(C,)``.
        critical_: Labels of the critical classes, a list.
        n_features_in_: Columns of ``X``; numbers of an image.
        feature_names_in_: Names of the columns, where ``X`` has them.
        threshold_: Of the raw score; with one critical class.
        choice_: The threshold with all that is known of it; with one critical class.
        certificate_: What is promised, or None; with one critical class.
        thresholds_, choices_, certificates_: The same by critical label.
        parts_: Rows of each part, by role.
        notes_: Sentences that a user should read.
        history_: One record an evaluation.

    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = CriticalClassifier(critical=0, target_tpr=0.9, steps=60, random_state=0).fit(X, y)
    >>> model.choice_.guaranteed, model.choice_.n_positives >= 29
    (True, True)
    >>> model.predict_proba(X[:3]).shape, model.parts_["calibration"]
    ((3, 2), 113)
    """

    def __init__(
        self,
        method: str = "bce",
        *,
        target_tpr: float = 0.95,
        critical: Any = None,
        confidence: float = 0.95,
        threshold: str = "guaranteed",
        calibrator: str | None = "platt",
        probabilities: str = "calibrated",
        validation_share: float = 0.2,
        calibration_share: float | None = None,
        members: int = 1,
        parameters: dict[str, Any] | None = None,
        network: str = "auto",
        network_options: dict[str, Any] | None = None,
        steps: int | None = None,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        batch_size: int | None = None,
        device: str = "auto",
        threads: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.method = method
        self.target_tpr = target_tpr
        self.critical = critical
        self.confidence = confidence
        self.threshold = threshold
        self.calibrator = calibrator
        self.probabilities = probabilities
        self.validation_share = validation_share
        self.calibration_share = calibration_share
        self.members = members
        self.parameters = parameters
        self.network = network
        self.network_options = network_options
        self.steps = steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.device = device
        self.threads = threads
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        eval_set: Any = None,
        calibration_set: Any = None,
    ) -> Self:
        """Train, and choose the threshold.

        Args:
            X: Rows, see the class.
            y: Labels, shape ``(n,)``.
            sample_weight: What each row counts for, shape ``(n,)``. Whole numbers repeat the row,
                others multiply its loss. With weights that differ nothing is promised.
            groups: Group of every row (patient, account), shape ``(n,)``. A group stays in one
                part, and the guarantee counts groups.
            eval_set: ``(X, y)``, or a list of one such pair, to choose the weights on instead of a
                share of ``X``.
            calibration_set: ``(X, y)`` or ``(X, y, groups)``, to choose the threshold on instead
                of a share of ``X``. Its rows must be new: neither in ``X`` nor in ``eval_set``.

        Returns:
            Itself.

        Raises:
            DataError: One class only, a critical label that is not there, no column that varies,
                or calibration rows that training has seen.
            ConfigurationError: A parameter that cannot be used.
            ValueError: What scikit-learn refuses: rows and labels of different number, ...
        """
        found = fitted(
            self,
            X,
            y,
            sample_weight=sample_weight,
            groups=groups,
            eval_set=eval_set,
            calibration_set=calibration_set,
        )
        operation = found.operation
        self._fitting = found
        self.classes_ = found.classes
        self.critical_ = [found.classes[number] for number in found.critical]
        self.parts_ = found.sizes
        self.notes_ = list(found.notes)
        self.history_ = found.learnt.history
        labels = dict(zip(operation.task.critical, self.critical_, strict=True))
        self.choices_ = {labels[k]: choice for k, choice in operation.choices.items()}
        self.thresholds_ = {labels[k]: value for k, value in operation.thresholds.items()}
        self.certificates_ = {labels[k]: one for k, one in operation.certificates.items()}
        for name in ("threshold_", "choice_", "certificate_"):
            if hasattr(self, name):
                delattr(self, name)
        if len(labels) == 1:
            (label,) = self.critical_
            self.threshold_ = self.thresholds_[label]
            self.choice_ = self.choices_[label]
            self.certificate_ = self.certificates_.get(label)
        if operation.unpromised:
            warnings.warn(" ".join(operation.unpromised), NoGuaranteeWarning, stacklevel=2)
        return self

    def raw_scores(self, X: Any) -> NDArray[np.float64]:
        """Score rows; what ``threshold_`` is about.

        Returns:
            Higher is more critical, shape ``(n,)``; with several classes the log-odds of each,
            shape ``(n, C)``.
        """
        check_is_fitted(self)
        return self._fitting.scores(self, X)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Give decision values, of which ``predict`` is the sign or the largest column.

        Returns:
            With two classes raw score minus threshold, shape ``(n,)``, its sign turned where the
            critical class is the first: above 0 means ``classes_[1]``. With several, shape
            ``(n, C)``; each column rises with the score of its class.
        """
        scores = self.raw_scores(X)
        decisions = self._fitting.operation.decisions(scores)
        return -decisions if self._first_is_critical else decisions

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give probabilities, a column a class in the order of ``classes_``.

        ``predict`` goes by the threshold, not by which of these is the largest: at a TPR of .95 a
        row may be flagged at a probability of a few percent. With ``probabilities="agreeing"``
        they are shifted so that the largest is the decision.

        Returns:
            In [0, 1], shape ``(n, C)``; rows add up to 1. With two classes they rise and fall
            with :meth:`decision_function`.
        """
        scores = self.raw_scores(X)
        agreeing = self.probabilities == "agreeing"
        found = self._fitting.operation.probabilities(scores, agreeing=agreeing)
        return found[:, ::-1] if self._first_is_critical else found

    def predict(self, X: Any) -> NDArray[Any]:
        """Decide by the threshold, shape ``(n,)``.

        With several classes a row flagged for a critical class goes there (of several to the one
        whose threshold it exceeds most), the others to the best-scored of the other classes.
        """
        decisions = self.decision_function(X)
        if decisions.ndim == 1:
            return np.asarray(self.classes_[(decisions > 0).astype(np.int64)])
        return np.asarray(self.classes_[decisions.argmax(axis=1)])

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Measure one minus the FPR at the target TPR; not the accuracy.

        At that TPR on these very rows: it tells how well the model ranks, whatever its threshold.
        With several critical classes the mean over them. Accuracy would call a model good that
        misses every rare case.

        Returns:
            In [0, 1], higher is better.

        Raises:
            MetricError: A class is missing in ``y``.
        """
        scores = self.raw_scores(X)
        labels = checked_labels(self, y)
        check_consistent_length(scores, labels)
        weights, _ = row_weights(sample_weight, scores)
        targets = as_targets(labels, self.classes_, self._fitting.critical)
        task = self._fitting.operation.task
        return specificity_at_tpr(scores, targets, task, self.target_tpr, weights)

    def save(self, folder: str | Path) -> Path:
        """Write a model folder: safetensors and JSON, no pickle, nothing that runs when read.

        :class:`rarecall.delivery.Delivered` reads it, and so does ``rarecall predict``.

        Returns:
            The folder.

        Raises:
            RunError: The folder holds something else.
            StorageError: The file system refused.
        """
        from rarecall.estimators.saving import save

        check_is_fitted(self)
        return save(self, folder)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _more_tags(self) -> dict[str, Any]:
        return {"allow_nan": True}  # scikit-learn 1.5

    @property
    def _first_is_critical(self) -> bool:
        return len(self.classes_) == 2 and self._fitting.critical == (0,)
