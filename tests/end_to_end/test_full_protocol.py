"""The full protocol in slices: packed, cut off, carried away, joined, finished."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from rarecall.data.collections import find_source
from rarecall.reproduction import Watch, reproduce
from rarecall.reproduction.worker import Events

FOLDER = Path(__file__).parents[2] / "benchmarks" / "full_protocol"


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"travelling_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def travel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    find_source("cifar10").tiny(root / "cifar10")
    out = tmp_path_factory.mktemp("packed") / "travel"
    pack = loaded(FOLDER / "pack.py")
    found: Path = pack.main(["--data-root", str(root), "--out", str(out), "--wheels", "none"])
    told = yaml.safe_load((out / "trial.yaml").read_text(encoding="utf-8"))
    told["rows"] = {label: told["rows"][label] for label in ("BCE", "BCE +RankReg")}
    told["network"] = {"name": "resnet-small", "options": {"widths": [2, 2]}}
    told["training"]["steps"] = 3
    (out / "tiny.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    return found


@pytest.fixture
def slices(travel: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The travelled program, which stops after so many units without a process of its own."""
    module = loaded(travel / "slice.py")
    monkeypatch.setattr(sys, "path", [*sys.path])

    def few(units: int) -> None:
        def work(told: Any, run: Path, *more: Any) -> int:
            ended: list[Any] = []
            watch = Watch(events=Events(ended=lambda unit, record: ended.append(unit)))
            with pytest.MonkeyPatch.context() as patch:
                # A time limit is no interruption, so the clock is what stops it.
                patch.setattr(
                    "rarecall.reproduction.reproducing.time.monotonic",
                    lambda: 1e9 * (len(ended) >= units),
                )
                reproduce(
                    str(told.protocol),
                    scale="full",
                    out=run,
                    rows=told.rows.split(",") if told.rows else None,
                    data_root=travel / "data",
                    threads=1,
                    minutes=1,
                    watch=watch,
                )
            return 0

        monkeypatch.setattr(module, "work", work)
        monkeypatch.setattr(module, "_check_torch", lambda environment: None)

    return SimpleNamespace(module=module, few=few, protocol=str(travel / "tiny.yaml"))


def one(slices: Any, state: Path, out: Path, *more: str) -> tuple[int, dict[str, Any]]:
    told = ["--state", str(state), "--out", str(out), "--protocol", slices.protocol]
    code = slices.module.main([*told, "--scale", "full", "--device", "cpu", "--jobs", "1", *more])
    return code, json.loads((out / "slice.json").read_text(encoding="utf-8"))


def test_only_the_classes_that_are_needed_travel(travel: Path) -> None:
    files = {path.name for path in (travel / "data" / "cifar10").iterdir()}
    assert files == {"train_1.npy", "train_9.npy", "test_1.npy", "test_9.npy", "MADE-UP.txt"}
    assert (travel / "rarecall" / "papers" / "protocols" / "rankreg-comparison.yaml").is_file()
    assert not list(travel.rglob("__pycache__"))
    assert json.loads((travel / "pack.json").read_text())["classes"] == [1, 9]


