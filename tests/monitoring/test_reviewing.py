"""A certificate held against new samples: which cases count, and what is said beside the check."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rarecall.errors import DataError, MetricError
from rarecall.monitoring import check_drift, check_promise, review
from rarecall.monitoring.reviewing import confirmed_cases
from rarecall.roles import CalibrationScores
from rarecall.thresholds import certify


def made(n=1500, seed=0, groups=False):
    rng = np.random.default_rng(seed)
    targets = (rng.random(n) < 0.2).astype(int)
    names = np.array([f"g{k // 3}" for k in range(n)])
    return CalibrationScores(
        rng.normal(3 * targets), targets, np.arange(n).astype(str), names if groups else None
    )


def test_unlabelled_samples_are_checked_for_drift_alone():
    held = certify(made(), tpr=0.9)
    new = made(seed=1).scores
    found = review(held, new)
    assert found.drift == check_drift(new, held.reference, threshold=held.threshold)
    assert (found.promises, found.notes, found.broken) == ((), (), False)


def test_confirmed_critical_cases_are_checked_in_their_order():
    held, new = certify(made(), tpr=0.9), made(seed=1)
    labels = np.where(np.arange(1500) % 2, new.targets, np.nan)
    found = review(held, new.scores, labels)
    cases = [s for s, label in zip(new.scores, labels, strict=True) if label == 1]
    assert found.promises == (check_promise(cases, tpr=0.9, threshold=held.threshold),)
    assert found.promises[0].verdict == "stands"
    assert found.notes == ()


def test_both_promises_share_the_error():
    held, new = certify(made(), tpr=0.9, fpr=0.3), made(seed=1)
    found = review(held, new.scores, new.targets, alpha=0.1)
    assert [(check.rate, check.alpha) for check in found.promises] == [("tpr", 0.05), ("fpr", 0.05)]
    assert found.promises[1].n == (new.targets == 0).sum()
    assert not found.broken


def test_a_model_that_fails_is_found_to_break_its_promise():
    held, new = certify(made(), tpr=0.9), made(seed=1)
    found = review(held, new.scores - 2 * new.targets, new.targets)
    assert found.broken
    assert "broken" in found.promises[0].statement
    assert "unlucky calibration part" in found.notes[0]


def test_labels_of_flagged_rows_alone_are_noticed():
    held, new = certify(made(), tpr=0.9), made(seed=1)
    flagged = new.scores >= held.threshold
    found = review(held, new.scores, np.where(flagged, new.targets, np.nan))
    assert found.promises[0].value == 1.0
    assert "no miss can ever be confirmed" in found.notes[0]
    some = review(
        held, new.scores, np.where(flagged | (np.arange(1500) < 300), new.targets, np.nan)
    )
    assert some.notes == ()


def test_a_promise_about_groups_needs_groups_and_counts_them():
    held, new = certify(made(groups=True), tpr=0.9), made(seed=1, groups=True)
    with pytest.raises(DataError, match="--group"):
        review(held, new.scores, new.targets)
    found = review(held, new.scores, new.targets, new.groups)
    assert found.promises[0].n == new.by_group().targets.sum()
    rows = review(certify(made(), tpr=0.9), new.scores, new.targets, new.groups)
    assert rows.promises[0].n == new.targets.sum()
    assert "about rows" in rows.notes[0]


def test_a_group_counts_once_with_its_highest_score_in_the_order_of_its_first_row():
    scores = np.array([1.0, 5, 2, 7, 3, 4])
    groups = np.array(["c", "a", "c", "b", "b", "a"])
    labels = np.array([0.0, np.nan, 1, 0, 0, np.nan])
    assert confirmed_cases(scores, labels, groups, "tpr").tolist() == [2.0]
    assert confirmed_cases(scores, labels, groups, "fpr").tolist() == [7.0]
    labels[1] = 1
    assert confirmed_cases(scores, labels, groups, "tpr").tolist() == [2.0, 5.0]


def test_what_was_promised_on_average_or_not_at_all_is_said():
    new = made(seed=1)
    average = review(certify(made(), tpr=0.9, kind="average"), new.scores, new.targets)
    assert "on average" in average.notes[0]
    few = review(certify(made(n=60), tpr=0.99), new.scores, new.targets)
    assert "never promised" in few.notes[0]


def test_labels_may_be_all_unknown():
    held, new = certify(made(), tpr=0.9), made(seed=1)
    found = review(held, new.scores, np.full(1500, np.nan))
    assert (found.promises[0].n, found.promises[0].verdict) == (0, "undecided")


def test_the_findings_are_plain_values():
    found = review(certify(made(), tpr=0.9), made(seed=1).scores, made(seed=1).targets)
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert stored["format"] == 1
    assert stored["promises"][0]["verdict"] == "stands"


def test_bad_labels_and_shapes_are_refused():
    held, new = certify(made(), tpr=0.9), made(seed=1)
    with pytest.raises(DataError, match="labels must be 1"):
        review(held, new.scores, new.targets * 2)
    with pytest.raises(DataError, match="labels must have shape"):
        review(held, new.scores, new.targets[:3])
    with pytest.raises(MetricError, match="finite"):
        review(held, np.full(3, np.inf), [1, 0, 1])
    with pytest.raises(DataError, match="groups must have shape"):
        review(certify(made(groups=True), tpr=0.9), new.scores, new.targets, ["a"])
