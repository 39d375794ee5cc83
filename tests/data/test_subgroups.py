"""Columns kept aside to part the samples, whatever the source."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rarecall.data import load
from rarecall.errors import DataError


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=60),
            "sex": np.where(np.arange(60) % 3, "f", "m"),
            "site": np.where(np.arange(60) % 2, "a", "b"),
            "label": np.arange(60) % 4 == 0,
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv", frame


def test_a_subgroup_stays_a_feature_unless_it_is_dropped(table):
    path, frame = table
    samples = load(path, target="label", critical="true", subgroups=["sex", "site"], drop=["site"])
    assert list(samples.features.columns) == ["x", "sex"]
    assert samples.subgroups["site"].tolist() == frame["site"].tolist()
    part = samples.take([4, 1])
    assert part.subgroups["sex"].tolist() == [frame["sex"][4], frame["sex"][1]]
    assert load(path, target="label", critical="true").subgroups is None


def test_subgroups_do_not_change_what_the_samples_are(table):
    path, _ = table
    plain = load(path, target="label", critical="true")
    assert (
        plain.fingerprint
        == load(path, target="label", critical="true", subgroups="sex").fingerprint
    )


@pytest.mark.parametrize(
    ("column", "told"),
    [("seks", "subgroup column 'seks' is not in"), ("label", "target and as the subgroup column")],
)
def test_columns_that_cannot_part_the_samples_are_told(table, column, told):
    with pytest.raises(DataError, match=told):
        load(table[0], target="label", critical="true", subgroups=[column])


def test_images_named_in_a_table_have_subgroups_and_folders_have_none(tmp_path):
    for k in range(8):
        folder = tmp_path / "images" / ("ill" if k % 2 else "well")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6), 20 * k, np.uint8)).save(folder / f"{k}.png")
    rows = [
        {
            "path": f"images/{'ill' if k % 2 else 'well'}/{k}.png",
            "label": k % 2,
            "site": f"s{k % 3}",
        }
        for k in range(8)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "list.csv", index=False)
    samples = load(tmp_path / "list.csv", target="label", critical="1", subgroups="site")
    assert samples.kind == "images"
    assert samples.subgroups["site"].tolist() == [f"s{k % 3}" for k in range(8)]
    with pytest.raises(DataError, match="has no columns, so 'subgroups' cannot be used"):
        load(tmp_path / "images", critical="ill", subgroups="site")


def test_arrays_with_a_table_beside_them_have_subgroups(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(20, 3)))
    pd.DataFrame({"y": np.arange(20) % 2, "site": ["a", "b"] * 10}).to_csv(
        tmp_path / "x.csv", index=False
    )
    samples = load(tmp_path / "x.npy", target="y", critical="1", subgroups=["site"])
    assert samples.subgroups["site"].tolist() == ["a", "b"] * 10
    assert list(samples.features.columns) == ["x0", "x1", "x2"]
