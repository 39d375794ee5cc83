from __future__ import annotations

import numpy as np
import pytest

from rarecall import metrics
from rarecall.reproduction.measures import Measure
from rarecall.reproduction.uncertainty import Scored, paired, sample_interval

AUC = Measure.of("auc", {"measure": "auc"})
FPR = Measure.of("95", {"measure": "fpr_at_tpr", "tpr": 0.95})
ACCURACY = Measure.of("acc", {"measure": "accuracy"})
TARGETS = np.repeat([0, 1], [150, 60])


def drawn(seed: int, shift: float = 1.5, samples: str = "a") -> Scored:
    rng = np.random.default_rng(seed)
    return Scored(rng.normal(size=len(TARGETS)) + shift * TARGETS, TARGETS, samples)


def test_one_split_has_the_intervals_of_the_library() -> None:
    one = drawn(0)
    fpr = metrics.fpr_at_tpr_interval(one.scores, TARGETS, 0.95)
    auc = metrics.auc_interval(one.scores, TARGETS)
    assert sample_interval(FPR, [one], 0.95) == (fpr.low, fpr.high)
    assert sample_interval(AUC, [one], 0.95) == (auc.low, auc.high)


@pytest.mark.parametrize("measure", [AUC, FPR, ACCURACY])
def test_equal_splits_tell_no_more_than_one(measure: Measure) -> None:
    one = sample_interval(measure, [drawn(0)] * 2, 0.95)
    four = sample_interval(measure, [drawn(0)] * 4, 0.95)
    assert one is not None
    assert four is not None
    # The same samples: more copies of a model make nothing surer.
    assert one == pytest.approx(four, abs=0.02)


def test_one_split_is_compared_as_the_library_does() -> None:
    one, two = drawn(0), drawn(1, shift=0.5)
    found = paired(AUC, [one], [two], 0.95)
    delong = metrics.auc_difference(one.scores, two.scores, TARGETS)
    assert found is not None
    assert (found.value, found.p_value) == (delong.difference, delong.p_value)
    found = paired(FPR, [one], [two], 0.95)
    swapped = metrics.paired_difference(one.scores, two.scores, TARGETS, 0.95)
    assert found is not None
    assert (found.low, found.p_value) == (swapped.low, swapped.p_value)


@pytest.mark.parametrize("measure", [AUC, FPR, ACCURACY])
def test_a_clear_difference_is_found_over_splits_and_its_sign_turns(measure: Measure) -> None:
    good = [drawn(seed, shift=4.0) for seed in range(3)]
    bad = [drawn(seed + 9, shift=0.0) for seed in range(3)]
    there, back = paired(measure, good, bad, 0.95), paired(measure, bad, good, 0.95)
    assert there is not None
    assert back is not None
    assert there.value == pytest.approx(-back.value)
    assert there.value * measure.sign > 0
    assert there.p_value < 0.01
    assert not there.low <= 0 <= there.high


@pytest.mark.parametrize("measure", [AUC, FPR, ACCURACY])
def test_equal_rows_differ_by_nothing(measure: Measure) -> None:
    rows = [drawn(seed) for seed in range(3)]
    found = paired(measure, rows, rows, 0.95)
    assert found is not None
    assert found.value == 0
    assert found.p_value == 1


def test_averaged_components_are_delongs_for_one_split() -> None:
    one, two = drawn(0), drawn(1, shift=0.5)
    twice = paired(AUC, [one, one], [two, two], 0.95)
    once = paired(AUC, [one], [two], 0.95)
    assert once is not None
    assert twice is not None
    assert twice.p_value == pytest.approx(once.p_value)
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_permutation_keeps_its_level() -> None:
    # Rows that differ by chance alone, on shared splits: few p-values are small.
    p_values = []
    for seed in range(40):
        first = [drawn(100 * seed + k) for k in range(2)]
        second = [drawn(100 * seed + 50 + k) for k in range(2)]
        found = paired(FPR, first, second, 0.95)
        assert found is not None
        p_values.append(found.p_value)
    assert np.mean(np.asarray(p_values) < 0.1) < 0.3


def test_rows_on_different_samples_are_not_compared() -> None:
    assert paired(AUC, [drawn(0, samples="a")], [drawn(0, samples="b")], 0.95) is None
    assert paired(AUC, [], [], 0.95) is None


def test_splits_with_test_parts_of_their_own_are_redrawn_apart() -> None:
    apart = [drawn(seed, samples=str(seed)) for seed in range(4)]
    together = [drawn(seed, samples="a") for seed in range(4)]
    low, high = sample_interval(ACCURACY, apart, 0.95) or (0.0, 0.0)
    value = float(np.mean([ACCURACY(*one[:2]) for one in apart]))
    assert low <= value <= high
    assert high - low < 0.2
    assert sample_interval(AUC, together, 0.95) is not None


def test_a_measure_that_is_not_defined_has_no_interval() -> None:
    alike = Scored(np.zeros(4), np.zeros(4, dtype=np.int64), "a")
    assert sample_interval(AUC, [alike], 0.95) is None
    assert paired(AUC, [alike], [alike], 0.95) is None


def test_labels_scored_on_other_scales_are_compared_by_their_ranks() -> None:
    measure = Measure.of("auc", {"measure": "auc"})
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 2, (150, 3)).astype(float)
    good = rng.normal(size=(150, 3)) + 2 * targets
    poor = rng.normal(size=(150, 3)) + 0.3 * targets

    def compared(scale: float) -> float:
        ones = [Scored(good, targets, "a")], [Scored(scale * poor, targets, "a")]
        found = paired(measure, *ones, 0.95)
        assert found is not None
        return found.p_value

    # The ranking is the same at every scale, and so is what it shows.
    assert compared(1.0) == compared(1e-3) < 0.05
