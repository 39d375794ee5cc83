"""An exported model decides as the delivered one, or is not written."""

from __future__ import annotations

import importlib.util
import shutil
import warnings

import numpy as np
import pytest
import torch

from rarecall.data.preprocessing import encode
from rarecall.delivery import Delivered, export_model
from rarecall.delivery.comparing import made_rows, parity
from rarecall.delivery.exported_runs import onnx_run
from rarecall.delivery.scoring_chain import ScoringChain
from rarecall.errors import ConfigurationError, RunError
from rarecall.files import read_json
from rarecall.thresholds import Certificate

from .problem import SMALL, write

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

FORMS = ["onnx", "torch-export"]

# The library's lines are covered by the exports of a table and by the program's; tracing torch's
# own exporter for coverage would double its time.
untraced = pytest.mark.no_cover


@pytest.fixture(scope="module")
def exported(model, table, tmp_path_factory):
    """The table model as ONNX, checked on its own rows; read only."""
    return export_model(model, tmp_path_factory.mktemp("exported") / "out", check=table)


@pytest.mark.parametrize("to", FORMS)
def test_a_table_model_scores_and_decides_alike_to_the_bit(model, table, exported, tmp_path, to):
    found = exported
    if to != "onnx":
        found = export_model(model, tmp_path / "out", to=to, check=table)
    assert found.parity.rows == 600 + found.parity.near
    assert found.parity.near > 0
    assert found.parity.largest_difference == 0.0
    assert found.parity.decisions_changed == 0
    assert "the same to the last bit" in " ".join(found.lines())


def test_the_exported_file_needs_only_its_runtime(model, samples, exported):
    session = onnxruntime.InferenceSession(str(exported.file))
    inputs = encode(model.preprocessor, samples).inputs
    for rows in (1, 600):
        given = {name: leaf[:rows].numpy() for name, leaf in inputs.items()}
        scores, critical = session.run(["score", "critical"], given)
        np.testing.assert_array_equal(scores, model.score(samples)[:rows])
        np.testing.assert_array_equal(critical, model.flag(samples)[:rows])


def test_beside_it_stands_what_must_be_known(model, exported):
    facts = read_json(exported.folder / "export.json")
    assert facts["model"] == model.fingerprint
    assert facts["thresholds"][0]["value"] == model.threshold
    assert facts["opset"] >= 18
    assert facts["check"]["decisions_changed"] == 0
    assert [one["name"] for one in facts["inputs"]] == ["numeric", "categorical"]
    assert read_json(exported.folder / "preprocessing.json") == model.manifest.preprocessing
    assert Certificate.load(exported.folder / "certificate.json") == model.certificate


@untraced
@pytest.mark.parametrize("tta", ["none", "flips"])
def test_image_models_are_exported_with_their_views(image_samples, image_folder, tmp_path, tta):
    folder = write(tmp_path / "model", image_samples, options=SMALL, tta=tta)
    found = export_model(folder, tmp_path / "out", check=image_folder)
    assert found.parity.rows >= 90
    assert found.parity.largest_difference < 1e-5


@untraced
@pytest.mark.parametrize("method", ["ldam", "vs+lct"])
def test_methods_that_change_the_network_are_exported(samples, tmp_path, method):
    folder = write(tmp_path / "model", samples, method=method, members=1, options={"width": 8})
    assert export_model(folder, tmp_path / "out").parity.decisions_changed == 0


@untraced
def test_several_classes_keep_a_threshold_each(several_folder, tmp_path):
    found = export_model(several_folder, tmp_path / "out")
    facts = read_json(found.folder / "export.json")
    assert [one["name"] for one in facts["thresholds"]] == ["8", "9"]
    assert sorted(path.name for path in found.folder.glob("cert*")) == [
        "certificate-8.json", "certificate-9.json",
    ]  # fmt: skip