def test_slices_are_cut_off_carried_joined_and_finished(
    slices: Any, travel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = slices.module.work, slices.module._check_torch
    slices.few(1)
    code, said = one(slices, tmp_path / "a", tmp_path / "out-a")
    assert code == slices.module.LEFT
    assert (said["units_before"], said["units_after"], said["complete"]) == (0, 1, False)
    # Another machine, at the same time, with one of the rows.
    slices.few(2)
    code, said = one(slices, tmp_path / "b", tmp_path / "out-b", "--rows", "BCE +RankReg")
    assert said["units_after"] == 2
    archives = [str(tmp_path / f"out-{name}" / "state.tar.gz") for name in "ab"]
    # The third has both archives and the program as it travels: one unit is left to train.
    slices.module.work, slices.module._check_torch = real
    out = tmp_path / "out"
    code, said = one(slices, tmp_path / "c", out, "--minutes", "3", "--from", *archives)
    assert code == 0
    assert (said["units_before"], said["units_after"], said["complete"]) == (3, 4, True)
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert results["unfinished"] is False
    assert [row["label"] for row in results["settings"][0]["rows"]] == ["BCE", "BCE +RankReg"]
    assert (out / "report.html").stat().st_size > 10_000
    assert (out / "state.tar.gz").stat().st_size < 200_000
    assert "All are done." in capsys.readouterr().out
    undisturbed = reproduce(
        slices.protocol, scale="full", out=tmp_path / "whole", data_root=travel / "data", threads=1
    )
    for mine, theirs in zip(
        results["settings"][0]["rows"], undisturbed["settings"][0]["rows"], strict=True
    ):
        assert mine["own"] == json.loads(json.dumps(theirs["own"]))


def test_an_archive_of_another_run_or_of_nothing_good_is_refused(
    slices: Any, tmp_path: Path
) -> None:
    slices.few(1)
    one(slices, tmp_path / "a", tmp_path / "out")
    run, take = tmp_path / "a" / "run", slices.module.take
    told = json.loads((run / "run.json").read_text(encoding="utf-8"))
    told["protocol"]["splits"] = 7
    other = tmp_path / "other"
    other.mkdir()
    (other / "run.json").write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(SystemExit, match="of another protocol, scale or mode"):
        take(tmp_path / "out" / "state.tar.gz", other)
    (tmp_path / "damaged.tar.gz").write_bytes(b"no archive")
    with pytest.raises(SystemExit, match="cannot be taken over"):
        take(tmp_path / "damaged.tar.gz", run)
    with tarfile.open(tmp_path / "hostile.tar.gz", "w:gz") as packed:
        packed.add(run / "run.json", arcname="run.json")
        entry = tarfile.TarInfo("../escaped.json")
        entry.size = 2
        packed.addfile(entry, io.BytesIO(b"{}"))
    with pytest.raises(SystemExit, match="cannot be taken over"):
        take(tmp_path / "hostile.tar.gz", run)
    assert not (tmp_path / "a" / "escaped.json").exists()


def test_what_a_machine_lacks_is_taken_from_the_wheels_or_named(
    slices: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = slices.module
    monkeypatch.setattr(module, "MODULES", {"carried_along": "carried-along"})
    monkeypatch.setattr(module, "_check_torch", lambda environment: None)
    with pytest.raises(SystemExit, match="lacks carried-along, and so does"):
        module.prepared(tmp_path, tmp_path / "state")
    (tmp_path / "wheels").mkdir()
    for name in ("carried_along-1.0-cp30-cp30-linux.whl", "carried_along-1.0-py3-none-any.whl"):
        with zipfile.ZipFile(tmp_path / "wheels" / name, "w") as wheel:
            wheel.writestr("carried_along.py" if "none" in name else "wrong.py", "")
    environment = module.prepared(tmp_path, tmp_path / "state")
    assert [path.name for path in (tmp_path / "state" / "site").iterdir()] == ["carried_along.py"]
    assert str(tmp_path / "state" / "site") in environment["PYTHONPATH"]


@pytest.mark.parametrize(
    ("code", "said", "error", "match"),
    [
        (0, "2.5.1+cu121\n", "", r"torch 2.6 or newer is needed; this machine has 2.5.1"),
        (1, "", "Traceback\nImportError: no libfoo", r"cannot be loaded .* no libfoo"),
    ],
)
def test_a_machine_that_cannot_run_it_is_told_so(
    slices: Any,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    said: str,
    error: str,
    match: str,
) -> None:
    answer = subprocess.CompletedProcess([], code, said, error)
    monkeypatch.setattr(slices.module.subprocess, "run", lambda *words, **more: answer)
    with pytest.raises(SystemExit, match=match):
        slices.module._check_torch({})


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("import time; time.sleep(60)", 0, "The time is over"),
        ("import sys; sys.exit(4)", 4, ""),
        ("import os; os.kill(os.getpid(), 9)", 137, ""),
    ],
)
def test_a_slice_that_runs_out_of_time_is_no_fault_and_others_are(
    travel: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    body: str,
    code: int,
    words: str,
) -> None:
    module = loaded(travel / "slice.py")
    begin = subprocess.Popen
    monkeypatch.setattr(
        module.subprocess, "Popen", lambda command, env: begin([sys.executable, "-c", body])
    )
    told = module.asked(["--state", str(tmp_path), "--out", str(tmp_path)])
    seconds = 0.2 if words else 60.0
    assert module.work(told, tmp_path, {}, seconds, module.time.monotonic()) == code
    assert words in capsys.readouterr().out


def test_recorded_passes_are_used_where_they_are_faster(
    slices: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def pace(environment: dict[str, str], device: str) -> float:
        asked.append(environment["RARECALL_CUDA_GRAPHS"])
        return 300.0 if asked[-1] == "1" else 100.0

    monkeypatch.setattr(slices.module, "_pace", pace)
    told = ["--out", str(tmp_path), "--state", str(tmp_path / "state"), "--device"]
    recorded, words = slices.module.recorded, slices.module.asked
    assert recorded(words([*told, "cuda"]), {})
    # What was found is kept with the state.
    assert recorded(words([*told, "cuda"]), {})
    assert asked == ["0", "1"]
    assert not recorded(words([*told, "cpu"]), {})
    assert not recorded(words([*told, "cuda", "--graphs", "off"]), {})


def test_the_pace_of_a_training_is_a_number(travel: Path) -> None:
    assert loaded(travel / "pace.py").pace("cpu", width=2, steps=2, method="bce") > 0


def test_options_that_cannot_be_are_refused(
    slices: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OUT", raising=False)
    for words, said in (
        (["--state", "s"], "--out is needed"),
        (["--state", "s", "--out", "o", "--minutes", "0"], "--minutes must be above 0"),
        (["--state", "s", "--out", "o", "--from", str(tmp_path / "no")], "there is no"),
    ):
        with pytest.raises(SystemExit):
            slices.module.asked(words)
        assert said in capsys.readouterr().err


def test_a_folder_of_something_else_is_not_packed_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(SystemExit, match="choose another"):
        loaded(FOLDER / "pack.py").main(["--out", str(tmp_path)])
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_wheels_that_are_not_there_are_told_of_before_anything_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "travel"
    (out / "wheels").mkdir(parents=True)
    (out / "pack.json").write_text("{}")
    for folder in (tmp_path, out / "wheels"):
        with pytest.raises(SystemExit, match="holds no wheel, or lies in"):
            loaded(FOLDER / "pack.py").main(["--out", str(out), "--wheels", str(folder)])
    assert (out / "pack.json").is_file()
