"""The paired comparison and Holm's correction: values, symmetry, hazards, speed."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from scipy.stats import ks_2samp, rankdata

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import fpr_at_tpr, holm, paired_difference
from rarecall.metrics.resampling import rank_pair, swapped_excess


def two_models(seed=0, n_positives=100, n_negatives=400, gain=0.5):
    rng = np.random.default_rng(seed)
    targets = np.repeat([1, 0], [n_positives, n_negatives])
    shared = rng.normal(size=len(targets))
    first = shared + (2 + gain) * targets + 0.6 * rng.normal(size=len(targets))
    second = shared + 2 * targets + 0.6 * rng.normal(size=len(targets))
    return first, second, targets


def test_the_difference_is_that_of_the_two_measures():
    first, second, targets = two_models()
    result = paired_difference(first, second, targets, 0.9, n_resamples=50)
    expected = fpr_at_tpr(first, targets, 0.9) - fpr_at_tpr(second, targets, 0.9)
    assert result.difference == pytest.approx(expected, abs=1e-12)
    assert result.low <= result.difference <= result.high


def test_the_p_value_is_the_exact_one_where_all_swaps_can_be_listed():
    first = np.array([7.0, 4.0, 3.0, 6.0, 5.0, 1.0, 2.0, 0.0])
    second = np.array([5.0, 7.0, 2.0, 1.0, 0.0, 6.0, 4.0, 3.0])
    targets = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    observed = fpr_at_tpr(first, targets, 0.6) - fpr_at_tpr(second, targets, 0.6)
    hits = 0
    for swap in itertools.product([False, True], repeat=8):
        a, b = np.where(swap, second, first), np.where(swap, first, second)
        difference = fpr_at_tpr(a, targets, 0.6) - fpr_at_tpr(b, targets, 0.6)
        hits += abs(difference) >= abs(observed) - 1e-12
    result = paired_difference(first, second, targets, 0.6, n_resamples=20_000)
    assert result.p_value == pytest.approx(hits / 256, abs=4 * 0.5 / 20_000**0.5)


def test_groups_change_sides_together():
    """Three groups: eight swaps, of which the exact share is known by listing them."""
    first = np.array([7.0, 4.0, 3.0, 6.0, 5.0, 1.0])
    second = np.array([5.0, 3.0, 6.0, 1.0, 4.0, 7.0])
    targets = np.array([1, 1, 1, 0, 0, 0])
    groups = np.array(["a", "b", "c", "a", "b", "c"])
    ranked = [np.argsort(np.argsort(scores)) for scores in (first, second)]
    observed = fpr_at_tpr(ranked[0], targets, 0.6) - fpr_at_tpr(ranked[1], targets, 0.6)
    hits = 0
    for chosen in itertools.product([False, True], repeat=3):
        swap = np.array(chosen)[[0, 1, 2, 0, 1, 2]]
        a, b = np.where(swap, ranked[1], ranked[0]), np.where(swap, ranked[0], ranked[1])
        difference = fpr_at_tpr(a, targets, 0.6) - fpr_at_tpr(b, targets, 0.6)
        hits += abs(difference) >= abs(observed) - 1e-12
    result = paired_difference(first, second, targets, 0.6, groups=groups, n_resamples=20_000)
    assert result.p_value == pytest.approx(hits / 8, abs=4 * 0.5 / 20_000**0.5)


def test_a_model_against_itself_shows_no_difference():
    first, _, targets = two_models()
    for other in (first, 5 * first - 3, np.exp(first)):
        result = paired_difference(first, other, targets, 0.9)
        assert (result.difference, result.low, result.high, result.p_value) == (0, 0, 0, 1)


def test_two_constant_models_show_no_difference():
    _, _, targets = two_models()
    result = paired_difference(np.zeros(500), np.ones(500), targets, 0.9)
    assert (result.difference, result.p_value) == (0.0, 1.0)


def test_the_scales_of_the_two_models_do_not_matter():
    first, second, targets = two_models()
    plain = paired_difference(first, second, targets, 0.9, n_resamples=200)
    assert plain == paired_difference(
        np.exp(first), 1e-6 * second - 40, targets, 0.9, n_resamples=200
    )


def test_changing_places_mirrors_the_result():
    first, second, targets = two_models()
    here = paired_difference(first, second, targets, 0.9)
    there = paired_difference(second, first, targets, 0.9)
    assert here.difference == -there.difference
    assert here.p_value == there.p_value
    assert (here.low, here.high) == (-there.high, -there.low)


def test_the_same_seed_gives_the_same_result_and_another_seed_nearly():
    first, second, targets = two_models()
    result = paired_difference(first, second, targets, 0.9, seed=1)
    assert result == paired_difference(first, second, targets, 0.9, seed=1)
    other = paired_difference(first, second, targets, 0.9, seed=2)
    assert other.low == pytest.approx(result.low, abs=0.05)


def test_a_clear_gain_is_seen_and_its_sign_is_right():
    first, second, targets = two_models(gain=1.5, n_positives=200)
    result = paired_difference(first, second, targets, 0.9)
    assert result.high < 0
    assert result.p_value <= 1 / 500


def test_copies_of_samples_add_no_certainty_when_grouped():
    first, second, targets = two_models(gain=0.4)
    groups = np.tile(np.arange(len(targets)), 8)
    copied = [np.tile(part, 8) for part in (first, second, targets)]
    once = paired_difference(first, second, targets, 0.9)
    blind = paired_difference(*copied, 0.9)
    aware = paired_difference(*copied, 0.9, groups=groups)
    assert blind.high - blind.low < 0.6 * (once.high - once.low)
    assert aware.high - aware.low == pytest.approx(once.high - once.low, rel=0.2)
    assert aware.p_value == pytest.approx(once.p_value, abs=0.05)
    assert blind.p_value < 0.5 * once.p_value


def test_few_positives_leave_the_difference_open():
    first, second, targets = two_models(n_positives=13)
    for groups in (None, np.arange(len(targets))):
        result = paired_difference(first, second, targets, 0.95, groups=groups)
        assert result.low < -0.5
        assert result.high > 0.5


def test_groups_without_any_negative_are_no_obstacle():
    first, second, targets = two_models(n_positives=40, n_negatives=40)
    groups = np.concatenate([np.arange(40), np.arange(40) // 20])
    result = paired_difference(first, second, targets, 0.8, groups=groups)
    assert -1 <= result.low <= result.high <= 1


def test_a_demanded_tpr_of_one_is_open_too():
    first, second, targets = two_models()
    result = paired_difference(first, second, targets, 1.0, n_resamples=200)
    assert -1 <= result.low <= result.difference <= result.high <= 1


def test_what_does_not_fit_together_is_refused():
    first, second, targets = two_models()
    with pytest.raises(MetricError, match="the same samples; 500 and 499"):
        paired_difference(first, second[1:], targets, 0.9)
    with pytest.raises(MetricError, match="second must be finite"):
        paired_difference(first, np.full(500, np.nan), targets, 0.9)
    with pytest.raises(MetricError, match=r"groups must have shape \(500,\)"):
        paired_difference(first, second, targets, 0.9, groups=np.arange(3))
    with pytest.raises(ConfigurationError, match="n_resamples"):
        paired_difference(first, second, targets, 0.9, n_resamples=0)


def test_two_thousand_resamples_of_three_thousand_samples_take_about_a_second():
    first, second, targets = two_models(n_positives=1500, n_negatives=1500)
    start = time.perf_counter()
    paired_difference(first, second, targets, 0.95)
    # .25 s on an idle core; the rest is for a busy one.
    assert time.perf_counter() - start < 2.0


def test_a_million_scores_are_compared_within_seconds():
    first, second, targets = two_models(n_positives=20_000, n_negatives=980_000)
    start = time.perf_counter()
    paired_difference(first, second, targets, 0.95)
    # 1 s on an idle core.
    assert time.perf_counter() - start < 8.0


@pytest.mark.parametrize("grid", [0.0, 0.25], ids=["distinct", "tied"])
def test_swaps_drawn_as_counts_are_swaps_drawn_sample_by_sample(grid):
    """Most samples are never swapped singly; the p-value is that of swapping each."""
    first, second, targets = two_models(seed=8, n_positives=400, n_negatives=900, gain=0.1)
    if grid:
        first, second = (np.round(scores / grid) * grid for scores in (first, second))
    ranked = [rankdata(scores) for scores in (first, second)]
    rng, excess = np.random.default_rng(9), []
    for _ in range(1500):
        swap = rng.random(len(targets)) < 0.5
        here, there = np.where(swap, ranked[::-1], ranked)
        excess.append(fpr_at_tpr(here, targets, 0.9) - fpr_at_tpr(there, targets, 0.9))
    pair = rank_pair(first, second, targets == 1, None)
    drawn = swapped_excess(pair, 0.9, 1500, np.random.default_rng(10)) / 900
    assert ks_2samp(np.round(excess, 9), np.round(drawn, 9)).pvalue > 1e-3


def test_holm_steps_down_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1.0, 1.0]
    assert holm([0.02]).tolist() == [0.02]
    assert holm([]).tolist() == []


def test_holm_gives_equal_values_equal_results():
    assert holm([0.02, 0.02, 0.02]).tolist() == pytest.approx([0.06] * 3)


@pytest.mark.parametrize("values", [[0.1, 1.2], [-0.1], [np.nan]])
def test_holm_refuses_what_is_no_probability(values):
    with pytest.raises(MetricError):
        holm(values)
