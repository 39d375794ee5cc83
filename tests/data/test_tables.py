from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from rarecall.data import load


def test_a_csv_becomes_samples_with_the_critical_label_as_one(table, write):
    samples = load(write(table), target="label", critical="fraud")
    assert len(samples) == 200
    assert samples.kind == "table"
    assert samples.targets.tolist() == (table["label"] == "fraud").astype(int).tolist()
    assert samples.class_counts == {"fine": 180, "fraud": 20}
    assert list(samples.features) == ["amount", "count", "online", "colour"]
    assert samples.ids.tolist() == [str(k) for k in range(200)]
    assert samples.notes == ()


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "parquet", "semicolon.csv", "txt"])
def test_every_table_format_gives_the_same_samples(table, tmp_path, ending):
    expected = load(_csv(tmp_path, table), target="label", critical="fraud")
    path = tmp_path / f"again.{ending}"
    if ending == "parquet":
        table.to_parquet(path)
    elif ending == "csv.gz":
        with gzip.open(path, "wt", encoding="utf-8") as file:
            table.to_csv(file, index=False)
    else:
        delimiter = {"tsv": "\t", "semicolon.csv": ";", "txt": "|"}.get(ending, ",")
        table.to_csv(path, index=False, sep=delimiter)
    assert load(path, target="label", critical="fraud").fingerprint == expected.fingerprint


def test_a_decimal_comma_is_understood_when_semicolons_part_the_fields(tmp_path):
    path = tmp_path / "european.csv"
    path.write_text("x;y\n1,5;a\n2,5;b\n3;a\n1,5;a\n", encoding="utf-8")
    samples = load(path, target="y", critical="b")
    assert samples.features["x"].tolist() == [1.5, 2.5, 3.0, 1.5]


