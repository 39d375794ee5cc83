"""Images with patient data, from the manifest to the delivered model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rarecall.cli import main
from rarecall.comparison import compare
from rarecall.data import load

BUDGET = {
    "target": "label",
    "critical": "ill",
    "tpr": 0.8,
    "seeds": 1,
    "steps": 60,
    "evaluate_every": 20,
    "batch_size": 48,
    "threads": 1,
    "shares": {"train": 0.5, "validation": 0.2, "calibration": 0.15, "test": 0.15},
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """The images say nothing; the patient's age says much."""
    folder = tmp_path_factory.mktemp("scans")
    random = np.random.default_rng(1)
    rows = []
    for k in range(160):
        ill = k % 4 == 0
        pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
        rows.append(
            {
                "path": f"{k}.png",
                "label": "ill" if ill else "well",
                "age": random.normal(70 if ill else 40, 8),
                "sex": "fm"[k % 2],
            }
        )
    path = folder / "scans.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def found(manifest, tmp_path_factory):
    return compare(
        manifest,
        out=tmp_path_factory.mktemp("runs") / "fused",
        methods="bce,ldam,vs+lct,bce>auc-margin",
        metadata=["age", "sex"],
        **BUDGET,
    )


def test_patient_data_tell_what_images_do_not(manifest, found, tmp_path):
    alone = compare(manifest, out=tmp_path / "run", methods="bce", **BUDGET)

    def area(run):
        (bce,) = [method for method in run.results["methods"] if method["name"] == "bce"]
        return bce["test"]["auc"]["value"]

    assert area(found) > 0.9
    assert area(alone) < 0.8


def test_the_delivered_model_scores_as_the_run_did(manifest, found):
    samples = load(manifest, target="label", critical="ill", metadata=["age", "sex"])
    scored = dict(zip(samples.ids, found.model().score(samples), strict=True))
    (best,) = [m for m in found.results["methods"] if m["name"] == found.winner]
    stored = np.load(found.folder / best["scores"])
    again = [scored[name] for name in stored["test_ids"]]
    np.testing.assert_allclose(again, stored["test_scores"], rtol=1e-6)


def test_members_and_the_command_line(manifest, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main([
            "compare", str(manifest), "--target", "label", "--critical", "ill", "--tpr", "0.8",
            "--metadata", "all", "--methods", "bce", "--members", "2", "--seeds", "1",
            "--steps", "4", "--threads", "1", "--out", str(tmp_path / "run"), "--quiet",
        ])  # fmt: skip
    assert left.value.code == 0
    assert "bce" in capsys.readouterr().out
