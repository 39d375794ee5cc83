"""The cost of exact measures and intervals, beside scikit-learn, torchmetrics and plain NumPy.

All get the same float64 scores, 1% of them positive. Contestants of one question take turns in
every round; ratios are taken within a round, then the median over rounds. The clock is processor
time on one thread. What neither library offers stands beside what one would write with NumPy and
SciPy; resampling by hand is left out where it takes minutes. One sort is the yardstick.

    python benchmarks/metrics_cost.py --rounds 5
    python benchmarks/metrics_cost.py --sizes 100000
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
import sklearn
import torch
import torchmetrics
from machine import description, store, table
from scipy.stats import rankdata
from sklearn import metrics as sk
from torchmetrics.functional import classification as tm

from rarecall import metrics

SIZES = (100_000, 1_000_000, 10_000_000)
POSITIVES = 0.01
TPR = 0.95
RESAMPLES = 100
MOST_RESAMPLED = 1_000_000
OURS, SKLEARN, TORCHMETRICS, BY_HAND = "rarecall", "scikit-learn", "torchmetrics", "by hand"
SORT = "one sort"

Floats = np.ndarray[Any, np.dtype[np.float64]]
Contestants = dict[str, Callable[[], Any]]


def delong_by_hand(scores: Floats, critical: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """Give DeLong's variance by mid-ranks, as public implementations compute it."""
    positives, negatives = scores[critical], scores[~critical]
    ranks = rankdata(scores)
    above = (ranks[critical] - rankdata(positives)) / len(negatives)
    below = 1.0 - (ranks[~critical] - rankdata(negatives)) / len(positives)
    return float(above.var(ddof=1) / len(positives) + below.var(ddof=1) / len(negatives))


def bootstrap_by_hand(scores: Floats, critical: np.ndarray[Any, np.dtype[np.bool_]]) -> Any:
    """Take percentiles over resampled samples, by the fastest measure there is."""
    rng = np.random.default_rng(0)
    parts = np.flatnonzero(critical), np.flatnonzero(~critical)
    rates = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([part[rng.integers(0, len(part), len(part))] for part in parts])
        rates.append(metrics.fpr_at_tpr(scores[rows], critical[rows], TPR))
    return np.quantile(rates, [0.025, 0.975])


def questions(n: int) -> dict[str, Contestants]:
    """Everything that is measured at one size."""
    rng = np.random.default_rng(n)
    targets = (rng.random(n) < POSITIVES).astype(np.int64)
    scores, others = rng.normal(2.0 * targets), rng.normal(1.8 * targets)
    critical = targets == 1
    tensors = torch.from_numpy(scores), torch.from_numpy(targets)

    def picked() -> float:
        fpr, tpr, _ = sk.roc_curve(targets, scores, drop_intermediate=False)
        return float(fpr[np.argmax(tpr >= TPR)])

    def picked_from_tensors() -> float:
        fpr, tpr, _ = tm.binary_roc(*tensors)
        return float(fpr[torch.argmax((tpr >= TPR).int())])

    found: dict[str, Contestants] = {
        "AUC": {
            OURS: lambda: metrics.auc(scores, targets),
            SKLEARN: lambda: sk.roc_auc_score(targets, scores),
            TORCHMETRICS: lambda: tm.binary_auroc(*tensors),
        },
        "FPR at TPR 95%": {
            OURS: lambda: metrics.fpr_at_tpr(scores, targets, TPR),
            SKLEARN: picked,
            TORCHMETRICS: picked_from_tensors,
        },
        "ROC curve": {
            OURS: lambda: metrics.roc_curve(scores, targets),
            SKLEARN: lambda: sk.roc_curve(targets, scores, drop_intermediate=False),
            TORCHMETRICS: lambda: tm.binary_roc(*tensors),
        },
        "average precision": {
            OURS: lambda: metrics.average_precision(scores, targets),
            SKLEARN: lambda: sk.average_precision_score(targets, scores),
            TORCHMETRICS: lambda: tm.binary_average_precision(*tensors),
        },
        "partial AUC, FPR up to 5%": {
            OURS: lambda: metrics.partial_auc(scores, targets, max_fpr=0.05),
            SKLEARN: lambda: sk.roc_auc_score(targets, scores, max_fpr=0.05),
            TORCHMETRICS: lambda: tm.binary_auroc(*tensors, max_fpr=0.05),
        },
        "AUC, interval (DeLong)": {
            OURS: lambda: metrics.auc_interval(scores, targets),
            BY_HAND: lambda: delong_by_hand(scores, critical),
        },
        "AUC, difference (DeLong)": {
            OURS: lambda: metrics.auc_difference(scores, others, targets),
        },
        "FPR at TPR 95%, interval": {
            OURS: lambda: metrics.fpr_at_tpr_interval(scores, targets, TPR),
        },
        "FPR at TPR 95%, paired test": {
            OURS: lambda: metrics.paired_difference(scores, others, targets, TPR),
        },
    }
    if n <= MOST_RESAMPLED:
        found["FPR at TPR 95%, interval"][BY_HAND] = lambda: bootstrap_by_hand(scores, critical)
    found[SORT] = {OURS: lambda: np.sort(scores)}
    return found


def seconds(call: Callable[[], Any]) -> float:
    """Processor time of one call; short ones are repeated."""
    start, calls = time.process_time(), 0
    while True:
        call()
        calls += 1
        spent = time.process_time() - start
        if spent > 0.02:
            return spent / calls


def measure(n: int, rounds: int) -> list[dict[str, Any]]:
    """Time every question at one size."""
    results = []
    for question, contestants in questions(n).items():
        taken: dict[str, list[float]] = {name: [] for name in contestants}
        contestants[OURS]()  # warms up
        for round_ in range(rounds):
            order = list(contestants)
            for name in order if round_ % 2 else order[::-1]:
                taken[name].append(seconds(contestants[name]))
        results.append(
            {
                "n": n,
                "measure": question,
                "ms": {name: 1e3 * statistics.median(times) for name, times in taken.items()},
                "times_as_long": {
                    name: statistics.median(
                        theirs / mine for theirs, mine in zip(times, taken[OURS], strict=True)
                    )
                    for name, times in taken.items()
                    if name != OURS
                },
            }
        )
    return results


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    given = parser.parse_args()
    torch.set_num_threads(1)
    results = [one for n in given.sizes for one in measure(n, given.rounds)]

    def shown(one: dict[str, Any], name: str) -> str:
        if name not in one["ms"]:
            return "–"
        return f"{one['ms'][name]:,.1f} ({one['times_as_long'][name]:.1f}×)"

    rivals = (SKLEARN, TORCHMETRICS, BY_HAND)
    rows = [
        [
            one["measure"],
            f"{one['n']:,}",
            f"{one['ms'][OURS]:,.1f}",
            *(shown(one, name) for name in rivals),
        ]
        for one in results
    ]
    header = ["measure", "scores", "rarecall, ms", *(f"{name}, ms" for name in rivals)]
    text = "\n".join(
        [
            "# Exact measures and intervals, 1% of the scores positive\n",
            "In brackets: how many times as long as rarecall, within a round. By hand: DeLong's "
            "variance from SciPy's mid-ranks; the interval as percentiles of only "
            f"{RESAMPLES} resamples. rarecall's paired test draws its 2,000 permutations and as "
            "many resamples.\n",
            table(header, rows),
        ]
    )
    machine = description(1) | {
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "torchmetrics": torchmetrics.__version__,
    }
    store("metrics_cost", {"machine": machine, "results": results}, text)


if __name__ == "__main__":
    main()
