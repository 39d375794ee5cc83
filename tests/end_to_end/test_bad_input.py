"""Data and options that cannot work: one clear message, an exit code, nothing left behind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rarecall.cli import main


@pytest.fixture
def attempt(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(data, *words, code=3):
        with pytest.raises(SystemExit) as left:
            main(["compare", str(data), *words, "--out", "run", "--steps", "2", "--seeds", "1"])
        error = capsys.readouterr().err
        assert left.value.code == code, error
        assert "Traceback" not in error
        assert not (tmp_path / "run").exists()
        return error

    return call


@pytest.fixture
def frame(table):
    return pd.read_csv(table)


def asked(*more):
    return ["--target", "label", "--critical", "fraud", "--drop", "account", *more]


def test_a_missing_file(attempt):
    assert "nowhere.csv" in attempt("nowhere.csv", *asked())


def test_an_empty_file(attempt, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    assert "empty" in attempt("empty.csv", *asked())


def test_a_file_that_is_no_table(attempt, tmp_path):
    (tmp_path / "bytes.parquet").write_bytes(bytes(range(256)))
    assert "bytes.parquet" in attempt("bytes.parquet", *asked())


def test_a_misspelt_target_column(attempt, table):
    error = attempt(table, "--target", "lable", "--critical", "fraud")
    assert "label" in error


def test_a_critical_label_that_is_not_there(attempt, table):
    error = attempt(table, "--target", "label", "--critical", "fruad")
    assert "fraud" in error
    assert "fine" in error


def test_one_class_only(attempt, frame, tmp_path):
    frame[frame.label == "fraud"].to_csv(tmp_path / "one.csv", index=False)
    attempt("one.csv", *asked())


def test_too_few_positives_to_split(attempt, frame, tmp_path):
    few = pd.concat([frame[frame.label == "fraud"][:3], frame[frame.label == "fine"]])
    few.to_csv(tmp_path / "few.csv", index=False)
    assert "8" in attempt("few.csv", *asked())


def test_missing_labels(attempt, frame, tmp_path):
    frame.loc[3, "label"] = None
    frame.to_csv(tmp_path / "gaps.csv", index=False)
    assert "label" in attempt("gaps.csv", *asked())


def test_two_columns_of_one_name(attempt, table, tmp_path):
    lines = table.read_text().splitlines()
    lines[0] = lines[0].replace("x1", "x0")
    (tmp_path / "twice.csv").write_text("\n".join(lines))
    assert "x0" in attempt("twice.csv", *asked())


def test_a_group_on_two_sides_of_a_given_split(attempt, frame, tmp_path):
    roles = np.resize(["train", "validation", "calibration", "test"], len(frame))
    frame.assign(part=roles).to_csv(tmp_path / "given.csv", index=False)
    error = attempt(
        "given.csv", "--target", "label", "--critical", "fraud", "--group", "account",
        "--split-column", "part",
    )  # fmt: skip
    assert "account" in error or "group" in error


def test_an_unreadable_image_is_named_counted_and_can_be_skipped(attempt, tmp_path):
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for k in range(12):
            pixels = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / label / f"{k}.png")
    (tmp_path / "pets" / "cat" / "broken.png").write_bytes(b"no image")
    error = attempt("pets", "--critical", "cat")
    assert "broken.png" in error
    assert "1" in error
    assert "--skip-unreadable" in error


def test_a_device_that_is_not_there_leaves_no_run_behind(attempt, table):
    assert "cuda:77" in attempt(table, *asked("--device", "cuda:77"), code=2)


def test_a_batch_too_small_for_the_replayed_rows(attempt, table):
    error = attempt(
        table, *asked("--methods", "bce,bce+replay", "--batch-size", "16"), code=2
    )  # fmt: skip
    assert "replay" in error
