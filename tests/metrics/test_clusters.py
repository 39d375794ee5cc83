"""Redrawing with random masses, of rows and of groups, against naive loops that hold every mass."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import ks_2samp

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.clusters import models, unit_numbers
from rarecall.metrics.fpr_interval import fpr_at_tpr_interval
from rarecall.metrics.operating import fpr_at_tpr
from rarecall.metrics.redraws import redrawn_contrast

RESAMPLES = 3000


def grouped_scores(seed=0, n_groups=60, rows=5, critical=0.4, mixed=False, count=1):
    """Rows of groups that agree; a group holds one class, or both."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), rows)
    if mixed:
        targets = (rng.random(len(groups)) < critical).astype(np.int64)
        targets[:2] = [0, 1]
    else:
        targets = (groups < critical * n_groups).astype(np.int64)
    common = rng.normal(size=(count, n_groups))[:, groups]
    scores = 0.8 * common + 0.6 * rng.normal(size=(count, len(groups))) + 2 * targets
    return scores, targets, groups


def naive(scores, targets, units, signs, tpr, rng):
    """One resample with every mass drawn, thresholds found among those seen or beyond them."""
    positive, negative = targets == 1, targets == 0
    n_units = units.max() + 1
    share = positive.sum() / len(np.unique(units[positive]))
    mass, unseen = rng.exponential(size=n_units)[units], share * rng.exponential()
    observed = len(np.unique(units[positive])) * (1 - tpr) >= 3 - 1e-9
    if observed:
        sides = [(rng.random() < 0.5,) * len(signs)]
    else:
        sides = [[sign < 0 for sign in signs], [sign > 0 for sign in signs]]
    found = []
    extra = rng.exponential() * negative.sum() / len(np.unique(units[negative]))
    for number, tops in enumerate(sides):
        value = 0.0
        for row, sign, top in zip(scores, signs, tops, strict=True):
            candidates = sorted(row[positive])[::-1]
            total = mass[positive].sum() + unseen
            reached = [mass[positive][row[positive] >= c].sum() + unseen * top for c in candidates]
            good = [c for c, r in zip(candidates, reached, strict=True) if r >= tpr * total]
            if observed:
                threshold = good[0] if good else candidates[-1]
            elif top and unseen >= tpr * total:
                threshold = np.inf
            else:
                threshold = good[0] if good else -np.inf
            value += sign * mass[negative][row[negative] >= threshold].sum()
        total = mass[negative].sum()
        if not observed:
            most = 1 if number == 0 else -1
            value += extra * sum(sign for sign in signs if sign == most)
            total += extra
        found.append(value / total)
    return found[-1], found[0]  # lower, upper


@pytest.mark.parametrize("signs", [(1,), (1, -1), (1, 1, 1)], ids=["one", "difference", "mean"])
@pytest.mark.parametrize("tpr", [0.8, 0.97], ids=["observed", "open"])
@pytest.mark.parametrize("kind", ["rows", "groups", "mixed groups"])
def test_what_is_drawn_is_what_every_mass_drawn_singly_would_give(kind, tpr, signs):
    scores, targets, groups = grouped_scores(
        n_groups=40, rows=3, mixed=kind == "mixed groups", count=len(signs)
    )
    given = None if kind == "rows" else groups
    samples = models(scores, targets == 1, given)
    drawn = redrawn_contrast(
        samples, signs, tpr, n_resamples=RESAMPLES, rng=np.random.default_rng(1)
    )
    rng, units = np.random.default_rng(2), np.arange(len(targets)) if given is None else groups
    ends = np.array([naive(scores, targets, units, signs, tpr, rng) for _ in range(400)]).T
    for ours, theirs in zip(drawn, ends, strict=True):
        assert ks_2samp(ours, theirs).pvalue > 1e-4


