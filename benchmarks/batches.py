"""What a batch costs each of several processes, and what reading rows ahead hides.

- Parts: images of CIFAR's size under strong augmentation (the preset ``melanoma`` and colours),
  with and without blending. Each process draws for the joint batch and gathers and changes its own
  rows. One process is timed by itself, so that other processes of the machine disturb nothing.
  Batches are balanced and critical rows come first, so the first process has most to blend.
- Reading ahead: steps of a small ResNet where each batch takes a fixed time to read (a sleep, as a
  network drive would have it), and on images of 64 x 64 pixels in a file that is mapped into
  memory and dropped from the page cache before every round. All contestants take turns.

The clock of parts is processor time, that of reading is wall time; medians over rounds.

    python benchmarks/batches.py
    python benchmarks/batches.py --rounds 1 --steps 3 --rows 512
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import description, store, table
from torch import Tensor

from rarecall.data import ArrayDataset
from rarecall.data.streams import RowStream, positives_of
from rarecall.methods import parse
from rarecall.models import build_network
from rarecall.reproduction.measures import selection
from rarecall.task import BINARY
from rarecall.training import TrainSettings
from rarecall.training.batches import Batches
from rarecall.training.engine import reseed
from rarecall.training.run import Run

CPU = torch.device("cpu")
BATCH, DELAY = 64, 0.02
PROCESSES = (1, 2, 8, 64)


def images(rows: int, side: int) -> ArrayDataset:
    """Give noise in the form of images; pixels cost the same anywhere."""
    generator = torch.Generator().manual_seed(0)
    shape = (rows, 3, side, side)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    targets = torch.zeros(rows, dtype=torch.int64)
    targets[:: 1 + rows // 200] = 1
    return ArrayDataset(pixels, targets, ["row"] * rows)


def settings(steps: int, augment: str, size: int = BATCH) -> TrainSettings:
    """Give a training on one thread with a single evaluation at its end, which takes no part."""
    return TrainSettings(
        steps=steps, evaluate_every=steps, batch_size=size, augment=augment, threads=1
    )


# Parts ----------------------------------------------------------------------------------------


def parts(rows: int, rounds: int) -> list[dict[str, Any]]:
    """Time the first process's part of joint batches."""
    data, found = images(rows, 32), []
    for size in (128, 1024):
        for blend, share in ((None, None), (0.4, 0.25)):
            positives = None if share is None else positives_of(size, share)
            made = Batches(
                data,
                RowStream(data.targets, size, seed=0, positives=positives),
                device=CPU,
                settings=settings(1, "melanoma+color", size),
                blend=blend,
                task=BINARY,
            )
            times: dict[int, list[float]] = {count: [] for count in PROCESSES}
            for number in range(rounds * 10):
                for count in PROCESSES:
                    own = None if count == 1 else slice(0, size // count)
                    reseed(0, number, CPU)
                    began = time.process_time()
                    made.of(number, own)
                    times[count].append(time.process_time() - began)
            median = {count: statistics.median(values) for count, values in times.items()}
            found.append({"rows": size, "blend": blend is not None, "seconds": median})
    return found


# Reading ahead --------------------------------------------------------------------------------


class Slow(ArrayDataset):
    """Takes a fixed time to read a batch."""

    def gather(self, rows: Tensor) -> Any:
        """Wait, then take the rows."""
        time.sleep(DELAY)
        return super().gather(rows)


def mapped(path: Path, targets: Tensor) -> ArrayDataset:
    """Give the images of a file, none of which is in memory."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    pixels = np.load(path, mmap_mode="c").view(np.ndarray)
    return ArrayDataset(torch.from_numpy(pixels), targets, ["row"] * len(targets))


def step_time(data: ArrayDataset, steps: int, *, ahead: bool) -> float:
    """Time a step of a training, in seconds."""
    side = data.inputs.shape[-1]
    spec = {
        "kind": "images",
        "channels": 3,
        "size": [side, side],
        "mean": [0.5] * 3,
        "std": [0.3] * 3,
    }
    network = build_network(spec, name="resnet-small", seed=0, options={"widths": [8, 16]})
    few = images(BATCH, side)
    run = Run(
        network,
        parse("bce").build(),
        data,
        few,
        settings=settings(steps, "crop+flip"),
        measure=selection(BINARY),
        seed=0,
        folder=None,
        task=BINARY,
    )
    if not ahead:
        run.batches.ahead = None
    began = time.perf_counter()
    while not run.finished:
        run.step()
    run.close()
    return (time.perf_counter() - began) / steps


def reading(rows: int, steps: int, rounds: int, folder: Path) -> list[dict[str, Any]]:
    """Time steps with and without reading ahead, in turn."""
    plain = images(rows, 64)
    path = folder / "images.npy"
    with path.open("wb") as file:
        np.save(file, plain.inputs.numpy())
        file.flush()
        os.fsync(file.fileno())
    sources: dict[str, Callable[[], ArrayDataset]] = {
        "in memory": lambda: plain,
        f"{1000 * DELAY:.0f} ms a batch": lambda: Slow(plain.inputs, plain.targets, plain.ids),
        "in a mapped file": lambda: mapped(path, plain.targets),
    }
    contestants = [("in memory", False)]
    contestants += [(name, way) for name in [*sources][1:] for way in (False, True)]
    times: dict[tuple[str, bool], list[float]] = {one: [] for one in contestants}
    for number in range(rounds):
        for name, way in contestants if number % 2 else contestants[::-1]:
            gc.collect()  # what is still mapped cannot be dropped from the page cache
            times[name, way].append(step_time(sources[name](), steps, ahead=way))
    medians = {one: statistics.median(values) for one, values in times.items()}
    return [
        {"rows": name, "without": medians[name, False], "with": medians.get((name, True))}
        for name in sources
    ]


# ----------------------------------------------------------------------------------------------


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rows", type=int, default=20_000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    made = parts(given.rows, given.rounds)
    with tempfile.TemporaryDirectory() as folder:
        read = reading(given.rows, given.steps, given.rounds, Path(folder))
    first = table(
        ["ms a batch", *(f"1 of {count}" for count in PROCESSES)],
        [
            [
                f"{one['rows']} rows{', blended' if one['blend'] else ''}",
                *(f"{1000 * one['seconds'][count]:.2f}" for count in PROCESSES),
            ]
            for one in made
        ],
    )
    second = table(
        ["ms a step, rows", "read in the step", "read ahead"],
        [
            [
                one["rows"],
                f"{1000 * one['without']:.1f}",
                "" if one["with"] is None else f"{1000 * one['with']:.1f}",
            ]
            for one in read
        ],
    )
    result = {"machine": description(1), "parts": made, "reading": read}
    store(
        "batches",
        result,
        "# A process's part of a batch, and rows read ahead\n\n"
        "Gathering and changing (the preset melanoma and colours) the first process's part of a "
        f"joint batch of images of 32 x 32 pixels:\n\n{first}\n"
        f"A step of a small ResNet on {BATCH} images of 64 x 64 pixels:\n\n{second}",
    )


if __name__ == "__main__":
    main()
