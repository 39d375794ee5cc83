"""Whole comparisons of several classes and several labels, and what they state of themselves."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from rarecall.cli import main
from rarecall.comparison import Delivered, compare
from rarecall.data import Split, load
from rarecall.errors import ConfigurationError, Interrupted, RunError
from rarecall.files import read_json
from rarecall.metrics import (
    accuracy,
    auc,
    error_at_tpr,
    fpr_at_tpr,
    fpr_one_vs_rest,
    holm,
    paired_difference,
)
from rarecall.metrics.several import task_measure
from rarecall.report import write_report
from rarecall.roles import CalibrationScores, Role
from rarecall.task import Task
from rarecall.thresholds import guaranteed_threshold

BUDGET = {
    "tpr": 0.8,
    "seeds": 2,
    "steps": 24,
    "evaluate_every": 8,
    "batch_size": 64,
    "network_options": {"width": 16, "depth": 1},
    "threads": 1,
}
CRITICAL = ("8", "9")
LABELS = ("edema", "fracture", "effusion")


@pytest.fixture(scope="module")
def classes_file(tmp_path_factory):
    rng = np.random.default_rng(0)
    digit = rng.choice([0, 1, 2, 8, 9], size=600, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    centres = rng.normal(size=(10, 4)) * 1.3
    frame = pd.DataFrame(rng.normal(size=(600, 4)) + centres[digit], columns=[*"abcd"])
    frame["digit"] = digit
    path = tmp_path_factory.mktemp("data") / "digits.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def labels_file(tmp_path_factory):
    rng = np.random.default_rng(1)
    has = rng.random((700, 3)) < (0.12, 0.2, 0.3)
    frame = pd.DataFrame(rng.normal(size=(700, 4)), columns=[*"abcd"])
    frame[["a", "b", "c"]] += 1.5 * has
    frame[list(LABELS)] = has.astype(float)
    for name in LABELS:
        frame.loc[rng.random(700) < 0.1, name] = np.nan
    frame.loc[5, "edema"] = 0.6
    path = tmp_path_factory.mktemp("data") / "images.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def multiclass(classes_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "multiclass"
    return compare(
        classes_file, target="digit", critical="8,9", methods="ce,a-fl", tune=1, out=out, **BUDGET
    )


@pytest.fixture(scope="module")
def multilabel(labels_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "multilabel"
    return compare(labels_file, target=LABELS, methods="bce,a-fl", out=out, **BUDGET)


@pytest.fixture(params=["multiclass", "multilabel"])
def either(request):
    return request.getfixturevalue(request.param)


def scores_of(run, name):
    (method,) = [one for one in run.results["methods"] if one["name"] == name]
    return np.load(run.folder / method["scores"])


def view(run, stored, role, number):
    """One class against its negatives, worked out by hand from the stored scores."""
    scores, targets = stored[f"{role}_scores"], stored[f"{role}_targets"]
    if targets.ndim == 2:
        known = (targets[:, number] == 0) | (targets[:, number] == 1)
        return scores[known, number], targets[known, number].astype(int), known
    critical = run.results["task"]["critical"]
    rows = (targets == number) | ~np.isin(targets, critical)
    return scores[rows, number], (targets[rows] == number).astype(int), rows


def printed(run, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(run.table())
    return console.file.getvalue()


# What is stated follows from what is stored -------------------------------------------------------


def test_results_are_plain_json_and_name_the_task(multiclass, multilabel):
    json.dumps(multiclass.results, allow_nan=False)
    json.dumps(multilabel.results, allow_nan=False)
    assert multiclass.results["task"] == {
        "kind": "multiclass",
        "classes": 5,
        "critical": [3, 4],
        "names": ["0", "1", "2", "8", "9"],
    }
    assert [one["name"] for one in multiclass.results["classes"]] == list(CRITICAL)
    assert [one["name"] for one in multilabel.results["classes"]] == list(LABELS)
    assert read_json(multilabel.folder / "results.json") == multilabel.results
    assert multiclass.results["threshold"] is None


def test_the_headline_is_the_mean_over_the_classes(either):
    for place, method in enumerate(either.results["methods"]):
        for level, item in method["test"]["fpr"].items():
            each = [
                one["methods"][place]["test"]["fpr"][level]["value"]
                for one in either.results["classes"]
            ]
            assert item == {"value": pytest.approx(np.mean(each))}


def test_the_rates_of_every_class_are_those_of_the_stored_scores(either):
    for one in either.results["classes"]:
        for method in one["methods"]:
            scores, targets, _ = view(
                either, scores_of(either, method["name"]), "test", one["number"]
            )
            for level, item in method["test"]["fpr"].items():
                assert item["value"] == fpr_at_tpr(scores, targets, float(level))
                assert item["low"] <= item["value"] <= item["high"]
            assert method["test"]["auc"]["value"] == auc(scores, targets)


def test_differences_are_paired_and_adjusted_within_a_class(either):
    base, *others = [one["name"] for one in either.results["methods"]]
    for one in either.results["classes"]:
        records = {method["name"]: method for method in one["methods"]}
        assert records[base]["difference"] is None
        first, targets, _ = view(either, scores_of(either, base), "test", one["number"])
        raw = []
        for name in others:
            scores, _, _ = view(either, scores_of(either, name), "test", one["number"])
            found = paired_difference(scores, first, targets, BUDGET["tpr"])
            assert records[name]["difference"]["value"] == found.difference
            raw.append(found.p_value)
        adjusted = [records[name]["difference"]["p_adjusted"] for name in others]
        assert adjusted == pytest.approx(holm(raw).tolist())
    assert any("not over all" in limit for limit in either.results["limits"])


def test_every_threshold_is_certified_on_that_class_of_calibration(either):
    stored = scores_of(either, either.winner)
    for one in either.results["classes"]:
        scores, targets, rows = view(either, stored, "calibration", one["number"])
        ids = stored["calibration_ids"][rows]
        choice = guaranteed_threshold(CalibrationScores(scores, targets, ids), tpr=BUDGET["tpr"])
        assert one["threshold"]["value"] == choice.value
        assert one["threshold"]["guaranteed"] == choice.guaranteed
        scores, targets, _ = view(either, stored, "test", one["number"])
        flagged = scores >= choice.value
        counted = one["threshold"]["test"]
        assert counted["misses"] == int((~flagged & (targets == 1)).sum())
        assert counted["false_alarms"] == int((flagged & (targets == 0)).sum())
        assert one["parts"]["test"] == {"n": len(targets), "positives": int(targets.sum())}
    assert any("Each holds by itself, not all at once" in text for text in either.results["limits"])


def test_the_winner_is_the_best_network_by_the_mean_on_validation(either):
    task = Task.from_json({k: v for k, v in either.results["task"].items() if k != "names"})
    values = {}
    for method in either.results["methods"]:
        stored = scores_of(either, method["name"])
        measure = task_measure(stored["validation_targets"], task, BUDGET["tpr"])
        value = measure(stored["validation_scores"], stored["validation_targets"])
        assert method["validation"]["selection"] == pytest.approx(value)
        if not method["reference"]:
            values[method["name"]] = value
    assert either.winner == max(values, key=values.get)


def test_multi_class_measures_are_those_of_the_stored_scores(multiclass):
    for place, method in enumerate(multiclass.results["methods"]):
        stored = scores_of(multiclass, method["name"])
        scores, targets = stored["test_scores"], stored["test_targets"]
        assert method["test"]["accuracy"] == accuracy(scores, targets)
        for one in multiclass.results["classes"]:
            record, number = one["methods"][place], one["number"]
            assert set(record["error_at_tpr"]) == {"0.8", "0.9"}
            for level, error in record["error_at_tpr"].items():
                assert error == error_at_tpr(scores, targets, number, float(level))
            assert record["fpr_one_vs_rest"] == fpr_one_vs_rest(scores, targets, number, 0.8)


def test_all_thresholds_together_are_counted(either):
    stored = scores_of(either, either.winner)
    thresholds = {one["number"]: one["threshold"]["value"] for one in either.results["classes"]}
    found = dict.fromkeys(either.results["together"], 0)
    for scores, target in zip(stored["test_scores"], stored["test_targets"], strict=True):
        flags = [scores[number] >= value for number, value in thresholds.items()]
        if stored["test_targets"].ndim == 2:
            critical, harmless = bool((target == 1).any()), bool((target == 0).all())
        else:
            critical = int(target) in thresholds
            harmless = not critical
        found["positives"] += critical
        found["misses"] += critical and not any(flags)
        found["negatives"] += harmless
        found["false_alarms"] += harmless and any(flags)
        found["flagged"] += any(flags)
        found["flagged_for_several"] += sum(flags) > 1
    assert either.results["together"] == found


def test_trees_stand_beside_as_a_reference(either):
    references = [one for one in either.results["methods"] if one["reference"]]
    assert [one["name"] for one in references] == ["boosted trees"]
    scores = scores_of(either, "boosted trees")["test_scores"]
    assert scores.shape[1] == either.results["task"]["classes"]
    assert references[0]["test"]["auc"]["value"] > 0.65


# The delivered model ------------------------------------------------------------------------------


def test_the_delivered_classes_score_flag_and_assign(multiclass, classes_file):
    model = multiclass.model()
    samples = load(classes_file, target="digit", critical=CRITICAL)
    part = samples.take(Split.load(multiclass.folder / "split.csv", samples).positions[Role.TEST])
    stored = scores_of(multiclass, multiclass.winner)["test_scores"]
    np.testing.assert_allclose(model.score(part), stored, rtol=1e-5, atol=1e-6)
    assert model.thresholds == {
        one["name"]: one["threshold"]["value"] for one in multiclass.results["classes"]
    }
    flags = model.flag(part)
    assert flags.shape == (len(part), 2)
    np.testing.assert_array_equal(flags, stored[:, 3:] >= list(model.thresholds.values()))
    assigned = model.assign(part)
    assert set(assigned[~flags.any(axis=1)]) <= {"0", "1", "2"}
    only = flags.sum(axis=1) == 1
    np.testing.assert_array_equal(assigned[only], np.asarray(CRITICAL)[flags[only].argmax(axis=1)])
    share = float(np.mean(assigned == part.labels))
    assert multiclass.results["assignment"]["accuracy"] == pytest.approx(share)
    with pytest.raises(RunError, match="thresholds"):
        _ = model.threshold


def test_the_delivered_labels_score_and_flag(multilabel, labels_file):
    model = multilabel.model()
    samples = load(labels_file, target=LABELS)
    flags = model.flag(samples)
    assert flags.shape == (len(samples), 3)
    assert model.classes == LABELS
    with pytest.raises(RunError, match="multi-class"):
        model.assign(samples)


def test_a_version_that_knows_one_threshold_only_must_not_read_the_model(either):
    assert read_json(either.model_folder / "manifest.json")["format"] > 1
    assert isinstance(Delivered.load(either.model_folder), Delivered)


# Reports ------------------------------------------------------------------------------------------


def test_the_terminal_names_every_method_class_and_threshold(either):
    text = printed(either)
    for method in either.results["methods"]:
        assert method["name"].split()[0] in text
    for one in either.results["classes"]:
        assert one["name"] in text
        assert f"{one['threshold']['value']:.5g}" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "by itself, not all at once" in " ".join(text.split())


def test_the_page_shows_every_class_with_its_curves(either):
    page = either.report.read_text(encoding="utf-8")
    for number, one in enumerate(either.results["classes"]):
        assert f'id="class-{number + 1}"' in page
        assert repr(one["threshold"]["value"]) in page.replace("−", "-")
    assert page.count('<svg class="chart"') == 5 * len(either.results["classes"])
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_report_can_be_written_anew(either):
    before = either.report.read_text(encoding="utf-8")
    either.report.unlink()
    assert write_report(either.folder).read_text(encoding="utf-8") == before


def test_names_from_the_data_are_escaped(tmp_path):
    rng = np.random.default_rng(0)
    names = np.array(["<b>bad</b>", "[red]worse", "fine"])
    kind = rng.choice(3, size=240, p=[0.3, 0.3, 0.4])
    frame = pd.DataFrame({"a": rng.normal(size=240) + kind, "y": names[kind]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = compare(
        tmp_path / "t.csv", target="y", critical=list(names[:2]), methods="ce", trees=False,
        out=tmp_path / "run", **{**BUDGET, "seeds": 1},
    )  # fmt: skip
    assert "<b>bad" not in run.report.read_text(encoding="utf-8")
    assert "[red]worse" in printed(run, 120)


# Other sources, other ways ------------------------------------------------------------------------


def test_an_image_folder_of_classes_is_compared(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(96):
        name = ("oak", "elm", "ash")[k % 3]
        path = tmp_path / "trees" / name / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 120, (8, 8), dtype=np.uint8) + 60 * (k % 3)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    run = compare(
        tmp_path / "trees", critical="elm,ash", methods="ce", out=tmp_path / "run", tpr=0.5,
        seeds=1, steps=4, batch_size=16, threads=1, augment="none",
    )  # fmt: skip
    assert [one["name"] for one in run.results["classes"]] == ["ash", "elm"]
    assert run.report.is_file()


def test_one_critical_class_is_enough(tmp_path):
    run = compare(
        "digits", task="multiclass", critical=9, methods="ce", out=tmp_path / "run",
        **{**BUDGET, "network_options": {}, "seeds": 1, "steps": 6},
    )  # fmt: skip
    (only,) = run.results["classes"]
    assert (only["name"], only["number"]) == ("9", 9)
    assert "not all at once" not in printed(run)
    assert (
        run.results["methods"][0]["test"]["fpr"]["0.8"]["value"]
        == (only["methods"][0]["test"]["fpr"]["0.8"]["value"])
    )


def test_samples_that_are_loaded_already_bring_their_task(labels_file, multilabel, tmp_path):
    samples = load(labels_file, target=LABELS)
    run = compare(samples, methods="bce,a-fl", out=tmp_path / "run", **BUDGET)
    assert run.results["classes"] == multilabel.results["classes"]
    with pytest.raises(ConfigurationError, match="loaded for a multi-label task"):
        compare(samples, task="binary", out=tmp_path / "other", **BUDGET)


def test_groups_are_counted_for_every_class(classes_file, tmp_path):
    frame = pd.read_csv(classes_file)
    frame["patient"] = [f"p{k // 2}" for k in range(len(frame))]
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = compare(
        tmp_path / "t.csv", target="digit", critical="8,9", group="patient", methods="ce",
        trees=False, out=tmp_path / "run", **{**BUDGET, "seeds": 1},
    )  # fmt: skip
    assert {one["threshold"]["unit"] for one in run.results["classes"]} == {"group"}


class StopAfter:
    """Ask to stop from the n-th time it is asked on."""

    def __init__(self, n):
        self.left = n

    def __call__(self):
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("asked", [5, 30, 80])
@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_a_stopped_run_resumes_to_the_same_results(
    request, classes_file, labels_file, comparable, tmp_path, kind, asked
):
    whole = request.getfixturevalue(kind)
    data, options = labels_file, {"target": LABELS, "methods": "bce,a-fl"}
    if kind == "multiclass":
        data = classes_file
        options = {"target": "digit", "critical": "8,9", "methods": "ce,a-fl", "tune": 1}
    out = tmp_path / "run"
    with pytest.raises(Interrupted, match="--resume"):
        compare(data, out=out, should_stop=StopAfter(asked), **options, **BUDGET)
    assert not (out / "results.json").exists()
    resumed = compare(out=out, resume=True)
    assert comparable(resumed.results) == comparable(whole.results)


def test_the_program_takes_several_names_and_writes_the_report_anew(
    classes_file, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "run"
    named = {
        "target": "digit", "critical": "8,9", "tpr": 0.8, "methods": "ce", "seeds": 1, "steps": 6,
        "threads": 1, "out": out,
    }  # fmt: skip
    options = [word for name, value in named.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "rarecall", "compare", str(classes_file), *options, "--no-trees"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "accuracy" in done.stderr
    assert "mean FPR" in done.stderr
    assert "Report:" in done.stdout
    with pytest.raises(SystemExit) as left:
        main(["report", str(out)])
    assert left.value.code == 0
    assert "Report:" in capsys.readouterr().out
    with pytest.raises(SystemExit) as refused:
        main(["compare", str(classes_file), "--critical", "8,9", "--methods", "pauc-1way"])
    assert refused.value.code == 2
    assert "this one is multi-class" in capsys.readouterr().err
