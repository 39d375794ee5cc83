"""CriticalClassifier: parts, promises, decisions, probabilities."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from rarecall.data import Samples
from rarecall.delivery import Delivered
from rarecall.errors import ConfigurationError, DataError, MethodError, MetricError
from rarecall.estimators import CriticalClassifier, NoGuaranteeWarning
from rarecall.metrics import assign_classes, fpr_at_tpr
from rarecall.recipes import find_recipe
from rarecall.thresholds import positives_needed

silent = pytest.mark.filterwarnings("ignore::rarecall.estimators.NoGuaranteeWarning")


def quick(**options: Any) -> CriticalClassifier:
    return CriticalClassifier(**({"steps": 40, "random_state": 0} | options))


@pytest.fixture(scope="module")
def fitted(rare: Any) -> CriticalClassifier:
    return quick().fit(*rare)


# Binary work ------------------------------------------------------------------------------------


def test_every_row_has_one_part_and_the_promise_is_counted_on_calibration(
    fitted: CriticalClassifier, rare: Any
) -> None:
    _, y = rare
    assert sum(fitted.parts_.values()) == len(y)
    assert fitted.choice_.guaranteed
    assert fitted.choice_.unit == "row"
    assert fitted.certificate_ is not None
    assert fitted.certificate_.guaranteed
    assert fitted.certificate_.threshold == fitted.threshold_ == fitted.thresholds_[1]
    assert "None of the" in fitted.certificate_.assumptions[-1]
    share = fitted.choice_.n_positives / (y == 1).sum()
    assert share == pytest.approx(0.2, abs=0.01)


def test_calibration_grows_where_that_makes_the_guarantee_possible(rare: Any) -> None:
    X, y = rare
    rows = np.concatenate([np.flatnonzero(y == 0)[:600], np.flatnonzero(y == 1)[:210]])
    model = quick().fit(X[rows], y[rows])
    assert 0.2 * 210 < positives_needed(0.95) <= 0.3 * 210
    assert model.choice_.n_positives == positives_needed(0.95)
    assert model.choice_.guaranteed


def test_decisions_follow_the_threshold_and_probabilities_follow_the_decisions(
    fitted: CriticalClassifier, rare: Any
) -> None:
    X, _ = rare
    scores = fitted.raw_scores(X)
    flagged = scores >= fitted.threshold_
    np.testing.assert_array_equal(fitted.predict(X), flagged.astype(int))
    np.testing.assert_array_equal(fitted.decision_function(X) > 0, flagged)
    order = np.argsort(fitted.decision_function(X))
    assert (np.diff(fitted.predict_proba(X)[order, 1]) >= 0).all()
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)


def test_probabilities_are_about_right_on_new_rows(rare: Any) -> None:
    X, y = rare
    model = quick(steps=150).fit(X[:1400], y[:1400])
    found = model.predict_proba(X[1400:])[:, 1]
    assert abs(found.mean() - y[1400:].mean()) < 0.05
    upper = found > np.quantile(found, 0.8)
    assert abs(found[upper].mean() - y[1400:][upper].mean()) < 0.15


def test_agreeing_probabilities_keep_the_order_and_cross_one_half_at_the_threshold(
    fitted: CriticalClassifier, rare: Any
) -> None:
    X, _ = rare
    agreeing = pickle.loads(pickle.dumps(fitted)).set_params(probabilities="agreeing")
    found = agreeing.predict_proba(X)
    np.testing.assert_array_equal(found.argmax(axis=1), fitted.predict(X))
    order = np.argsort(fitted.raw_scores(X))
    assert (np.diff(found[order, 1]) >= 0).all()


def test_where_the_first_class_is_critical_signs_and_columns_turn(rare: Any) -> None:
    X, y = rare
    model, mirrored = quick(critical=1).fit(X, y), quick(critical=0).fit(X, 1 - y)
    assert mirrored.critical_ == [0]
    np.testing.assert_array_equal(model.raw_scores(X), mirrored.raw_scores(X))
    np.testing.assert_array_equal(model.predict(X), 1 - mirrored.predict(X))
    np.testing.assert_array_equal(model.decision_function(X), -mirrored.decision_function(X))
    np.testing.assert_array_equal(model.predict_proba(X), mirrored.predict_proba(X)[:, ::-1])


def test_score_is_one_minus_the_fpr_at_the_target_tpr(
    fitted: CriticalClassifier, rare: Any
) -> None:
    X, y = rare
    expected = 1.0 - fpr_at_tpr(fitted.raw_scores(X), y, 0.95)
    assert fitted.score(X, y) == expected
    twice = np.repeat(np.arange(len(y)), 2)
    assert fitted.score(X[twice], y[twice]) == expected
    with pytest.raises(MetricError):
        fitted.score(X[y == 0], y[y == 0])
    with pytest.raises(DataError, match="labels that the training rows do not have"):
        fitted.score(X, y + 1)


def test_each_row_is_scored_as_if_it_were_alone(fitted: CriticalClassifier, rare: Any) -> None:
    X, _ = rare
    whole = fitted.raw_scores(X[:300])
    np.testing.assert_array_equal(fitted.raw_scores(X[:300][::-1]), whole[::-1])
    np.testing.assert_array_equal(fitted.raw_scores(X[7:8]), whole[7:8])


def test_the_same_rows_in_another_order_give_the_same_model(
    fitted: CriticalClassifier, rare: Any
) -> None:
    X, y = rare
    order = np.random.default_rng(1).permutation(len(y))
    again = quick().fit(X[order], y[order])
    np.testing.assert_array_equal(again.raw_scores(X), fitted.raw_scores(X))
    assert again.choice_ == fitted.choice_
    other = quick(random_state=1).fit(X, y)
    assert not np.array_equal(other.raw_scores(X), fitted.raw_scores(X))


def test_without_a_number_every_fit_differs_and_the_callers_torch_is_left_alone(rare: Any) -> None:
    import torch

    X, y = rare
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model = quick(random_state=None, steps=5)
    first = model.fit(X, y).raw_scores(X)
    assert not np.array_equal(model.fit(X, y).raw_scores(X), first)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["ok", "fraud"], "fraud"),
        (["fraud", "genuine"], "genuine"),
        ([True, False], True),
        ([-1, 1], 1),
        ([2.0, 1.0], 2.0),
    ],
)
@silent
def test_the_critical_class_is_the_greater_number_or_the_rarer_word(
    rare: Any, labels: list[Any], expected: Any
) -> None:
    X, y = rare
    model = quick(steps=5).fit(X[:300], np.asarray(labels)[y[:300]])
    assert model.critical_ == [expected]
    assert set(model.predict(X[:50])) <= set(labels)


# Guarantees that cannot be given ----------------------------------------------------------------


def test_too_few_critical_rows_are_told_by_a_warning_and_promise_nothing(rare: Any) -> None:
    X, y = rare
    with pytest.warns(NoGuaranteeWarning, match="takes 59 critical calibration samples"):
        model = quick().fit(X[:400], y[:400])
    assert model.certificate_ is None
    assert not model.choice_.guaranteed
    assert model.choice_.n_positives < 59
    assert any("takes 59" in note for note in model.notes_)


def test_an_average_takes_fewer_and_an_empirical_threshold_promises_nothing(rare: Any) -> None:
    X, y = rare
    rows = np.concatenate([np.flatnonzero(y == 0)[:400], np.flatnonzero(y == 1)[:110]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        average = quick(threshold="average").fit(X[rows], y[rows])
        plain = quick(threshold="empirical").fit(X[rows], y[rows])
    assert average.certificate_ is not None
    assert not average.certificate_.guaranteed
    assert average.certificate_.promise("tpr").kind == "average"
    assert plain.certificate_ is None
    assert plain.certificates_ == {}


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (3, {"train": 6}),
        (5, {"train": 6, "validation": 4}),
        (6, {"train": 4, "validation": 4, "calibration": 4}),
    ],
)
def test_with_few_rows_parts_are_given_up_one_by_one(rows: int, parts: dict[str, int]) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * rows, 3))
    with pytest.warns(NoGuaranteeWarning):
        model = quick(steps=10).fit(X, np.repeat([0, 1], rows))
    assert model.parts_ == parts
    assert not model.choice_.guaranteed
    assert model.certificate_ is None


def test_a_threshold_on_training_rows_never_claims_a_guarantee() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(123, 2))
    y = np.array([0] * 3 + [1] * 120)
    with pytest.warns(NoGuaranteeWarning, match="too few to set any aside"):
        model = quick(steps=10).fit(X, y)
    assert model.parts_ == {"train": 123}
    assert not model.choice_.guaranteed
    assert model.certificate_ is None
    assert (model.predict(X[y == 1]) == 1).mean() >= 0.95


def test_copies_of_a_row_stay_together_and_are_no_further_evidence(rare: Any) -> None:
    X, y = rare
    rows = np.concatenate([np.arange(500), np.repeat(np.flatnonzero(y[:500] == 1), 9)])
    positives = int((y[:500] == 1).sum())
    with pytest.warns(NoGuaranteeWarning, match="critical calibration groups"):
        model = quick().fit(X[rows], y[rows])
    assert model.choice_.unit == "group"
    assert model.choice_.n_positives <= 0.31 * positives + 1
    assert any("Copies are no further evidence" in note for note in model.notes_)


# Sets and groups that are given -----------------------------------------------------------------


def test_given_sets_take_the_place_of_shares(rare: Any) -> None:
    X, y = rare
    model = quick().fit(
        X[:1000],
        y[:1000],
        eval_set=[(X[1000:1400], y[1000:1400])],
        calibration_set=(X[1400:], y[1400:]),
    )
    assert model.parts_ == {"train": 1000, "validation": 400, "calibration": 600}
    assert model.choice_.n_positives == (y[1400:] == 1).sum()
    assert model.choice_.guaranteed


def test_calibration_rows_that_training_has_seen_are_refused(rare: Any) -> None:
    X, y = rare
    with pytest.raises(DataError, match=r"3 rows of calibration_set are in X too"):
        quick().fit(X[:1003], y[:1003], calibration_set=(X[1000:], y[1000:]))
    model = quick(threshold="empirical", steps=5)
    model.fit(X[:1003], y[:1003], calibration_set=(X[1000:], y[1000:]))
    assert model.certificate_ is None


def test_groups_stay_in_one_part_and_are_what_is_counted(rare: Any) -> None:
    X, y = rare
    groups = np.arange(len(y)) // 2
    model = quick().fit(X, y, groups=groups)
    assert model.choice_.unit == "group"
    positive_groups = len(np.unique(groups[y == 1]))
    assert model.choice_.n_positives == pytest.approx(0.2 * positive_groups, abs=8)
    with pytest.raises(DataError, match="groups of calibration_set are in X too"):
        quick().fit(
            X[:1000],
            y[:1000],
            groups=groups[:1000] // 2,
            calibration_set=(X[1000:], y[1000:], groups[:1000]),
        )


@pytest.mark.parametrize("wrong", [5, (1,), "ab"])
def test_a_set_that_is_no_pair_is_refused(rare: Any, wrong: Any) -> None:
    with pytest.raises((DataError, ValueError)):
        quick().fit(*rare, eval_set=wrong)


def test_a_set_without_critical_rows_is_refused(rare: Any) -> None:
    X, y = rare
    with pytest.raises(DataError, match="eval_set must hold critical rows and others"):
        quick().fit(X, y, eval_set=(X[y == 0], y[y == 0]))


# Several classes, images, frames ----------------------------------------------------------------


@silent
def test_several_critical_classes_have_a_threshold_each(digits: Any) -> None:
    images, y = digits
    X = images.reshape(len(y), -1).astype(float)
    names = np.array(["zero", "one", "two", "three"])[y]
    model = quick(critical=["two", "three"], target_tpr=0.9, steps=80).fit(X, names)
    assert model.critical_ == ["three", "two"]
    assert set(model.thresholds_) == {"three", "two"}
    assert not hasattr(model, "threshold_")
    scores = model.raw_scores(X)
    by_number = {
        int(np.flatnonzero(model.classes_ == name)[0]): value
        for name, value in model.thresholds_.items()
    }
    expected = model.classes_[assign_classes(scores, by_number)]
    np.testing.assert_array_equal(model.predict(X), expected)
    assert (model.predict(X) == names).mean() > 0.9
    decisions = model.decision_function(X)
    for k in range(4):
        assert (np.diff(decisions[np.argsort(scores[:, k], kind="stable"), k]) >= 0).all()
    found = model.predict_proba(X)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


@silent
def test_bce_stands_for_ce_with_several_classes_and_the_rarest_is_critical(digits: Any) -> None:
    images, y = digits
    kept = (y != 2) | (np.cumsum(y == 2) <= 40)
    model = quick(steps=5).fit(images[kept].reshape(kept.sum(), -1), y[kept])
    assert model.critical_ == [2]
    assert model.method == "bce"


@silent
def test_images_are_taken_as_bytes_and_of_one_size(digits: Any, tmp_path: Path) -> None:
    images, y = digits
    model = quick(critical=1, steps=30).fit(images, (y == 1).astype(int))
    assert model.n_features_in_ == 64
    assert model.predict(images).shape == y.shape
    np.testing.assert_array_equal(
        model.raw_scores(images[:5]), model.raw_scores(images[:5, :, :, np.newaxis])
    )
    with pytest.raises(DataError, match="must be uint8"):
        model.predict(images[:, :, :, np.newaxis] / 255.0)
    with pytest.raises(DataError, match="Resize them"):
        model.predict(images[:, :4])
    with pytest.raises(DataError, match="fitted on images"):
        model.predict(images.reshape(len(y), -1))


@silent
def test_frames_of_mixed_columns_are_encoded_and_their_names_checked(frame: Any) -> None:
    table, y = frame
    model = quick(steps=120).fit(table, y)
    assert model.feature_names_in_.tolist() == list(table)
    assert model.critical_ == ["ill"]
    assert model.score(table, y) > 0.5
    with pytest.raises(ValueError, match="same order"):
        model.predict(table[list(table)[::-1]])
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table.rename(columns={"lab": "labor"}))
    with pytest.raises(DataError, match="'age' held numbers in fit"):
        model.predict(table.assign(age="old"))
    unseen = table.assign(site="east")
    assert model.predict(unseen).shape == y.shape


@silent
def test_a_frame_of_numbers_is_the_matrix_with_names(rare: Any) -> None:
    X, y = rare
    named = pd.DataFrame(X, columns=list("abcdef"))
    matrix = quick(steps=5).fit(X[:300], y[:300])
    frame = quick(steps=5).fit(named[:300], y[:300])
    np.testing.assert_array_equal(matrix.raw_scores(X), frame.raw_scores(named))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(frame.raw_scores(X), matrix.raw_scores(X))


@silent
def test_columns_left_out_are_named(rare: Any) -> None:
    X, y = rare
    table = pd.DataFrame(X[:300], columns=list("abcdef")).assign(
        name=[f"person {k}" for k in range(300)], always="same"
    )
    model = quick(steps=5).fit(table, y[:300])
    assert any("'name'" in note or "'always'" in note for note in model.notes_)
    assert model.predict(table).shape == (300,)


# Saving -----------------------------------------------------------------------------------------


def test_a_model_folder_scores_and_decides_as_the_classifier(
    fitted: CriticalClassifier, rare: Any, tmp_path: Path
) -> None:
    X, y = rare
    delivered = Delivered.load(fitted.save(tmp_path / "model"))
    samples = Samples(
        name="new",
        kind="table",
        features=pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])]),
        targets=y.astype(np.int64),
        ids=np.arange(len(y)).astype(str),
        critical="1",
        target_name="y",
        class_counts={},
    )
    np.testing.assert_array_equal(delivered.score(samples), fitted.raw_scores(X))
    np.testing.assert_array_equal(delivered.flag(samples), fitted.predict(X) == 1)
    np.testing.assert_array_equal(delivered.probability(samples), fitted.predict_proba(X)[:, 1])
    assert delivered.certificate is not None
    assert delivered.certificate.guaranteed
    assert delivered.certificate.model_fingerprint == delivered.fingerprint


@silent
def test_an_ensemble_of_several_classes_is_saved_whole(digits: Any, tmp_path: Path) -> None:
    images, y = digits
    model = quick(steps=10, members=2, critical=[1, 2], target_tpr=0.8).fit(images, y)
    delivered = Delivered.load(model.save(tmp_path / "model"))
    assert delivered.thresholds == {str(k): value for k, value in model.thresholds_.items()}
    assert len(delivered.members) == 2


def test_pickles_and_clones_work(fitted: CriticalClassifier, rare: Any) -> None:
    X, _ = rare
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.raw_scores(X), fitted.raw_scores(X))
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(X)
    with pytest.raises(NotFittedError):
        fresh.save("nowhere")


# Errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "focl"}, MethodError, "Did you mean"),
        ({"target_tpr": 95}, ConfigurationError, "target_tpr"),
        ({"confidence": 1.0}, ConfigurationError, "confidence"),
        ({"threshold": "guarantied"}, ConfigurationError, "Did you mean 'guaranteed'"),
        ({"calibrator": "plat"}, ConfigurationError, "platt"),
        ({"probabilities": "sure"}, ConfigurationError, "agreeing"),
        ({"validation_share": 0}, ConfigurationError, "validation_share"),
        ({"calibration_share": 0.9}, ConfigurationError, "add up"),
        ({"steps": 0}, ConfigurationError, "steps"),
        ({"parameters": {"alm.margin": 1.0}}, ConfigurationError, "alm.margin"),
        ({"network": "resnet10"}, ConfigurationError, "network"),
        ({"critical": "1"}, DataError, "none of the classes"),
        ({"critical": [0, 1]}, DataError, "not all"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    rare: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    X, y = rare
    with pytest.raises(error, match=words):
        quick(**{"steps": 5} | options).fit(X[:200], y[:200])


def test_one_class_infinities_and_no_rows_are_refused(rare: Any) -> None:
    X, y = rare
    with pytest.raises(DataError, match="one class only"):
        quick().fit(X[y == 0], y[y == 0])
    broken = X.copy()
    broken[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        quick().fit(broken, y)
    with pytest.raises(ValueError, match="infinity in the column 'b'"):
        quick().fit(pd.DataFrame({"a": list("xy") * 1000, "b": broken[:, 1]}), y)
    with pytest.raises(ValueError, match="requires y"):
        quick().fit(X, None)


@silent
def test_the_recipe_stands_where_a_method_may_and_is_saved_under_its_methods_name(
    rare: Any, tmp_path: Path
) -> None:
    X, y = rare
    recipe = find_recipe("recommended", {"kind": "table"})
    model = quick(method="recommended", steps=8).fit(X, y)
    model.save(tmp_path / "model")
    loaded = Delivered.load(tmp_path / "model")
    assert len(loaded.members) == recipe.members
    assert loaded.manifest.method == recipe.method
    with pytest.raises(ConfigurationError, match="brings its own parameters"):
        quick(method="recommended", parameters={"alm.margin": 1.0}).fit(X[:300], y[:300])
