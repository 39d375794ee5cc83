"""Terms over all pairs: by one sort, beside matrices of all pairs and LibAUC's losses.

A call is forward and backward, from scores to their gradients. Contestants take turns in every
round; ratios are taken within a round, then the median over rounds. On a processor the clock is
processor time on one thread; on a graphics processor the time on the wall between two
synchronisations. The matrix is left out where it would take more than ``--memory`` gigabytes.
LibAUC's losses are measured where that package is installed (it wants an environment of its own).
Memory is the most that a contestant held at once beyond its inputs, in a run of its own. The
exponent is fitted to the sizes from 10,000 on.

    python benchmarks/pairwise_terms.py --rounds 5
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from machine import description, store, table
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rarecall.functional import hinge_sums, pairwise_squared_hinge, sorted_pairs
from rarecall.losses import AUCMarginLoss

SIZES = (64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_000_000)
SHARES = (0.5, 0.05, 0.001)
MARGIN = 0.3
BATCHES = (64, 1024, 4096, 65_536)
Call = Callable[[Tensor, Tensor], Tensor]


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


def by_torch(critical: Tensor, others: Tensor) -> Tensor:
    """Make every pair and let PyTorch's ranking loss sum them."""
    ones = torch.ones(1, 1, device=critical.device)
    return torch.nn.functional.margin_ranking_loss(
        critical[:, None], others[None, :], ones, margin=MARGIN, reduction="sum"
    )


def contestants() -> dict[str, Call]:
    """Everything that can be measured here; all but LibAUC's sum the same hinges."""
    found = {"matrix": by_matrix, "torch": by_torch, "sort": by_sort, "rarecall": by_library}
    try:
        from libauc.losses.surrogate import squared_hinge_loss
    except ImportError:
        return found

    def by_libauc(critical: Tensor, others: Tensor) -> Tensor:
        return squared_hinge_loss(MARGIN, critical[:, None] - others[None, :]).sum()

    return found | {"libauc": by_libauc}


def seconds(call: Callable[[], Any], repeats: int, device: str) -> float:
    """Time of one call, of several in a row where it is short."""
    if device == "cpu":
        start = time.process_time()
        for _ in range(repeats):
            call()
        return (time.process_time() - start) / repeats
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


class _Held(TorchDispatchMode):
    """Follow the bytes of living tensors through forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        import weakref

        result = func(*args, **(kwargs or {}))
        for one in torch.utils._pytree.tree_leaves(result):
            if not isinstance(one, Tensor):
                continue
            storage = one.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key not in self._known:
                self._known.add(key)
                self.now += size
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._gone, key, size)
        return result

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def held(call: Callable[[], Any], device: str) -> float:
    """Megabytes that a call held at most."""
    if device == "cpu":
        with _Held() as watched:
            call()
        return watched.most / 2**20
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def take_turns(
    calls: dict[str, Callable[[], Any]], rounds: int, repeats: int, device: str
) -> dict[str, list[float]]:
    """Time every call in every round; the first one warms up."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(rounds + 1):
        for name, call in calls.items():
            spent = seconds(call, repeats, device)
            if round_:
                taken[name].append(spent)
    return taken


def ratio(taken: dict[str, list[float]], mine: str, other: str) -> float | None:
    """Median over the rounds of the ratio within a round."""
    if mine not in taken or other not in taken:
        return None
    return statistics.median(a / b for a, b in zip(taken[mine], taken[other], strict=True))


