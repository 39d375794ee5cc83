"""Several processes on parts of a batch give the numbers of one process on all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from .worker import SHARES, Case, flat, same, trained, ways


def together(count: int, folder: Path) -> list[list[dict[str, Any]]]:
    """Train every case in so many processes; what each of them saw, a list a process."""
    worker = Path(__file__).with_name("worker.py")
    running = [
        subprocess.Popen([sys.executable, str(worker), str(folder), str(count), str(rank)])
        for rank in range(count)
    ]
    assert [process.wait(timeout=300) for process in running] == [0] * count
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(count)]


def close(first: Any, second: Any) -> bool:
    one, two = flat(first), flat(second)
    return len(one) == len(two) and all(map(_close, one, two))


def _close(first: torch.Tensor, second: torch.Tensor) -> bool:
    # The AUC losses' own variables are float32, and DDP divides them by the number of processes.
    least = 1e-12 if first.dtype == torch.float64 else 1e-6
    return torch.allclose(first, second, rtol=least, atol=least, equal_nan=True)


# One test for all cases: the processes start once.
@pytest.mark.parametrize("count", [2, 3], ids=["two", "three"])
def test_processes_that_train_together_equal_one_on_the_joint_batch(
    count: int, tmp_path: Path
) -> None:
    seen = together(count, tmp_path)
    wrong = []
    for number, (case, how) in enumerate(ways(count)):
        label = f"{case.label}, {how}"
        alone = trained(case, 1, 0)
        for rank in seen:
            wrong += [(label, key) for key in alone if not close(rank[number][key], alone[key])]
        # Multipliers, buffers and duals are the same everywhere, not only nearly so.
        for rank in seen[1:]:
            if not same(rank[number]["objective"], seen[0][number]["objective"]):
                wrong.append((label, "differs between processes"))
    assert not wrong


def test_the_parts_are_uneven_and_some_process_has_no_positive() -> None:
    case = Case("bce+alm")
    assert all(sum(shares) == 8 for shares in SHARES.values())
    starts = [sum(SHARES[3][:rank]) for rank in range(3)]
    without = 0
    for step in range(4):
        targets = case.batch_of_step(step).targets
        for start, rows in zip(starts, SHARES[3], strict=True):
            without += int(targets[start : start + rows].sum() == 0)
    assert without >= 2
