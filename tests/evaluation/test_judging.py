"""Findings from scores: who wins, what is shown, what is not."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.evaluation import judging
from rarecall.metrics import selection_measure
from rarecall.roles import CalibrationScores, TestScores, ValidationScores
from rarecall.thresholds import guaranteed_threshold


def scores(kind, separation, *, positives=100, negatives=400, seed=0):
    targets = np.repeat([1, 0], [positives, negatives])
    noise = np.random.default_rng(seed).normal(size=len(targets))
    ids = np.arange(len(targets)).astype(str)
    return kind(noise + separation * targets, targets, ids)


def test_the_winner_is_best_on_validation():
    ensembles = {
        "bce": scores(ValidationScores, 1.0),
        "vs": scores(ValidationScores, 3.0),
        "a-fl": scores(ValidationScores, 2.0),
    }
    winner, values = judging.choose_winner(ensembles, selection_measure(100, 0.95))
    assert winner == "vs"
    assert values["vs"] > values["a-fl"] > values["bce"]


def test_the_first_of_equals_wins():
    same = scores(ValidationScores, 1.0)
    assert judging.choose_winner({"b": same, "a": same}, selection_measure(100, 0.9))[0] == "b"


def test_a_reference_that_is_better_is_said_so_plainly():
    measure = selection_measure(100, 0.95)
    values = {"bce": -0.30, "vs": -0.20, "boosted trees": -0.10}
    told = judging.reason("vs", values, {"boosted trees"}, measure)
    assert "best of 2 methods" in told
    assert "boosted trees, is better on validation (0.1000 against 0.2000)" in told
    values["boosted trees"] = -0.25
    assert "better" not in judging.reason("vs", values, {"boosted trees"}, measure)
    assert "only method" in judging.reason("vs", {"vs": -0.2}, set(), measure)


@pytest.mark.parametrize("kind", [TestScores, CalibrationScores])
def test_a_winner_cannot_be_chosen_on_another_role(kind):
    with pytest.raises(TypeError, match="ValidationScores"):
        judging.choose_winner({"bce": scores(kind, 1.0)}, selection_measure(100, 0.9))


def test_a_clear_difference_is_called_by_its_direction():
    test = {
        "bce": scores(TestScores, 1.5),
        "better": scores(TestScores, 4.0, seed=1),
        "worse": scores(TestScores, 0.0, seed=2),
    }
    found = judging.differences(test, "bce", 0.9, confidence=0.95, seed=0)
    assert set(found) == {"better", "worse"}
    assert found["better"]["verdict"] == "lower"
    assert found["better"]["high"] < 0
    assert found["worse"]["verdict"] == "higher"
    assert "fewer" in found["better"]["words"]
    assert "more" in found["worse"]["words"]


def test_equal_models_show_no_difference_and_the_words_say_so():
    same = scores(TestScores, 1.0)
    found = judging.differences({"bce": same, "vs": same}, "bce", 0.9, confidence=0.95, seed=0)
    assert found["vs"]["verdict"] == "no difference shown"
    assert "no difference shown" in found["vs"]["words"]
    assert found["vs"]["p_adjusted"] == 1.0


def test_a_difference_that_holm_takes_back_is_not_shown(monkeypatch):
    class Found:
        difference, low, high, p_value = -0.05, -0.09, -0.01, 0.03

    monkeypatch.setattr(judging, "paired_difference", lambda *a, **k: Found())
    one = scores(TestScores, 1.0)
    alone = judging.differences({"bce": one, "a": one}, "bce", 0.9, confidence=0.95, seed=0)
    assert alone["a"]["verdict"] == "lower"
    both = judging.differences(
        {"bce": one, "a": one, "b": one}, "bce", 0.9, confidence=0.95, seed=0
    )
    assert both["a"]["p_adjusted"] == pytest.approx(0.06)
    assert both["a"]["verdict"] == "no difference shown"


def test_measures_carry_their_intervals():
    found = judging.test_measures(scores(TestScores, 2.0), (0.9, 0.95), confidence=0.95)
    for level in ("0.9", "0.95"):
        item = found["fpr"][level]
        assert 0 <= item["low"] <= item["value"] <= item["high"] <= 1
    assert found["auc"]["low"] < found["auc"]["value"] < found["auc"]["high"]


def test_spread_over_one_seed_has_no_deviation():
    one = judging.seed_measures(scores(TestScores, 2.0), (0.9,))
    two = judging.seed_measures(scores(TestScores, 2.0, seed=1), (0.9,))
    assert judging.seed_spread([one], (0.9,))["auc"]["sd"] is None
    spread = judging.seed_spread([one, two], (0.9,))
    assert spread["auc"]["mean"] == pytest.approx((one["auc"] + two["auc"]) / 2)
    assert spread["auc"]["sd"] == pytest.approx(abs(one["auc"] - two["auc"]) / 2**0.5)


def test_threshold_counts_agree_with_a_plain_count():
    choice = guaranteed_threshold(scores(CalibrationScores, 2.0, seed=5), tpr=0.9)
    test = scores(TestScores, 2.0, seed=6)
    found = judging.threshold_on_test(choice, test)
    flagged = test.scores >= choice.value
    assert found["misses"] == int((~flagged & (test.targets == 1)).sum())
    assert found["false_alarms"] == int((flagged & (test.targets == 0)).sum())
    assert found["positives"] + found["negatives"] == 500
    assert found["tpr"]["low"] <= found["tpr"]["value"] <= found["tpr"]["high"]


def test_a_threshold_certified_by_group_is_measured_by_group():
    groups = np.array([f"g{i // 5}" for i in range(500)])

    def grouped(role, seed):
        plain = scores(role, 2.0, seed=seed)
        return role(plain.scores, plain.targets, plain.ids, groups)

    choice = guaranteed_threshold(grouped(CalibrationScores, 5), tpr=0.9)
    test = grouped(TestScores, 6)
    found = judging.threshold_on_test(choice, test)
    critical = {g for g, t in zip(groups, test.targets, strict=True) if t == 1}
    flagged = {g for g, s in zip(groups, test.scores, strict=True) if s >= choice.value}
    assert found["positives"] == len(critical)
    assert found["misses"] == len(critical - flagged)
    assert found["false_alarms"] == len(flagged - critical)
    assert found["negatives"] == 100 - len(critical)
