"""The program as typed: version, help, listing, exit codes, and how fast it answers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rarecall import __version__
from rarecall.cli import main
from rarecall.errors import StorageError
from rarecall.methods import all_methods

HEAVY = {"torch", "pandas", "sklearn", "matplotlib", "optuna", "scipy", "lightning_fabric", "numpy"}


def call(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(words)
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["methods"],
        ["report", "nowhere"],
        *(
            [name, "--help"]
            for name in (
                "compare",
                "evaluate",
                "threshold",
                "monitor",
                "predict",
                "export",
                "card",
                "reproduce",
                "status",
            )
        ),
    ],
)
def test_light_commands_import_nothing_heavy(words):
    code = (
        "import sys\n"
        "from rarecall.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "rarecall", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"rarecall {__version__}\n"


def test_help_names_the_commands_and_exit_codes(capsys):
    code, out, _ = call(capsys, "--help")
    assert code == 0
    for word in ("compare", "methods", "report", "Exit codes", "130"):
        assert word in out


def test_every_method_word_is_listed(capsys):
    code, out, _ = call(capsys, "methods")
    assert code == 0
    for component in all_methods():
        assert component.name in out


def test_an_unknown_option_is_answered_with_the_nearest(capsys):
    code, _, err = call(capsys, "compare", "digits", "--sedes", "2")
    assert code == 2
    assert "--seeds" in err


def test_all_option_mistakes_come_at_once(capsys, tmp_path):
    out = tmp_path / "run"
    words = ["compare", "x.csv", "--tpr", "95", "--methods", "bce,focl", "--tune", "-1"]
    code, _, err = call(capsys, *words, "--out", str(out))
    assert code == 2
    assert "3 options cannot be used" in err
    assert "Did you mean 'focal'" in err
    assert not out.exists()


def test_data_are_asked_for_when_missing(capsys):
    code, _, err = call(capsys, "compare")
    assert code == 2
    assert "data: is needed" in err


def test_resuming_needs_a_folder_and_a_run(capsys, tmp_path):
    code, _, err = call(capsys, "compare", "--resume")
    assert code == 2
    assert "--out" in err
    code, _, err = call(capsys, "compare", "--resume", "--out", str(tmp_path / "none"))
    assert code == 4
    assert "no run to resume" in err


def test_a_report_needs_a_finished_run(capsys, tmp_path):
    code, _, err = call(capsys, "report", str(tmp_path))
    assert code == 4
    assert "is not the folder of a run" in err
    (tmp_path / "config.yaml").write_text("data: digits\n")
    code, _, err = call(capsys, "report", str(tmp_path))
    assert code == 4
    assert "--resume" in err


def test_a_users_error_is_one_message_with_its_exit_code(capsys, monkeypatch):
    def full(*args, **kwargs):
        raise StorageError("The disk is full.")

    monkeypatch.setattr("rarecall.comparison.orchestration.compare", full)
    code, out, err = call(capsys, "compare", "digits")
    assert (code, out, err) == (5, "", "rarecall: The disk is full.\n")


def test_an_unforeseen_fault_is_told_without_a_traceback(capsys, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("division by zero")

    monkeypatch.delenv("RARECALL_TRACEBACK", raising=False)
    monkeypatch.setattr("rarecall.comparison.orchestration.compare", broken)
    code, _, err = call(capsys, "compare", "digits")
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err
    monkeypatch.setenv("RARECALL_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["compare", "digits"])


def test_options_reach_the_library_under_their_names(capsys, monkeypatch):
    seen = {}

    def note(data, **options):
        seen.update(options, data=data)
        raise StorageError("enough")

    monkeypatch.setattr("rarecall.comparison.orchestration.compare", note)
    call(
        capsys, "compare", "a.csv", "--target", "y", "--critical", "1", "--drop", "b,c",
        "--drop", "d", "--no-trees", "--skip-unreadable", "--seeds", "3", "--tpr", "0.9",
        "--out", "r", "--resume", "--id", "n",
    )  # fmt: skip
    for name in ("watch", "should_stop"):
        assert callable(seen.pop(name))
    assert seen == {
        "data": "a.csv", "target": "y", "critical": "1", "drop": ["b", "c", "d"], "trees": False,
        "skip_unreadable": True, "seeds": 3, "tpr": 0.9, "out": "r", "resume": True, "id": "n",
        "config": None,
    }  # fmt: skip
