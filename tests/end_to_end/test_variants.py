"""Comparisons of other shapes: groups, images, options from YAML, rare training."""

from __future__ import annotations

import pytest

from rarecall.cli import main
from rarecall.comparison import Delivered, compare
from rarecall.errors import ConfigurationError, RunError
from rarecall.files import read_json

QUICK = {"methods": "bce", "seeds": 1, "trees": False}


def test_groups_are_certified_as_groups(table, budget, tmp_path):
    budget.pop("drop")
    found = compare(table, out=tmp_path / "run", group="account", **{**budget, **QUICK})
    assert found.results["threshold"]["unit"] == "group"
    assert any("rows of one group" in limit for limit in found.results["limits"])


def test_a_report_is_written_anew_from_stored_results(run, capsys):
    before = run.report.read_text()
    run.report.unlink()
    with pytest.raises(SystemExit) as left:
        main(["report", str(run.folder)])
    assert left.value.code == 0
    assert str(run.report) in capsys.readouterr().out
    assert run.report.read_text() == before


def test_images_have_no_trees_and_are_delivered(tmp_path):
    found = compare(
        "digits", out=tmp_path / "run", methods="bce+rankreg", seeds=1, steps=3, evaluate_every=3,
        threads=1, tpr=0.9, train_positives=20,
    )  # fmt: skip
    # The method that differs by the rank term alone is trained too, without being named.
    assert {method["name"] for method in found.results["methods"]} == {"bce+rankreg", "bce"}
    assert found.results["data"]["split"]["parts"]["train"]["positives"] == 20
    assert found.results["question"]["baseline"] == "bce+rankreg"


def test_yaml_gives_the_same_run_as_python(table, budget, tmp_path, comparable):
    import yaml

    budget |= QUICK
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump({**budget, "data": str(table)}))
    from_file = compare(config=file, out=tmp_path / "a")
    from_python = compare(table, out=tmp_path / "b", **budget)
    assert comparable(from_file.results) == comparable(from_python.results)


def test_a_models_weights_are_checked_before_they_are_loaded(table, budget, tmp_path):
    found = compare(table, out=tmp_path / "run", **{**budget, **QUICK})
    weights = found.model_folder / "member-0.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RunError, match="SHA-256"):
        found.model()
    weights.unlink()
    with pytest.raises(RunError, match="lacks member-0"):
        Delivered.load(found.model_folder)
    manifest = found.model_folder / "manifest.json"
    manifest.write_text('{"format": 3, "method": "bce"}')
    with pytest.raises(RunError, match=r"manifest\.json is damaged"):
        Delivered.load(found.model_folder)
    manifest.write_text('{"format": 99}')
    with pytest.raises(RunError, match="another version"):
        Delivered.load(found.model_folder)
    with pytest.raises(RunError, match="holds no model"):
        Delivered.load(tmp_path)


def test_parameters_given_for_a_method_are_used(table, budget, tmp_path):
    budget |= {**QUICK, "methods": "bce,a-fl", "parameters": {"a-fl": {"a-fl.focus": 0.0}}}
    found = compare(table, out=tmp_path / "run", **budget)
    first, second = found.results["methods"]
    assert second["parameters"]["a-fl.focus"] == 0.0
    # At focus 0 the focal loss is cross-entropy, so only the name differs.
    assert second["test"]["auc"]["value"] == pytest.approx(first["test"]["auc"]["value"], abs=1e-3)
    manifest = read_json(found.model_folder / "manifest.json")
    assert manifest["method"] == found.winner


def test_a_batch_without_room_beside_the_replayed_rows_is_refused_before_a_folder_is_made(
    tmp_path,
):
    out = tmp_path / "run"
    with pytest.raises(ConfigurationError, match=r"'bce\+replay'.*no room for new ones"):
        compare("breast-cancer", tpr=0.9, methods="bce,bce+replay", batch_size=16, seeds=1, out=out)
    assert not out.exists()
