from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from rarecall.data import load
from rarecall.errors import ConfigurationError, DataError


def _load(path, **options):
    return load(path, **{"target": "label", "critical": "fraud", **options})


def test_a_missing_file_is_named_with_its_near_neighbours(table, write, tmp_path):
    write(table, "payments.csv")
    with pytest.raises(DataError, match=r"paymets\.csv.*Did you mean 'payments\.csv'"):
        _load(tmp_path / "paymets.csv")
    with pytest.raises(DataError, match="Did you mean 'digits'"):
        load("digit")
    with pytest.raises(DataError, match="cannot be looked at"):
        load("x" * 5000)
    with pytest.raises(DataError, match="no file"):
        _load(tmp_path / "no folder" / "x.csv")


@pytest.mark.parametrize("content", ["", "\n\n\n"])
def test_an_empty_file_is_refused(write, content):
    with pytest.raises(DataError, match=r"empty"):
        _load(write(content))


def test_a_header_without_rows_is_refused(write):
    with pytest.raises(DataError, match="no rows"):
        _load(write("a,label\n"))


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.parquet", "data.npz", "x.npy"])
def test_bytes_that_are_no_table_are_refused_without_a_traceback_of_others(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        _load(path)


def test_a_compressed_file_that_was_cut_off_is_refused(table, tmp_path):
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(table.to_csv().encode())[:-40])
    with pytest.raises(DataError, match="damaged"):
        _load(path)


@pytest.mark.parametrize("line", ["1,2,3,4,5\n", '"1,2\n'])
def test_lines_that_do_not_fit_the_header_are_refused(write, line):
    with pytest.raises(DataError, match="cannot be read as a table"):
        _load(write("a,label\n1,fine\n" + line))


def test_a_table_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes("a,label\nä,fraud\nö,fine\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        _load(path)


def test_an_unknown_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "data.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"Known are \.csv"):
        _load(path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_two_columns_of_one_name_are_refused_by_name(table, tmp_path, ending):
    path = tmp_path / f"data.{ending}"
    if ending == "csv":
        path.write_text("a,b,a,label\n1,2,3,fine\n2,2,3,fraud\n")
    else:
        import pyarrow as pa
        from pyarrow import parquet

        columns = [pa.array([1, 2]), pa.array([2, 3]), pa.array(["fine", "fraud"])]
        parquet.write_table(pa.Table.from_arrays(columns, names=["a", "a", "label"]), path)
    with pytest.raises(DataError, match="more than one column called 'a'"):
        _load(path)


def test_all_missing_columns_are_named_at_once_with_near_names(table, write):
    path = write(table)
    with pytest.raises(DataError) as caught:
        _load(path, target="lable", group="color", drop=("amuont",))
    for word in ("'lable'", "'label'", "'color'", "'colour'", "'amuont'", "'amount'"):
        assert word in str(caught.value)


def test_a_table_without_header_is_suspected(write):
    with pytest.raises(DataError, match="header"):
        _load(write("0.5,1.5,0\n0.7,1.5,1\n"))


def test_the_target_and_the_critical_label_must_be_named(table, write):
    path = write(table)
    with pytest.raises(DataError, match=r"--target.*'amount'"):
        load(path, critical="fraud")
    with pytest.raises(DataError, match=r"--critical.*'fine' \(180\), 'fraud' \(20\)"):
        load(path, target="label")


def test_an_absent_critical_label_brings_the_list_of_labels(table, write):
    with pytest.raises(DataError, match=r"Did you mean 'fraud'\? The labels are 'fine' \(180\)"):
        _load(write(table), critical="Fraud")


def test_a_label_that_two_labels_could_mean_is_refused(write):
    frame = pd.DataFrame({"x": [1.5, 2.5, 3.5], "label": ["01", "1.0", "b"]})
    with pytest.raises(DataError, match=r"could mean '01' or '1\.0'"):
        _load(write(frame), critical="1")


def test_one_class_alone_is_refused(table, write):
    table["label"] = "fraud"
    with pytest.raises(DataError, match="Two classes are needed"):
        _load(write(table))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_missing_or_infinite_is_refused_with_its_rows(table, write, bad):
    table["label"] = (table["label"] == "fraud").astype(float)
    table.loc[[4, 7], "label"] = bad
    with pytest.raises(DataError, match=r"2 rows of 200 \(first at row 5, 8\)"):
        _load(write(table), critical=1)


def test_a_text_target_with_gaps_is_refused(table, write):
    table.loc[4, "label"] = None
    with pytest.raises(DataError, match=r"1 row of 200 \(first at row 5\)"):
        _load(write(table))


@pytest.mark.parametrize("option", ["group", "time", "id", "split_column"])
def test_a_named_column_with_gaps_is_refused(table, write, option):
    table["extra"] = [None, *(str(k) for k in range(1, 200))]
    with pytest.raises(DataError, match=r"'extra' is missing in 1 row of 200"):
        _load(write(table), **{option: "extra"})


@pytest.mark.parametrize("option", ["group", "time", "id", "split_column"])
def test_a_named_column_that_is_not_there_is_refused(table, write, option):
    with pytest.raises(DataError, match=r"'colr' is not in data\.csv\. Did you mean 'colour'"):
        _load(write(table), **{option: "colr"})


def test_ids_that_repeat_are_refused_by_name(table, write):
    table["key"] = ["a", "a", "b", "b", *range(4, 200)]
    with pytest.raises(DataError, match=r"2 ids stand for more than one sample.*'a', 'b'"):
        _load(write(table), id="key")


def test_times_that_are_none_are_refused_with_examples(table, write):
    table["when"] = ["2024-01-01"] * 199 + ["soon"]
    with pytest.raises(DataError, match="'soon'"):
        _load(write(table), time="when")


def test_a_given_split_with_unknown_words_is_refused(table, write):
    table["side"] = ["train", "holdout"] * 100
    with pytest.raises(DataError, match="'holdout'"):
        _load(write(table), split_column="side")


@pytest.mark.parametrize("option", ["group", "id"])
def test_one_column_cannot_be_target_and_something_else(table, write, option):
    with pytest.raises(DataError, match="one part only"):
        _load(write(table), **{option: "label"})


def test_impossible_options_are_refused(table, write):
    with pytest.raises(ConfigurationError, match="kind"):
        _load(write(table), kind="tables")
    with pytest.raises(ConfigurationError, match="image_size"):
        _load(write(table), image_size=0)
    with pytest.raises(ConfigurationError, match="does not fit"):
        load("digits", kind="table")
    with pytest.raises(DataError, match="one target, 'diagnosis'"):
        load("breast-cancer", target="label")
    with pytest.raises(DataError, match="none of its columns holds paths"):
        _load(write(table), kind="images")
