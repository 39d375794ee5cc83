"""Trains in a process of its own, which is to be killed while it does."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rarecall.training import EpochRecord
from training.problem import fit, fit_learner


def linger(record: EpochRecord) -> None:
    print(record.epoch, flush=True)  # noqa: T201  (tells the test that a checkpoint is written)
    if record.epoch == last:
        time.sleep(60)


if __name__ == "__main__":
    kind, method, folder, last = *sys.argv[1:4], int(sys.argv[4])
    if ">" in method:
        fit_learner(method, Path(folder), on_epoch=linger)
    else:
        fit(kind, method, folder=Path(folder), on_epoch=linger)
