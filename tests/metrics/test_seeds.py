"""The interval over seeds and samples: its two parts, its ends, hazards."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.operating import fpr_at_tpr
from rarecall.metrics.seeds import fpr_over_seeds


def trainings(seed=0, n_seeds=4, n_positives=100, n_negatives=400, spread=0.3):
    rng = np.random.default_rng(seed)
    targets = np.repeat([1, 0], [n_positives, n_negatives])
    shared = rng.normal(size=len(targets))
    own = 0.6 * rng.normal(size=(n_seeds, len(targets)))
    return shared + own + (2 + spread * rng.normal(size=(n_seeds, 1))) * targets, targets


def test_mean_and_deviation_are_those_of_the_seeds():
    scores, targets = trainings()
    rates = [fpr_at_tpr(row, targets, 0.9) for row in scores]
    found = fpr_over_seeds(scores, targets, 0.9)
    assert found.mean == pytest.approx(np.mean(rates), abs=1e-12)
    assert found.sd_seeds == pytest.approx(np.std(rates, ddof=1), abs=1e-12)
    assert found.n_seeds == 4
    assert found.low < found.mean < found.high


def test_equal_trainings_leave_the_samples_alone():
    """Copies of one model: no seed varies, and what is left is the Bayesian bootstrap of one."""
    scores, targets = trainings(n_seeds=1)
    found = fpr_over_seeds(np.repeat(scores, 5, axis=0), targets, 0.9, n_resamples=4000)
    assert found.sd_seeds == pytest.approx(0.0, abs=1e-12)
    rng = np.random.default_rng(1)
    falling = np.argsort(-scores[0, :100])
    rates = []
    for _ in range(4000):
        masses, unseen = rng.exponential(size=100)[falling], rng.exponential()
        top = rng.random() < 0.5
        needed = 0.9 * (masses.sum() + unseen) - unseen * top
        place = min(int(np.sum(np.cumsum(masses) < needed)), 99)
        others = rng.exponential(size=400)
        rates.append(others[scores[0, 100:] >= scores[0, falling[place]]].sum() / others.sum())
    assert found.low == pytest.approx(np.quantile(rates, 0.025), abs=0.015)
    assert found.high == pytest.approx(np.quantile(rates, 0.975), abs=0.02)
    assert found.sd_samples == pytest.approx(np.std(rates), rel=0.08)


def test_many_samples_leave_the_seeds_alone():
    scores, targets = trainings(n_seeds=3, n_positives=20_000, n_negatives=40_000, spread=0.5)
    found = fpr_over_seeds(scores, targets, 0.9, n_resamples=200)
    reach = student.ppf(0.975, 2) * found.sd_seeds / 3**0.5
    assert found.high - found.mean == pytest.approx(reach, rel=0.02)
    assert found.mean - found.low == pytest.approx(min(reach, found.mean), rel=0.02)


def test_the_interval_is_wider_than_either_level_alone():
    scores, targets = trainings()
    found = fpr_over_seeds(scores, targets, 0.9)
    reach = student.ppf(0.975, 3) * found.sd_seeds / 2
    assert found.high - found.low > 2 * reach * 0.999
    assert found.high - found.low > 3.5 * found.sd_samples


def test_more_confidence_is_wider_and_more_seeds_are_narrower():
    scores, targets = trainings(n_seeds=10)
    narrow, wide = (fpr_over_seeds(scores, targets, 0.9, c) for c in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    few = fpr_over_seeds(scores[:2], targets, 0.9)
    many = fpr_over_seeds(scores, targets, 0.9)
    assert many.high - many.low < 0.6 * (few.high - few.low)


def test_few_positives_leave_the_rate_open():
    scores, targets = trainings(n_positives=13)
    found = fpr_over_seeds(scores, targets, 0.95)
    assert found.high == 1.0
    assert 0.0 <= found.low < found.mean


def test_copies_of_samples_add_no_certainty_when_grouped():
    scores, targets = trainings()
    copied, groups = np.tile(scores, (1, 8)), np.tile(np.arange(500), 8)
    once = fpr_over_seeds(scores, targets, 0.9)
    blind = fpr_over_seeds(copied, np.tile(targets, 8), 0.9)
    aware = fpr_over_seeds(copied, np.tile(targets, 8), 0.9, groups=groups)
    assert blind.sd_samples < 0.5 * once.sd_samples
    assert aware.sd_samples == pytest.approx(once.sd_samples, rel=0.15)


def test_the_same_seed_gives_the_same_and_scales_do_not_matter():
    scores, targets = trainings()
    found = fpr_over_seeds(scores, targets, 0.9, seed=3)
    assert found == fpr_over_seeds([1e5 * row - 7 for row in scores], targets, 0.9, seed=3)
    assert found != fpr_over_seeds(scores, targets, 0.9, seed=4)


def test_one_training_says_nothing_of_others():
    scores, targets = trainings()
    with pytest.raises(MetricError, match="1 training cannot show how much trainings differ"):
        fpr_over_seeds(scores[:1], targets, 0.9)


def test_what_does_not_fit_together_is_refused():
    scores, targets = trainings()
    with pytest.raises(MetricError, match=r"shape \(S, n\)"):
        fpr_over_seeds(scores[0], targets, 0.9)
    with pytest.raises(MetricError, match="the same samples"):
        fpr_over_seeds([scores[0], scores[1][1:]], targets, 0.9)
    with pytest.raises(MetricError, match=r"targets must have shape \(500,\)"):
        fpr_over_seeds(scores, targets[1:], 0.9)
    broken = scores.copy()
    broken[2, 7] = np.nan
    with pytest.raises(MetricError, match=r"scores_by_seed\[2\] must be finite"):
        fpr_over_seeds(broken, targets, 0.9)
    with pytest.raises(ConfigurationError, match="tpr"):
        fpr_over_seeds(scores, targets, 95)
    with pytest.raises(ConfigurationError, match="n_resamples"):
        fpr_over_seeds(scores, targets, 0.9, n_resamples=0)