def test_a_byte_order_mark_and_spaces_do_not_become_part_of_a_name(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes("\ufeff y, x\n a, 1\n b, 2\n a, 2\n".encode())
    samples = load(path, target="y", critical="b")
    assert list(samples.features) == ["x"]


@pytest.mark.parametrize("critical", [1, "1", 1.0, "1.0", True, "True", "true"])
@pytest.mark.parametrize(
    "column", [[0, 0, 1], [0.0, 0.0, 1.0], ["0", "0", "1"], [False, False, True]]
)
def test_one_is_one_however_it_is_written(tmp_path, column, critical):
    path = tmp_path / "data.parquet"
    pd.DataFrame({"x": [1.5, 2.5, 2.5], "y": column}).to_parquet(path)
    assert load(path, target="y", critical=critical).targets.tolist() == [0, 0, 1]


def test_labels_of_many_classes_are_counted_and_all_but_one_are_negative(write):
    frame = pd.DataFrame({"x": [1.5, 2.5, 2.5, 4.0], "y": ["a", "b", "c", "a"]})
    samples = load(write(frame), target="y", critical="c")
    assert samples.targets.tolist() == [0, 0, 1, 0]
    assert samples.class_counts == {"a": 2, "b": 1, "c": 1}
    assert samples.take([2, 3]).class_counts == {"a": 1, "c": 1}


def test_columns_with_a_part_of_their_own_are_no_features(table, write):
    table["patient"] = np.arange(200) // 4
    table["visit"] = pd.date_range("2024-01-01", periods=200, freq="h").astype(str)
    table["key"] = [f"r{k}" for k in range(200)]
    table["side"] = "train"
    samples = load(
        write(table),
        target="label",
        critical="fraud",
        group="patient",
        time="visit",
        id="key",
        split_column="side",
        drop=["colour"],
    )
    assert list(samples.features) == ["amount", "count", "online"]
    assert samples.groups.tolist()[:5] == ["0", "0", "0", "0", "1"]
    assert samples.times.dtype.kind == "M"
    assert (np.diff(samples.times) > np.timedelta64(0)).all()
    assert samples.ids[199] == "r199"
    assert set(samples.given_roles) == {"train"}


def test_the_words_of_a_given_split_are_understood(write):
    words = ["Training", "val", "dev", "cal", "TEST"]
    frame = pd.DataFrame({"x": [1.5, 2.5, 2.5, 4.0, 5.0], "y": list("aabba"), "s": words})
    samples = load(write(frame), target="y", critical="b", split_column="s")
    assert samples.given_roles.tolist() == [
        "train",
        "validation",
        "validation",
        "calibration",
        "test",
    ]


def test_the_fingerprint_follows_the_content_and_not_the_file(table, tmp_path):
    first = load(_csv(tmp_path, table), target="label", critical="fraud")
    table.to_parquet(tmp_path / "same.parquet")
    same = load(tmp_path / "same.parquet", target="label", critical="fraud")
    assert same.fingerprint == first.fingerprint
    table.loc[5, "amount"] += 1e-9
    table.to_parquet(tmp_path / "other.parquet")
    other = load(tmp_path / "other.parquet", target="label", critical="fraud")
    assert other.fingerprint != first.fingerprint
    assert first.take(np.arange(200)).fingerprint == first.fingerprint
    assert first.take(np.arange(199)).fingerprint != first.fingerprint


def test_the_summary_is_plain_json_and_tells_the_columns(table, write):
    table.loc[:9, "amount"] = np.nan
    told = load(write(table), target="label", critical="fraud").summary()
    again = json.loads(json.dumps(told, allow_nan=False))
    assert again["columns"]["amount"]["kind"] == "numeric"
    assert again["columns"]["amount"]["missing"] == 10
    assert again["columns"]["amount"]["missing_share"] == pytest.approx(0.05)
    assert again["columns"]["online"]["kind"] == "boolean"
    assert again["columns"]["colour"]["kind"] == "categorical"
    assert again["columns"]["colour"]["distinct"] == 3
    assert (again["n"], again["positives"], again["target"]) == (200, 20, "label")


def test_repeated_rows_and_contradicting_labels_are_noted(write):
    frame = pd.DataFrame({"x": [1.5, 1.5, 2.5, 3.0, 3.0], "y": [0, 1, 0, 0, 0]})
    notes = load(write(frame), target="y", critical=1).notes
    assert any("2 rows (40.0%) repeat an earlier one" in note for note in notes)
    assert any("2 rows have equals with the other label" in note for note in notes)


def test_a_column_that_is_the_target_in_disguise_is_noted_by_name(table, write):
    table["chargeback"] = (table["label"] == "fraud").map({True: "yes", False: "no"})
    table["code"] = np.where(table["label"] == "fraud", "x", table["colour"])
    table["refund"] = np.where(table["label"] == "fraud", np.nan, 2.5)
    notes = load(write(table), target="label", critical="fraud").notes
    (leak,) = [note for note in notes if "target almost alone" in note]
    for name in ("chargeback", "code", "refund"):
        assert repr(name) in leak
    assert "'amount'" not in leak


def test_a_critical_class_that_is_common_is_noted(table, write):
    notes = load(write(table), target="label", critical="fine").notes
    assert any("more common" in note for note in notes)


def test_the_breast_cancer_set_needs_no_options():
    samples = load("breast-cancer")
    assert samples.kind == "table"
    assert (len(samples), samples.positives, samples.critical) == (569, 212, "malignant")
    assert samples.features.shape == (569, 30)
    assert load("breast-cancer", critical="benign").positives == 357


def test_a_file_named_like_a_bundled_set_wins(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "digits"
    folder.mkdir()
    from PIL import Image

    for name in ("a", "b"):
        (folder / name).mkdir()
        Image.new("L", (4, 4), 7).save(folder / name / "1.png")
    assert load("digits", critical="b").class_counts == {"a": 1, "b": 1}


def _csv(folder, table):
    path = folder / "first.csv"
    table.to_csv(path, index=False)
    return path
