"""What validation chooses by."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from rarecall.errors import ConfigurationError
from rarecall.metrics import auc, selection_measure, smoothed_fpr


@pytest.mark.parametrize(
    ("tpr", "enough"), [(0.9, 50), (0.95, 100), (0.98, 250), (0.5, 10), (0.99, 500)]
)
def test_five_positives_to_miss_are_where_the_tail_takes_over(tpr, enough):
    assert selection_measure(enough, tpr).smoothed
    assert not selection_measure(enough - 1, tpr).smoothed
    assert f"{enough} critical samples would be enough" in selection_measure(5, tpr).message


def test_the_tail_measure_says_nothing_more():
    measure = selection_measure(200, 0.95)
    assert measure.message is None
    assert measure.name == "smoothed FPR at TPR 95%"


def test_three_positives_do_not_steer_without_saying_so():
    measure = selection_measure(3, 0.95)
    assert measure.name == "AUC"
    assert "Validation holds 3 critical samples" in measure.message
    assert "chosen by AUC instead" in measure.message


def test_at_full_recall_the_reason_names_the_single_sample():
    assert "single lowest critical sample" in selection_measure(10_000, 1.0).message


def test_higher_is_better_for_both_measures():
    rng = np.random.default_rng(0)
    targets = np.repeat([1, 0], [100, 400])
    good, bad = rng.normal(3 * targets), rng.normal(targets)
    tail, whole = selection_measure(100, 0.95), selection_measure(10, 0.95)
    assert tail(good, targets) == -smoothed_fpr(good, targets, 0.95) > tail(bad, targets)
    assert whole(good, targets) == auc(good, targets) > whole(bad, targets)


def test_the_measure_travels_between_processes():
    measure = selection_measure(12, 0.9)
    assert pickle.loads(pickle.dumps(measure)) == measure


def test_an_impossible_target_is_refused():
    with pytest.raises(ConfigurationError, match="For 95% give"):
        selection_measure(100, 95)
