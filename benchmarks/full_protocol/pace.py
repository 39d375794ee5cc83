"""How many steps a second one training takes here: the papers' ResNet-10, batch 64, RankReg.

    python pace.py --device cuda --steps 200

Prints one number. ``slice.py`` asks it, with recorded passes and without, which to use.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from rarecall.data import ArrayDataset
from rarecall.methods import parse
from rarecall.models import build_network
from rarecall.reproduction.measures import selection
from rarecall.task import BINARY
from rarecall.training import EpochRecord, TrainSettings, train

SPEC = {
    "kind": "images",
    "channels": 3,
    "size": [32, 32],
    "mean": [0.49, 0.48, 0.45],
    "std": [0.2, 0.2, 0.2],
}


def pace(device: str, width: int, steps: int, method: str = "bce+rankreg") -> float:
    """Train on noise, which costs what images cost; give steps a second of the second half."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (4454, 3, 32, 32), dtype=torch.uint8, generator=generator)
    targets = torch.zeros(len(inputs), dtype=torch.int64)
    targets[::100] = 1
    data = ArrayDataset(inputs, targets, np.arange(len(inputs)).astype(str))
    few = ArrayDataset(inputs[:200], targets[:200], np.arange(200).astype(str))
    settings = TrainSettings(
        steps=2 * steps,
        evaluate_every=steps,
        batch_size=64,
        learning_rate=0.01,
        optimizer="sgd",
        schedule="constant",
        clip=None,
        augment="crop+flip",
        device=device,
    )
    objective = parse(method).build()
    widths = [width, 2 * width, 4 * width, 8 * width]
    network = build_network(SPEC, name="resnet10", seed=0, options={"widths": widths})
    seen: list[float] = []

    def told(record: EpochRecord) -> None:
        # An evaluation ends with scores on the processor: the device has done everything.
        seen.append(time.perf_counter())

    train(
        network,
        objective,
        data,
        few,
        settings=settings,
        measure=selection(BINARY),
        seed=0,
        on_epoch=told,
    )
    return steps / (seen[1] - seen[0])


def main() -> None:
    """Print the pace."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--method", default="bce+rankreg")
    told = parser.parse_args()
    print(f"{pace(told.device, told.width, told.steps, told.method):.2f}")


if __name__ == "__main__":
    main()
