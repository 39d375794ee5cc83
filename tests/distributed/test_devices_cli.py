"""One comparison on several devices: from the command line, under torchrun and as under srun."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rarecall.config import load_config
from rarecall.errors import ConfigurationError

COMPARE = [
    "compare",
    "breast-cancer",
    "--no-trees",
    "--plain",
    "--threads=1",
    "--seeds=1",
    "--learning-rate=0.0005",
]
FEW = [*COMPARE, "--methods=bce,bce+alm", "--steps=12"]


def start(words: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def ended(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=180)
    assert process.returncode == code, err
    return out, err


def found(folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return results


def test_torchrun_srun_and_devices_find_the_same_and_only_the_first_process_speaks(
    tmp_path: Path,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    slurm = {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_JOB_ID": "12345",
        "MASTER_PORT": port,
    }
    tasks = [
        start(
            ["rarecall", *FEW, "--out", str(tmp_path / "srun")],
            **slurm,
            SLURM_PROCID=str(rank),
            SLURM_LOCALID=str(rank),
        )
        for rank in range(2)
    ]
    told, nothing = [ended(task) for task in tasks]
    assert "Report:" in told[0]
    assert nothing == ("", "")
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "rarecall"]
    out, err = ended(start([*torchrun, *FEW, "--out", str(tmp_path / "torchrun")]))
    assert out.count("Report:") == 1
    assert err.count("bce seed 1 of 1 done") == 1
    ended(start(["rarecall", *FEW, "--devices=2", "--out", str(tmp_path / "devices")]))
    ours, theirs, slurms = (found(tmp_path / name) for name in ("devices", "torchrun", "srun"))
    assert ours["threshold"]["value"] == theirs["threshold"]["value"]
    assert ours["threshold"]["value"] == slurms["threshold"]["value"]


def test_a_launcher_and_the_option_must_agree(tmp_path: Path) -> None:
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "rarecall"]
    words = [*torchrun, *FEW, "--devices=3", "--out", str(tmp_path / "run")]
    # The launcher has an exit code and a report of its own.
    _, err = ended(start(words), code=1)
    told = "rarecall: devices is 3, but the launcher started 2 processes. Leave devices out"
    assert err.count(told) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("how", "code", "then"), [(signal.SIGINT, 130, "1"), (signal.SIGTERM, 143, "3")]
)
def test_a_signal_stops_all_and_any_number_goes_on(
    how: signal.Signals, code: int, then: str, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    words = [*COMPARE, "--methods=bce", "--steps=400", "--out", str(folder)]
    process = start(["rarecall", *words, "--devices=2"])
    checkpoint = folder / "units" / "bce" / "seed-0" / "checkpoint.pt"
    until = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    helpers = _children(process.pid)
    process.send_signal(how)
    _, err = ended(process, code)
    assert f"--resume --out {folder}" in err
    assert len(helpers) == 1
    assert not any(Path(f"/proc/{pid}").exists() for pid in helpers)
    again = ["rarecall", "compare", "--resume", "--out", str(folder), "--devices", then]
    _, err = ended(start(again))
    assert "bce seed 1 of 1 done" in err
    assert found(folder)["winner"]["name"] == "bce"


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(child) for child in listed.split()]


def test_devices_that_cannot_be_are_refused_in_words() -> None:
    with pytest.raises(ConfigurationError, match="devices: is 2, but device names one, 'cuda:1'"):
        load_config({"data": "digits", "devices": 2, "device": "cuda:1"})
    with pytest.raises(ConfigurationError, match="devices: must be at least 1, but 0 came"):
        load_config({"data": "digits", "devices": 0})
