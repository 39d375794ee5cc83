"""``rarecall predict`` as typed: what it writes, tells and refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal

import pandas as pd
import pytest

from rarecall.delivery import Delivered


def read(path):
    return pd.read_csv(path, keep_default_na=False, dtype=str)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def new(claims, tmp_path):
    claims.drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    return tmp_path / "new.csv"


def test_every_row_has_its_answer_and_the_counts_are_told(say, delivered, new, tmp_path, claims):
    code, out, err = say("predict", delivered, "new.csv", "--id", "account", "--keep", "age,place")
    got = read(tmp_path / "predictions.csv")
    assert code == 0
    assert list(got) == ["id", "age", "place", "score", "probability", "decision", "problem"]
    assert got["id"].tolist() == claims["account"].tolist()
    assert got["place"].tolist() == claims["place"].tolist()
    flagged = int((got["decision"] == "fraud").sum())
    assert "300 rows in, as many out: predictions.csv" in out
    assert f"Flagged as fraud: {flagged} ({flagged / 300:.1%} of those scored)" in out
    assert Delivered.load(delivered).manifest.thresholds[0].statement in out
    assert "not needed" not in out
    assert err.splitlines()[-1] == "100%  300 rows"


def test_decisions_are_scores_beside_the_threshold(say, delivered, new, tmp_path):
    say("predict", delivered, "new.csv", "--quiet")
    got = read(tmp_path / "predictions.csv")
    reached = got["score"].astype(float) >= Delivered.load(delivered).threshold
    assert got["decision"].tolist() == ["fraud" if one else "fine" for one in reached]
    assert 0 < reached.sum() < len(reached)


def test_quiet_shows_no_progress(say, delivered, new):
    assert say("predict", delivered, "new.csv", "-q")[2] == ""


@pytest.mark.parametrize("name", ["p.csv.gz", "p.parquet"])
def test_other_formats_and_portions_hold_the_same(say, delivered, new, tmp_path, name):
    say("predict", delivered, "new.csv", "--out", "p.csv")
    assert say("predict", delivered, "new.csv", "--out", name, "--chunk-rows", 7)[0] == 0
    other = tmp_path / name
    got = pd.read_parquet(other) if name.endswith("parquet") else pd.read_csv(other)
    assert got["score"].tolist() == pd.read_csv(tmp_path / "p.csv")["score"].tolist()


def test_a_row_that_cannot_be_read_is_counted_and_kept(say, delivered, claims, tmp_path):
    odd = claims.astype(object)
    odd.loc[3, "amount"] = "much"
    odd.loc[5, "place"] = "moon"
    odd.to_csv(tmp_path / "odd.csv", index=False)
    code, out, _ = say("predict", delivered, "odd.csv")
    got = read(tmp_path / "predictions.csv")
    assert code == 0
    assert "Not scored: 1 row" in out
    assert "Scored with a remark in `problem`: 1 row" in out
    assert "Passed over 2 columns not needed: 'account', 'label'" in out
    assert len(got) == 300
    assert got.loc[3, ["score", "probability", "decision"]].tolist() == ["", "", ""]
    assert got.loc[3, "problem"] == "amount: 'much' is no number"
    assert "'moon' is no category" in got.loc[5, "problem"]
    assert got.loc[5, "score"]


@pytest.mark.parametrize(
    ("change", "words", "code", "message"),
    [
        (lambda f: f.drop(columns="amount"), [], 3, "lacks one: 'amount'"),
        (lambda f: f.assign(age="old"), [], 3, "'age' held numbers in training.*such as 'old'. G"),
        (lambda f: f.assign(age="old"), ["--chunk-rows", 3], 3, "'age' held numbers in training"),
        (lambda f: f.iloc[:0], [], 3, "no rows"),
        (lambda f: f, ["--id", "acount"], 3, "no column 'acount'.*Did you mean 'account'"),
        (lambda f: f, ["--keep", "agee"], 3, "no column 'agee'"),
        (lambda f: f, ["--out", "p.xlsx"], 2, "ends otherwise"),
        (lambda f: f, ["--out", "new.csv"], 2, "there already"),
        (lambda f: f, ["--chunk-rows", 0], 2, "rows must be 1 or more"),
        (lambda f: f, ["--threads", 0], 2, "threads must be 1 or more"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(
    say, delivered, claims, tmp_path, change, words, code, message
):
    change(claims).to_csv(tmp_path / "new.csv", index=False)
    left, _, err = say("predict", delivered, "new.csv", *words)
    assert left == code
    assert re.search(message, err.splitlines()[-1])
    assert files(tmp_path) == ["new.csv"]


def test_missing_data_and_models_are_told_apart(say, delivered, new, tmp_path):
    assert say("predict", delivered, "neu.csv")[::2] == (
        3,
        "rarecall: There is no file or folder 'neu.csv'. Did you mean 'new.csv'?\n",
    )
    code, _, err = say("predict", "nowhere", "new.csv")
    assert code == 4
    assert "holds no model" in err


def test_a_changed_model_predicts_nothing(say, delivered, new, tmp_path):
    copied = tmp_path / "model"
    shutil.copytree(delivered, copied)
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["thresholds"][0]["value"] = 99.0
    (copied / "manifest.json").write_text(json.dumps(manifest))
    code, _, err = say("predict", copied, "new.csv")
    assert code == 4
    assert "seal does not fit" in err
    assert files(tmp_path) == ["model", "new.csv"]


def test_nothing_is_replaced_unasked(say, delivered, new, tmp_path):
    (tmp_path / "predictions.csv").write_text("mine")
    code, _, err = say("predict", delivered, "new.csv")
    assert code == 2
    assert "--overwrite" in err
    assert (tmp_path / "predictions.csv").read_text() == "mine"
    assert say("predict", delivered, "new.csv", "--overwrite")[0] == 0
    assert len(read(tmp_path / "predictions.csv")) == 300


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_no_half_file(say, delivered, claims, tmp_path, monkeypatch, number, code):
    pd.concat([claims] * 10).to_csv(tmp_path / "new.csv", index=False)
    scored = Delivered.score_encoded

    def interrupted(self, inputs):
        os.kill(os.getpid(), number)
        return scored(self, inputs)

    monkeypatch.setattr(Delivered, "score_encoded", interrupted)
    left, _, err = say("predict", delivered, "new.csv", "--chunk-rows", 50)
    assert left == code
    assert "was not written" in err
    assert files(tmp_path) == ["new.csv"]
