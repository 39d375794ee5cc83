"""A loop of one's own under Lightning Fabric's strategy for several processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from .fabric_loop import METHODS, connected, trained

LOOP = Path(__file__).with_name("fabric_loop.py")


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("fabric")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    meeting |= {"LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "here"}
    processes = [
        subprocess.Popen(
            [sys.executable, LOOP, folder],
            env={**os.environ, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=180)[0] for process in processes]
    made = [folder / f"{rank}.pt" for rank in range(2)]
    assert all(path.is_file() for path in made), said
    return [torch.load(path) for path in made]


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_under_fabric_train_as_one_on_the_joint_batch(
    name: str, of_two: list[dict]
) -> None:
    alone = trained(name, connected(1), plain=True)
    for found in of_two:
        torch.testing.assert_close(found[name], alone, rtol=1e-12, atol=1e-13)
