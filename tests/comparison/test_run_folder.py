"""A run folder belongs to one run, and says so."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from rarecall.comparison.events import Log, Note
from rarecall.comparison.run_folder import RunFolder, default_root, read_result, slug
from rarecall.config import CompareConfig
from rarecall.errors import RunError, StorageError
from rarecall.files import write_json

CONFIG = CompareConfig(data="digits", steps=5)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


def test_a_started_run_stores_its_configuration(folder):
    folder.start(CONFIG)
    assert CompareConfig(**folder.stored_config()) == CONFIG
    folder.refuse_if_changed(CONFIG)


def test_a_folder_that_holds_a_run_is_refused_and_says_what_to_do(folder):
    folder.start(CONFIG)
    with pytest.raises(RunError, match=r"another run.*--resume.*--out"):
        folder.start(CONFIG)
    write_json(folder / "results.json", {})
    with pytest.raises(RunError, match="a finished run"):
        folder.refuse_if_taken()


def test_a_folder_with_other_files_is_left_alone(folder):
    folder.root.mkdir()
    (folder / "holiday.jpg").write_text("sun")
    with pytest.raises(RunError, match="not empty and holds no run"):
        folder.start(CONFIG)
    assert [path.name for path in folder.root.iterdir()] == ["holiday.jpg"]


def test_a_file_in_the_way_is_refused(folder):
    folder.root.write_text("")
    with pytest.raises(RunError, match="is a file"):
        folder.start(CONFIG)


def test_an_empty_folder_is_fine(folder):
    folder.root.mkdir()
    folder.start(CONFIG)


def test_every_changed_option_is_named(folder):
    folder.start(CONFIG)
    changed = CompareConfig(data="digits", steps=6, methods=("bce", "vs"))
    with pytest.raises(RunError) as caught:
        folder.refuse_if_changed(changed)
    text = str(caught.value)
    assert "- steps: 5 before, 6 now" in text
    assert "- methods:" in text
    assert "- seeds" not in text


def test_the_place_of_data_and_run_may_change(folder):
    folder.start(CONFIG)
    folder.refuse_if_changed(CompareConfig(data="elsewhere/digits", steps=5, out="moved"))


def test_there_is_nothing_to_resume_where_no_run_is(folder):
    with pytest.raises(RunError, match="no run to resume"):
        folder.stored_config()


def test_two_processes_never_work_in_one_folder(folder):
    pytest.importorskip("fcntl")
    folder.start(CONFIG)
    code = (
        "import sys; from rarecall.comparison.run_folder import RunFolder\n"
        "with RunFolder(sys.argv[1]).locked(): print('locked')"
    )
    command = [sys.executable, "-c", code, str(folder.root)]
    with folder.locked():
        other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert other.returncode != 0
    assert "Another process is working" in other.stderr
    after = subprocess.run(command, capture_output=True, text=True, check=True)
    assert after.stdout == "locked\n"


def test_a_damaged_result_is_named(folder):
    unit = folder.unit("bce", "seed", 0)
    assert read_result(unit) is None
    unit.mkdir(parents=True)
    (unit / "result.json").write_text("{")
    with pytest.raises(RunError, match=r"result\.json is damaged"):
        read_result(unit)


def test_method_names_never_share_a_folder():
    names = ["bce", "w-bce", "bce+alm", "bce>bce+alm", "bce+alm+rankreg", "boosted trees"]
    assert len({slug(name) for name in names}) == len(names)
    assert all("/" not in slug(name) and " " not in slug(name) for name in names)


def test_a_run_is_named_after_its_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = default_root("some/where/claims.2024.csv.gz")
    assert root.parent.name == "runs"
    assert root.name.startswith("claims-")
    root.mkdir(parents=True)
    assert default_root("claims.csv") != root


def test_a_log_on_a_full_disk_is_a_storage_error(folder, monkeypatch):
    folder.start(CONFIG)
    log = Log(folder / "log.jsonl")
    log(Note("fits"))

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.raises(StorageError, match="No space left"):
        log(Note("does not"))
