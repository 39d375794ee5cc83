"""``rarecall threshold`` as typed: what it promises, writes and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rarecall.cli import main
from rarecall.roles import CalibrationScores
from rarecall.thresholds import (
    Certificate,
    conformal_threshold,
    cost_threshold,
    group_thresholds,
    guaranteed_fpr_threshold,
    guaranteed_threshold,
    threshold_between,
)


def made(n=600, seed=0, prefix="c", shift=3.0):
    rng = np.random.default_rng(seed)
    ill = np.arange(n) % 5 == 0
    return pd.DataFrame(
        {
            "patient": [f"{prefix}{k}" for k in range(n)],
            "clinic": [f"{prefix}{k // 3}" for k in range(n)],
            "risk": rng.normal(shift * ill),
            "ill": ill.astype(int),
            "sex": np.where(np.arange(n) % 3 == 0, "f", "m"),
            "w": 1.0,
        }
    )


BASIC = ["cal.csv", "--score", "risk", "--target", "ill", "--id", "patient"]


@pytest.fixture
def scores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = made()
    table.to_csv("cal.csv", index=False)
    return CalibrationScores(
        table["risk"].to_numpy(), table["ill"].to_numpy(), table["patient"].to_numpy(dtype=str)
    )


def call(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(["threshold", *words])
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err


def value(out):
    return float(re.search(r"Threshold: (\S+)\. Flag", out)[1])


def test_by_default_a_tpr_of_95_percent_is_promised(capsys, scores):
    code, out, err = call(capsys, *BASIC)
    choice = guaranteed_threshold(scores, tpr=0.95)
    assert (code, err) == (0, "")
    assert value(out) == choice.value
    assert choice.statement in out
    assert "exchangeable" in out
    flagged = int(np.sum(scores.scores[scores.targets == 0] >= choice.value))
    assert f"flags {flagged:,} of the 480 harmless" in out


def test_the_certificate_is_written_and_holds_what_was_said(capsys, scores):
    words = ["--tpr", "0.9", "--confidence", "0.9", "--model", "forest-7", "--out", "c.json"]
    _, out, _ = call(capsys, *BASIC, *words)
    certificate = Certificate.load("c.json")
    assert certificate.threshold == value(out)
    assert certificate.statement in out
    assert certificate.model_fingerprint == "forest-7"
    assert certificate.score_name == "risk"
    promise = certificate.promise("tpr")
    assert (promise.bound, promise.confidence, promise.kind) == (0.9, 0.9, "guaranteed")
    assert certificate.data_fingerprint == scores.fingerprint
    code, _, err = call(capsys, *BASIC, "--out", "c.json")
    assert code == 4
    assert "not overwritten" in err


def test_an_fpr_may_be_promised_alone(capsys, scores):
    _, out, _ = call(capsys, *BASIC, "--fpr", "0.1")
    assert value(out) == guaranteed_fpr_threshold(scores, fpr=0.1).value
    assert "critical calibration samples: TPR" in out


def test_both_bounds_at_once_or_the_answer_that_there_is_none(capsys, scores):
    _, out, _ = call(capsys, *BASIC, "--tpr", "0.8", "--fpr", "0.3", "--out", "c.json")
    assert value(out) == threshold_between(scores, tpr=0.8, fpr=0.3).value
    assert len(Certificate.load("c.json").promises) == 2
    code, out, err = call(capsys, *BASIC, "--tpr", "0.98", "--fpr", "0.01", "--out", "none.json")
    assert (code, err) == (0, "")
    assert out.startswith("No threshold satisfies both bounds")
    assert "No certificate was written" in out
    with pytest.raises(FileNotFoundError):
        open("none.json")  # noqa: PTH123, SIM115


def test_on_average_is_said_so(capsys, scores):
    _, out, _ = call(capsys, *BASIC, "--tpr", "0.9", "--average")
    assert value(out) == conformal_threshold(scores, tpr=0.9).value
    assert "average" in out
    assert "confidence" not in out.split("It flags")[0]


def test_costs_choose_without_a_promise(capsys, scores):
    words = ["--miss-cost", "50", "--alarm-cost", "1", "--prevalence", "0.02"]
    _, out, _ = call(capsys, *BASIC, *words)
    assert value(out) == cost_threshold(scores, miss_cost=50, alarm_cost=1, prevalence=0.02).value
    assert "no guarantee" in out


def test_every_subgroup_gets_its_own_threshold(capsys, scores):
    _, out, _ = call(capsys, *BASIC, "--tpr", "0.9", "--by", "sex", "--out", "c.json")
    found = group_thresholds(scores, made()["sex"].to_numpy(), tpr=0.9)
    for name, choice in found.choices.items():
        assert f"sex {name}: flag a case when its score is {choice.value!r} or more." in out
        certificate = Certificate.load(f"c-{name}.json")
        assert certificate.threshold == choice.value
        assert certificate.promises[0].confidence == found.each_confidence
        assert f"sex {name}" in " ".join(certificate.assumptions)


def test_a_subgroup_without_harmless_samples_gets_its_threshold_and_no_certificate(capsys, scores):
    frame = made()
    frame = frame[(frame["sex"] != "m") | (frame["ill"] == 1)]
    frame.to_csv("ill.csv", index=False)
    call_ = ["ill.csv", *BASIC[1:], "--tpr", "0.7", "--by", "sex", "--out", "c.json"]
    code, out, _ = call(capsys, *call_)
    assert code == 0
    assert "sex m: flag a case" in out
    assert "sex m: no certificate" in out
    assert not Path("c-m.json").exists()


def test_subgroups_that_are_too_small_are_named(capsys, scores):
    code, out, _ = call(capsys, *BASIC, "--tpr", "0.95", "--by", "sex")
    assert code == 0
    assert "sex f" not in out
    assert "'f'" in out


def test_groups_are_what_is_counted(capsys, scores):
    _, out, _ = call(capsys, *BASIC, "--group", "clinic", "--tpr", "0.9")
    assert "critical groups to come" in out
    assert "harmless calibration groups" in out


def test_a_time_split_is_said_beside_the_promise(capsys, scores):
    assert "No drift assumed" in call(capsys, *BASIC, "--time-split")[1]


def test_samples_used_before_are_refused_by_id(capsys, scores):
    train = made(100, 1, "t")[["patient"]]
    train.to_csv("train.csv", index=False)
    code, out, _ = call(capsys, *BASIC, "--used", "train.csv")
    assert code == 0
    assert "None of the 100 sample ids named as used before is among them." in out
    pd.concat([train, made()[["patient"]].iloc[:2]]).to_csv("mixed.csv", index=False)
    code, _, err = call(capsys, *BASIC, "--used", "train.csv,mixed.csv")
    assert code == 3
    assert "2 of the 600 calibration samples were used before, such as 'c0', 'c1'" in err


def test_without_ids_rows_used_before_are_found_by_content(capsys, scores):
    made(200, 1).to_csv("train.csv", index=False)
    nameless = [word for word in BASIC if word not in ("--id", "patient")]
    assert call(capsys, *nameless, "--used", "train.csv")[0] == 0
    made().iloc[:300].to_csv("half.csv", index=False)
    code, _, err = call(capsys, *nameless, "--used", "half.csv")
    assert code == 3
    assert "300 rows of cal.csv have an equal row in half.csv" in err
    made()[["sex", "ill"]].to_csv("other.csv", index=False)
    code, _, err = call(capsys, *nameless, "--used", "other.csv")
    assert code == 3
    assert "Name the column of ids (--id)" in err


def test_groups_used_before_are_refused(capsys, scores):
    made(30, 1, "t").assign(clinic="c5").to_csv("train.csv", index=False)
    code, _, err = call(capsys, *BASIC, "--group", "clinic", "--used", "train.csv")
    assert code == 3
    assert "calibration groups were used before, such as 'c5'" in err


def test_too_few_positives_promise_nothing_and_say_how_many_it_takes(capsys, scores):
    made(100).to_csv("few.csv", index=False)
    code, out, _ = call(capsys, "few.csv", *BASIC[1:], "--out", "c.json")
    assert code == 0
    assert "carries no guarantee" in out
    assert "59" in out
    with open("c.json", encoding="utf-8") as file:  # noqa: PTH123
        assert json.load(file)["promises"][0]["kind"] == "none"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "--score is needed"),
        (["--score", "risk"], 2, "--target is needed"),
        ([*BASIC[1:], "--tpr", "95"], 2, "For 95% give 0.95"),
        ([*BASIC[1:], "--miss-cost", "5"], 2, "Costs come in pairs"),
        (
            [*BASIC[1:], "--miss-cost", "5", "--alarm-cost", "1", "--tpr", "0.9"],
            2,
            "leave out --tpr",
        ),
        ([*BASIC[1:], "--miss-cost", "0", "--alarm-cost", "1"], 2, "miss_cost"),
        ([*BASIC[1:], "--average", "--fpr", "0.1"], 2, "leave out --fpr"),
        ([*BASIC[1:], "--by", "sex", "--fpr", "0.1"], 2, "promised a TPR alone"),
        ([*BASIC[1:], "--by", "sexx"], 3, "Did you mean 'sex'"),
        ([*BASIC[1:], "--by", "patient"], 2, "plays another part"),
        ([*BASIC[1:], "--weight", "w"], 3, "weighted samples cannot be counted"),
        ([*BASIC[1:], "--used", "nowhere.csv"], 3, "no table 'nowhere.csv'"),
        ([*BASIC[1:-1], "sex"], 3, "an id of its own"),
    ],
)
def test_mistakes_are_one_message(capsys, scores, words, code, told):
    left, out, err = call(capsys, "cal.csv", *words)
    assert (left, out) == (code, "")
    assert told in err
    assert "Traceback" not in err


def test_weights_are_taken_for_costs(capsys, scores):
    words = ["--miss-cost", "50", "--alarm-cost", "1"]
    _, plain, _ = call(capsys, *BASIC, *words)
    _, weighted, _ = call(capsys, *BASIC, "--weight", "w", *words)
    assert plain == weighted
