"""Training images a second: of one network and of ten at once, beside a plain PyTorch loop.

The network is the papers' ResNet-10 on 32 x 32 images at batch 64, its width an argument. All
contestants see the same images with the same random crops and flips, forward as many a step, and
clip nothing. Contestants take turns in every round; the median over rounds stands in the table.

- plain loop: cross-entropy, SGD, nothing else, images in memory.
- rarecall: ``rarecall.training.train`` with the same loss, and with the ALM constraint.
- ten networks: one after the other, stacked in one process, and in processes side by side, each
  a training of its own, as ``rarecall reproduce --jobs`` starts them. The clock of the processes
  runs from the moment when all are ready.

On a processor the clock is wall time, so other work on the machine shows. Ask for a graphics
processor with ``--device cuda``, where the plain loop also runs compiled and as a CUDA graph.

    python benchmarks/throughput.py
    python benchmarks/throughput.py --device cuda --width 64 --steps 200 --jobs 10
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from machine import description, store, table
from torch import nn

from rarecall.data import ArrayDataset
from rarecall.errors import ConfigurationError
from rarecall.methods import parse
from rarecall.models import build_network
from rarecall.reproduction.measures import selection
from rarecall.task import BINARY
from rarecall.training import TrainSettings, fit_members, random_crop, random_flip, train

IMAGES, CRITICAL, BATCH, MEMBERS = 4454, 44, 64, 10
SPEC = {
    "kind": "images",
    "channels": 3,
    "size": [32, 32],
    "mean": [0.49, 0.48, 0.45],
    "std": [0.2, 0.2, 0.2],
}


def images(device: str, n: int = IMAGES) -> ArrayDataset:
    """Give noise in the form of a binary CIFAR-10 set at 1:100; pixels cost the same anywhere."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, generator=generator)
    targets = torch.zeros(n, dtype=torch.int64)
    targets[:: n // CRITICAL] = 1
    return ArrayDataset(inputs, targets, np.arange(n).astype(str)).to(device)


def network(width: int, seed: int = 0) -> nn.Module:
    """Make the papers' network; a width of 64 is theirs."""
    widths = [width, 2 * width, 4 * width, 8 * width]
    return build_network(SPEC, name="resnet10", seed=seed, options={"widths": widths})


def settings(steps: int, device: str, threads: int | None) -> TrainSettings:
    """Give the papers' training, with a single evaluation at its end, which takes no gradient."""
    return TrainSettings(
        steps=steps,
        evaluate_every=steps,
        batch_size=BATCH,
        learning_rate=0.01,
        weight_decay=2e-4,
        optimizer="sgd",
        schedule="constant",
        clip=None,
        augment="crop+flip",
        precision="32-true",
        device=device,
        threads=threads,
    )


def wait(device: str) -> None:
    """Wait until the device has done what was asked of it."""
    if device != "cpu":
        torch.cuda.synchronize()


def plain(steps: int, device: str, width: int, *, compiled: bool = False) -> Callable[[], None]:
    """Prepare the loop that a user would write."""
    data, model = images(device), network(width).to(device).train()
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=2e-4)
    forward: Any = torch.compile(model, mode="reduce-overhead") if compiled else model

    def run() -> None:
        for _ in range(steps):
            rows = torch.randint(0, len(data), (BATCH,), device=data.targets.device)
            inputs, targets, _ = data.gather(rows)
            loss = criterion(forward(random_flip(random_crop(inputs))), targets.float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        wait(device)

    return run


def ours(
    steps: int, device: str, width: int, method: str, *, threads: int | None = None, seed: int = 0
) -> Callable[[], None]:
    """Prepare one training of rarecall."""
    data, few = images(device), images("cpu", 200)

    def run() -> None:
        objective = parse(method).build()
        model = network(width, seed)
        train(
            model,
            objective,
            data,
            few,
            settings=settings(steps, device, threads),
            measure=selection(BINARY),
            seed=seed,
        )
        wait(device)

    return run


def members(steps: int, device: str, width: int, *, together: bool) -> Callable[[], None]:
    """Prepare ten trainings in one process, stacked or one after the other."""
    data, few = images(device), images("cpu", 200)

    def run() -> None:
        fit_members(
            [network(width, seed) for seed in range(MEMBERS)],
            [parse("bce").build() for _ in range(MEMBERS)],
            data,
            few,
            settings=settings(steps, device, None),
            measure=selection(BINARY),
            seeds=list(range(MEMBERS)),
            together=together,
        )
        wait(device)

    return run


def _work(told: dict[str, Any], ready: Any, go: Any) -> None:
    torch.set_num_threads(told["threads"])
    runs = [
        ours(told["steps"], told["device"], told["width"], "bce", seed=seed)
        for seed in told["seeds"]
    ]
    ours(2, told["device"], told["width"], "bce")()
    ready.release()
    go.wait()
    for run in runs:
        run()


def side_by_side(steps: int, device: str, width: int, jobs: int, threads: int) -> float:
    """Time ten trainings in processes side by side, from when all are ready until all are done."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    shares = [list(range(MEMBERS))[number::jobs] for number in range(jobs)]
    common = {"steps": steps, "device": device, "width": width, "threads": threads}
    workers = [
        context.Process(target=_work, args=({**common, "seeds": seeds}, ready, go))
        for seeds in shares
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.acquire()
    began = time.perf_counter()
    go.set()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def timed(run: Callable[[], None]) -> float:
    """Time one run."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def contestants(told: argparse.Namespace) -> dict[str, tuple[int, Callable[[], float]]]:
    """Give every contestant: how many networks it trains, and what times it once."""
    steps, device, width = told.steps, told.device, told.width
    few = max(2, steps // 2)

    def once(run: Callable[[], None]) -> Callable[[], float]:
        run()  # warms up caches, kernels and compilers
        return lambda: timed(run)

    found: dict[str, tuple[int, Callable[[], float]]] = {
        "plain loop": (1, once(plain(steps, device, width))),
        "rarecall, bce": (1, once(ours(steps, device, width, "bce"))),
        "rarecall, bce+alm": (1, once(ours(steps, device, width, "bce+alm"))),
    }
    if device != "cpu":
        compiled = plain(steps, device, width, compiled=True)
        found["plain loop, compiled (CUDA graph)"] = (1, once(compiled))
    ten = once(members(few, device, width, together=False))
    found["ten, one after the other"] = (MEMBERS, ten)
    try:
        stacked = once(members(few, device, width, together=True))
        found["ten, stacked in one process"] = (MEMBERS, stacked)
    except ConfigurationError as error:
        print(error)  # the table then lacks the line
    for jobs in told.jobs:
        threads = max(1, torch.get_num_threads() // jobs)
        found[f"ten, {jobs} processes"] = (
            MEMBERS,
            lambda jobs=jobs, threads=threads: side_by_side(few, device, width, jobs, threads),  # type: ignore[misc]  # bound now
        )
    return found


def main() -> None:
    """Measure, print the table and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, nargs="+", default=[2])
    told = parser.parse_args()
    few = max(2, told.steps // 2)
    racing = contestants(told)
    rates: dict[str, list[float]] = {name: [] for name in racing}
    for _ in range(told.rounds):
        for name, (networks, race) in racing.items():
            steps = told.steps if networks == 1 else few
            rates[name].append(networks * steps * BATCH / race())
    base = statistics.median(rates["plain loop"])
    rows = [
        [name, f"{statistics.median(found):,.0f}", f"{statistics.median(found) / base:.2f}"]
        for name, found in rates.items()
    ]
    where = "processor" if told.device == "cpu" else torch.cuda.get_device_name()
    text = (
        f"# Training throughput: ResNet-10 of width {told.width}, batch {BATCH}, {where}\n\n"
        + table(["trained", "images a second", "beside the plain loop"], rows)
        + f"\nMedian of {told.rounds} rounds, which take turns; wall time."
    )
    result = {
        "machine": description(torch.get_num_threads()),
        "device": where,
        "width": told.width,
        "steps": told.steps,
        "rounds": told.rounds,
        "images_per_second": rates,
    }
    store(f"throughput_{told.device.split(':')[0]}", result, text)


if __name__ == "__main__":
    main()
