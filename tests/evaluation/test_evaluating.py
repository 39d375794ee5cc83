"""Scores of any model from memory: measured, compared, certified where there is data for it."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from rarecall.errors import ConfigurationError, DataError, MetricError, RunError
from rarecall.evaluation import Evaluation, evaluate
from rarecall.metrics import (
    auc,
    auc_difference,
    auc_interval,
    average_precision,
    fpr_at_tpr,
    fpr_at_tpr_interval,
    holm,
    paired_difference,
)
from rarecall.roles import CalibrationScores
from rarecall.thresholds import Certificate, guaranteed_threshold


def made(n=600, *, seed=0, shift=2.0, share=0.2):
    rng = np.random.default_rng(seed)
    targets = (np.arange(n) < share * n).astype(int)
    return rng.normal(shift * targets), targets


@pytest.fixture(scope="module")
def two():
    scores, targets = made(seed=1)
    return {"new": scores, "old": made(seed=2, shift=1.5)[0]}, targets


def first(found):
    return found.results["methods"][0]


def test_measures_are_those_of_the_library_with_their_intervals(two):
    scores, targets = two
    found = evaluate(scores["new"], targets, tpr=0.9, confidence=0.9)
    test = first(found)["test"]
    assert list(test["fpr"]) == ["0.9", "0.95", "0.98"]
    for level in (0.9, 0.95, 0.98):
        one, interval = test["fpr"][str(level)], fpr_at_tpr_interval(
            scores["new"], targets, level, 0.9
        )  # fmt: skip
        assert one["value"] == fpr_at_tpr(scores["new"], targets, level)
        assert (one["low"], one["high"]) == (interval.low, interval.high)
    interval = auc_interval(scores["new"], targets, 0.9)
    assert test["auc"]["value"] == auc(scores["new"], targets)
    assert (test["auc"]["low"], test["auc"]["high"]) == (interval.low, interval.high)
    assert test["average_precision"]["value"] == average_precision(scores["new"], targets)


def test_arrays_tensors_lists_series_and_frames_give_the_same(two):
    scores, targets = two
    forms = [
        (scores, targets),
        (pd.DataFrame(scores), pd.Series(targets, index=np.arange(600)[::-1])),
        ({name: torch.tensor(part) for name, part in scores.items()}, torch.tensor(targets)),
        ({name: part.tolist() for name, part in scores.items()}, [bool(k) for k in targets]),
        ({name: torch.tensor(part, requires_grad=True) for name, part in scores.items()},
         torch.tensor(targets) == 1),
    ]  # fmt: skip
    found = [evaluate(*form).results["methods"] for form in forms]
    assert all(one == found[0] for one in found[1:])


def test_a_bfloat16_tensor_is_read_as_what_it_holds():
    scores = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.bfloat16)
    assert first(evaluate(scores, [0, 1, 0, 1]))["test"]["auc"]["value"] == 0.75


def test_models_are_compared_with_the_first_unless_another_is_named(two):
    scores, targets = two
    scores = {**scores, "third": made(seed=5, shift=1.0)[0]}
    for baseline in (None, "old"):
        found = evaluate(scores, targets, baseline=baseline)
        base = baseline or "new"
        others = [name for name in scores if name != base]
        pairs = {
            name: paired_difference(scores[name], scores[base], targets, 0.95) for name in others
        }
        areas = {name: auc_difference(scores[name], scores[base], targets) for name in others}
        adjusted = dict(zip(others, holm([p.p_value for p in pairs.values()]), strict=True))
        for method in found.results["methods"]:
            name = method["name"]
            if name == base:
                assert method["difference"] is method["auc_difference"] is None
                continue
            assert method["difference"]["value"] == pairs[name].difference
            assert method["difference"]["p_adjusted"] == adjusted[name]
            assert method["auc_difference"]["value"] == areas[name].difference
            assert method["auc_difference"]["low"] == areas[name].low
        assert found.results["winner"]["name"] == "new"
        assert found.results["question"]["baseline"] == base


def test_one_model_is_evaluated_under_its_own_name():
    scores, targets = made()
    assert first(evaluate(pd.Series(scores, name="xgb"), targets))["name"] == "xgb"
    assert first(evaluate(scores, targets))["name"] == "score"
    assert "only model" in evaluate(scores, targets).results["winner"]["why"]


def test_names_of_models_may_be_those_of_other_columns():
    scores, targets = made()
    found = evaluate(
        {"target": scores, "id": scores + 1, "group": -scores}, targets, groups=np.arange(600) // 2
    )
    assert [m["name"] for m in found.results["methods"]] == ["target", "id", "group"]


def test_without_calibration_data_no_threshold_is_given(two):
    scores, targets = two
    found = evaluate(scores, targets)
    assert found.results["threshold"] is None
    assert found.threshold is None
    assert found.certificate is None
    assert any("nothing is promised" in limit for limit in found.results["limits"])


def test_the_threshold_is_chosen_on_calibration_and_measured_on_test(two):
    scores, targets = two
    there, labels = made(seed=9)
    found = evaluate(scores, targets, tpr=0.9, calibration=(there, labels))
    choice = guaranteed_threshold(
        CalibrationScores(there, labels, np.arange(600).astype(str)), tpr=0.9
    )
    record = found.results["threshold"]
    assert found.threshold == record["value"] == choice.value
    assert record["test"]["misses"] == np.sum(scores["new"][targets == 1] < choice.value)
    assert record["test"]["false_alarms"] == np.sum(scores["new"][targets == 0] >= choice.value)
    assert isinstance(found.certificate, Certificate)
    assert found.certificate.threshold == choice.value
    assert found.certificate.promise("tpr").kind == "guaranteed"
    assert found.certificate.score_name == "new"


def test_few_calibration_positives_promise_nothing_and_say_so(two):
    scores, targets = two
    found = evaluate(scores, targets, calibration=made(n=40, seed=9))
    assert found.results["threshold"]["guaranteed"] is False
    assert found.certificate.promise("tpr").kind == "none"
    assert any("carries no guarantee" in limit for limit in found.results["limits"])


def test_calibration_samples_that_are_measured_on_are_refused(two):
    scores, targets = two
    with pytest.raises(DataError, match="600 rows of scores, calibration have an equal row"):
        evaluate(scores["new"], targets, calibration=(scores["new"], targets))


def test_calibration_scores_of_another_model_are_refused(two):
    scores, targets = two
    other = {"old": made(seed=9)[0], "older": made(seed=8)[0]}
    with pytest.raises(DataError, match=r"chosen for 'new'.*has old, older"):
        evaluate(scores, targets, calibration=(other, targets))
    with pytest.raises(DataError, match="calibration must be"):
        evaluate(scores, targets, calibration=made()[0])


def test_weighted_measures_are_those_of_repeated_rows_and_carry_no_interval(two):
    scores, targets = two
    weights = np.random.default_rng(0).integers(1, 4, 600)
    again = np.repeat(np.arange(600), weights)
    weighted = evaluate(scores, targets, weights=weights, calibration=made(seed=9))
    repeated = evaluate({k: v[again] for k, v in scores.items()}, targets[again])
    for one, two_ in zip(weighted.results["methods"], repeated.results["methods"], strict=True):
        for level, rate in one["test"]["fpr"].items():
            assert rate["value"] == pytest.approx(two_["test"]["fpr"][level]["value"])
            assert rate["low"] is rate["high"] is None
        for measure in ("auc", "average_precision"):
            value = one["test"][measure]["value"]
            assert value == pytest.approx(two_["test"][measure]["value"])
        assert one["difference"] is one["auc_difference"] is None
    assert any("weighted" in limit for limit in weighted.results["limits"])


def test_groups_widen_the_intervals_and_are_what_the_threshold_counts():
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(200), 5)
    targets = (patient < 60).astype(int)
    scores = np.repeat(rng.normal(2.0 * (np.arange(200) < 60)), 5) + rng.normal(0, 0.1, 1000)
    alone = first(evaluate(scores, targets))["test"]["auc"]
    grouped = first(evaluate(scores, targets, groups=patient))["test"]["auc"]
    assert grouped["value"] == alone["value"]
    assert grouped["high"] - grouped["low"] > 1.5 * (alone["high"] - alone["low"])
    found = evaluate(
        scores, targets, groups=patient, calibration=(scores + 0.01, targets, patient + 500)
    )
    assert found.results["threshold"]["unit"] == "group"
    assert found.results["threshold"]["n_positives"] == 60
    shared = evaluate(
        scores, targets, groups=patient, calibration=(scores + 0.01, targets, patient)
    )
    assert any("200 of the groups stand in the calib" in one for one in shared.results["limits"])


def test_what_is_stored_is_what_was_found(two, tmp_path):
    scores, targets = two
    out = tmp_path / "run"
    found = evaluate(
        scores, targets, calibration=made(seed=9), subgroups={"site": ["a", "b"] * 300}, out=out
    )
    assert json.loads((out / "results.json").read_text()) == found.results
    assert found.report == out / "report.html"
    assert Certificate.load(out / "certificate.json") == found.certificate
    for method in found.results["methods"]:
        with np.load(out / method["scores"], allow_pickle=False) as stored:
            np.testing.assert_array_equal(stored["test_scores"], scores[method["name"]])
            np.testing.assert_array_equal(stored["test_targets"], targets)
    html = found.report.read_text()
    assert "<svg" in html
    with pytest.raises(RunError, match="nothing in it is overwritten"):
        evaluate(scores, targets, out=out)


def test_a_document_says_that_it_is_an_evaluation(two):
    results = evaluate(*two).results
    assert (results["kind"], results["format"], results["question"]["seeds"]) == (
        "evaluation",
        1,
        1,
    )
    assert "cost" not in results["methods"][0]
    assert results["data"]["split"]["parts"] == {"test": {"n": 600, "positives": 120}}


def test_the_table_for_the_terminal_can_be_made(two):
    from rich.console import Console

    console = Console(width=120, record=True, file=io.StringIO())
    console.print(evaluate(*two).table())
    text = console.export_text()
    assert "new" in text
    assert "old" in text


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"tpr": 95}, ConfigurationError, "For 95% give 0.95"),
        ({"confidence": 1.0}, ConfigurationError, "confidence"),
        ({"prevalence": 0}, ConfigurationError, "prevalence"),
        ({"cases": -1}, ConfigurationError, "cases"),
        ({"baseline": "odl"}, ConfigurationError, "Did you mean 'old'"),
        ({"groups": np.arange(5)}, DataError, r"'group' has shape \(5,\)"),
        ({"ids": np.zeros(600)}, DataError, "an id of its own"),
        ({"weights": np.zeros(600)}, DataError, "add up to 0"),
        ({"probabilities": True}, DataError, "lie between 0 and 1"),
    ],
)
def test_options_that_cannot_be_used_are_told(two, options, error, told):
    with pytest.raises(error, match=told):
        evaluate(*two, **options)


@pytest.mark.parametrize(
    ("scores", "targets"),
    [
        (np.zeros((4, 2)), [0, 1, 0, 1]),
        ([0.1, np.nan, 0.3, 0.4], [0, 1, 0, 1]),
        ([0.1, 0.2, 0.3], [0, 1, 0, 1]),
        ([0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0]),
        ([0.5] * 4, [0, 1, 0, 1]),
        ([], []),
        ({}, [0, 1]),
    ],
)
def test_scores_that_cannot_be_judged_are_told(scores, targets):
    with pytest.raises((DataError, MetricError, ConfigurationError)):
        evaluate(scores, targets)


def test_one_positive_and_huge_scores_are_measured():
    scores = np.array([1e300, -1e300, 0.0, 5.0, -1e-300])
    found = evaluate(scores, [1, 0, 0, 0, 0], calibration=(scores[::-1] / 2, [0, 0, 0, 0, 1]))
    assert first(found)["test"]["auc"]["value"] == 1.0
    assert any("1 positive" in limit for limit in found.results["limits"])


def test_the_package_loads_its_names_lazily():
    code = (
        "import sys, rarecall.evaluation as e\n"
        "assert not {'pandas', 'torch', 'sklearn', 'numpy'} & set(sys.modules)\n"
        "assert callable(e.evaluate)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert Evaluation.__module__ == "rarecall.evaluation.table_findings"
