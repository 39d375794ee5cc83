"""``rarecall evaluate`` as typed: its table, its files, its errors."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from rarecall.cli import main
from rarecall.evaluation import evaluate
from rarecall.thresholds import Certificate


def made(n, seed, prefix="p"):
    rng = np.random.default_rng(seed)
    ill = np.arange(n) % 5 == 0
    return pd.DataFrame(
        {
            "patient": [f"{prefix}{k}" for k in range(n)],
            "new": rng.normal(2.2 * ill),
            "old": rng.normal(1.6 * ill),
            "state": np.where(ill, "ill", "well"),
            "sex": rng.choice(["f", "m"], n),
            "clinic": rng.integers(0, 60, n),
            "w": rng.uniform(0.5, 2, n),
        }
    )


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made(400, 0).to_csv("test.csv", index=False)
    made(500, 1, "c").to_parquet("cal.parquet")
    return tmp_path


BASIC = ["test.csv", "--score", "new,old", "--target", "state", "--critical", "ill"]


def call(capsys, *words, command="evaluate"):
    with pytest.raises(SystemExit) as left:
        main([command, *words])
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err


def results(folder="out"):
    with open(f"{folder}/results.json", encoding="utf-8") as file:  # noqa: PTH123
        return json.load(file)


def test_the_table_is_printed_and_the_report_written(capsys, files):
    code, out, err = call(capsys, *BASIC, "--out", "out")
    assert (code, err) == (0, "")
    assert "FPR at TPR" in out
    assert "Report: out/report.html" in out
    assert "Certificate" not in out
    assert {path.name for path in (files / "out").iterdir()} == {
        "results.json", "report.html", "scores",
    }  # fmt: skip


def test_it_finds_what_python_finds(capsys, files):
    call(capsys, *BASIC, "--id", "patient", "--calibration", "cal.parquet", "--tpr", "0.9",
         "--subgroups", "sex", "--prevalence", "0.02", "--cases", "3", "--out", "out")  # fmt: skip
    test, cal = made(400, 0), made(500, 1, "c")
    found = evaluate(
        test[["new", "old"]], test["state"], critical="ill", ids=test["patient"], tpr=0.9,
        calibration=(cal["new"], cal["state"]), subgroups=test[["sex"]], prevalence=0.02, cases=3,
    )  # fmt: skip
    typed = results()
    for key in ("methods", "threshold", "question", "winner"):
        mine = json.loads(json.dumps(found.results[key]))
        if key == "methods":
            mine = [{**method, "scores": None} for method in mine]
            typed[key] = [{**method, "scores": None} for method in typed[key]]
        assert typed[key] == mine
    for key in ("alarms", "probability", "decision_curve", "subgroups", "claims", "prevalence"):
        assert typed["insights"][key] == found.results["insights"][key]
    assert len(typed["insights"]["misses"]) <= 3
    assert set(typed["insights"]["false_alarms"][0]["row"]) == {"sex", "clinic", "w"}


def test_calibration_data_give_a_threshold_and_a_certificate(capsys, files):
    code, out, _ = call(
        capsys, *BASIC, "--id", "patient", "--calibration", "cal.parquet", "--out", "out"
    )
    assert code == 0
    assert "Certificate: out/certificate.json" in out
    certificate = Certificate.load("out/certificate.json")
    assert certificate.threshold == results()["threshold"]["value"]
    assert certificate.promises[0].kind == "guaranteed"


def test_one_file_may_hold_both_parts(capsys, files):
    both = pd.concat([made(400, 0).assign(part="test"), made(500, 1, "c").assign(part="calib"),
                      made(30, 2, "t").assign(part="train")])  # fmt: skip
    both.to_csv("both.csv", index=False)
    code, out, _ = call(
        capsys, "both.csv", *BASIC[1:], "--id", "patient", "--split-column", "part", "--out", "out"
    )
    assert code == 0
    assert "Left out 30 rows of the train" in out
    found = results()
    assert found["data"]["n"] == 400
    assert found["data"]["split"]["parts"]["calibration"] == {"n": 500, "positives": 100}
    call(capsys, *BASIC, "--id", "patient", "--calibration", "cal.parquet", "--out", "apart")
    assert found["threshold"] == results("apart")["threshold"]


def test_calibration_data_alone_are_measured_and_give_a_threshold(capsys, files):
    code, _, _ = call(capsys, "cal.parquet", *BASIC[1:], "--role", "calibration", "--out", "out")
    assert code == 0
    found = results()
    assert found["threshold"]["guaranteed"] is True
    assert found["threshold"]["test"] is None
    assert any("chosen on the samples that were measured" in one for one in found["limits"])


def test_without_a_folder_each_call_makes_its_own_below_runs(capsys, files):
    for _ in range(2):
        assert call(capsys, *BASIC, "--quiet")[0] == 0
    folders = sorted(path.name for path in (files / "runs").iterdir())
    assert len(folders) == 2
    assert all(name.startswith("evaluate-test-") for name in folders)


def test_quiet_says_only_where_the_report_is(capsys, files):
    _, out, _ = call(capsys, *BASIC, "--out", "out", "-q")
    assert out == "Report: out/report.html\n"


def test_weights_and_groups_are_taken(capsys, files):
    code, _, err = call(capsys, *BASIC, "--weight", "w", "--out", "weighted")
    assert (code, err) == (0, "")
    assert results("weighted")["methods"][0]["test"]["auc"]["low"] is None
    assert call(capsys, *BASIC, "--group", "clinic", "--out", "grouped")[0] == 0
    assert results("grouped")["data"]["groups"] == made(400, 0)["clinic"].nunique()


def test_the_report_can_be_written_anew(capsys, files):
    call(capsys, *BASIC, "--out", "out")
    before = (files / "out" / "report.html").read_text()
    code, _, _ = call(capsys, "out", command="report")
    assert code == 0
    assert (files / "out" / "report.html").read_text() == before


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nowhere.csv", *BASIC[1:]], 3, "There is no file 'nowhere.csv'"),
        (["test.csv", "--target", "state"], 2, "which columns hold scores"),
        (["test.csv", "--score", "new"], 2, "give --target"),
        (["test.csv", "--score", "nwe", *BASIC[3:]], 3, "Did you mean 'new'"),
        (BASIC[:5], 3, "must not be missed"),
        ([*BASIC, "--tpr", "95"], 2, "For 95% give 0.95"),
        ([*BASIC, "--role", "train"], 2, "must be test or calibration"),
        ([*BASIC, "--calibration", "test.csv"], 3, "400 rows of test.csv have an equal row"),
        ([*BASIC, "--calibration", "test.csv", "--id", "patient"], 3, "'p0', 'p1'"),
        ([*BASIC, "--split-column", "sex"], 3, "it may hold"),
        ([*BASIC, "--split-column", "sex", "--role", "calibration"], 2, "leave out"),
        ([*BASIC, "--baseline", "odl"], 2, "Did you mean 'old'"),
        ([*BASIC, "--probabilities"], 3, "lie between 0 and 1"),
        (["test.csv", "--score", "state", *BASIC[3:]], 2, "one part only"),
        (["test.csv", "--score", "sex", *BASIC[3:]], 3, "holds text"),
    ],
)
def test_mistakes_are_one_message_and_leave_nothing(capsys, files, words, code, told):
    left, out, err = call(capsys, *words, "--out", "out")
    assert (left, out) == (code, "")
    assert told in err
    assert "Traceback" not in err
    assert not (files / "out").exists()


def test_a_folder_in_use_is_not_overwritten(capsys, files):
    (files / "out").mkdir()
    (files / "out" / "mine.txt").write_text("mine")
    code, _, err = call(capsys, *BASIC, "--out", "out")
    assert code == 4
    assert "nothing in it is overwritten" in err
