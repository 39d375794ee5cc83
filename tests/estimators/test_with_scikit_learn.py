"""The classifier inside scikit-learn's tools: pipelines, searches, routing, output formats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from rarecall.errors import ConfigurationError
from rarecall.estimators import CriticalClassifier
from rarecall.metrics import auc

pytestmark = pytest.mark.filterwarnings("ignore::rarecall.estimators.NoGuaranteeWarning")


def quick(**options: Any) -> CriticalClassifier:
    return CriticalClassifier(**({"steps": 20, "random_state": 0} | options))


def test_a_search_over_methods_and_parameters_ranks_by_the_rate_that_matters(rare: Any) -> None:
    X, y = rare
    search = GridSearchCV(
        make_pipeline(StandardScaler(), quick()),
        [
            {"criticalclassifier__method": ["bce", "a-fl"]},
            {
                "criticalclassifier__method": ["bce+alm"],
                "criticalclassifier__parameters": [{"alm.margin": 0.5}],
            },
        ],
        cv=2,
    ).fit(X[:600], y[:600])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert search.predict(X[:5]).shape == (5,)


def test_cross_val_predict_gives_every_row_a_probability_of_a_model_that_has_not_seen_it(
    rare: Any,
) -> None:
    X, y = rare
    found = cross_val_predict(quick(steps=60), X[:800], y[:800], cv=2, method="predict_proba")
    assert found.shape == (800, 2)
    assert found[y[:800] == 1, 1].mean() > found[y[:800] == 0, 1].mean()


def test_frames_from_set_output_reach_the_classifier_with_their_names(frame: Any) -> None:
    table, y = frame
    encode = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipeline = make_pipeline(encode, quick()).fit(table, y)
    assert set(pipeline[-1].feature_names_in_) == set(table)
    assert pipeline.predict(table).shape == y.shape
    assert isinstance(pipeline[:-1].transform(table), pd.DataFrame)


def test_weights_and_groups_are_routed_on_request(rare: Any) -> None:
    X, y = rare
    X, y = X[:400], y[:400]
    weights, groups = np.where(np.arange(400) < 300, 1.0, 0.0), np.arange(400) // 4
    with sklearn.config_context(enable_metadata_routing=True):
        model = quick().set_fit_request(sample_weight=True, groups=True)
        scale = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = Pipeline([("scale", scale), ("model", model)])
        pipeline.fit(X, y, sample_weight=weights, groups=groups)
        assert sum(pipeline[-1].parts_.values()) == 300
        assert pipeline[-1].choice_.unit == "group"
        scored = model.set_score_request(sample_weight=False)
        found = cross_validate(
            scored,
            X,
            y,
            cv=GroupKFold(2),
            params={"groups": groups, "sample_weight": weights},
            return_estimator=True,
            error_score="raise",
        )
    assert all(sum(one.parts_.values()) < 300 for one in found["estimator"])


# Weights ----------------------------------------------------------------------------------------


def test_a_whole_weight_is_the_row_repeated_whatever_the_method_and_the_order(rare: Any) -> None:
    X, y = rare
    X, y = X[:300], y[:300]
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 4, len(y))
    rows = rng.permutation(np.repeat(np.arange(len(y)), weights))
    for method in ("bce", "bce+alm", "msfe", "la"):
        weighted = quick(method=method).fit(X, y, sample_weight=weights)
        repeated = quick(method=method).fit(X[rows], y[rows])
        np.testing.assert_array_equal(weighted.raw_scores(X), repeated.raw_scores(X))
        assert weighted.threshold_ == repeated.threshold_


def test_weights_that_are_equal_change_nothing(rare: Any) -> None:
    X, y = rare
    plain = quick().fit(X, y)
    same = quick().fit(X, y, sample_weight=np.full(len(y), 0.3))
    np.testing.assert_array_equal(plain.raw_scores(X), same.raw_scores(X))
    assert same.certificate_ is not None


def test_weights_that_differ_carry_no_promise(rare: Any) -> None:
    X, y = rare
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    model = quick().fit(X, y, sample_weight=weights)
    assert model.certificate_ is None
    assert any("The rows have weights" in note for note in model.notes_)


def test_heavier_rows_pull_the_model_towards_them() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 1))
    # Two halves that contradict each other; the weights say which one is to be believed.
    y = np.where(np.arange(600) < 300, X[:, 0] > 0, X[:, 0] < 0).astype(int)
    first = np.where(np.arange(600) < 300, 1.5, 0.1)
    for weights, heavy, light in (
        (first, slice(0, 300), slice(300, 600)),
        (first[::-1], slice(300, 600), slice(0, 300)),
    ):
        model = quick(steps=80, threshold="empirical").fit(X, y, sample_weight=weights)
        scores = model.raw_scores(X)
        assert auc(scores[heavy], y[heavy]) > 0.95
        assert auc(scores[light], y[light]) < 0.05


@pytest.mark.parametrize("method", ["msfe", "bce+alm", "pairwise", "bce+rankreg"])
def test_fractions_are_refused_where_the_loss_is_of_a_set(rare: Any, method: str) -> None:
    X, y = rare
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    with pytest.raises(ConfigurationError, match="measures a whole set of samples"):
        quick(method=method).fit(X, y, sample_weight=weights)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.full(100, -1.0), "must not be negative"),
        (np.zeros(100), "zero"),
        (np.full(100, np.nan), "NaN"),
        (np.ones(99), r"[Ss]ample_weight"),
    ],
)
def test_weights_that_mean_nothing_are_refused(rare: Any, weights: Any, words: str) -> None:
    X, y = rare
    with pytest.raises(ValueError, match=words):
        quick().fit(X[:100], y[:100], sample_weight=weights)
