from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

from rarecall.data import (
    ArrayDataset,
    ImagePreprocessor,
    Preprocessor,
    Samples,
    TablePreprocessor,
    encode,
    fit_preprocessor,
    load,
)
from rarecall.data.columns import prepare_columns
from rarecall.data.scaling import MOST_KNOTS, bin_edges, normal_knots
from rarecall.errors import DataError


def _samples(frame: pd.DataFrame) -> Samples:
    n = len(frame)
    return Samples(
        "made",
        "table",
        prepare_columns(frame).table,
        (np.arange(n) % 2).astype(np.int64),
        np.arange(n).astype(np.str_),
        critical="1",
        target_name="y",
        class_counts={"0": n - n // 2, "1": n // 2},
    )


def _images(pixels: np.ndarray) -> Samples:
    n = len(pixels)
    return Samples(
        "made",
        "images",
        pixels,
        (np.arange(n) % 2).astype(np.int64),
        np.arange(n).astype(np.str_),
        critical="1",
        target_name="y",
        class_counts={"0": n - n // 2, "1": n // 2},
    )


@pytest.fixture
def mixed() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 300
    frame = pd.DataFrame(
        {
            "skewed": rng.lognormal(sigma=3, size=n),
            "gaps": rng.normal(size=n),
            "flag": rng.integers(0, 2, size=n),
            "pair": rng.choice([3.0, 8.0], size=n),
            "day": pd.date_range("2020-01-01", periods=n, freq="7h"),
            "colour": rng.choice(["red", "green", "blue"], size=n, p=[0.6, 0.3, 0.1]),
            "place": rng.choice(["a", "b", None], size=n),
        }
    )
    frame.loc[rng.random(n) < 0.2, "gaps"] = np.nan
    return frame


def test_every_column_is_encoded_as_the_spec_says(mixed):
    samples = _samples(mixed)
    preprocessor = fit_preprocessor(samples)
    spec = preprocessor.spec
    encoded = preprocessor.transform(samples)
    numeric, codes = encoded["numeric"], encoded["categorical"]
    assert numeric.dtype == torch.float32
    assert codes.dtype == torch.int64
    assert numeric.shape == (300, spec["n_numeric"])
    assert len(spec["bins"]) == len(spec["numeric_names"]) == spec["n_numeric"]
    assert spec["cardinalities"] == [4, 3]
    assert spec["categorical_names"] == ["colour", "place"]
    assert codes.min() >= 0
    assert (codes.amax(dim=0) < torch.tensor(spec["cardinalities"])).all()
    assert numeric.isfinite().all()
    for name in ("gaps missing", "place missing"):
        column = numeric[:, spec["numeric_names"].index(name)]
        expected = mixed[name.removesuffix(" missing")].isna().to_numpy()
        assert column.tolist() == expected.astype(float).tolist()


def test_numbers_become_normal_scores_whatever_their_scale(mixed):
    encoded = fit_preprocessor(_samples(mixed[["skewed"]])).transform(_samples(mixed[["skewed"]]))
    scores = encoded["numeric"][:, 0].double()
    assert abs(float(scores.mean())) < 0.01
    assert float(scores.std()) == pytest.approx(1, abs=0.02)
    order = np.argsort(mixed["skewed"].to_numpy())
    assert (scores[torch.from_numpy(order)].diff() >= 0).all()


def test_columns_of_two_values_become_zero_and_one_without_bins(mixed):
    samples = _samples(mixed[["flag", "pair"]])
    preprocessor = fit_preprocessor(samples)
    numeric = preprocessor.transform(samples)["numeric"]
    assert preprocessor.spec["bins"] == [[], []]
    assert numeric[:, 0].tolist() == mixed["flag"].tolist()
    assert numeric[:, 1].tolist() == (mixed["pair"] == 8).astype(float).tolist()


def test_bins_ascend_and_span_the_encoded_training_values(mixed):
    samples = _samples(mixed)
    preprocessor = fit_preprocessor(samples)
    numeric = preprocessor.transform(samples)["numeric"].double()
    for column, edges in enumerate(preprocessor.spec["bins"]):
        if not edges:
            continue
        assert (np.diff(edges) > 0).all()
        assert edges[0] == pytest.approx(float(numeric[:, column].min()), abs=1e-6)
        assert edges[-1] == pytest.approx(float(numeric[:, column].max()), abs=1e-6)


def test_new_values_stay_inside_what_training_saw(mixed):
    preprocessor = fit_preprocessor(_samples(mixed[["skewed", "flag", "colour"]]))
    strange = pd.DataFrame(
        {
            "skewed": [-1e300, 1e300, np.inf, np.nan],
            "flag": [-5, 7, 0, 1],
            "colour": ["mauve", None, "red", "blue"],
        }
    )
    encoded = preprocessor.transform_table(strange)
    low, high = preprocessor.spec["bins"][0][0], preprocessor.spec["bins"][0][-1]
    np.testing.assert_allclose(encoded["numeric"][:, 0], [low, high, high, 0], atol=1e-6)
    assert encoded["numeric"][:, 1].tolist() == [0, 1, 0, 1]
    assert encoded["categorical"][:, 0].tolist() == [0, 0, 1, 3]


def test_a_new_table_may_write_its_values_otherwise(mixed):
    preprocessor = fit_preprocessor(_samples(mixed))
    expected = preprocessor.transform_table(mixed)
    as_words = mixed.astype(object).where(mixed.notna(), None)
    as_words["day"] = mixed["day"].astype(str)
    as_words["flag"] = mixed["flag"].map({0: "false", 1: "true"})
    as_words["gaps"] = mixed["gaps"].map(lambda x: None if np.isnan(x) else repr(x))
    found = preprocessor.transform_table(as_words)
    assert torch.equal(found["numeric"], expected["numeric"])
    assert torch.equal(found["categorical"], expected["categorical"])


def test_categories_seen_once_share_the_code_of_unseen_ones():
    words = ["often"] * 10 + ["twice"] * 2 + ["once"]
    samples = _samples(pd.DataFrame({"x": np.arange(13) / 7, "w": words}))
    preprocessor = fit_preprocessor(samples)
    codes = preprocessor.transform(samples)["categorical"][:, 0]
    assert codes.tolist() == [1] * 10 + [2] * 2 + [0]


def test_whole_number_categories_keep_their_codes_when_gaps_make_them_floats():
    samples = _samples(pd.DataFrame({"w": [*("1", "2", "x") * 4]}))
    preprocessor = fit_preprocessor(samples)
    codes = preprocessor.transform_table(pd.DataFrame({"w": [1.0, 2.0, np.nan]}))["categorical"]
    known = preprocessor.transform_table(pd.DataFrame({"w": ["1", "2", None]}))["categorical"]
    assert torch.equal(codes, known)
    assert codes[:, 0].tolist()[2] == 0
    assert codes[:, 0].tolist()[0] != codes[:, 0].tolist()[1]


def test_only_the_training_part_is_looked_at(mixed):
    samples = _samples(mixed)
    train = samples.take(np.arange(0, 300, 2))
    fitted = fit_preprocessor(train)
    mixed.iloc[1::2, mixed.columns.get_loc("skewed")] *= 1000
    changed = _samples(mixed).take(np.arange(0, 300, 2))
    assert fit_preprocessor(changed).to_json() == fitted.to_json()


def test_a_column_without_variation_in_training_is_passed_over(mixed):
    samples = _samples(mixed[["skewed", "flag"]])
    train = samples.take(np.flatnonzero(mixed["flag"].to_numpy() == 1))
    preprocessor = fit_preprocessor(train)
    assert preprocessor.spec["numeric_names"] == ["skewed"]
    assert preprocessor.transform(samples)["numeric"].shape == (300, 1)


def test_a_training_part_in_which_nothing_varies_is_refused(mixed):
    samples = _samples(mixed[["flag"]])
    with pytest.raises(DataError, match="nothing to learn"):
        fit_preprocessor(samples.take(np.flatnonzero(mixed["flag"].to_numpy() == 1)))


def test_missing_columns_are_refused_by_name(mixed):
    preprocessor = fit_preprocessor(_samples(mixed))
    with pytest.raises(DataError, match=r"'skewed', 'colour' \(2 columns of 7\)"):
        preprocessor.transform_table(mixed.drop(columns=["skewed", "colour"]))


def test_dates_that_are_none_are_refused_by_name(mixed):
    preprocessor = fit_preprocessor(_samples(mixed))
    with pytest.raises(DataError, match="'day' held dates"):
        preprocessor.transform_table(mixed.assign(day="tomorrow"))


@pytest.mark.parametrize("source", ["table", "digits"])
def test_preprocessing_survives_json_exactly(mixed, source):
    samples = _samples(mixed) if source == "table" else load("digits")
    preprocessor = fit_preprocessor(samples)
    stored = json.loads(json.dumps(preprocessor.to_json(), allow_nan=False))
    restored = Preprocessor.from_json(stored)
    assert type(restored) is type(preprocessor)
    assert restored.spec == preprocessor.spec
    first, again = encode(preprocessor, samples), encode(restored, samples)
    for a, b in zip(_leaves(first), _leaves(again), strict=True):
        assert torch.equal(a, b)
    json.dumps(preprocessor.spec, allow_nan=False)


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"kind": "audio"},
        {"kind": "table", "numbers": [{"source": "x"}], "indicators": [], "categories": []},
        {"kind": "images", "channels": 2, "size": [4, 4], "mean": [0.5], "std": [0.5]},
        {"kind": "images", "channels": 1, "size": 4, "mean": [0.5], "std": [0.5]},
    ],
)
def test_damaged_preprocessing_is_refused(stored):
    with pytest.raises(DataError, match="stored preprocessing"):
        Preprocessor.from_json(stored)


