"""Issuing certificates: what they promise, and the data that is refused."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

import rarecall
from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.roles import (
    CalibrationScores,
    Role,
    TaskScores,
    TestScores,
    TrainScores,
    ValidationScores,
)
from rarecall.task import Task
from rarecall.thresholds import (
    certify,
    conformal_threshold,
    guaranteed_fpr_threshold,
    guaranteed_threshold,
    threshold_between,
)


def scored(n_positives=100, n_negatives=400, distance=4.0, role=CalibrationScores, prefix="cal"):
    rng = np.random.default_rng(0)
    targets = np.repeat([1, 0], [n_positives, n_negatives])
    scores = rng.normal(distance * targets)
    return role(scores, targets, np.array([f"{prefix}-{at}" for at in range(len(targets))]))


DATA = scored()


def test_a_promised_tpr_is_the_guaranteed_threshold():
    certificate = certify(DATA, tpr=0.95, confidence=0.9, model="m", score_name="risk")
    choice = guaranteed_threshold(DATA, tpr=0.95, confidence=0.9)
    (promise,) = certificate.promises
    assert certificate.threshold == choice.value
    assert certificate.statement == choice.statement
    assert certificate.guaranteed
    assert (promise.rate, promise.bound, promise.confidence) == ("tpr", 0.95, 0.9)
    assert (promise.n, promise.needed, promise.rank) == (100, choice.needed, choice.rank)
    assert (promise.unit, promise.kind) == ("row", "guaranteed")
    assert (certificate.model_fingerprint, certificate.score_name) == ("m", "risk")
    assert certificate.data_fingerprint == DATA.fingerprint
    assert certificate.prevalence == 0.2
    assert certificate.rarecall == rarecall.__version__
    assert datetime.fromisoformat(certificate.created).utcoffset().total_seconds() == 0


def test_a_promised_fpr_is_the_guaranteed_fpr_threshold():
    certificate = certify(DATA, fpr=0.05)
    choice = guaranteed_fpr_threshold(DATA, fpr=0.05)
    assert certificate.threshold == choice.value
    assert certificate.promise("tpr") is None
    assert certificate.promise("fpr").n == 400
    assert certificate.promise("fpr").kind == "guaranteed"


def test_both_bounds_are_promised_together():
    certificate = certify(DATA, tpr=0.9, fpr=0.1)
    both = threshold_between(DATA, tpr=0.9, fpr=0.1)
    assert certificate.threshold == both.value
    assert [promise.rate for promise in certificate.promises] == ["tpr", "fpr"]
    assert {promise.confidence for promise in certificate.promises} == {0.95}
    assert certificate.statement == both.statement


def test_both_bounds_that_nothing_satisfies_give_no_certificate():
    with pytest.raises(DataError, match="No threshold satisfies both"):
        certify(scored(distance=1.0), tpr=0.95, fpr=0.05)


def test_an_average_is_promised_as_an_average():
    certificate = certify(DATA, tpr=0.95, kind="average")
    assert certificate.threshold == conformal_threshold(DATA, tpr=0.95).value
    assert certificate.promises[0].kind == "average"
    assert certificate.promises[0].confidence is None
    assert not certificate.guaranteed
    assert "confidence" not in certificate.statement
    assert certify(scored(18), tpr=0.95, kind="average").promises[0].kind == "none"


def test_too_few_samples_promise_nothing_and_say_what_it_takes():
    for certificate in (certify(scored(58), tpr=0.95), certify(scored(58, 20), fpr=0.05)):
        assert certificate.promises[0].kind == "none"
        assert certificate.promises[0].needed == 59
        assert not certificate.guaranteed
        assert "no guarantee" in certificate.statement


def test_the_assumptions_name_time_and_groups_where_they_matter():
    plain = certify(DATA, tpr=0.95)
    assert len(plain.assumptions) == 1
    assert "exchangeable" in plain.assumptions[0]
    assert any(
        "No drift assumed" in one for one in certify(DATA, tpr=0.95, time_split=True).assumptions
    )
    north = certify(DATA, tpr=0.95, subgroup="site north")
    assert "about site north alone" in north.assumptions[-1]
    groups = np.arange(500).astype(str)
    grouped = CalibrationScores(DATA.scores, DATA.targets, DATA.ids, groups)
    certificate = certify(grouped, tpr=0.95)
    assert certificate.promises[0].unit == "group"
    assert any("any of its rows" in one for one in certificate.assumptions)


def test_the_reference_holds_all_scores_of_a_small_part():
    reference = certify(DATA, tpr=0.95).reference
    assert (reference["n"], reference["positives"]) == (500, 100)
    assert reference["scores"] == np.sort(DATA.scores).tolist()
    assert reference["positive_scores"] == np.sort(DATA.scores[DATA.targets == 1]).tolist()


def test_the_reference_of_a_large_part_is_its_quantiles():
    data = scored(2000, 30_000)
    reference = certify(data, tpr=0.95).reference
    assert reference["n"] == 32_000
    assert len(reference["scores"]) == 2001
    # 2000 positives are kept exactly, 2001 would not be.
    assert reference["positive_scores"] == np.sort(data.scores[:2000]).tolist()
    kept = np.array(reference["scores"])
    assert np.isin(kept, data.scores).all()
    assert (kept[0], kept[-1]) == (data.scores.min(), data.scores.max())
    shares = np.searchsorted(np.sort(data.scores), kept, "right") / 32_000
    assert np.abs(shares - np.linspace(0, 1, 2001)).max() <= 1 / 2000


@pytest.mark.parametrize("role", [TrainScores, ValidationScores, TestScores])
def test_another_role_is_refused(role):
    with pytest.raises(TypeError, match=f"certificate needs CalibrationScores.*{role.__name__}"):
        certify(scored(role=role), tpr=0.95)


def test_samples_that_were_used_before_are_refused_and_some_are_named():
    seen = scored(role=ValidationScores)
    part = np.array(["x-1", "cal-7", "cal-3"])
    few = TrainScores(np.arange(3.0), np.array([0, 1, 0]), part)
    many = DATA.ids[:40]
    for used, said in (
        (seen, "500 of the 500"),
        (seen.fingerprint, "All of the 500"),
        (few, "2 of the 500 .*'cal-3', 'cal-7'"),
        (part, "2 of the 500"),
        (part.tolist(), "2 of the 500"),
        (pd.Series(part), "2 of the 500"),
        (many, r"40 of the 500 .*such as 'cal-0', 'cal-1', 'cal-10'\."),
    ):
        with pytest.raises(DataError, match=said):
            certify(DATA, tpr=0.95, used_before=[np.array(["y"]), used])
    with pytest.raises(DataError, match="used before"):
        certify(DATA, tpr=0.95, used_before=seen)
    task = TaskScores(seen.scores, seen.targets, seen.ids, None, Role.TRAIN, Task("binary", 2))
    with pytest.raises(DataError, match="500 of the 500"):
        certify(DATA, tpr=0.95, used_before=[task])


def test_a_group_that_training_has_seen_is_refused_although_its_rows_are_new():
    groups = np.array([f"patient-{at}" for at in range(500)])
    data = CalibrationScores(DATA.scores, DATA.targets, DATA.ids, groups)
    seen = TrainScores(
        np.zeros(2), np.array([0, 1]), np.array(["x", "y"]), np.array(["patient-9", "other"])
    )
    with pytest.raises(DataError, match=r"1 of the 500 calibration groups .*'patient-9'"):
        certify(data, tpr=0.95, used_before=[seen])


def test_other_samples_are_no_hindrance_and_the_certificate_says_what_was_compared():
    other = scored(role=TrainScores, prefix="train")
    certificate = certify(DATA, tpr=0.95, used_before=[other, other.fingerprint, other.ids[:7]])
    assert "None of the 507 sample ids" in certificate.assumptions[-1]


def test_a_text_that_is_no_fingerprint_is_refused_since_it_would_never_match():
    with pytest.raises(ConfigurationError, match="'cal-1' is none"):
        certify(DATA, tpr=0.95, used_before=["cal-1", "cal-2"])


def test_repeated_ids_are_refused_unless_groups_tell_who_belongs_together():
    ids = DATA.ids.copy()
    ids[1] = ids[0]
    with pytest.raises(DataError, match="Ids repeat"):
        certify(CalibrationScores(DATA.scores, DATA.targets, ids), tpr=0.95)
    assert certify(CalibrationScores(DATA.scores, DATA.targets, ids, ids), tpr=0.95).guaranteed


def test_weights_and_scores_that_cannot_be_ranked_are_refused():
    weighted = CalibrationScores(DATA.scores, DATA.targets, DATA.ids, None, np.ones(500))
    with pytest.raises(DataError, match="weighted"):
        certify(weighted, tpr=0.95)
    broken = CalibrationScores(np.full(500, np.nan), DATA.targets, DATA.ids)
    with pytest.raises(MetricError, match="finite"):
        certify(broken, tpr=0.95)
    one_class = CalibrationScores(DATA.scores, np.ones(500), DATA.ids)
    with pytest.raises(MetricError, match="both classes"):
        certify(one_class, tpr=0.95)


def test_a_promise_of_nothing_or_of_the_impossible_is_refused():
    for wrong in (
        {},
        {"tpr": 1.0},
        {"tpr": 95},
        {"fpr": 0.0},
        {"tpr": 0.9, "confidence": 1.0},
        {"tpr": 0.9, "kind": "sure"},
        {"fpr": 0.1, "kind": "average"},
        {"tpr": 0.9, "fpr": 0.1, "kind": "average"},
    ):
        with pytest.raises(ConfigurationError):
            certify(DATA, **wrong)
