"""Workers in processes of their own: told, watched, started again, and asked to stop."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from rarecall.errors import DataError, Interrupted, RunError
from rarecall.work.processes import Child, own_device, supervise

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a worker whose work is the given lines."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def start(lines: str, **told: Any) -> Child:
        body = textwrap.indent(textwrap.dedent(lines), "    ")
        (tmp_path / "some_work.py").write_text(
            "import os, signal, time\n"
            "from pathlib import Path\n"
            "from rarecall.errors import DataError, Interrupted\n"
            "from rarecall.work.processes import serve\n"
            f"def work(told, should_stop):\n{body}\n"
            "raise SystemExit(serve(work))\n"
        )
        return Child("some_work", told, tmp_path / "logs" / "0.log", threads=3)

    return start


def test_a_worker_is_told_in_secret_and_counts_its_threads(program: Any, tmp_path: Path) -> None:
    worker = program(
        'Path(told["out"]).write_text(told["word"] + os.environ["OMP_NUM_THREADS"])',
        out=str(tmp_path / "out"),
        word="hidden",
    )
    assert "hidden" not in " ".join(worker.process.args)
    supervise([worker], should_stop=lambda: False, complete=(tmp_path / "out").exists)
    assert (tmp_path / "out").read_text() == "hidden3"
    assert worker.code == 0


def test_what_ends_a_worker_is_raised_here(program: Any) -> None:
    worker = program('print("words"); raise DataError("no such column")')
    with pytest.raises(DataError, match="no such column"):
        supervise([worker], should_stop=lambda: False, complete=lambda: False)


def test_a_fault_names_the_log(program: Any) -> None:
    worker = program('raise KeyError("x")')
    with pytest.raises(RunError, match=r"exit codes 1\)(.|\n)*0\.log"):
        supervise([worker], should_stop=lambda: False, complete=lambda: False)
    assert "KeyError" in worker.log.read_text()


def test_a_killed_worker_is_started_twice_more(program: Any, tmp_path: Path) -> None:
    count = tmp_path / "count"
    worker = program(
        """
        with Path(told["count"]).open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        count=str(count),
    )
    with pytest.raises(RunError, match="exit codes -9"):
        supervise([worker], should_stop=lambda: False, complete=lambda: False)
    assert count.read_text() == "xxx"


def test_a_stop_reaches_a_worker_at_a_safe_place(program: Any, tmp_path: Path) -> None:
    ready, safe = tmp_path / "ready", tmp_path / "safe"
    worker = program(
        """
        Path(told["ready"]).touch()
        while not should_stop():
            time.sleep(0.01)
        Path(told["safe"]).touch()
        raise Interrupted("stopped")
        """,
        ready=str(ready),
        safe=str(safe),
    )
    with pytest.raises(Interrupted):
        supervise([worker], should_stop=ready.exists, complete=lambda: False)
    assert safe.exists()
    assert worker.code == Interrupted.exit_code


def test_workers_take_several_graphics_processors_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    seen = [own_device("auto", number)["CUDA_VISIBLE_DEVICES"] for number in range(3)]
    assert seen == ["0", "1", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-7")
    assert own_device("cuda", 1) == {"CUDA_VISIBLE_DEVICES": "GPU-7"}
    assert own_device("cuda:1", 0) == own_device("cpu", 0) == {}
    assert own_device("auto", 1, devices=2) == {}
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 5)
    assert own_device("auto", 3, devices=2) == {"CUDA_VISIBLE_DEVICES": "2,3"}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert own_device("auto", 3) == {}
