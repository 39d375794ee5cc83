"""Training images a second: of one network and of ten at once, beside a plain PyTorch loop.

The network is the papers' ResNet-10 on 32 x 32 images at batch 64, its width an argument. All
contestants see the same images with the same random crops and flips, forward as many a step, and
clip nothing. Contestants take turns in every round; medians over rounds stand in the table.

- plain loop: cross-entropy, SGD, nothing else, images in memory.
- rarecall: ``rarecall.training.train`` with the same loss, and with the ALM constraint.
- ten networks: one after the other, stacked in one process, and in processes side by side, each
  a training of its own, as ``rarecall reproduce --jobs`` starts them; their clocks run from the
  moment when all are ready.

The plain loop also runs compiled by ``torch.compile``, on a graphics processor as a CUDA graph.
With ``--device cuda`` the others also run with their passes recorded (``RARECALL_CUDA_GRAPHS=1``,
see ``rarecall.training.graphs``).

On a graphics processor the clock is wall time. On a processor it is processor time, summed over
processes, so that other work on the machine disturbs it little; processes then show what they cost,
and on a free machine take that much less time as they have cores. The ratio to the plain loop is
taken within a round.

    python benchmarks/throughput.py
    python benchmarks/throughput.py --device cuda --width 64 --steps 200 --jobs 5 10
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from rarecall.training.graphs import VARIABLE

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
    forward: Any = model
    if compiled:
        # On a graphics processor this mode records CUDA graphs.
        mode = "default" if device == "cpu" else "reduce-overhead"
        forward = torch.compile(model, mode=mode)

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


def _work(told: dict[str, Any], ready: Any, go: Any, spent: Any) -> None:
    torch.set_num_threads(told["threads"])
    runs = [
        ours(told["steps"], told["device"], told["width"], "bce", seed=seed)
        for seed in told["seeds"]
    ]
    ours(2, told["device"], told["width"], "bce")()
    ready.release()
    go.wait()
    began = time.process_time()
    for run in runs:
        run()
    spent.put(time.process_time() - began)


def side_by_side(steps: int, device: str, width: int, jobs: int, threads: int) -> float:
    """Time ten trainings in processes side by side, from when all are ready until all are done."""
    context = multiprocessing.get_context("spawn")
    ready, go, spent = context.Semaphore(0), context.Event(), context.SimpleQueue()
    shares = [list(range(MEMBERS))[number::jobs] for number in range(jobs)]
    common = {"steps": steps, "device": device, "width": width, "threads": threads}
    workers = [
        context.Process(target=_work, args=({**common, "seeds": seeds}, ready, go, spent))
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
    wall = time.perf_counter() - began
    return sum(spent.get() for _ in workers) if device == "cpu" else wall


def timed(run: Callable[[], None], device: str) -> float:
    """Time one run: processor time on a processor, else wall time."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    began = clock()
    run()
    return clock() - began


@contextmanager
def graphs(wanted: bool) -> Iterator[None]:
    """Ask for recorded passes, in this process and in those that it starts."""
    before = os.environ.pop(VARIABLE, None)
    try:
        if wanted:
            os.environ[VARIABLE] = "1"
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before


def contestants(told: argparse.Namespace) -> dict[str, tuple[int, Callable[[], float]]]:
    """Give every contestant: how many networks it trains, and what times it once."""
    steps, device, width = told.steps, told.device, told.width
    few = fewer(steps)

    def once(run: Callable[[], None], recorded: bool = False) -> Callable[[], float]:
        def race() -> float:
            with graphs(recorded):
                return timed(run, device)

        race()  # warms up caches, kernels and compilers
        return race

    found: dict[str, tuple[int, Callable[[], float]]] = {
        "plain loop": (1, once(plain(steps, device, width))),
        "rarecall, bce": (1, once(ours(steps, device, width, "bce"))),
        "rarecall, bce+alm": (1, once(ours(steps, device, width, "bce+alm"))),
    }
    try:
        found["plain loop, compiled"] = (1, once(plain(steps, device, width, compiled=True)))
    except Exception as error:
        print(f"torch.compile does not work here: {error}")  # the table then lacks the line
    ways = [(False, "")] if device == "cpu" else [(False, ""), (True, ", recorded passes")]
    for recorded, name in ways:
        if recorded:
            found[f"rarecall, bce{name}"] = (1, once(ours(steps, device, width, "bce"), True))
        ten = once(members(few, device, width, together=False), recorded)
        found[f"ten, one after the other{name}"] = (MEMBERS, ten)
        for jobs in told.jobs:
            threads = max(1, torch.get_num_threads() // jobs)

            def race(jobs: int = jobs, threads: int = threads, recorded: bool = recorded) -> float:
                with graphs(recorded):
                    return side_by_side(few, device, width, jobs, threads)

            found[f"ten, {jobs} processes{name}"] = (MEMBERS, race)
    try:
        stacked = once(members(few, device, width, together=True))
        found["ten, stacked in one process"] = (MEMBERS, stacked)
    except ConfigurationError as error:
        print(error)
    return found


def fewer(steps: int) -> int:
    """Give the steps of each of ten networks, where one alone takes ``steps``."""
    return max(2, steps // 4)


def verdict(rates: dict[str, list[float]], device: str) -> str:
    """Say which way of training ten networks won, and what this run cannot tell."""
    turn = rates["ten, one after the other"]
    ten = {
        name.removeprefix("ten, "): statistics.median(
            rate / base for rate, base in zip(found, turn, strict=True)
        )
        for name, found in rates.items()
        if name.startswith("ten, ")
    }
    best = max(ten, key=lambda name: ten[name])
    told = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ten.items())
    lines = [f"\n\nTen networks beside one after the other: {told}. Best: {best}."]
    if device == "cpu":
        lines.append(
            "Not measured here: recorded passes (CUDA graphs), processes that share a graphics "
            "processor, and stacking there. `python benchmarks/throughput.py --device cuda --width "
            "64 --steps 200 --jobs 5 10` measures them; `fit_members` times stacking itself where "
            "it trains on such a device."
        )
    return " ".join(lines)


def main() -> None:
    """Measure, print the table and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, nargs="+", default=[2])
    told = parser.parse_args()
    few = fewer(told.steps)
    racing = contestants(told)
    rates: dict[str, list[float]] = {name: [] for name in racing}
    for _ in range(told.rounds):
        for name, (networks, race) in racing.items():
            steps = told.steps if networks == 1 else few
            rates[name].append(networks * steps * BATCH / race())
    rows = []
    for name, found in rates.items():
        beside = [rate / base for rate, base in zip(found, rates["plain loop"], strict=True)]
        rows.append([name, f"{statistics.median(found):,.0f}", f"{statistics.median(beside):.2f}"])
    where = "processor" if told.device == "cpu" else torch.cuda.get_device_name()
    clock = "processor time" if told.device == "cpu" else "wall time"
    text = (
        f"# Training throughput: ResNet-10 of width {told.width}, batch {BATCH}, {where}\n\n"
        + table(["trained", "images a second", "beside the plain loop"], rows)
        + f"\nMedian of {told.rounds} rounds, which take turns; {clock}."
        + verdict(rates, told.device)
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
