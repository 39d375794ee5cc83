"""Reports on scores that were given: no word of training, no section without content."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from rarecall.report import terminal_table, write_report
from rarecall.report.stored import Comparison

TRAINING = ("seed", "steps", "trained on", "tuning", "validation", "winner", "method")


def evaluate(folder, *, models=2, calibration=True, weights=None, **options):
    from rarecall.evaluation import evaluate as evaluated

    rng = np.random.default_rng(0)
    targets = np.repeat([1, 0], [80, 720])
    scores = {f"m{k}": rng.normal(size=800) + (2.4 - 0.5 * k) * targets for k in range(models)}
    if calibration:
        drawn = np.repeat([1, 0], [90, 400])
        options["calibration"] = (rng.normal(size=490) + 2.4 * drawn, drawn)
    evaluated(
        scores,
        targets,
        weights=weights,
        subgroups={"site": np.array(["north", "south"])[np.arange(800) % 2]},
        rows=pd.DataFrame({"age": np.arange(800)}),
        ids=np.array([f"case {k}" for k in range(800)]),
        out=folder,
        **options,
    )
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def text_of(folder):
    html = write_report(folder).read_text(encoding="utf-8")
    body = html.partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("\u00a0", " ").split()), html


def printed(results, width=80):
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(terminal_table(results))
    return out.getvalue()


VARIANTS = {
    "two models": {},
    "one model": {"models": 1},
    "no calibration": {"calibration": False},
    "one model, no calibration": {"models": 1, "calibration": False},
    "weights": {"weights": np.linspace(0.5, 2, 800), "calibration": False},
    "too few for a guarantee": {"tpr": 0.99},
    "no rows": {"cases": 0},
    "prevalence": {"prevalence": 0.01},
}


@pytest.fixture(scope="module", params=VARIANTS)
def evaluation(request, tmp_path_factory):
    """The variant's name, its results, and the text and HTML of its page."""
    folder = tmp_path_factory.mktemp("runs") / "one"
    results = evaluate(folder, **VARIANTS[request.param])
    return request.param, results, *text_of(folder)


def test_nothing_is_said_of_training(evaluation):
    _, results, text, _ = evaluation
    said = text.partition("How it was made")[0].replace("nothing was trained", "")
    # The stored limits may name what the scores must not have been used for.
    assumption = (results["threshold"] or {}).get("assumption", "")
    for limit in (*results["limits"], assumption):
        said = said.replace(limit, "")
    for word in TRAINING:
        assert not re.search(rf"\b{word}", said, flags=re.IGNORECASE), word
    assert "evaluation of" in text


def test_no_section_is_empty_and_every_reference_has_its_target(evaluation):
    _, _, text, html = evaluation
    for section in re.findall(r"<section.*?</section>", html, flags=re.DOTALL):
        inside = re.sub(r"<h2.*?</h2>|<[^>]+>", " ", section, flags=re.DOTALL)
        assert len(inside.split()) >= 8, section[:200]
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)
    assert not re.search(r"\bNone\b(?! of)", text)
    assert "–" not in text


def test_the_threshold_is_delivered_only_with_calibration_data(evaluation):
    _, results, text, _ = evaluation
    missing = "No calibration data was given that a guarantee could rest on: no threshold"
    assert (missing in text) == (results["threshold"] is None)
    assert ("Flag a case when its score is" in text) == (results["threshold"] is not None)
    assert ("A threshold that just reaches TPR" in text) == (results["threshold"] is None)


def test_the_terminal_fits_80_columns(evaluation):
    name, results, _, _ = evaluation
    text = printed(results)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert "time" not in text.splitlines()[1]
    assert "Sorted by validation" not in text
    assert ("95% interval" in text) == (name != "weights")
    assert "cases" in text


def test_one_model_is_compared_with_nothing(tmp_path):
    results = evaluate(tmp_path / "run", models=1)
    text, _ = text_of(tmp_path / "run")
    assert "The measures" in text
    assert "baseline" not in text.lower().partition("how it was made")[0]
    assert "All models" not in text
    assert Comparison.read(results).baseline is None


def test_the_other_models_stand_beside_the_one_in_use(tmp_path):
    results = evaluate(tmp_path / "run", models=3)
    text, _ = text_of(tmp_path / "run")
    found = results["methods"][2]
    value, area = found["difference"], found["auc_difference"]
    if value["verdict"] == "higher":
        assert f"m2 flags {100 * value['value']:.1f} percentage points more" in text
    assert f"{area['value']:+.3f}".replace("-", "−") in text
    assert "AUC against m0" in text
    assert "in use" in text
    order = [method.name for method in Comparison.read(results).methods]
    assert order == ["m0", "m1", "m2"]


def test_a_baseline_may_be_another_model_than_the_one_in_use(tmp_path):
    evaluate(tmp_path / "run", models=2, baseline="m1")
    text, _ = text_of(tmp_path / "run")
    assert "m1 baseline" in text
    assert "m0 in use" in text
    assert "m0 winner" not in text
    assert "Against the baseline m1" in text or "No difference shown to the baseline m1" in text


def test_calibration_samples_alone_are_named_as_what_was_measured(tmp_path):
    from rarecall.data.score_tables import read_score_table
    from rarecall.evaluation.evaluating import Asked, evaluate_table
    from rarecall.roles import Role

    rng = np.random.default_rng(0)
    targets = np.repeat([1, 0], [90, 400])
    frame = pd.DataFrame({"s": rng.normal(size=490) + 3 * targets, "y": targets})
    table = read_score_table(frame, scores=["s"], target="y")
    evaluate_table(table, Asked(), role=Role.CALIBRATION, out=tmp_path / "run")
    text, _ = text_of(tmp_path / "run")
    assert "intervals over calibration cases" in text
    assert "choosing the threshold, and measuring on the same samples" in text
    assert "like those of the calibration part" in text
    assert "On test" not in text
