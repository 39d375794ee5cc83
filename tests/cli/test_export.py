"""``rarecall export`` as typed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from rarecall.data import encode, load
from rarecall.delivery import Delivered


@pytest.mark.parametrize(("to", "name"), [("onnx", "model.onnx"), ("torch-export", "model.pt2")])
def test_an_export_says_what_it_was_checked_on(say, delivered, claims, tmp_path, to, name):
    claims.to_csv(tmp_path / "new.csv", index=False)
    code, out, err = say("export", delivered, "--to", to, "--check", "new.csv", "-o", "out")
    assert (code, err) == (0, "")
    assert f"Exported: out/{name}" in out
    assert "300 of new.csv" in out
    assert "the same to the last bit" in out
    held = {path.name for path in (tmp_path / "out").iterdir()}
    assert held == {name, "preprocessing.json", "export.json", "certificate.json"}
    facts = json.loads((tmp_path / "out" / "export.json").read_text())
    assert facts["check"]["decisions_changed"] == 0
    assert facts["check"]["near"] > 0
    assert [one["name"] for one in facts["inputs"]] == ["numeric", "categorical"]


def test_another_runtime_decides_as_the_model(say, delivered, claims, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    claims.to_csv(tmp_path / "new.csv", index=False)
    assert say("export", delivered, "-o", "out")[0] == 0
    model = Delivered.load(delivered)
    samples = load(tmp_path / "new.csv", target="label", critical="fraud", drop=["account"])
    rows = encode(model.preprocessor, samples).inputs
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    given = {one.name: rows[one.name].numpy() for one in session.get_inputs()}
    score, critical = session.run(["score", "critical"], given)
    np.testing.assert_allclose(score, model.score(samples), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(critical, model.flag(samples))


def test_without_a_name_it_lies_beside_the_model(say, delivered, tmp_path):
    shutil.copytree(delivered, tmp_path / "mine")
    assert say("export", "mine", "--to", "torch-export")[0] == 0
    assert (tmp_path / "mine-torch-export" / "model.pt2").is_file()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--to", "tensorflow"], 2, "onnx or torch-export, not to 'tensorflow'"),
        (["--to", "torch-export", "--check", "gone.csv"], 3, "no file or folder 'gone.csv'"),
        (["--to", "torch-export", "--out", "taken"], 2, "taken is there already"),
        (["--to", "torch-export", "--out", "taken", "--overwrite"], 2, "taken is there already"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(say, delivered, tmp_path, words, code, message):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "diary.txt").write_text("mine")
    out = [] if "--out" in words else ["--out", "out"]
    left, _, err = say("export", delivered, *words, *out)
    assert left == code
    assert message in err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["diary.txt", "taken"]


def test_a_folder_without_a_model_is_told(say):
    code, _, err = say("export", "nowhere", "--to", "torch-export")
    assert code == 4
    assert "holds no model" in err
