"""Hinges summed over all pairs: by one sort, beside the matrix of all pairs and LibAUC's loss.

A call is forward and backward, from scores to their gradients. Contestants take turns in every
round; ratios are taken within a round, then the median over rounds. The clock is processor time on
one thread. The matrix is left out where it would take more than ``--memory`` gigabytes; LibAUC's
pairwise loss is measured where that package is installed. The exponent is fitted to the sizes from
10,000 on.

    python benchmarks/pairwise_terms.py --rounds 5
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from machine import description, store, table
from torch import Tensor

from rarecall.functional import hinge_sums, sorted_pairs

SIZES = (64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_000_000)
SHARES = (0.5, 0.05, 0.001)
MARGIN = 0.3


def by_sort(critical: Tensor, others: Tensor) -> Tensor:
    """Take the path of large batches at any size."""
    chosen = sorted_pairs.dense_is_faster
    sorted_pairs.dense_is_faster = lambda *_: False  # type: ignore[assignment]
    try:
        return hinge_sums(critical, others, margin=MARGIN).sum()
    finally:
        sorted_pairs.dense_is_faster = chosen


def by_library(critical: Tensor, others: Tensor) -> Tensor:
    """Let the library choose, as users call it."""
    return hinge_sums(critical, others, margin=MARGIN).sum()


def by_matrix(critical: Tensor, others: Tensor) -> Tensor:
    """Make every pair, as public implementations do."""
    return torch.relu(MARGIN - (critical[:, None] - others[None, :])).sum()


def contestants() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Everything that can be measured here."""
    found = {"matrix": by_matrix, "sort": by_sort, "rarecall": by_library}
    try:
        from libauc.losses.surrogate import squared_hinge_loss
    except ImportError:
        return found

    def by_libauc(critical: Tensor, others: Tensor) -> Tensor:
        return squared_hinge_loss(MARGIN, critical[:, None] - others[None, :]).sum()

    return found | {"libauc": by_libauc}


def seconds(call: Callable[[Tensor, Tensor], Tensor], critical: Tensor, others: Tensor) -> float:
    """Processor time of one call with its gradients; short ones are repeated."""
    repeats = max(1, 20_000 // (len(critical) + len(others)))
    start = time.process_time()
    for _ in range(repeats):
        torch.autograd.grad(call(critical, others), (critical, others))
    return (time.process_time() - start) / repeats


def measure(n: int, share: float, rounds: int, memory: float) -> dict[str, Any]:
    """Time every contestant on the same scores."""
    generator = torch.Generator().manual_seed(n)
    p = max(1, round(n * share))
    critical = torch.randn(p, generator=generator).requires_grad_()
    others = torch.randn(n - p, generator=generator).requires_grad_()
    # Scores, violations and their gradient.
    fits = 3 * 4 * p * (n - p) / 2**30 <= memory
    calls = {
        name: call for name, call in contestants().items() if fits or name in ("sort", "rarecall")
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(rounds + 1):
        for name, call in calls.items():
            spent = seconds(call, critical, others)
            if round_:  # the first one warms up
                taken[name].append(spent)
    result: dict[str, Any] = {"n": n, "share": share, "pairs": p * (n - p)}
    result["ms"] = {name: 1e3 * statistics.median(times) for name, times in taken.items()}
    if "matrix" in taken:
        pairs = zip(taken["rarecall"], taken["matrix"], strict=True)
        result["ratio"] = statistics.median(mine / dense for mine, dense in pairs)
    return result


def exponent(results: list[dict[str, Any]], name: str) -> float | None:
    """Slope of log time over log size, by least squares."""
    points = [
        (math.log(one["n"]), math.log(one["ms"][name]))
        for one in results
        if one["n"] >= 10_000 and name in one["ms"]
    ]
    if len({x for x, _ in points}) < 2:
        return None
    mean_x = statistics.mean(x for x, _ in points)
    mean_y = statistics.mean(y for _, y in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum(
        (x - mean_x) ** 2 for x, _ in points
    )


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=float, default=2.0, help="gigabytes for the matrix")
    given = parser.parse_args()
    torch.set_num_threads(1)
    results = [
        measure(n, share, given.rounds, given.memory)
        for share in SHARES
        for n in SIZES
        if n * share >= 1
    ]
    names = list(contestants())
    rows = [
        [
            f"{one['n']:,} ({one['share']:g} positive)",
            *(f"{one['ms'][name]:.3f}" if name in one["ms"] else "–" for name in names),
            f"{one['ratio']:.3f}" if "ratio" in one else "–",
        ]
        for one in results
    ]
    header = ["scores", *(f"{name}, ms" for name in names), "rarecall / matrix"]
    fitted = {
        f"{name}, {share:g}": exponent([r for r in results if r["share"] == share], name)
        for share in SHARES
        for name in names
    }
    lines = [f"- {name}: {value:.2f}" for name, value in fitted.items() if value is not None]
    text = "\n".join(
        [
            "# Hinges over all pairs, forward and backward\n",
            table(header, rows),
            "Fitted exponent of the time from 10,000 scores on, by contestant and share:\n",
            *lines,
            "",
        ]
    )
    store(
        "pairwise_terms",
        {"machine": description(1), "results": results, "exponents": fitted},
        text,
    )


if __name__ == "__main__":
    main()
