"""The cost of one training step of each method, beside a plain loop with PyTorch's own loss.

Every contestant forwards the same number of rows a step: a method that replays 32 rows gets as
many fewer fresh ones, as in training. Contestants take turns in a new order every round, so that
a slow moment of the machine hits all alike; the ratio is taken within a round, then the median
over rounds. The clock is the process's own processor time, on one thread: on an idle machine that
is the time on the wall, and on a busy one it is still the cost.

    python benchmarks/step_cost.py --rounds 15
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from machine import description, store, table
from torch import nn

from rarecall.methods import all_methods, parse
from rarecall.models import build_network
from rarecall.optim import PESG, SAM, frozen_statistics

PLAIN = "plain loop, nn.BCEWithLogitsLoss"
METHODS = (
    *(word.name for word in all_methods() if word.role == "loss" and "binary" in word.tasks),
    "bce+alm",
    "bce+replay",
    "bce+rankreg",
    "bce+alm+rankreg",
    "ldam+rankreg",
    "vs+lct",
    "vs+lct-nofilm",
    "bce+sam",
    "vs+lct+sam",
    "auc-margin+pesg",
)
POSITIVES = 0.05
POOL = 4096
Step = Callable[[], None]


def tabular() -> tuple[str, int, dict[str, Any], Any]:
    """30 numeric columns through the library's network for tables, batches of 1024."""
    numeric = torch.randn(POOL, 30)
    edges = torch.linspace(-2.0, 2.0, 17).tolist()
    spec = {"kind": "table", "n_numeric": 30, "bins": [edges] * 30, "cardinalities": [8, 8]}
    inputs = {"numeric": numeric, "categorical": torch.randint(0, 8, (POOL, 2))}
    return "table, MLP, batch 1024", 1024, {"spec": spec, "name": "mlp"}, inputs


def images() -> tuple[str, int, dict[str, Any], Any]:
    """32 x 32 colour images through the papers' ResNet-10, batches of 64."""
    spec = {
        "kind": "images",
        "channels": 3,
        "size": [32, 32],
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
    }
    inputs = torch.randint(0, 256, (POOL, 3, 32, 32), dtype=torch.uint8)
    return "images 32 x 32, ResNet-10, batch 64", 64, {"spec": spec, "name": "resnet10"}, inputs


def rows_of(inputs: Any, rows: torch.Tensor) -> Any:
    """Take rows of a tensor or of a mapping of tensors."""
    if isinstance(inputs, dict):
        return {name: part[rows] for name, part in inputs.items()}
    return inputs[rows]


def optimizer_of(parameters: Any) -> torch.optim.Optimizer:
    """Make the optimiser that all contestants share."""
    return torch.optim.SGD(parameters, lr=1e-3, momentum=0.9)


def plain_step(network: nn.Module, inputs: Any, targets: torch.Tensor, batch: int) -> Step:
    """One step as it is written without this library."""
    criterion = nn.BCEWithLogitsLoss()
    optimizer = optimizer_of(network.parameters())
    labels = targets.float()

    def step() -> None:
        rows = torch.randint(0, POOL, (batch,))
        loss = criterion(network(rows_of(inputs, rows)), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def method_step(
    name: str, described: dict[str, Any], inputs: Any, targets: torch.Tensor, batch: int
) -> Step:
    """One step of a method; its buffer, if it has one, is full from the start."""
    method = parse(name)
    objective = method.build().bind(targets, steps=1000)
    network = build_network(**described, outputs=objective.outputs, seed=0)
    network = objective.adapt(network)
    parameters = [{"params": network.parameters()}, *objective.param_groups()]
    optimizer = PESG(parameters, lr=1e-3) if method.has("pesg") else optimizer_of(parameters)
    sam = SAM(optimizer) if method.has("sam") else None
    fresh = batch - objective.replay_capacity
    if objective.replay_capacity:
        rows = torch.nonzero(targets)[: objective.replay_capacity, 0]
        prepared = objective.prepare((rows_of(inputs, rows), targets[rows], rows))
        with torch.no_grad():
            objective(network, prepared)
        objective.step()

    def step() -> None:
        rows = torch.randint(0, POOL, (fresh,))
        prepared = objective.prepare((rows_of(inputs, rows), targets[rows], rows))
        loss = objective(network, prepared)
        optimizer.zero_grad()
        loss.backward()
        if sam is not None:
            sam.perturb()
            with frozen_statistics(network):
                again = objective(network, prepared)
            optimizer.zero_grad()
            again.backward()
            sam.restore()
        optimizer.step()
        objective.step()

    return step


def measure(case: Callable[[], Any], *, rounds: int, steps: int) -> dict[str, Any]:
    """Time all contestants on one case."""
    torch.manual_seed(0)
    title, batch, network, inputs = case()
    targets = (torch.arange(POOL) % round(1 / POSITIVES) == 0).long()
    contestants: dict[str, Step] = {
        PLAIN: plain_step(build_network(**network, outputs=1, seed=0), inputs, targets, batch)
    }
    for name in METHODS:
        contestants[name] = method_step(name, network, inputs, targets, batch)
    for step in contestants.values():
        for _ in range(3):  # warm up
            step()
    order = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in order}
    shuffled = random.Random(0)
    for _ in range(rounds):
        shuffled.shuffle(order)
        for name in order:
            began = time.process_time()
            for _ in range(steps):
                contestants[name]()
            seconds[name].append((time.process_time() - began) / steps)
    return {
        "case": title,
        "rounds": rounds,
        "steps_a_round": steps,
        "methods": {
            name: {
                "milliseconds": 1e3 * statistics.median(times),
                "ratio": _median_ratio(times, seconds[PLAIN]),
                "ratio_low": _quartile(times, seconds[PLAIN], 0),
                "ratio_high": _quartile(times, seconds[PLAIN], 2),
            }
            for name, times in seconds.items()
        },
    }


def _median_ratio(times: list[float], plain: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(times, plain, strict=True))


def _quartile(times: list[float], plain: list[float], which: int) -> float:
    ratios = [a / b for a, b in zip(times, plain, strict=True)]
    return statistics.quantiles(ratios, n=4)[which]


def as_markdown(result: dict[str, Any]) -> str:
    """Lay out the result, one table a case."""
    parts = ["# Cost of one training step\n"]
    for case in result["cases"]:
        rows = [
            [
                name,
                f"{found['milliseconds']:.2f}",
                f"{found['ratio']:.2f}",
                f"{found['ratio_low']:.2f}–{found['ratio_high']:.2f}",
            ]
            for name, found in case["methods"].items()
        ]
        header = ["objective", "ms a step (median)", "against the plain loop", "middle half"]
        rounds = f"{case['rounds']} interleaved rounds of {case['steps_a_round']} steps"
        parts.append(f"## {case['case']}\n\n{table(header, rows)}\n{rounds}.\n")
    return "\n".join(parts)


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    result = {
        "machine": description(threads=1),
        "cases": [
            measure(tabular, rounds=asked.rounds, steps=20),
            measure(images, rounds=max(5, asked.rounds // 2), steps=2),
        ],
    }
    store("step_cost", result, as_markdown(result))


if __name__ == "__main__":
    main()
