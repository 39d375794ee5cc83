"""``rarecall reproduce`` as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rarecall.cli import main
from rarecall.data.collections import find_source
from rarecall.papers.protocol import protocol_names


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(words)
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


def test_the_list_shows_every_protocol_and_whether_its_data_is_here(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    find_source("cifar10").tiny(tmp_path / "cifar10")
    code, out, _ = call(capsys, "reproduce", "list", "--data-root", str(tmp_path))
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert set(protocol_names()) <= set(lines)
    assert "made up: cifar10" in lines["alm-table-1"]
    assert "lacks" in lines["alm-table-2"]
    # What is missing is told with where it is to be had.
    assert "cifar100: " in out


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["alm-table-1", "--dry-run", "--scale", "small", "--rows", "bce,ALM + BCE"]
    words += ["--out", str(tmp_path / "run"), "--data-root", str(tmp_path)]
    code, out, _ = call(capsys, "reproduce", *words)
    assert code == 0
    assert "ALM + BCE: bce+alm" in out
    assert "trainings, 0 of them done" in out
    assert "CIFAR-10 is not in" in out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["alm-tabel-1"], "Did you mean 'alm-table-1'"),
        (["alm-table-1", "--rows", "BCEE"], "no row 'BCEE'. Did you mean 'BCE'"),
        (["alm-table-1", "--settings", "1:3"], "no setting '1:3'"),
        (["alm-table-1", "--scale", "tiny"], "The scale must be"),
        (["alm-table-1", "--mode", "loose"], "The mode must be"),
        (["alm-table-1", "--jobs", "0"], "jobs must be 1 or more, not 0"),
        (["alm-table-1", "--minutes", "-1"], "minutes must be above 0, not -1"),
        (["alm-table-1", "--weights", "nothing.pth"], "there is no file nothing.pth"),
    ],
)
def test_mistakes_are_told_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], message: str
) -> None:
    code, _, err = call(capsys, "reproduce", *words, "--out", str(tmp_path / "run"))
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_data_that_is_missing_ends_with_its_exit_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["alm-table-1", "--scale", "small", "--data-root", str(tmp_path / "data")]
    code, _, err = call(capsys, "reproduce", *words, "--out", str(tmp_path / "run"), "-q")
    assert code == 3
    assert "CIFAR-10 is not in" in err


def test_a_smoke_run_ends_with_a_report_and_goes_on_from_what_is_done(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["alm-table-1", "--rows", "bce,bce+alm", "--threads", "1"]
    words += ["--out", str(tmp_path / "run"), "--data-root", str(tmp_path / "data")]
    code, out, err = call(capsys, "reproduce", *words)
    assert code == 0
    assert "made-up" in out.lower() or "made up" in out.lower()
    assert "2/2" in err
    assert (tmp_path / "run" / "report.html").is_file()
    stored = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [row["label"] for row in stored["settings"][0]["rows"]] == ["BCE", "ALM + BCE"]
    code, _, err = call(capsys, "reproduce", *words)
    assert code == 0
    assert "2 of them done before" in err


def test_an_analysis_needs_no_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "reproduce", "alm-figure-1", "--out", str(tmp_path / "run"))
    assert code == 0
    assert "0.780" in out
