"""Nominal against achieved: do intervals and thresholds keep what they say? By simulation.

Scores come from populations whose true rates are known in closed form, so that every interval and
every threshold can be judged right or wrong. All methods see the same samples.

    python benchmarks/coverage.py            # rewrites docs/coverage.md, some minutes
    python benchmarks/coverage.py --quick    # a few repeats, printed only
    python benchmarks/coverage.py --page     # only the words around the stored numbers
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from coverage_page import page
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from rarecall.metrics.auc_differences import auc_difference
from rarecall.metrics.delong import auc_interval
from rarecall.metrics.fpr_interval import fpr_at_tpr_interval
from rarecall.metrics.inputs import positives_to_catch
from rarecall.metrics.intervals import rate_interval
from rarecall.metrics.paired import paired_difference
from rarecall.metrics.placements import area_spread
from rarecall.metrics.seeds import fpr_over_seeds
from rarecall.roles import CalibrationScores
from rarecall.thresholds import conformal_threshold, empirical_threshold, guaranteed_threshold

PAGE = Path(__file__).parents[1] / "docs" / "coverage.md"
RESULT = Path(__file__).parent / "results" / "coverage.json"

POSITIVES = (13, 30, 60, 200, 1000)
NEGATIVES = 2000
CONFIDENCE = 0.95
RESAMPLES = 1000

Floats = NDArray[np.float64]
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Population:
    """Negatives are standard normal; a share of the positives is hard, the others lie at 2 or 3."""

    name: str
    parts: tuple[tuple[float, float], ...]

    def positives(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw scores of positives."""
        shares, means = zip(*self.parts, strict=True)
        return rng.normal(rng.choice(means, size=n, p=shares))

    def tpr(self, threshold: float) -> float:
        """Give the true TPR of a threshold."""
        return float(sum(share * ndtr(mean - threshold) for share, mean in self.parts))

    def fpr_at(self, tpr: float) -> float:
        """Give the true FPR at the threshold whose true TPR is the one required."""
        return float(ndtr(-brentq(lambda t: self.tpr(t) - tpr, -20, 20)))

    def draws(
        self, n: int, repeats: int, seed: int
    ) -> Iterator[tuple[Floats, Floats, np.random.Generator]]:
        """Draw data sets: positives, negatives, and a source for what is redrawn from them."""
        for number in range(repeats):
            rng = np.random.default_rng((seed, n, number))
            yield self.positives(n, rng), rng.normal(size=NEGATIVES), rng


NORMAL = Population("normal", ((1.0, 2.0),))
HARD = Population("a tenth hard", ((0.9, 3.0), (0.1, 0.0)))


def resampled(positives: Floats, negatives: Floats, tpr: float, rng: np.random.Generator) -> Bounds:
    """Bootstrap as is usually done: draw every sample of both classes again, take percentiles."""
    n = len(positives)
    place = n - positives_to_catch(tpr, n)
    rates = []
    for _ in range(0, RESAMPLES, 250):
        drawn = positives[rng.integers(0, n, (250, n))]
        thresholds = np.partition(drawn, place, axis=1)[:, place]
        again = negatives[rng.integers(0, NEGATIVES, (250, NEGATIVES))]
        rates.append(np.mean(again >= thresholds[:, None], axis=1))
    low, high = np.quantile(np.concatenate(rates), [0.025, 0.975])
    return float(low), float(high)


def binomial(positives: Floats, negatives: Floats, tpr: float) -> Bounds:
    """Take the empirical threshold for known, and the count above it for binomial."""
    threshold = np.sort(positives)[len(positives) - positives_to_catch(tpr, len(positives))]
    found = rate_interval(int(np.sum(negatives >= threshold)), NEGATIVES, CONFIDENCE)
    return found.low, found.high


