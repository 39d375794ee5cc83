"""ThresholdAtTPR: whose scores the threshold is chosen on, and what may be promised for it."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rarecall.errors import ConfigurationError, DataError
from rarecall.estimators import NoGuaranteeWarning, ThresholdAtTPR
from rarecall.metrics import fpr_at_tpr
from rarecall.roles import CalibrationScores
from rarecall.thresholds import Certificate, certify, conformal_threshold, empirical_threshold
from rarecall.thresholds import guaranteed_threshold as guaranteed

silent = pytest.mark.filterwarnings("ignore::rarecall.estimators.NoGuaranteeWarning")


def calibration(scores: Any, y: Any, groups: Any = None) -> CalibrationScores:
    return CalibrationScores(scores, y, np.arange(len(y)).astype(str), groups)


@pytest.fixture(scope="module")
def trees(rare: Any) -> HistGradientBoostingClassifier:
    X, y = rare
    return HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X[:1000], y[:1000])


def test_a_fitted_classifier_gets_the_guaranteed_threshold_of_its_scores(
    rare: Any, trees: Any
) -> None:
    X, y = rare
    model = ThresholdAtTPR(trees).fit(X[1000:], y[1000:])
    scores = trees.decision_function(X[1000:])
    assert model.choice_ == guaranteed(calibration(scores, y[1000:]), tpr=0.95)
    assert model.estimator_ is trees
    assert model.certificate_ is not None
    assert model.certificate_.guaranteed
    assert model.certificate_.score_name == "decision_function"
    np.testing.assert_array_equal(
        model.predict(X), (trees.decision_function(X) >= model.threshold_).astype(int)
    )
    np.testing.assert_array_equal(model.predict_proba(X), trees.predict_proba(X))
    np.testing.assert_array_equal(model.decision_function(X), trees.decision_function(X))


@pytest.mark.parametrize(
    ("method", "expected"), [("average", conformal_threshold), ("empirical", empirical_threshold)]
)
def test_other_rules_are_those_of_the_library(
    rare: Any, trees: Any, method: str, expected: Any
) -> None:
    X, y = rare
    model = ThresholdAtTPR(trees, method=method, target_tpr=0.9).fit(X[1000:], y[1000:])
    scores = calibration(trees.decision_function(X[1000:]), y[1000:])
    assert model.threshold_ == expected(scores, tpr=0.9).value
    assert (model.certificate_ is None) == (method == "empirical")


def test_probabilities_are_scores_where_there_are_no_others_or_they_are_asked_for(
    rare: Any, trees: Any
) -> None:
    X, y = rare
    model = ThresholdAtTPR(trees, response_method="predict_proba").fit(X[1000:], y[1000:])
    np.testing.assert_array_equal(model.raw_scores(X), trees.predict_proba(X)[:, 1])
    assert 0 < model.threshold_ < 1
    with pytest.raises(ConfigurationError, match="Perceptron has no predict_proba"):
        ThresholdAtTPR(Perceptron().fit(X, y), response_method="predict_proba").fit(X, y)


def test_where_the_first_class_is_critical_scores_are_turned(rare: Any) -> None:
    X, y = rare
    words = np.where(y == 1, "fraud", "genuine")
    fitted = LogisticRegression().fit(X[:1000], words[:1000])
    for response in ("decision_function", "predict_proba"):
        model = ThresholdAtTPR(fitted, response_method=response).fit(X[1000:], words[1000:])
        assert model.critical_ == "fraud"
        caught = (model.predict(X[1000:]) == "fraud")[y[1000:] == 1].mean()
        assert caught >= 0.95
        found = fpr_at_tpr(model.raw_scores(X), y, 0.95)
        assert model.score(X, words) == pytest.approx(1 - found)


def test_a_share_set_aside_keeps_the_promise_and_is_not_fitted_on(rare: Any) -> None:
    X, y = rare
    model = ThresholdAtTPR(LogisticRegression(), cv=0.4, random_state=0).fit(X, y)
    assert model.certificate_ is not None
    assert "None of the 1200 sample ids" in model.certificate_.assumptions[-1]
    assert model.choice_.n_positives == round(0.4 * (y == 1).sum())
    again = ThresholdAtTPR(LogisticRegression(), cv=0.4, random_state=0).fit(X, y)
    assert again.threshold_ == model.threshold_
    assert not hasattr(model.estimator, "coef_")


def test_oversampled_copies_do_not_leak_into_the_rows_set_aside(rare: Any) -> None:
    X, y = rare
    rows = np.concatenate([np.arange(1000), np.repeat(np.flatnonzero(y[:1000] == 1), 4)])

    class Memory(ClassifierMixin, BaseEstimator):
        """Knows what it was fitted on by heart, and nothing else."""

        def fit(self, X: Any, y: Any) -> Memory:
            self.classes_ = np.unique(y)
            self.near_ = NearestNeighbors(n_neighbors=1).fit(X[y == 1])
            return self

        def decision_function(self, X: Any) -> Any:
            return (self.near_.kneighbors(X)[0][:, 0] == 0).astype(float)

    model = ThresholdAtTPR(Memory(), cv=0.3, random_state=0).fit(X[rows], y[rows])
    assert model.choice_.unit == "group"
    assert model.choice_.n_positives <= (y[:1000] == 1).sum()
    # It recognises no row set aside, so the threshold must let everything pass as critical.
    assert model.predict(X[1000:]).all()


@pytest.mark.parametrize("cv", [4, StratifiedKFold(4)])
@pytest.mark.parametrize("method", ["guaranteed", "average", "empirical"])
@silent
def test_crossed_folds_are_approximate_and_never_certified(rare: Any, cv: Any, method: str) -> None:
    X, y = rare
    model = ThresholdAtTPR(LogisticRegression(), cv=cv, method=method).fit(X, y)
    assert model.certificate_ is None
    assert not model.choice_.guaranteed
    assert "cross-fitted" in model.choice_.statement
    crossed = cross_val_predict(LogisticRegression(), X, y, cv=cv, method="decision_function")
    scores = calibration(crossed, y)
    rule = guaranteed if method == "guaranteed" else empirical_threshold
    assert model.threshold_ == rule(scores, tpr=0.95).value
    np.testing.assert_array_equal(model.estimator_.coef_, LogisticRegression().fit(X, y).coef_)


def test_a_promise_that_was_asked_for_and_cannot_be_given_is_told(rare: Any, trees: Any) -> None:
    X, y = rare
    with pytest.warns(NoGuaranteeWarning, match="cross-fitted"):
        ThresholdAtTPR(LogisticRegression(), cv=3).fit(X, y)
    with pytest.warns(NoGuaranteeWarning, match="takes 59"):
        model = ThresholdAtTPR(trees).fit(X[1000:1200], y[1000:1200])
    assert model.certificate_ is None


def test_groups_are_counted_and_stay_together(rare: Any, trees: Any) -> None:
    X, y = rare
    groups = np.arange(len(y)) // 2
    model = ThresholdAtTPR(trees).fit(X[1000:], y[1000:], groups=groups[1000:])
    named = calibration(trees.decision_function(X[1000:]), y[1000:], groups[1000:].astype(str))
    assert model.choice_ == guaranteed(named, tpr=0.95)
    assert model.choice_.unit == "group"
    aside = ThresholdAtTPR(LogisticRegression(), cv=0.4, random_state=0).fit(X, y, groups=groups)
    assert aside.choice_.unit == "group"
    assert aside.certificate_ is not None


def test_rows_that_the_classifier_was_trained_on_are_refused(rare: Any, trees: Any) -> None:
    X, y = rare
    with pytest.raises(DataError, match="5 of the 1005 rows of X are in trained_on too"):
        ThresholdAtTPR(trees).fit(X[995:], y[995:], trained_on=X[:1000])
    model = ThresholdAtTPR(trees).fit(X[1000:], y[1000:], trained_on=pd.DataFrame(X[:1000]))
    assert model.certificate_ is not None


def test_certificates_can_be_kept_and_read_again(rare: Any, trees: Any, tmp_path: Any) -> None:
    X, y = rare
    model = ThresholdAtTPR(trees).fit(X[1000:], y[1000:])
    model.certificate_.save(tmp_path / "certificate.json")
    assert Certificate.load(tmp_path / "certificate.json") == model.certificate_
    direct = certify(calibration(model.raw_scores(X[1000:]), y[1000:]), tpr=0.95)
    assert direct.threshold == model.threshold_


@silent
def test_it_works_in_searches_pipelines_and_cross_validation(rare: Any) -> None:
    X, y = rare
    wrapped = ThresholdAtTPR(make_pipeline(StandardScaler(), LogisticRegression()), cv=0.3)
    search = GridSearchCV(wrapped, {"estimator__logisticregression__C": [0.01, 1.0]}, cv=2).fit(
        X, y
    )
    assert np.isfinite(search.best_score_)
    frozen_module = pytest.importorskip("sklearn.frozen", reason="came with scikit-learn 1.6")
    fitted = LogisticRegression().fit(X[:1000], y[:1000])
    frozen = ThresholdAtTPR(frozen_module.FrozenEstimator(fitted))
    assert np.isfinite(cross_val_score(frozen, X[1000:], y[1000:], cv=2)).all()
    again = pickle.loads(pickle.dumps(frozen.fit(X[1000:], y[1000:])))
    np.testing.assert_array_equal(again.predict(X), frozen.predict(X))


@silent
def test_rows_may_be_anything_that_the_classifier_takes() -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    texts = ["good day", "fine day", "bad fraud", "fraud here"] * 30
    labels = np.array([0, 0, 1, 1] * 30)
    model = ThresholdAtTPR(make_pipeline(CountVectorizer(), LogisticRegression()), cv=0.3)
    assert model.fit(texts, labels).predict(["fraud", "fine day"]).tolist() == [1, 0]
    table = pd.DataFrame({"a": np.arange(120.0), "b": labels})
    fitted = LogisticRegression().fit(table, labels)
    named = ThresholdAtTPR(fitted, target_tpr=0.9).fit(table, labels)
    assert named.feature_names_in_.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"cv": "5"}, ConfigurationError, "cv must be"),
        ({"cv": 1.5}, ConfigurationError, "between 0 and 1"),
        ({"method": "sure"}, ConfigurationError, "guaranteed"),
        ({"response_method": "predict"}, ConfigurationError, "predict_proba"),
        ({"target_tpr": 1.0}, ConfigurationError, "target_tpr"),
        ({"critical": 7}, DataError, "none of the classes"),
        ({}, NotFittedError, "not fitted"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    rare: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ThresholdAtTPR(LogisticRegression(), **options).fit(*rare)


def test_other_classes_than_those_fitted_and_more_than_two_are_refused(rare: Any) -> None:
    X, y = rare
    fitted = LogisticRegression().fit(X, y)
    with pytest.raises(DataError, match="was fitted on the classes"):
        ThresholdAtTPR(fitted).fit(X, y + 1)
    with pytest.raises(ValueError, match="Only binary classification is supported"):
        ThresholdAtTPR(fitted).fit(X, np.arange(len(y)) % 3)
    with pytest.raises(DataError, match="one class only"):
        ThresholdAtTPR(fitted).fit(X, np.zeros(len(y), dtype=int))
    with pytest.raises(DataError, match="cannot be set aside"):
        ThresholdAtTPR(LogisticRegression(), cv=0.3).fit(X[:30], (np.arange(30) == 3).astype(int))


def test_the_promise_holds_as_often_as_it_says() -> None:
    """Scores of known distribution: the true TPR of a threshold t is 1 - Phi(t - 1)."""
    from scipy.stats import norm

    class Given(ClassifierMixin, BaseEstimator):
        """Takes its only column for the score."""

        classes_ = np.array([0, 1])

        def fit(self, X: Any, y: Any) -> Given:
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def decision_function(self, X: Any) -> Any:
            return np.asarray(X)[:, 0]

    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [100, 80])
    broken = 0
    for _ in range(300):
        X = rng.normal(size=(180, 1)) + y[:, None]
        model = ThresholdAtTPR(Given(), target_tpr=0.9).fit(X, y)
        broken += norm.sf(model.threshold_ - 1.0) < 0.9
    # Binomial(300, .05) exceeds 30 once in ten thousand times.
    assert broken <= 30