def test_masses_that_are_drawn_as_sums_change_nothing():
    """Enough positives that most are drawn together; against all of them drawn singly."""
    rng = np.random.default_rng(3)
    targets = np.repeat([1, 0], [6000, 3000])
    shared = rng.normal(size=len(targets))
    scores = shared + 0.7 * rng.normal(size=(2, len(targets))) + 2 * targets
    samples = models(scores, targets == 1, None)
    drawn = redrawn_contrast(samples, (1, -1), 0.95, n_resamples=1500, rng=rng).upper
    singly = []
    order = np.argsort(-scores[:, :6000], axis=1)
    for _ in range(1500):
        mass, unseen = rng.exponential(size=6000), rng.exponential()
        top, others = rng.random() < 0.5, rng.exponential(size=3000)
        value = 0.0
        for row, falling, sign in zip(scores, order, (1, -1), strict=True):
            needed = 0.95 * (mass.sum() + unseen) - unseen * top
            place = np.searchsorted(np.cumsum(mass[falling]), needed)
            value += sign * others[row[6000:] >= row[falling[min(place, 5999)]]].sum()
        singly.append(value / others.sum())
    assert ks_2samp(drawn, singly).pvalue > 1e-3


def test_a_groups_interval_holds_the_measured_rate_and_names_its_method():
    for mixed in (False, True):
        (scores,), targets, groups = grouped_scores(mixed=mixed)
        interval = fpr_at_tpr_interval(scores, targets, 0.8, groups=groups)
        assert interval.low <= fpr_at_tpr(scores, targets, 0.8) <= interval.high
        assert interval.method == "Bayesian bootstrap of groups"
        assert 0.0 <= interval.low < interval.high <= 1.0


def test_copies_of_samples_add_no_certainty_when_grouped():
    rng = np.random.default_rng(5)
    targets = np.repeat([1, 0], [80, 300])
    scores = rng.normal(2 * targets)
    copied, known = np.tile(scores, 6), np.tile(targets, 6)
    once = fpr_at_tpr_interval(scores, targets, 0.9)
    blind = fpr_at_tpr_interval(copied, known, 0.9, method="mixture")
    aware = fpr_at_tpr_interval(copied, known, 0.9, groups=np.tile(np.arange(380), 6))
    assert blind.high - blind.low < 0.6 * (once.high - once.low)
    assert aware.high - aware.low == pytest.approx(once.high - once.low, rel=0.2)


def test_groups_of_one_row_are_rows():
    (scores,), targets, _ = grouped_scores()
    plain = fpr_at_tpr_interval(scores, targets, 0.8)
    assert plain == fpr_at_tpr_interval(scores, targets, 0.8, groups=np.arange(len(targets)))


def test_few_groups_leave_the_rate_open():
    (scores,), targets, groups = grouped_scores(n_groups=20, rows=20)
    interval = fpr_at_tpr_interval(scores, targets, 0.95, groups=groups)
    assert interval.high == 1.0


def test_one_group_for_everything_is_no_obstacle():
    (scores,), targets, _ = grouped_scores(n_groups=10)
    interval = fpr_at_tpr_interval(scores, targets, 0.9, groups=np.zeros(len(targets), dtype=int))
    assert (interval.low, interval.high) == (pytest.approx(0.0, abs=0.1), 1.0)


def test_names_of_groups_do_not_matter():
    (scores,), targets, groups = grouped_scores()
    texts = np.array([f"p{1000 + group}" for group in groups])
    plain = fpr_at_tpr_interval(scores, targets, 0.8, groups=groups)
    assert plain == fpr_at_tpr_interval(scores, targets, 0.8, groups=texts)
    assert plain == fpr_at_tpr_interval(scores, targets, 0.8, groups=texts.astype(object))


def test_groups_that_do_not_fit_are_refused():
    (scores,), targets, groups = grouped_scores()
    with pytest.raises(MetricError, match=r"groups must have shape \(300,\)"):
        fpr_at_tpr_interval(scores, targets, 0.8, groups=groups[1:])
    for method in ("mixture", "product"):
        with pytest.raises(ConfigurationError, match="whole groups"):
            fpr_at_tpr_interval(scores, targets, 0.8, groups=groups, method=method)


def test_mixed_kinds_of_names_are_numbered_as_text():
    assert unit_numbers(np.array(["b", 1, "b"], dtype=object), 3).tolist() == [1, 0, 1]


def test_a_hundred_thousand_grouped_rows_take_seconds():
    (scores,), targets, groups = grouped_scores(n_groups=20_000, rows=5, critical=0.05)
    start = time.perf_counter()
    fpr_at_tpr_interval(scores, targets, 0.95, groups=groups)
    # .4 s on an idle core.
    assert time.perf_counter() - start < 5.0
