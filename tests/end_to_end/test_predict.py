"""From data to decisions on new rows: the run, its model, predictions, card and export."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rarecall.cli import main
from rarecall.comparison import compare
from rarecall.delivery import Delivered
from rarecall.delivery.writing import sha256
from rarecall.errors import RunError
from rarecall.thresholds import Certificate


@pytest.fixture
def say(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words, code=0):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        assert left.value.code == code, printed.err
        assert "Traceback" not in printed.err
        return printed.out + printed.err

    return call


@pytest.fixture(scope="module")
def ensemble(table, common, tmp_path_factory):
    """Three members a seed and three seeds: means whose last bits hang on how they are taken."""
    options = {**common, "methods": "bce", "members": 3, "seeds": 3, "steps": 8, "trees": False}
    return compare(table, out=tmp_path_factory.mktemp("ensemble") / "run", **options)


def stored(run, role):
    (best,) = [m for m in run.results["methods"] if m["name"] == run.winner]
    kept = np.load(run.folder / best["scores"])
    return kept[f"{role}_ids"], kept[f"{role}_scores"], kept[f"{role}_targets"]


@pytest.mark.parametrize("role", ["calibration", "test"])
def test_predict_gives_the_bits_that_the_run_judged(say, ensemble, table, tmp_path, role):
    say("predict", ensemble.model_folder, table, "-o", "p.csv", "--chunk-rows", 17)
    got = pd.read_csv("p.csv").set_index("id")
    ids, scores, _ = stored(ensemble, role)
    rows = got.loc[[int(name) for name in ids]]
    np.testing.assert_array_equal(rows["score"].to_numpy(), scores)
    threshold = ensemble.results["threshold"]["value"]
    np.testing.assert_array_equal(rows["decision"] == "fraud", scores >= threshold)
    check = Delivered.load(ensemble.model_folder).manifest.check
    assert (check.largest_difference, check.decisions_changed) == (0.0, 0)


def test_what_was_measured_on_test_is_what_predict_decides(say, ensemble, table):
    say("predict", ensemble.model_folder, table, "-o", "p.csv")
    got = pd.read_csv("p.csv").set_index("id")
    ids, _, targets = stored(ensemble, "test")
    flagged = (got.loc[[int(name) for name in ids], "decision"] == "fraud").to_numpy()
    measured = ensemble.results["threshold"]["test"]
    assert int((~flagged & (targets == 1)).sum()) == measured["misses"]
    assert int((flagged & (targets == 0)).sum()) == measured["false_alarms"]


def test_the_certificate_is_the_models_own(ensemble, run, tmp_path):
    model = Delivered.load(ensemble.model_folder)
    assert model.certificate.model_fingerprint == model.fingerprint
    assert model.certificate.threshold == model.threshold
    # Another model's certificate, with the manifest made to fit it, is still refused.
    shutil.copytree(ensemble.model_folder, tmp_path / "model")
    shutil.copy(run.model_folder / "certificate.json", tmp_path / "model" / "certificate.json")
    with pytest.raises(RunError, match="SHA-256 differs"):
        Delivered.load(tmp_path / "model")
    other = Certificate.load(run.model_folder / "certificate.json")
    manifest = model.manifest
    files = {**manifest.files, "certificate.json": sha256(tmp_path / "model" / "certificate.json")}
    (one,) = manifest.thresholds
    forged = one.model_copy(update={"value": other.threshold})
    manifest.model_copy(update={"files": files, "thresholds": [forged]}).write(tmp_path / "model")
    with pytest.raises(RunError, match="was issued for model"):
        Delivered.load(tmp_path / "model")


def test_card_and_export_of_an_ensemble(say, ensemble, table):
    say("card", ensemble.model_folder)
    text = (Path("model-card.md")).read_text(encoding="utf-8")
    assert "Members: 9, whose scores are averaged" in text
    told = say("export", ensemble.model_folder, "--to", "onnx", "--check", table, "-o", "out")
    assert "the same to the last bit" in told
    facts = json.loads((Path("out") / "export.json").read_text())
    assert facts["model"] == Delivered.load(ensemble.model_folder).fingerprint


@pytest.mark.parametrize("fault", ["cut", "exchanged", "missing", "newer", "hostile", "pickled"])
def test_a_model_folder_that_is_not_what_it_was_predicts_nothing(
    say, ensemble, table, tmp_path, fault
):
    folder = tmp_path / "model"
    shutil.copytree(ensemble.model_folder, folder)
    weights, manifest = folder / "member-4.safetensors", folder / "manifest.json"
    content = json.loads(manifest.read_text())
    if fault == "cut":
        manifest.write_bytes(manifest.read_bytes()[:-300])
    elif fault == "exchanged":
        shutil.copy(folder / "member-0.safetensors", weights)
    elif fault == "missing":
        weights.unlink()
    elif fault == "newer":
        manifest.write_text(json.dumps({**content, "format": content["format"] + 1}))
    elif fault == "hostile":
        manifest.write_text(json.dumps({**content, "members": [{"file": "../../etc/passwd"}]}))
    else:
        weights.write_bytes(b"\x80\x04cos\nsystem\n(S'touch owned'\ntR.")
    expected = {
        "cut": "is damaged",
        "exchanged": "SHA-256 differs",
        "missing": "lacks member-4",
        "newer": "newer than this one",
        "hostile": "is damaged",
        "pickled": "SHA-256 differs",
    }
    assert expected[fault] in say("predict", folder, table, code=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_new_images_with_an_empty_file_among_them(say, tmp_path):
    random = np.random.default_rng(0)
    for number in range(120):
        ill = number % 4 == 0
        path = tmp_path / "old" / ("ill" if ill else "well") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(random.normal(170 if ill else 90, 40, (8, 8)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    new = tmp_path / "new"
    new.mkdir()
    for number in range(60):
        pixels = random.integers(0, 255, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(new / f"{number:02d}.png")
    say(
        *("compare", "old", "--critical", "ill", "--tpr", "0.7", "--seeds", "1", "--steps", "6"),
        *("--methods", "bce", "--out", "run"),
    )
    say("predict", "run/model", "new", "-o", "whole.csv")
    (new / "31.png").write_bytes(b"")
    told = say("predict", "run/model", "new", "-o", "holed.csv")
    whole, holed = pd.read_csv("whole.csv"), pd.read_csv("holed.csv")
    assert "60 rows in, as many out" in told
    assert "Not scored: 1 row" in told
    assert holed["id"].tolist() == [f"{number:02d}.png" for number in range(60)]
    assert holed["problem"][31] == "the image cannot be read: its file is empty"
    assert np.isnan(holed["score"][31])
    others = np.arange(60) != 31
    np.testing.assert_array_equal(holed["score"][others], whole["score"][others])