def measure(n: int, share: float, rounds: int, memory: float, device: str) -> dict[str, Any]:
    """Time every contestant on the same scores."""
    generator = torch.Generator().manual_seed(n)
    p = max(1, round(n * share))
    critical = torch.randn(p, generator=generator).to(device).requires_grad_()
    others = torch.randn(n - p, generator=generator).to(device).requires_grad_()
    # Scores, violations and their gradient.
    fits = 3 * 4 * p * (n - p) / 2**30 <= memory
    calls = {
        name: lambda call=call: torch.autograd.grad(call(critical, others), (critical, others))
        for name, call in contestants().items()
        if fits or name in ("sort", "rarecall")
    }
    # What takes long takes long to repeat, too.
    slow = p * (n - p) > 20_000_000
    taken = take_turns(calls, min(rounds, 3) if slow else rounds, max(1, 20_000 // n), device)
    return {
        "n": n,
        "share": share,
        "pairs": p * (n - p),
        "ms": {name: 1e3 * statistics.median(times) for name, times in taken.items()},
        "ratio": ratio(taken, "rarecall", "matrix"),
        "mb": {name: held(call, device) for name, call in calls.items()},
    }


def measure_objectives(batch: int, rounds: int, device: str) -> dict[str, Any]:
    """Time losses of a batch with one critical score in twenty, LibAUC's beside ours."""
    scores = torch.randn(batch, generator=torch.Generator().manual_seed(batch)).to(device)
    scores.requires_grad_()
    targets = (torch.arange(batch, device=device) % 20 == 0).long()
    critical = (targets == 1).float()
    margin = AUCMarginLoss(margin=1.0, imbalance=19.0).to(device)
    losses: dict[str, Callable[[], Tensor]] = {
        "bce": lambda: torch.nn.functional.binary_cross_entropy_with_logits(scores, critical),
        "auc-margin": lambda: margin(scores, targets).mean(),
        "pairwise": lambda: pairwise_squared_hinge(scores, critical, 1 - critical, margin=1.0),
    }
    try:
        from libauc.losses.auc import AUCMLoss, PairwiseAUCLoss

        theirs, pairs = AUCMLoss(imratio=0.05), PairwiseAUCLoss("squared_hinge")
        losses["libauc AUCMLoss"] = lambda: theirs(torch.sigmoid(scores), targets)
        if batch <= 16_384:
            losses["libauc PairwiseAUCLoss"] = lambda: pairs(scores, targets)
    except ImportError:
        pass

    def both_ways(loss: Callable[[], Tensor]) -> Callable[[], None]:
        def call() -> None:
            scores.grad = None
            loss().backward()

        return call

    calls = {name: both_ways(loss) for name, loss in losses.items()}
    taken = take_turns(calls, rounds, max(1, 20_000 // batch), device)
    return {
        "batch": batch,
        "ms": {name: 1e3 * statistics.median(times) for name, times in taken.items()},
        "auc_margin_ratio": ratio(taken, "auc-margin", "libauc AUCMLoss"),
        "pairwise_ratio": ratio(taken, "pairwise", "libauc PairwiseAUCLoss"),
    }


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


def cells(values: dict[str, float], names: list[str], digits: int) -> list[str]:
    """Lay out one number a contestant, a dash where it was left out."""
    return [f"{values[name]:,.{digits}f}" if name in values else "–" for name in names]


def as_markdown(
    results: list[dict[str, Any]], objectives: list[dict[str, Any]], fitted: dict[str, float | None]
) -> str:
    """Lay out the tables of times, of memory and of losses."""
    names = list(contestants())
    label = [f"{one['n']:,} ({one['share']:g} positive)" for one in results]
    times = [
        [text, *cells(one["ms"], names, 3), f"{one['ratio']:.3f}" if one["ratio"] else "–"]
        for text, one in zip(label, results, strict=True)
    ]
    memory = [[text, *cells(one["mb"], names, 2)] for text, one in zip(label, results, strict=True)]
    losses = list(dict.fromkeys(name for one in objectives for name in one["ms"]))
    steps = [[f"{one['batch']:,}", *cells(one["ms"], losses, 3)] for one in objectives]
    lines = [f"- {name}: {value:.2f}" for name, value in fitted.items() if value is not None]
    header = ["scores", *(f"{name}, ms" for name in names), "rarecall / matrix"]
    return "\n".join(
        [
            "# Terms over all pairs, forward and backward\n",
            "Hinges summed (LibAUC: squared ones):\n",
            table(header, times),
            "Megabytes held at most, beyond the scores:\n",
            table(["scores", *names], memory),
            "Fitted exponent of the time from 10,000 scores on, by contestant and share:\n",
            *lines,
            "\nLosses of a batch, one critical score in twenty, from scores to gradients, ms:\n",
            table(["batch", *losses], steps),
        ]
    )


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=float, default=2.0, help="gigabytes for the matrix")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    results = [
        measure(n, share, given.rounds, given.memory, given.device)
        for share in SHARES
        for n in SIZES
        if n * share >= 1
    ]
    objectives = [measure_objectives(batch, given.rounds, given.device) for batch in BATCHES]
    fitted = {
        f"{name}, {share:g}": exponent([r for r in results if r["share"] == share], name)
        for share in SHARES
        for name in contestants()
    }
    machine = description(1)
    if given.device == "cuda":
        machine["graphics"] = torch.cuda.get_device_name()
    try:
        machine["libauc"] = version("libauc")
    except PackageNotFoundError:
        machine["libauc"] = "absent"
    store(
        "pairwise_terms" if given.device == "cpu" else "pairwise_terms_cuda",
        {
            "machine": machine,
            "results": results,
            "exponents": fitted,
            "objectives": objectives,
        },
        as_markdown(results, objectives, fitted),
    )


if __name__ == "__main__":
    main()
