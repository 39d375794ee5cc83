"""``rarecall status`` as typed: a view for people, a list for scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rarecall.cli import main
from rarecall.cli.app import app
from rarecall.files import write_json
from rarecall.work.presence import Presence

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "claims"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("data: claims.csv\n")
    told = {"study": "s", "methods": ["bce"], "trials": 0, "seeds": 3, "storage": None}
    write_json(folder / "work.json", told)
    write_json(folder / "status.json", {"state": "interrupted", "resume": "do this"})
    write_json(folder / "units" / "bce" / "seed-0" / "result.json", {"seconds": 90.0})
    return folder


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["status", *words])
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err


def test_an_interrupted_run_is_shown_with_the_way_on(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, str(run))
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"{run}: comparison of claims.csv"
    assert lines[1].startswith("  interrupted, 1/3 trainings, 3 min of work left, last sign")
    assert lines[2:] == ["    bce  1/3, 1 min 30 s each", "  go on with: do this"]


def test_a_running_run_shows_its_workers_and_failures(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parents[1])
    write_json(run / "units" / "bce" / "seed-1" / "failure.json", {"error": "E", "text": "why"})
    dead = {"host": "elsewhere", "pid": 7, "since": "2026-01-01", "unit": None}
    write_json(run / "workers" / "elsewhere-7.json", dead)
    import os

    os.utime(run / "workers" / "elsewhere-7.json", (0, 0))
    with Presence(run) as presence:
        presence.tell(unit="bce seed 3", step=5, steps=10)
        code, out, _ = call(capsys)
    assert code == 0
    assert "running, 1/3 trainings, about 2 min 15 s left" in out
    assert ": bce seed 3, step 5/10" in out
    assert "lost: elsewhere, process 7" in out
    assert "failed: bce seed 2: why" in out


def test_scripts_get_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, str(run), "--json")
    (told,) = json.loads(out)
    assert code == 0
    assert (told["state"], told["done"], told["total"]) == ("interrupted", 1, 3)
    assert told["seconds_of_work"] == 180.0
    assert told["seconds_left"] is None


def test_a_folder_without_runs_is_a_user_s_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, str(tmp_path))
    assert (code, out) == (4, "")
    assert "holds no run" in err


def test_telling_how_far_runs_are_loads_nothing_heavy(run: Path) -> None:
    code = (
        "import sys\n"
        "from rarecall.cli import main\n"
        "try:\n    main(['status', sys.argv[1]])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pandas', 'sklearn', 'optuna', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_command_is_listed() -> None:
    assert "status" in {
        command.name or command.callback.__name__ for command in app.registered_commands
    }
