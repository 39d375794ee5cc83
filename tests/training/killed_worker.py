"""Trains in a process of its own, which is to be killed while it does."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rarecall.training import EpochRecord
from training.problem import fit


def linger(record: EpochRecord) -> None:
    print(record.epoch, flush=True)  # noqa: T201  (tells the test that a checkpoint is written)
    if record.epoch == 2:
        time.sleep(60)


if __name__ == "__main__":
    fit(sys.argv[1], sys.argv[2], folder=Path(sys.argv[3]), on_epoch=linger)
