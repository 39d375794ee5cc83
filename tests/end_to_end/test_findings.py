"""A whole comparison, and whether what it states follows from what it stored."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from rarecall.data import Split, load
from rarecall.files import read_json
from rarecall.metrics import fpr_at_tpr, selection_measure
from rarecall.roles import CalibrationScores, Role
from rarecall.thresholds import guaranteed_threshold

ALL = ["bce", "bce+rankreg", "vs+alm", "boosted trees"]


@pytest.fixture(scope="module")
def methods(run):
    return {method["name"]: method for method in run.results["methods"]}


def stored(run, method):
    return np.load(run.folder / method["scores"])


def test_the_folder_holds_all_that_was_promised(run):
    for name in (
        "config.yaml", "environment.json", "data.json", "split.csv", "preprocessing.json",
        "log.jsonl", "status.json", "results.json", "report.html", "model/manifest.json",
        "units/vs_alm/trial-001/result.json", "units/bce/seed-1/weights.safetensors",
        "units/bce/seed-1/history.jsonl", "units/bce/seed-1/scores.npz", "scores/bce_rankreg.npz",
    ):  # fmt: skip
        assert (run.folder / name).is_file(), name
    assert not list(run.folder.rglob("checkpoint*"))
    assert read_json(run.folder / "status.json")["state"] == "finished"
    assert read_json(run.folder / "results.json") == run.results


def test_results_are_plain_json(run):
    json.dumps(run.results, allow_nan=False)
    assert [method["name"] for method in run.results["methods"]] == ALL


def test_every_line_of_the_log_is_json(run):
    lines = (run.folder / "log.jsonl").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events.count("UnitEnded") == 4 * (2 + 2)
    assert "EpochEnded" in events


def test_an_ensemble_is_the_mean_of_its_seeds(run, methods):
    for name, folder in (("bce", "bce"), ("vs+alm", "vs_alm"), ("boosted trees", "boosted-trees")):
        seeds = [np.load(run.folder / f"units/{folder}/seed-{k}/scores.npz") for k in range(2)]
        whole = stored(run, methods[name])
        for role in ("validation", "calibration", "test"):
            mean = np.mean([seed[f"{role}_scores"] for seed in seeds], axis=0)
            np.testing.assert_array_equal(whole[f"{role}_scores"], mean)


def test_seeds_differ(run):
    scores = [np.load(run.folder / f"units/bce/seed-{k}/scores.npz") for k in range(2)]
    assert not np.allclose(scores[0]["test_scores"], scores[1]["test_scores"])


def test_all_methods_scored_the_same_samples_by_the_stored_split(run, methods, table):
    samples = load(table, target="label", critical="fraud", drop=["account"])
    split = Split.load(run.folder / "split.csv", samples)
    for method in methods.values():
        scores = stored(run, method)
        for role in (Role.VALIDATION, Role.CALIBRATION, Role.TEST):
            part = samples.take(split.positions[role])
            np.testing.assert_array_equal(scores[f"{role}_ids"], part.ids)
            np.testing.assert_array_equal(scores[f"{role}_targets"], part.targets)


def test_the_winner_is_the_best_network_on_validation(run, methods):
    targets = stored(run, methods["bce"])["validation_targets"]
    measure = selection_measure(int(targets.sum()), 0.9)
    values = {
        name: measure(stored(run, methods[name])["validation_scores"], targets) for name in ALL[:3]
    }
    assert run.winner == max(values, key=lambda name: values[name])
    for name, value in values.items():
        assert methods[name]["validation"]["selection"] == value


def test_stated_rates_are_those_of_the_stored_test_scores(run, methods):
    for method in methods.values():
        scores = stored(run, method)
        for level, item in method["test"]["fpr"].items():
            value = fpr_at_tpr(scores["test_scores"], scores["test_targets"], float(level))
            assert item["value"] == value
            assert item["low"] <= value <= item["high"]
    assert set(methods["bce"]["test"]["fpr"]) == {"0.9", "0.95", "0.98"}


def test_the_threshold_is_the_winners_own_from_calibration(run, methods):
    scores = stored(run, methods[run.winner])
    choice = guaranteed_threshold(
        CalibrationScores(
            scores["calibration_scores"], scores["calibration_targets"], scores["calibration_ids"]
        ),
        tpr=0.9,
    )
    found = run.results["threshold"]
    assert found["value"] == choice.value
    assert found["guaranteed"] == choice.guaranteed
    flagged = scores["test_scores"] >= found["value"]
    assert found["test"]["misses"] == int((~flagged & (scores["test_targets"] == 1)).sum())


def test_every_method_had_the_same_budget(methods):
    networks = [methods[name] for name in ALL[:3]]
    assert {method["trials"] for method in methods.values()} == {2}
    assert len({method["cost"]["steps"] for method in networks}) == 1
    # A replaying method begins with an empty buffer: never more rows than the others.
    most = methods["bce"]["cost"]["rows"]
    assert most == 2 * 24 * 64
    assert all(method["cost"]["rows"] <= most for method in networks)


def test_all_but_the_baseline_are_compared_with_it(methods):
    assert methods["bce"]["difference"] is None
    for name in ALL[1:]:
        found = methods[name]["difference"]
        spans = found["low"] <= 0 <= found["high"]
        if spans or found["p_adjusted"] > 0.05:
            assert found["verdict"] == "no difference shown"
            assert "no difference shown" in found["words"]
        else:
            assert found["verdict"] in ("lower", "higher")
        assert found["p_adjusted"] >= found["p_value"]


def test_trees_are_a_reference_and_never_delivered(run, methods):
    assert [name for name, method in methods.items() if method["reference"]] == ["boosted trees"]
    assert run.winner != "boosted trees"


def test_the_terminal_table_names_every_method(run):
    console = Console(file=io.StringIO(), width=120)
    console.print(run.table())
    text = console.file.getvalue()
    for word in ("bce", "rankreg", "alm", "boosted"):
        assert word in text


def test_the_delivered_model_scores_as_the_winner_did(run, methods, table):
    model = run.model()
    samples = load(table, target="label", critical="fraud", drop=["account"])
    split = Split.load(run.folder / "split.csv", samples)
    part = samples.take(split.positions[Role.TEST])
    stored_scores = stored(run, methods[run.winner])["test_scores"]
    np.testing.assert_allclose(model.score(part), stored_scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        model.flag(part), stored_scores >= run.results["threshold"]["value"]
    )
    assert model.threshold == run.results["threshold"]["value"]


def test_a_method_that_replays_says_that_it_saw_fewer_new_rows_than_its_control(methods):
    (remark,) = [r for r in methods["bce+rankreg"]["remarks"] if "fewer new rows than bce" in r]
    assert "a difference may come from that" in remark
    assert not any("fewer new rows" in r for r in methods["vs+alm"]["remarks"])