def test_made_rows_lie_within_the_training(model):
    rows = made_rows(model, 500)
    spec = model.preprocessor.spec
    for column, edges in enumerate(spec["bins"]):
        low, high = (min(edges), max(edges)) if edges else (0, 1)
        values = rows["numeric"][:, column]
        assert float(values.min()) >= low - 1e-6
        assert float(values.max()) <= high + 1e-6
    assert int(rows["categorical"].max()) < max(spec["cardinalities"])


def test_rows_are_moved_right_to_the_threshold_on_both_sides(model, samples):
    seen = []

    def run(inputs):
        scores = model.score_encoded(inputs)
        seen.append(scores)
        return scores, model.flag_scores(scores)

    found = parity(model, run, encode(model.preprocessor, samples).inputs)
    near = seen[1]
    assert found.near == len(near) > 0
    np.testing.assert_allclose(near, model.threshold, atol=1e-6)
    assert (near >= model.threshold).sum() == len(near) / 2


@untraced
@pytest.mark.parametrize("fault", ["shifted", "nan"])
def test_an_export_that_decides_otherwise_is_not_written(model, tmp_path, monkeypatch, fault):
    def wrong(file, chain):
        run = onnx_run(file, chain)

        def other(inputs):
            scores, flags = run(inputs)
            if fault == "nan":
                return np.where(np.arange(len(scores)) == 3, np.nan, scores), flags
            # A millionth, which only rows at the threshold can notice.
            return scores + 1e-6, scores + 1e-6 >= model.threshold

        return other

    monkeypatch.setattr("rarecall.delivery.exporting.onnx_run", wrong)
    with pytest.raises(RunError, match="decides otherwise"):
        export_model(model, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_torch_cannot_export_is_one_sentence(model, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("no such operator\nand pages of it")

    monkeypatch.setattr(torch.export, "export", fails)
    with pytest.raises(RunError, match=r"to onnx: no such operator\. Predict"):
        export_model(model, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@untraced
def test_nothing_of_torch_reaches_the_user(model, tmp_path, capfd):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        export_model(model, tmp_path / "out")
    assert not told
    assert capfd.readouterr() == ("", "")


def test_a_taken_folder_is_kept_unless_it_is_an_export(model, exported, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(ConfigurationError, match="there already"):
        export_model(model, tmp_path / "mine", overwrite=True)
    shutil.copytree(exported.folder, tmp_path / "out")
    with pytest.raises(ConfigurationError, match="--overwrite"):
        export_model(model, tmp_path / "out", to="torch-export")
    export_model(model, tmp_path / "out", to="torch-export", overwrite=True)
    assert not (tmp_path / "out" / "model.onnx").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"]


def test_missing_packages_are_named_with_what_installs_them(model, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnx" else find(name)
    )
    with pytest.raises(ConfigurationError, match=r'pip install "rarecall\[export\]"'):
        export_model(model, tmp_path / "out")
    export_model(model, tmp_path / "out", to="torch-export")


def test_an_unknown_form_is_told(model, tmp_path):
    with pytest.raises(ConfigurationError, match="onnx or torch-export"):
        export_model(model, tmp_path / "out", to="coreml")


def test_the_chain_is_the_model(image_model, image_samples):
    chain = ScoringChain(image_model).eval()
    with torch.inference_mode():
        scores, flags = chain(
            *chain.ordered(encode(image_model.preprocessor, image_samples).inputs)
        )
    np.testing.assert_allclose(scores.numpy(), image_model.score(image_samples), atol=1e-6)
    assert flags.dtype == torch.bool


def test_both_kinds_of_input_are_described(tmp_path, image_model):
    chain = ScoringChain(image_model)
    (one,) = chain.described(image_model.preprocessor.spec)
    assert one == {
        "name": "image",
        "type": "uint8",
        "shape": ["n", 1, 12, 12],
        "values": "0 to 255",
    }
    assert Delivered is type(image_model)
