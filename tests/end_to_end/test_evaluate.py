"""Scores of another library up to a promise, and the same findings of a comparison."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rarecall.cli import main
from rarecall.comparison import compare
from rarecall.data import load
from rarecall.errors import ConfigurationError, DataError
from rarecall.evaluation import evaluate
from rarecall.metrics import rates_at
from rarecall.thresholds import Certificate, guaranteed_threshold

KEYS = {
    "of", "confidence", "prevalence", "alarms", "probability", "decision_curve", "subgroups",
    "misses", "false_alarms", "claims",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Scores of boosted trees and of a linear model for a real table, in files."""
    place = tmp_path_factory.mktemp("scores")
    table = load_breast_cancer(as_frame=True).frame
    table["target"] = 1 - table["target"]
    table["patient"] = [f"p{k}" for k in range(len(table))]
    train, rest = train_test_split(table, test_size=0.7, stratify=table["target"], random_state=0)
    features = [name for name in table.columns if name not in ("target", "patient")]
    boosted = HistGradientBoostingClassifier(max_iter=30, random_state=0)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    for name, model in (("boosted", boosted), ("linear", linear)):
        model.fit(train[features], train["target"])
        rest[name] = model.decision_function(rest[features])
    cal, test = train_test_split(rest, test_size=0.5, stratify=rest["target"], random_state=0)
    for name, part in (("train", train), ("cal", cal), ("test", test)):
        part.to_csv(place / f"{name}.csv", index=False)
    return place