def fpr_intervals(population: Population, tpr: float, repeats: int) -> list[dict[str, Any]]:
    """Coverage and median width of every way to bound the FPR at a TPR."""
    rows = []
    truth = population.fpr_at(tpr)
    for n in POSITIVES:
        targets = np.repeat([1, 0], [n, NEGATIVES])
        found: dict[str, list[Bounds]] = {}
        automatic = ""
        for positives, negatives, rng in population.draws(n, repeats, seed=1):
            scores = np.concatenate([positives, negatives])
            for method in ("auto", "product", "mixture", "bootstrap"):
                interval = fpr_at_tpr_interval(
                    scores,
                    targets,
                    tpr,
                    CONFIDENCE,
                    method=method,  # type: ignore[arg-type]
                    seed=int(rng.integers(2**31)),
                    n_resamples=RESAMPLES,
                )
                found.setdefault(method, []).append((interval.low, interval.high))
                automatic = interval.method if method == "auto" else automatic
            if len(found.setdefault("percentile", [])) < max(repeats // 4, 1):
                found["percentile"].append(resampled(positives, negatives, tpr, rng))
            found.setdefault("binomial", []).append(binomial(positives, negatives, tpr))
        cells = {name: judged(intervals, truth) for name, intervals in found.items()}
        automatic = "mixture" if "mixture" in automatic else "product"
        rows.append({"n": n, "auto": automatic, "truth": truth, "methods": cells})
    return rows


def judged(intervals: list[Bounds], truth: float) -> dict[str, float]:
    """How many hold the truth, on which side the others err, and how wide they are."""
    low, high = np.array(intervals).T
    return {
        "coverage": float(np.mean((low <= truth) & (truth <= high))),
        "above": float(np.mean(low > truth)),
        "below": float(np.mean(high < truth)),
        "width": float(np.median(high - low)),
        "repeats": len(intervals),
    }


def thresholds(population: Population, tpr: float, repeats: int) -> list[dict[str, Any]]:
    """How often a threshold's true TPR falls below the one asked for, and what it averages."""
    choosers: dict[str, Callable[[CalibrationScores], Any]] = {
        "guaranteed": lambda scores: guaranteed_threshold(scores, tpr=tpr, confidence=CONFIDENCE),
        "empirical": lambda scores: empirical_threshold(scores, tpr=tpr),
        "on average": lambda scores: conformal_threshold(scores, tpr=tpr),
    }
    rows = []
    for n in POSITIVES:
        targets = np.repeat([1, 0], [n, NEGATIVES])
        ids = np.arange(n + NEGATIVES).astype(str)
        reached: dict[str, list[float]] = {name: [] for name in choosers}
        alarms: dict[str, list[float]] = {name: [] for name in choosers}
        promised = dict.fromkeys(choosers, True)
        for positives, negatives, _ in population.draws(n, repeats, seed=2):
            scores = CalibrationScores(np.concatenate([positives, negatives]), targets, ids)
            for name, choose in choosers.items():
                choice = choose(scores)
                promised[name] = name == "empirical" or bool(
                    choice.guaranteed or getattr(choice, "on_average", False)
                )
                reached[name].append(population.tpr(choice.value))
                alarms[name].append(float(ndtr(-choice.value)))
        rows.append(
            {
                "n": n,
                "choices": {
                    name: {
                        "promised": promised[name],
                        "broken": float(np.mean(np.array(values) < tpr)),
                        "mean_tpr": float(np.mean(values)),
                        "mean_fpr": float(np.mean(alarms[name])),
                    }
                    for name, values in reached.items()
                },
            }
        )
    return rows


def wald(positives: Floats, negatives: Floats) -> Bounds:
    """DeLong's interval as it is usually written: normal, on the scale of the area."""
    right, spread = area_spread(positives, negatives)
    area = right / (2 * len(positives) * len(negatives))
    reach = 1.959964 * spread.variance**0.5
    return area - reach, area + reach


def areas(repeats: int) -> list[dict[str, Any]]:
    """Coverage of AUC intervals, and of the comparison of two."""
    rows = []
    truth = float(ndtr(2.0 / 2**0.5))
    hard = float(sum(share * ndtr(mean / 2**0.5) for share, mean in HARD.parts))
    for n in POSITIVES:
        targets = np.repeat([1, 0], [n, NEGATIVES])
        kept: dict[str, list[Bounds]] = {}
        rejected = 0
        for number in range(repeats):
            rng = np.random.default_rng((3, n, number))
            shared = 0.7**0.5 * rng.normal(size=len(targets))
            first, second = (
                shared + 0.3**0.5 * rng.normal(size=len(targets)) + 2.0 * targets for _ in range(2)
            )
            gap = auc_difference(first, second, targets, confidence=CONFIDENCE)
            kept.setdefault("difference", []).append((gap.low, gap.high))
            rejected += gap.p_value <= 1 - CONFIDENCE
            gap = auc_difference(first, second - 0.5 * targets, targets, confidence=CONFIDENCE)
            kept.setdefault("unequal", []).append((gap.low, gap.high))
            mixed = np.concatenate([HARD.positives(n, rng), rng.normal(size=NEGATIVES)])
            for name, scores in (("", first), ("hard ", mixed)):
                interval = auc_interval(scores, targets, CONFIDENCE)
                kept.setdefault(f"{name}interval", []).append((interval.low, interval.high))
                kept.setdefault(f"{name}wald", []).append(wald(scores[:n], scores[n:]))
        apart = truth - float(ndtr(1.5 / 2**0.5))
        truths = {"difference": 0.0, "unequal": apart, "hard interval": hard, "hard wald": hard}
        cells = {name: judged(found, truths.get(name, truth)) for name, found in kept.items()}
        rows.append({"n": n, "level": rejected / repeats} | cells)
    return rows


def pairs(repeats: int) -> list[dict[str, Any]]:
    """Compare two models' FPR at TPR .95: level, coverage for unequal models, power."""
    rows = []
    for n in (13, 30, 60, 200):
        targets = np.repeat([1, 0], [n, 500])
        row: dict[str, Any] = {"n": n}
        for name, distances in (("equal", (2.0, 2.0)), ("unequal", (2.8, 2.0))):
            one, two = (float(ndtr(-d - ndtri(0.05))) for d in distances)
            found, rejected = [], 0
            for number in range(repeats):
                rng = np.random.default_rng((4, n, number))
                shared = 0.7**0.5 * rng.normal(size=len(targets))
                first, second = (
                    shared + 0.3**0.5 * rng.normal(size=len(targets)) + d * targets
                    for d in distances
                )
                gap = paired_difference(
                    first, second, targets, 0.95, seed=number, n_resamples=RESAMPLES // 2
                )
                found.append((gap.low, gap.high))
                rejected += gap.p_value <= 0.05
            row[name] = judged(found, one - two) | {"rejected": rejected / repeats}
        rows.append(row)
    return rows


def clusters(repeats: int) -> list[dict[str, Any]]:
    """Six rows a group that share 70% of their variance, groups of one class each."""
    rows = []
    for groups, others in ((10, 40), (20, 80), (40, 100), (80, 200)):
        unit = np.repeat(np.arange(groups + others), 6)
        targets = (unit < groups).astype(np.int64)
        for tpr in (0.8, 0.9):
            found: dict[str, list[Bounds]] = {}
            for number in range(repeats):
                rng = np.random.default_rng((5, groups, number))
                common = rng.normal(size=groups + others)[unit]
                scores = 0.7**0.5 * common + 0.3**0.5 * rng.normal(size=len(unit)) + 2.0 * targets
                for name, given in (("groups", unit), ("rows", None)):
                    bound = fpr_at_tpr_interval(
                        scores, targets, tpr, groups=given, seed=number, n_resamples=RESAMPLES // 2
                    )
                    area = auc_interval(scores, targets, groups=given)
                    found.setdefault(f"fpr {name}", []).append((bound.low, bound.high))
                    found.setdefault(f"auc {name}", []).append((area.low, area.high))
            truths = {"fpr": NORMAL.fpr_at(tpr), "auc": float(ndtr(2.0 / 2**0.5))}
            cells = {name: judged(kept, truths[name[:3]]) for name, kept in found.items()}
            rows.append({"groups": groups, "tpr": tpr, "methods": cells})
    return rows


def trainings(repeats: int) -> list[dict[str, Any]]:
    """Seeds whose models differ in quality too; 100 positives, TPR .9."""
    rows = []
    targets = np.repeat([1, 0], [100, 500])
    shifts = np.random.default_rng(6).normal(size=200_000)
    for spread in (0.0, 0.2, 0.5):
        truth = float(np.mean(ndtr(-(2.0 + spread * shifts) - ndtri(0.1))))
        for n_seeds in (2, 3, 5, 10):
            found: dict[str, list[Bounds]] = {"both": [], "seeds": [], "samples": []}
            for number in range(repeats):
                rng = np.random.default_rng((6, n_seeds, number))
                shared = 0.7**0.5 * rng.normal(size=len(targets))
                own = 0.3**0.5 * rng.normal(size=(n_seeds, len(targets)))
                distance = 2.0 + spread * rng.normal(size=(n_seeds, 1))
                scores = shared + own + distance * targets
                both = fpr_over_seeds(scores, targets, 0.9, seed=number, n_resamples=400)
                found["both"].append((both.low, both.high))
                factor = {2: 12.706, 3: 4.303, 5: 2.776, 10: 2.262}[n_seeds]
                reach = factor * both.sd_seeds / n_seeds**0.5
                found["seeds"].append((max(0.0, both.mean - reach), min(1.0, both.mean + reach)))
                reach = 1.96 * both.sd_samples
                found["samples"].append((max(0.0, both.mean - reach), min(1.0, both.mean + reach)))
            rows.append(
                {
                    "spread": spread,
                    "seeds": n_seeds,
                    "methods": {name: judged(kept, truth) for name, kept in found.items()},
                }
            )
    return rows


def main() -> None:
    """Simulate everything, and write the page and the numbers behind it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repeats, nothing written")
    parser.add_argument("--page", action="store_true", help="lay out the stored numbers again")
    parser.add_argument("--repeats", type=int, default=2000)
    arguments = parser.parse_args()
    if arguments.page:
        PAGE.write_text(page(json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8")
        return
    repeats = 20 if arguments.quick else arguments.repeats
    began = time.perf_counter()
    steps: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "fpr_90": lambda: fpr_intervals(NORMAL, 0.9, repeats),
        "fpr_95": lambda: fpr_intervals(NORMAL, 0.95, repeats),
        "fpr_90_hard": lambda: fpr_intervals(HARD, 0.9, repeats),
        "thresholds": lambda: thresholds(NORMAL, 0.95, repeats),
        "areas": lambda: areas(repeats),
        "pairs": lambda: pairs(max(repeats // 4, 5)),
        "clusters": lambda: clusters(max(repeats // 4, 5)),
        "trainings": lambda: trainings(max(repeats // 4, 5)),
    }
    result: dict[str, Any] = {"repeats": repeats, "negatives": NEGATIVES, "resamples": RESAMPLES}
    for name, step in steps.items():
        result[name] = step()
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    text = page(result)
    if arguments.quick:
        print(text)
        return
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
