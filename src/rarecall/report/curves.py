"""Stored test scores turned into the few points that a chart needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rarecall.report.records import Method
    from rarecall.report.stored import Comparison

    Floats = NDArray[np.float64]
    Points = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class TestScores:
    """Scores of one method on the test part: ``scores`` and ``targets`` of shape ``(n,)``."""

    __test__ = False  # not a pytest class

    scores: Floats
    targets: NDArray[np.int64]

    @property
    def critical(self) -> Floats:
        """Scores of the critical samples."""
        return np.compress(self.targets == 1, self.scores)

    @property
    def harmless(self) -> Floats:
        """Scores of all others."""
        return np.compress(self.targets == 0, self.scores)


def read_scores(run_folder: Path, method: Method) -> TestScores | None:
    """Read a method's test scores; None when the file is missing, damaged or of one class only."""
    if not method.scores:
        return None
    try:
        with np.load(Path(run_folder) / method.scores, allow_pickle=False) as stored:
            scores = np.asarray(stored["test_scores"], dtype=np.float64)
            targets = np.asarray(stored["test_targets"], dtype=np.int64)
    except (OSError, KeyError, ValueError, BadZipFile, EOFError):
        return None
    usable = scores.ndim == 1 and scores.shape == targets.shape and bool(np.isfinite(scores).all())
    if not usable or set(np.unique(targets).tolist()) != {0, 1}:
        return None
    return TestScores(scores, targets)


def read_view_scores(
    run_folder: Path, method: Method, kind: str, number: int, critical: Sequence[int]
) -> TestScores | None:
    """Read a method's test scores of one class or label against its negatives.

    Args:
        run_folder: Folder of the run.
        method: Whose scores.
        kind: ``"multiclass"`` or ``"multilabel"``.
        number: Of the class or label.
        critical: Numbers of all critical classes.

    Returns:
        The scores; None when the file is missing, damaged or lacks a side.
    """
    from rarecall.metrics.views import critical_masks
    from rarecall.task import Task

    if not method.scores:
        return None
    try:
        with np.load(Path(run_folder) / method.scores, allow_pickle=False) as stored:
            scores = np.asarray(stored["test_scores"], dtype=np.float64)
            targets = np.asarray(stored["test_targets"])
        task = Task.from_json({"kind": kind, "classes": scores.shape[1], "critical": critical})
        masks = critical_masks(targets, task, number)
        column = scores[masks.rows, number]
        wanted = masks.positive[masks.rows].astype(np.int64)
    except (OSError, KeyError, ValueError, IndexError, BadZipFile, EOFError):
        return None
    if not np.isfinite(column).all() or set(np.unique(wanted).tolist()) != {0, 1}:
        return None
    return TestScores(column, wanted)


def thin(x: Floats, y: Floats, tolerance: float) -> Points:
    """Drop points of a line that lie within ``tolerance`` of what is kept (Ramer-Douglas-Peucker).

    Args:
        x: Positions in drawing units, shape ``(n,)``.
        y: Positions in drawing units, shape ``(n,)``.
        tolerance: Largest distance of a dropped point from the drawn line, in the same units.

    Returns:
        The kept points; the first and the last always are.

    >>> thin(np.array([0.0, 1.0, 2.0, 2.0]), np.array([0.0, 0.01, 0.0, 5.0]), 0.1)
    (array([0., 2., 2.]), array([0., 0., 5.]))
    """
    keep = np.zeros(len(x), dtype=bool)
    keep[[0, -1]] = True
    spans = [(0, len(x) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        between = slice(first + 1, last)
        dx, dy = x[last] - x[first], y[last] - y[first]
        px, py = x[between] - x[first], y[between] - y[first]
        length = float(np.hypot(dx, dy))
        distance = np.abs(dx * py - dy * px) / length if length else np.hypot(px, py)
        farthest = int(np.argmax(distance))
        if distance[farthest] > tolerance:
            middle = first + 1 + farthest
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return x[keep], y[keep]


@dataclass(frozen=True)
class Window:
    """The part of the ROC plane that is drawn: FPR from 0 to ``fpr``, TPR from ``tpr`` to 1."""

    fpr: float
    tpr: float


def roc_window(comparison: Comparison) -> Window:
    """Choose the high-TPR corner that holds the answer.

    It reaches down to where misses are twice those allowed at the lowest level of interest, and
    right to a little beyond the largest FPR of the winner and the baseline at any level.
    """
    allowed = 1 - min((*comparison.levels, comparison.tpr))
    shown = [method for method in comparison.methods if method.winner or method.baseline]
    rates = [
        value
        for method in shown
        for level in comparison.levels
        if (value := method.fpr_at(level).value) is not None
    ]
    if comparison.threshold is not None and comparison.threshold.test_fpr.value is not None:
        rates.append(comparison.threshold.test_fpr.value)
    test = comparison.part("test")
    negatives = test.n - test.positives if test is not None else 100
    widest = max([*rates, 5 / max(negatives, 5)])
    return Window(fpr=min(1.0, 1.15 * widest), tpr=max(0.0, 1 - max(0.1, 2 * allowed)))


def roc_in_window(test: TestScores, window: Window, pixels: tuple[int, int]) -> Points:
    """Trace the ROC curve inside a window with as few points as half a pixel allows.

    Args:
        test: Scores of one method.
        window: What is drawn.
        pixels: Width and height of the drawn window.

    Returns:
        FPR and TPR of the kept points. The curve may leave the window by one point a side.
    """
    from rarecall.metrics import roc_curve

    curve = roc_curve(test.scores, test.targets)
    fpr, tpr = curve.fpr, curve.tpr
    inside = np.flatnonzero((tpr >= window.tpr) & (fpr <= window.fpr))
    if not len(inside):
        return np.empty(0), np.empty(0)
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(fpr) - 1)
    fpr, tpr = fpr[first : last + 1], tpr[first : last + 1]
    width, height = pixels[0] / window.fpr, pixels[1] / (1 - window.tpr)
    x, y = thin(fpr * width, tpr * height, 0.5)
    return x / width, y / height


@dataclass(frozen=True, eq=False)
class Histogram:
    """Share of each class in every bin; ``edges`` has one entry more than the shares."""

    edges: Floats
    critical: Floats
    harmless: Floats
    clipped: bool


def histogram(test: TestScores, threshold: float | None, bins: int = 40) -> Histogram:
    """Count scores per class, with a bin edge exactly at the threshold.

    Scores far out are counted in the outermost bins, so that a few do not squeeze the rest.
    """
    low, high = _range(test)
    if threshold is not None:
        low, high = min(low, threshold), max(high, threshold)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / bins
    origin = low if threshold is None else threshold
    below, above = int(np.ceil((origin - low) / width)), int(np.ceil((high - origin) / width))
    edges = float(origin) + float(width) * np.arange(-max(below, 1), max(above, 1) + 1.0)
    inner = edges[1:-1]
    shares = [
        np.bincount(np.searchsorted(inner, scores, side="right"), minlength=len(edges) - 1)
        / len(scores)
        for scores in (test.critical, test.harmless)
    ]
    clipped = bool((test.scores < edges[0]).any() or (test.scores > edges[-1]).any())
    return Histogram(edges, shares[0], shares[1], clipped)


def _range(test: TestScores) -> tuple[float, float]:
    ends = [np.quantile(part, (0.005, 0.995)) for part in (test.critical, test.harmless)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    least, most = float(test.scores.min()), float(test.scores.max())
    if most - least <= 1.5 * (high - low):
        return least, most
    return float(low), float(high)