def call(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    printed = capsys.readouterr()
    assert left.value.code == 0, printed.err
    return printed.out


def test_boosted_trees_are_evaluated_certified_and_the_promise_is_that_of_threshold(
    capsys, folder, tmp_path
):
    columns = ["--target", "target", "--id", "patient", "--tpr", "0.9"]
    out = call(
        capsys, "evaluate", folder / "test.csv", "--score", "boosted,linear", *columns,
        "--calibration", folder / "cal.csv", "--subgroups", "mean radius", "--prevalence", "0.01",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert "boosted" in out
    certificate = Certificate.load(tmp_path / "run" / "certificate.json")
    said = call(
        capsys, "threshold", folder / "cal.csv", "--score", "boosted", *columns,
        "--used", folder / "train.csv", "--out", tmp_path / "c.json",
    )  # fmt: skip
    alone = Certificate.load(tmp_path / "c.json")
    assert alone.threshold == certificate.threshold
    assert alone.promises == certificate.promises
    assert alone.statement in said
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert set(found["insights"]) == KEYS
    assert {one["column"] for one in found["insights"]["subgroups"]} == {"mean radius"}
    assert found["threshold"]["test"]["tpr"]["value"] >= 0.85
    html = (tmp_path / "run" / "report.html").read_text()
    assert "boosted" in html
    assert "linear" in html


# The same findings of a comparison ----------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(table, common, tmp_path_factory):
    options = {**common, "methods": "bce,w-bce", "seeds": 1, "trees": False}
    return compare(
        table, out=tmp_path_factory.mktemp("runs") / "use", subgroups=["place", "account"],
        prevalence=0.02, cases=3, **options,
    )  # fmt: skip


def stored(comparison):
    (method,) = [m for m in comparison.results["methods"] if m["name"] == comparison.winner]
    return np.load(comparison.folder / method["scores"])


def test_a_comparison_holds_the_insights_of_its_winner(compared, table):
    found, scores = compared.results["insights"], stored(compared)
    assert set(found) == KEYS
    assert found["of"] == compared.winner
    value = compared.results["threshold"]["value"]
    point = rates_at(scores["test_scores"], scores["test_targets"], value)
    assert (found["alarms"]["tpr"], found["alarms"]["fpr"]) == (point.tpr, point.fpr)
    assert found["alarms"]["real"] == pytest.approx(1000 * 0.02 * point.tpr)
    assert len(found["misses"]) <= 3
    samples = load(table, target="label", critical="fraud", drop=["account"])
    rows = dict(zip(samples.ids.tolist(), range(len(samples)), strict=True))
    for case in found["false_alarms"]:
        at = list(scores["test_ids"]).index(case["id"])
        assert case["score"] == scores["test_scores"][at]
        assert case["margin"] == pytest.approx(case["score"] - value)
        assert set(case["row"]) == set(samples.features.columns)
        assert case["row"]["x0"] == f"{samples.features['x0'].iloc[rows[case['id']]]:.6g}"


def test_subgroups_may_be_features_or_dropped_and_stay_what_they_are(compared, table):
    found = compared.results["insights"]["subgroups"]
    assert [one["value"] for one in found if one["column"] == "place"] == ["south", "north"]
    assert {one["column"] for one in found} == {"place", "account"}
    n = compared.results["data"]["split"]["parts"]["test"]["n"]
    assert sum(one["n"] for one in found if one["column"] == "place") == n
    assert "account" not in compared.results["data"]["columns"]
    assert "place" in compared.results["data"]["columns"]


def test_evaluating_the_stored_scores_finds_the_same(compared):
    scores, results = stored(compared), compared.results
    found = evaluate(
        scores["test_scores"], scores["test_targets"], ids=scores["test_ids"],
        calibration=(scores["calibration_scores"], scores["calibration_targets"]),
        tpr=results["question"]["tpr"], prevalence=0.02,
    )  # fmt: skip
    (method,) = [m for m in results["methods"] if m["name"] == compared.winner]
    mine = found.results["methods"][0]["test"]
    assert {key: mine[key] for key in ("fpr", "auc")} == method["test"]
    assert found.threshold == results["threshold"]["value"]
    for key in ("alarms", "probability", "decision_curve", "claims", "prevalence"):
        assert found.results["insights"][key] == results["insights"][key]


def test_images_are_shown_small_and_every_critical_class_has_its_insights(tmp_path):
    found = compare(
        "digits", critical=["8", "9"], methods="ce", seeds=1, steps=12, threads=1, cases=2,
        out=tmp_path / "run",
    )  # fmt: skip
    assert found.results["insights"] is None
    scores = stored(found)
    for one in found.results["classes"]:
        own = one["insights"]
        assert set(own) == KEYS
        rows = (scores["test_targets"] == one["number"]) | ~np.isin(scores["test_targets"], [8, 9])
        point = rates_at(
            scores["test_scores"][rows, one["number"]],
            (scores["test_targets"][rows] == one["number"]).astype(int),
            one["threshold"]["value"],
        )
        assert own["alarms"]["tpr"] == point.tpr
        for case in own["misses"] + own["false_alarms"]:
            assert case["thumbnail"].startswith("data:image/png;base64,")
            assert case["row"] == {}


def test_no_cases_are_stored_where_none_are_wanted(table, budget, tmp_path):
    options = {**budget, "methods": "bce", "seeds": 1, "steps": 8, "trees": False, "cases": 0}
    found = compare(table, out=tmp_path / "run", **options)
    assert found.results["insights"]["misses"] == found.results["insights"]["false_alarms"] == []


def test_mistakes_are_told_before_training(table, budget, tmp_path):
    with pytest.raises(DataError, match=r"subgroup column 'palce' is not in.*Did you mean 'place'"):
        compare(table, out=tmp_path / "a", subgroups="palce", **budget)
    with pytest.raises(ConfigurationError, match=r"prevalence: must be less than 1.*rates lie"):
        compare(table, out=tmp_path / "b", prevalence=2.0, **budget)
    with pytest.raises(ConfigurationError, match="share of one critical class"):
        compare("digits", critical="8,9", prevalence=0.1, out=tmp_path / "c")
    assert not list(tmp_path.iterdir())


def test_the_threshold_is_the_one_that_the_calibration_scores_give(compared):
    from rarecall.roles import CalibrationScores

    scores = stored(compared)
    choice = guaranteed_threshold(
        CalibrationScores(
            scores["calibration_scores"], scores["calibration_targets"], scores["calibration_ids"]
        ),
        tpr=0.9,
    )
    assert compared.results["threshold"]["value"] == choice.value
