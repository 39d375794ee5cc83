"""Partial areas under the ROC curve against scikit-learn, ISIC's scorer and plain integration."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import auc, partial_auc, roc_curve


def made(n=300, seed=0, decimals=1):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, n)
    return np.round(rng.normal(targets), decimals), targets


def naive_area(scores, targets, end, floor):
    """Integrate max(TPR(x) - floor, 0) over [0, end] piece by piece, in fractions."""
    pos = [s for s, t in zip(scores, targets, strict=True) if t == 1]
    neg = [s for s, t in zip(scores, targets, strict=True) if t == 0]
    points = [(Fraction(0), Fraction(0))]
    for threshold in sorted(set(scores), reverse=True):
        fpr = Fraction(sum(s >= threshold for s in neg), len(neg))
        tpr = Fraction(sum(s >= threshold for s in pos), len(pos))
        points.append((fpr, tpr))
    total = Fraction(0)
    for (x0, y0), (x1, y1) in pairwise(points):
        if x1 == x0 or x0 >= end:
            continue
        slope = (y1 - y0) / (x1 - x0)
        stop = min(x1, end)
        start = x0
        if y0 < floor:
            if slope == 0:
                continue
            start = max(x0, x0 + (floor - y0) / slope)
        if start >= stop:
            continue
        first, last = (y0 + slope * (x - x0) - floor for x in (start, stop))
        total += (stop - start) * (first + last) / 2
    return float(total)


@st.composite
def cases(draw):
    n = draw(st.integers(2, 30))
    grid = draw(st.sampled_from([2, 6, 100]))
    scores = draw(st.lists(st.integers(0, grid), min_size=n, max_size=n))
    targets = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    targets[:2] = [1, 0]
    end = Fraction(draw(st.integers(1, 20)), 20)
    floor = Fraction(draw(st.integers(0, 19)), 20)
    return scores, targets, end, floor


@settings(max_examples=150, deadline=None)
@given(cases())
def test_the_area_is_the_integral_of_the_curve(case):
    scores, targets, end, floor = case
    value = partial_auc(scores, targets, max_fpr=float(end), min_tpr=float(floor))
    assert value == pytest.approx(naive_area(scores, targets, end, floor), abs=1e-12)
    assert 0.0 <= value <= float(end * (1 - floor)) + 1e-12


@pytest.mark.parametrize("max_fpr", [0.001, 0.05, 0.2, 1 / 3, 0.9, 0.999])
@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_the_standardized_area_is_scikit_learns(max_fpr, decimals):
    for seed in range(5):
        scores, targets = made(seed=seed, decimals=decimals)
        mine = partial_auc(scores, targets, max_fpr=max_fpr, standardize=True)
        theirs = roc_auc_score(targets, scores, max_fpr=max_fpr)
        assert mine == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("max_fpr", [0.05, 0.4])
def test_weighted_areas_are_scikit_learns(max_fpr):
    scores, targets = made()
    weights = np.random.default_rng(5).exponential(size=len(scores))
    mine = partial_auc(scores, targets, max_fpr=max_fpr, standardize=True, weights=weights)
    theirs = roc_auc_score(targets, scores, max_fpr=max_fpr, sample_weight=weights)
    assert mine == pytest.approx(theirs, abs=1e-12)


def isic_2024(targets, scores, min_tpr):
    """As the challenge computes it: classes and scores swapped, McClish undone."""
    max_fpr = abs(1 - min_tpr)
    scaled = roc_auc_score(1 - targets, 1.0 - scores, max_fpr=max_fpr)
    return 0.5 * max_fpr**2 + (max_fpr - 0.5 * max_fpr**2) / 0.5 * (scaled - 0.5)


@pytest.mark.parametrize("min_tpr", [0.8, 0.5, 0.95])
def test_the_area_above_a_tpr_is_what_isic_2024_scores(min_tpr):
    for seed in range(5):
        scores, targets = made(seed=seed, decimals=1 + seed)
        mine = partial_auc(scores, targets, min_tpr=min_tpr)
        assert mine == pytest.approx(isic_2024(targets, scores, min_tpr), abs=1e-12)


def test_the_whole_curve_gives_the_auc():
    scores, targets = made()
    assert partial_auc(scores, targets, max_fpr=1.0) == pytest.approx(auc(scores, targets))
    assert partial_auc(scores, targets, min_tpr=0.0) == pytest.approx(auc(scores, targets))
    whole = partial_auc(scores, targets, max_fpr=1.0, standardize=True)
    assert whole == pytest.approx(auc(scores, targets))


@pytest.mark.parametrize(
    "part", [{"max_fpr": 0.1}, {"min_tpr": 0.8}, {"max_fpr": 0.3, "min_tpr": 0.6}]
)
def test_a_perfect_ranking_fills_its_part_and_a_constant_one_knows_nothing(part):
    targets = np.repeat([0, 1], [50, 20])
    most = part.get("max_fpr", 1.0) * (1 - part.get("min_tpr", 0.0))
    assert partial_auc(targets, targets, **part) == pytest.approx(most, abs=1e-15)
    assert partial_auc(targets, targets, standardize=True, **part) == pytest.approx(1.0)
    assert partial_auc(np.ones(70), targets, standardize=True, **part) == pytest.approx(0.5)
    assert partial_auc(-targets, targets, **part) == 0.0


def test_a_part_of_a_part_is_smaller_by_the_strip_between_them():
    scores, targets = made(decimals=3)
    curve = roc_curve(scores, targets)
    low, high = 40 / np.sum(targets == 0), 41 / np.sum(targets == 0)
    strip = partial_auc(scores, targets, max_fpr=high) - partial_auc(scores, targets, max_fpr=low)
    # Between two neighbouring false alarms the curve is flat.
    height = curve.tpr[curve.fpr <= low + 1e-9].max()
    assert strip == pytest.approx((high - low) * height, abs=1e-12)


def test_one_sample_a_class_is_enough():
    assert partial_auc([0.0, 1.0], [0, 1], max_fpr=0.25) == 0.25
    assert partial_auc([1.0, 0.0], [0, 1], max_fpr=0.25) == 0.0
    assert partial_auc([1.0, 1.0], [0, 1], max_fpr=0.5) == 0.125


def test_impossible_parts_are_refused():
    with pytest.raises(ConfigurationError, match="needs max_fpr, min_tpr or both"):
        partial_auc([0, 1], [0, 1])
    with pytest.raises(ConfigurationError, match="max_fpr must be above 0"):
        partial_auc([0, 1], [0, 1], max_fpr=0.0)
    with pytest.raises(ConfigurationError, match="no area lies above"):
        partial_auc([0, 1], [0, 1], min_tpr=1.0)
    with pytest.raises(ConfigurationError, match=r"For 80% give 0\.8"):
        partial_auc([0, 1], [0, 1], min_tpr=80)
    with pytest.raises(MetricError, match="both classes"):
        partial_auc([0, 1], [1, 1], max_fpr=0.1)
