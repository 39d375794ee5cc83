"""Images with a row of data each: from a manifest to tensors."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from rarecall.data import Preprocessor, encode, fit_preprocessor, load
from rarecall.errors import DataError


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    random = np.random.default_rng(0)
    rows = []
    for k in range(40):
        Image.fromarray(random.integers(0, 256, (16, 16), dtype=np.uint8)).save(folder / f"{k}.png")
        rows.append(
            {
                "path": f"{k}.png",
                "label": "ill" if k % 4 == 0 else "well",
                "age": 40 + k % 17,
                "sex": "f" if k % 3 else "m",
                "site": f"s{k % 5}",
                "patient": f"p{k // 2}",
            }
        )
    path = folder / "scans.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_named_columns_stand_beside_the_images(manifest):
    samples = load(manifest, target="label", critical="ill", metadata=["age", "sex"])
    assert samples.kind == "images"
    assert list(samples.metadata.columns) == ["age", "sex"]
    assert samples.take([3, 1]).metadata["age"].tolist() == [43, 41]
    assert set(samples.summary()["columns"]) == {"age", "sex"}
    assert load(manifest, target="label", critical="ill").metadata is None


def test_all_means_every_column_without_another_part(manifest):
    samples = load(
        manifest, target="label", critical="ill", group="patient", drop=["site"], metadata="all"
    )
    assert list(samples.metadata.columns) == ["age", "sex"]


def test_the_fingerprint_knows_the_metadata(manifest):
    prints = {
        load(manifest, target="label", critical="ill", metadata=metadata).fingerprint
        for metadata in ((), ("age",), ("sex",))
    }
    assert len(prints) == 3


def test_the_encoding_is_fitted_on_training_rows_and_survives_json(manifest):
    samples = load(manifest, target="label", critical="ill", metadata=["age", "sex"])
    fitted = fit_preprocessor(samples.take(range(20)))
    again = Preprocessor.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again == fitted
    assert fitted.spec["kind"] == "images+table"
    encoded = encode(again, samples)
    assert encoded.inputs["image"].shape == (40, 1, 16, 16)
    assert len(encoded.inputs["table"]["numeric"]) == 40
    assert encoded.gather(torch.tensor([0, 5])).inputs["image"].shape[0] == 2


def test_a_leaking_column_is_told(manifest, tmp_path):
    table = pd.read_csv(manifest)
    table["path"] = [str(manifest.parent / name) for name in table["path"]]
    table["outcome"] = (table["label"] == "ill").astype(int)
    table.to_csv(tmp_path / "leak.csv", index=False)
    samples = load(tmp_path / "leak.csv", target="label", critical="ill", metadata=["outcome"])
    assert any("outcome" in note for note in samples.notes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metadata": ["agee"]}, "metadata column 'agee'.*Did you mean 'age'"),
        ({"metadata": ["label"]}, "named as the target and as the metadata column"),
    ],
)
def test_columns_that_cannot_be_used_are_refused(manifest, options, words):
    with pytest.raises(DataError, match=words):
        load(manifest, target="label", critical="ill", **options)


def test_metadata_needs_image_paths(tmp_path):
    pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [0, 1, 0]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="table of features"):
        load(tmp_path / "t.csv", target="y", critical=1, metadata=["x"])
    for source in ("digits", tmp_path):
        with pytest.raises(DataError, match="no table of image paths"):
            load(source, metadata=["x"])


def test_a_model_of_images_with_rows_asks_for_the_rows(manifest):
    with_rows = load(manifest, target="label", critical="ill", metadata=["age"])
    without = load(manifest, target="label", critical="ill")
    with pytest.raises(DataError, match="--metadata"):
        fit_preprocessor(with_rows).transform(without)
