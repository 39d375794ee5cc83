"""A threshold a subgroup: who gets one, at which confidence, and what is said of the rest."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.roles import CalibrationScores, ValidationScores
from rarecall.thresholds import group_thresholds, guaranteed_threshold, positives_needed


def data_of(counts, n_negatives=30, seed=0, role=CalibrationScores, weights=None):
    """Scores with so many positives a subgroup, and the subgroups."""
    rng = np.random.default_rng(seed)
    by, targets = [], []
    for name, count in counts.items():
        by += [name] * (count + n_negatives)
        targets += [1] * count + [0] * n_negatives
    targets = np.array(targets)
    scores = rng.normal(2.0 * targets)
    return role(scores, targets, np.arange(len(by)).astype(str), None, weights), np.array(by)


def test_every_subgroup_has_the_threshold_of_its_own_samples_at_its_share_of_the_error():
    data, by = data_of({"a": 120, "b": 200, "c": 95})
    found = group_thresholds(data, by, tpr=0.95)
    assert found.each_confidence == pytest.approx(1 - 0.05 / 3)
    assert list(found.choices) == ["a", "b", "c"]
    assert found.guaranteed
    for name, choice in found.choices.items():
        there = by == name
        alone = CalibrationScores(data.scores[there], data.targets[there], data.ids[there])
        own = guaranteed_threshold(alone, tpr=0.95, confidence=found.each_confidence)
        assert choice == own
        assert choice.guaranteed


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 140), min_size=1, max_size=8))
def test_the_largest_subgroups_hold_and_no_further_one_could_join(numbers):
    counts = {f"s{at}": number for at, number in enumerate(numbers)}
    if not sum(numbers):
        return
    data, by = data_of(counts, n_negatives=1)
    found = group_thresholds(data, by, tpr=0.95)
    held, left = set(found.choices), {one.name for one in found.too_few}
    assert held | left == set(counts)
    assert not held & left
    for name in held:
        assert counts[name] >= positives_needed(0.95, found.each_confidence)
        assert all(counts[name] > counts[other] for other in left)
    for one in found.too_few:
        joined = sum(counts[name] >= one.n_positives for name in counts)
        assert one.needed == positives_needed(0.95, 1 - 0.05 / joined)
        assert one.n_positives == counts[one.name] < one.needed


def test_two_equal_subgroups_that_share_too_little_both_stay_out():
    data, by = data_of({"a": 60, "b": 60})
    found = group_thresholds(data, by, tpr=0.95)
    assert not found.choices
    assert not found.guaranteed
    assert [one.needed for one in found.too_few] == [72, 72]
    assert found.statement.startswith("Too few")


def test_the_statement_names_who_holds_and_who_does_not():
    data, by = data_of({"north": 100, "south": 100, "east": 5})
    found = group_thresholds(data, by, tpr=0.95)
    for part in (
        "95% confidence",
        "'north', 'south'",
        "'east' (5; it takes",
        "all of them together",
    ):
        assert part in found.statement
    alone, one = data_of({"north": 100})
    assert "the threshold of 'north'" in group_thresholds(alone, one, tpr=0.95).statement


def test_a_subgroup_without_negatives_can_carry_the_promise():
    data, by = data_of({"a": 100, "b": 100})
    kept = (by == "a") | (data.targets == 1)
    part = CalibrationScores(data.scores[kept], data.targets[kept], data.ids[kept])
    assert set(group_thresholds(part, by[kept], tpr=0.95).choices) == {"a", "b"}


def test_every_sample_gets_the_threshold_of_its_subgroup():
    data, by = data_of({"a": 100, "b": 100, "c": 4})
    found = group_thresholds(data, by, tpr=0.95)
    values = found.thresholds_for(["b", "a", "b"])
    a, b = found.choices["a"].value, found.choices["b"].value
    assert values.tolist() == [b, a, b]
    for unknown in ("c", "aa"):
        with pytest.raises(DataError, match=f"'{unknown}' has no threshold"):
            found.thresholds_for(["a", unknown])
    with pytest.raises(DataError, match="have no subgroup"):
        found.thresholds_for(["a", None])
    assert found.thresholds_for([]).shape == (0,)


def test_patients_are_counted_and_must_lie_in_one_subgroup_each():
    data, by = data_of({"a": 300, "b": 300}, n_negatives=0)
    negatives = CalibrationScores(
        np.append(data.scores, -9.0),
        np.append(data.targets, 0),
        np.arange(601).astype(str),
        np.append(np.arange(600) // 3, 999).astype(str),
    )
    found = group_thresholds(negatives, np.append(by, "a"), tpr=0.95)
    assert {name: choice.n_positives for name, choice in found.choices.items()} == {
        "a": 100,
        "b": 100,
    }
    assert {choice.unit for choice in found.choices.values()} == {"group"}
    mixed = np.append(by, "a")
    mixed[0] = "b"
    with pytest.raises(DataError, match="'0'"):
        group_thresholds(negatives, mixed, tpr=0.95)


def test_numbers_booleans_and_pandas_columns_name_subgroups():
    data, by = data_of({"0": 100, "1": 100})
    numbers = by.astype(int)
    assert set(group_thresholds(data, numbers, tpr=0.95).choices) == {"0", "1"}
    assert set(group_thresholds(data, numbers == 1, tpr=0.95).choices) == {"False", "True"}
    column = pd.Series(by).astype("category")
    assert set(group_thresholds(data, column, tpr=0.95).choices) == {"0", "1"}


@pytest.mark.parametrize("hole", [None, float("nan"), pd.NA, pd.NaT, np.float32("nan")])
def test_a_missing_subgroup_is_an_error(hole):
    data, by = data_of({"a": 100})
    holed = by.astype(object)
    holed[3] = hole
    with pytest.raises(DataError, match="1 samples have no subgroup, the first at position 3"):
        group_thresholds(data, holed, tpr=0.95)


def test_wrong_shapes_roles_weights_and_rates_are_refused():
    data, by = data_of({"a": 100})
    with pytest.raises(DataError, match="shape"):
        group_thresholds(data, by[1:], tpr=0.95)
    with pytest.raises(DataError, match="shape"):
        group_thresholds(data, by[:, None], tpr=0.95)
    with pytest.raises(TypeError, match="CalibrationScores"):
        group_thresholds(data_of({"a": 100}, role=ValidationScores)[0], by, tpr=0.95)
    weighted = CalibrationScores(data.scores, data.targets, data.ids, None, np.ones(len(by)))
    with pytest.raises(DataError, match="weighted"):
        group_thresholds(weighted, by, tpr=0.95)
    for tpr in (0.0, 1.0, 95):
        with pytest.raises(ConfigurationError):
            group_thresholds(data, by, tpr=tpr)
    broken = CalibrationScores(np.full(len(by), np.nan), data.targets, data.ids)
    with pytest.raises(MetricError, match="finite"):
        group_thresholds(broken, by, tpr=0.95)


def test_the_choices_are_plain_json():
    data, by = data_of({"a": 100, "b": 3})
    found = group_thresholds(data, by, tpr=0.95, time_split=True)
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert stored["choices"]["a"]["value"] == found.choices["a"].value
    assert stored["too_few"] == [{"name": "b", "n_positives": 3, "needed": 72}]
    assert "No drift assumed" in stored["assumption"]