def test_images_come_out_channel_first_with_their_training_statistics():
    pixels = np.random.default_rng(0).integers(0, 256, size=(6, 4, 5, 3), dtype=np.uint8)
    samples = _images(pixels)
    preprocessor = fit_preprocessor(samples)
    assert isinstance(preprocessor, ImagePreprocessor)
    found = preprocessor.transform(samples)
    assert found.dtype == torch.uint8
    assert found.is_contiguous()
    np.testing.assert_array_equal(found.numpy(), pixels.transpose(0, 3, 1, 2))
    scaled = pixels.astype(np.float64) / 255
    np.testing.assert_allclose(preprocessor.spec["mean"], scaled.mean((0, 1, 2)), atol=1e-12)
    np.testing.assert_allclose(preprocessor.spec["std"], scaled.std((0, 1, 2)), atol=1e-12)
    assert preprocessor.spec["size"] == [4, 5]


def test_images_without_contrast_keep_a_positive_deviation():
    assert fit_preprocessor(_images(np.full((4, 2, 2, 1), 9, np.uint8))).spec["std"][0] > 0


def test_images_of_another_size_or_colour_are_refused():
    grey = _images(np.zeros((4, 8, 8, 1), np.uint8))
    colour = _images(np.zeros((4, 8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="grey"):
        fit_preprocessor(grey).transform(colour)
    assert fit_preprocessor(colour).transform(grey).shape == (4, 3, 8, 8)
    with pytest.raises(DataError, match="8 x 8"):
        fit_preprocessor(grey).transform(_images(np.zeros((4, 9, 9, 1), np.uint8)))


def test_a_table_is_no_image_and_an_image_no_table(mixed):
    table, images = _samples(mixed), _images(np.zeros((4, 8, 8, 1), np.uint8))
    with pytest.raises(DataError, match="holds a table"):
        fit_preprocessor(images).transform(table)
    with pytest.raises(DataError, match="holds images"):
        fit_preprocessor(table).transform(images)
    assert isinstance(fit_preprocessor(table), TablePreprocessor)


def test_the_tails_keep_their_resolution_in_few_knots():
    rng = np.random.default_rng(0)
    values = np.concatenate([np.zeros(19_000), rng.lognormal(sigma=3, size=1_000)])
    distinct, counts = np.unique(values, return_counts=True)
    knots, heights = normal_knots(distinct, counts)
    assert len(knots) <= MOST_KNOTS + 2
    assert (np.diff(knots) > 0).all()
    assert (np.diff(heights) > 0).all()
    exact = pd.Series(values).rank(method="average").to_numpy() - 0.5
    from scipy.special import ndtri

    np.testing.assert_allclose(
        np.interp(values, knots, heights), ndtri(exact / len(values)), atol=0.05
    )


def test_a_value_that_fills_most_rows_does_not_use_up_the_bins():
    values = np.concatenate([np.zeros(9_000), np.linspace(1, 2, 1_000)])
    edges = bin_edges(values)
    assert len(edges) > 15
    assert edges[0] == 0
    assert edges[-1] == 2


def test_wide_binary_tables_are_encoded_quickly_and_small():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 2, size=(500, 300)), columns=[f"f{k}" for k in range(300)])
    preprocessor = fit_preprocessor(_samples(frame))
    assert preprocessor.spec["n_numeric"] == 300
    assert not any(preprocessor.spec["bins"])
    assert len(json.dumps(preprocessor.to_json())) < 60_000


def test_encoded_samples_know_their_targets_and_ids(mixed):
    samples = _samples(mixed)
    data = encode(fit_preprocessor(samples), samples)
    assert isinstance(data, ArrayDataset)
    assert data.targets.tolist() == samples.targets.tolist()
    assert data.ids.tolist() == samples.ids.tolist()


def _leaves(data):
    return list(data.inputs.values()) if isinstance(data.inputs, dict) else [data.inputs]
