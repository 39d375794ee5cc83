"""``rarecall monitor`` as typed: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rarecall.cli import main
from rarecall.roles import CalibrationScores
from rarecall.thresholds import Certificate, certify

RUN = ["new.csv", "--certificate", "c.json"]


def made(n=900, seed=0, fall=0.0):
    rng = np.random.default_rng(seed)
    ill = np.arange(n) % 5 == 0
    return pd.DataFrame(
        {
            "patient": [f"p{seed}-{k}" for k in range(n)],
            "clinic": [f"k{k // 3}" for k in range(n)],
            "risk": rng.normal((3 - fall) * ill),
            "ill": ill.astype(int),
        }
    )


def certified(group=None, **wanted):
    table = made()
    names = None if group is None else table[group].to_numpy(dtype=str)
    scores = CalibrationScores(
        table["risk"].to_numpy(), table["ill"].to_numpy(), table["patient"].to_numpy(str), names
    )
    return certify(scores, score_name="risk", **wanted)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    certified(tpr=0.9).save("c.json")
    made(seed=1).to_csv("new.csv", index=False)


def call(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(["monitor", *words])
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err


def test_new_scores_without_labels_are_checked_for_drift(capsys):
    made(seed=1).drop(columns="ill").to_csv("new.csv", index=False)
    code, out, err = call(capsys, *RUN)
    assert (code, err) == (0, "")
    assert "Drift: none found (p = " in out
    assert "flagged" in out
    assert "Promise: not checked" in out


def test_confirmed_cases_are_checked_against_the_promise(capsys):
    code, out, _ = call(capsys, *RUN, "--target", "ill", "--id", "patient")
    assert code == 0
    assert "After 180 confirmed critical cases" in out
    assert "The promise of at least 90% still stands" in out


def test_labels_that_are_not_known_yet_are_left_empty(capsys):
    table = made(seed=1)
    words = np.where(table["ill"] == 1, "ill", "well")
    table["finding"] = np.where(np.arange(900) < 300, words, "")
    table.to_csv("new.csv", index=False)
    code, out, _ = call(capsys, *RUN, "--target", "finding", "--critical", "ill")
    assert code == 0
    assert "After 60 confirmed critical cases" in out
    assert "The 900 new scores" in out


def test_a_broken_promise_is_said_and_with_strict_leaves_with_code_4(capsys):
    made(seed=1, fall=2.0).to_csv("new.csv", index=False)
    code, out, _ = call(capsys, *RUN, "--target", "ill")
    assert code == 0
    assert "The promise of at least 90% is broken" in out
    code, out, err = call(capsys, *RUN, "--target", "ill", "--strict", "--out", "found.json")
    assert code == 4
    assert "is broken" in out
    assert "--strict" in err
    assert json.loads(Path("found.json").read_text("utf-8"))["promises"][0]["verdict"] == "broken"


def test_strict_leaves_with_0_where_the_promise_stands(capsys):
    assert call(capsys, *RUN, "--target", "ill", "--strict")[0] == 0


def test_a_drift_is_printed_with_its_meaning(capsys):
    table = made(seed=1)
    table["risk"] += 1
    table.to_csv("new.csv", index=False)
    code, out, _ = call(capsys, *RUN)
    assert code == 0
    assert "Drift: found" in out
    assert "cannot explain" in out


def test_the_findings_are_written_whole_and_not_over_others(capsys):
    code, out, _ = call(capsys, *RUN, "--target", "ill", "--out", "found.json")
    assert code == 0
    assert "Findings: found.json" in out
    found = json.loads(Path("found.json").read_text("utf-8"))
    assert found["certificate"] == Certificate.load("c.json").seal
    assert found["score"] == "risk"
    assert found["drift"]["n"] == 900
    code, _, err = call(capsys, *RUN, "--out", "found.json")
    assert code == 4
    assert "not overwritten" in err


def test_a_promise_about_groups_asks_for_them(capsys):
    certified(group="clinic", tpr=0.9).save("c.json")
    code, _, err = call(capsys, *RUN, "--target", "ill")
    assert code == 3
    assert "--group" in err
    code, out, _ = call(capsys, *RUN, "--target", "ill", "--group", "clinic")
    assert code == 0
    assert "After 180 confirmed critical cases" in out


def test_parquet_is_read_too(capsys):
    made(seed=1).to_parquet("new.parquet")
    assert call(capsys, "new.parquet", "--certificate", "c.json")[0] == 0


def spoil(name):
    text = Path("c.json").read_text("utf-8")
    spoilt = {"cut": text[:100], "edited": text.replace('"bound": 0.9', '"bound": 0.8')}
    Path("c.json").write_text(spoilt[name], "utf-8")


@pytest.mark.parametrize(("name", "message"), [("cut", "cut off"), ("edited", "seal")])
def test_a_certificate_that_was_cut_or_edited_is_refused(capsys, name, message):
    spoil(name)
    code, out, err = call(capsys, *RUN)
    assert (code, out) == (4, "")
    assert message in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--target", "il"], 3, "Did you mean 'ill'"),
        (["--score", "rsk"], 3, "Did you mean 'risk'"),
        (["--target", "risk"], 2, "One column can play one part only"),
        (["--critical", "1"], 2, "--target"),
        (["--id", "clinic"], 3, "clinic"),
        (["--level", "5"], 2, "level"),
        (["--target", "ill", "--alpha", "0"], 2, "alpha"),
    ],
)
def test_wrong_words_are_told(capsys, words, code, message):
    found, _, err = call(capsys, *RUN, *words)
    assert (found, message in err) == (code, True), err


def test_missing_files_and_options_are_told(capsys):
    assert call(capsys, "none.csv", "--certificate", "c.json")[0] == 3
    assert call(capsys, "new.csv", "--certificate", "none.json")[0] == 4
    assert call(capsys, "new.csv")[0] == 2


def test_without_a_named_score_the_column_must_be_given(capsys):
    table = made()
    columns = (table[name].to_numpy() for name in ("risk", "ill", "patient"))
    certify(CalibrationScores(*columns), tpr=0.9).save("c.json")
    code, _, err = call(capsys, *RUN)
    assert code == 2
    assert "--score" in err
    assert call(capsys, *RUN, "--score", "risk")[0] == 0


@pytest.mark.parametrize("cell", ["", "0,93", "inf"])
def test_scores_that_are_none_are_told(capsys, cell):
    table = made(seed=1).astype({"risk": object})
    table.loc[4, "risk"] = cell
    table.to_csv("new.csv", index=False)
    code, _, err = call(capsys, *RUN)
    assert code == 3
    assert "row" in err
