"""What names the samples behind scores, and the weights that they may carry."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.roles import CalibrationScores, Role, TaskScores, TestScores, ValidationScores
from rarecall.task import Task

SCORES, TARGETS = np.array([0.1, 0.9, 0.4]), np.array([0, 1, 0])
IDS, GROUPS = np.array(["a", "b", "c"]), np.array(["g", "g", "h"])


def test_the_fingerprint_names_the_samples_whatever_their_order_scores_and_role():
    one = CalibrationScores(SCORES, TARGETS, IDS, GROUPS)
    order = np.array([2, 0, 1])
    other = TestScores(-SCORES[order], TARGETS[order], IDS[order], GROUPS[order])
    assert one.fingerprint == other.fingerprint
    assert len(one.fingerprint) == 64


@pytest.mark.parametrize(
    "parts",
    [
        (np.array([1, 1, 0]), IDS, GROUPS),
        (TARGETS, np.array(["a", "b", "d"]), GROUPS),
        (TARGETS, IDS, np.array(["g", "h", "h"])),
        (TARGETS, IDS, None),
        (TARGETS[[1, 0, 2]], IDS, GROUPS),
    ],
    ids=["target", "id", "group", "no groups", "swapped targets"],
)
def test_other_samples_have_another_fingerprint(parts):
    assert (
        TestScores(SCORES, *parts).fingerprint
        != TestScores(SCORES, TARGETS, IDS, GROUPS).fingerprint
    )


def test_separators_in_ids_cannot_make_two_sets_look_alike():
    one = TestScores(SCORES[:2], TARGETS[:2], np.array(['a", "b', "c"]))
    two = TestScores(SCORES[:2], TARGETS[:2], np.array(["a", 'b", "c']))
    assert one.fingerprint != two.fingerprint


def test_ids_that_are_objects_numbers_or_unicode_are_read_as_text():
    text = TestScores(SCORES, TARGETS, np.array(["1", "2", "3"])).fingerprint
    assert TestScores(SCORES, TARGETS, np.array([1, 2, 3])).fingerprint == text
    assert TestScores(SCORES, TARGETS, np.array([1, "2", 3], dtype=object)).fingerprint == text
    assert TestScores(SCORES, TARGETS, np.array(["é", "\ud800", "😀"])).fingerprint != text


def test_weights_are_checked_and_kept_by_the_mean_of_members():
    weighted = ValidationScores(SCORES, TARGETS, IDS, weights=np.array([1, 0, 2]))
    assert weighted.weights.dtype == np.float64
    assert ValidationScores.mean([weighted, weighted]).weights.tolist() == [1, 0, 2]
    assert ValidationScores(SCORES, TARGETS, IDS).weights is None
    for bad in ([1, -1, 1], [1, np.nan, 1], [1, np.inf, 1]):
        with pytest.raises(ValueError, match="finite and at least 0"):
            ValidationScores(SCORES, TARGETS, IDS, weights=np.array(bad))
    with pytest.raises(ValueError, match="weights"):
        ValidationScores(SCORES, TARGETS, IDS, weights=np.ones(2))


def test_weighted_rows_have_no_weight_as_a_group():
    with pytest.raises(ValueError, match="what a group weighs"):
        TestScores(SCORES, TARGETS, IDS, GROUPS, np.ones(3)).by_group()


def test_a_view_of_task_scores_has_the_fingerprint_of_its_samples():
    task = Task("binary", 2)
    whole = TaskScores(SCORES, TARGETS, IDS, GROUPS, Role.CALIBRATION, task)
    assert whole.view(1).fingerprint == CalibrationScores(SCORES, TARGETS, IDS, GROUPS).fingerprint
