"""Noisy and easy training data: exact numbers, nothing else touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rarecall.data.imbalance import (
    Manifest,
    binary_pair,
    flip_labels,
    halves,
    removed_positives,
    stratified_splits,
    with_easy_samples,
    with_flipped_labels,
    with_noisy_samples,
)
from rarecall.errors import ConfigurationError

# Cats & Dogs as the deep AUC paper has it: 12,500 of each.
POOL = np.random.default_rng(1).permutation(np.repeat([0, 1], 12_500))
TEST = np.repeat([0, 1], 100)
ONE = halves(POOL, TEST, share=0.01)[0]


def test_removed_positives_are_those_in_no_part() -> None:
    removed = removed_positives(ONE, POOL)
    assert len(removed) == 12_500 - 126
    assert set(POOL[removed]) == {1}
    assert not set(removed) & set(np.concatenate([ONE.train, ONE.validation]))
    held = stratified_splits(POOL, test_share=0.5, splits=1)[0]
    assert not set(removed_positives(held, POOL)) & set(held.test)


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_noisy_samples_are_negatives_called_positive_and_removed_positives_called_negative(
    share: float,
) -> None:
    noisy = with_noisy_samples(ONE, POOL, share)
    before = ONE.targets(POOL, ONE.train)
    negatives, removed = int((before == 0).sum()), len(removed_positives(ONE, POOL))
    added = np.setdiff1d(noisy.train, ONE.train)
    assert len(added) == round(share * removed)
    assert set(POOL[added]) == {1}
    wrong = noisy.flipped
    assert len(wrong) == round(share * negatives) + round(share * removed)
    assert set(added) < set(wrong)
    targets = noisy.train_targets(POOL)
    expected = np.bincount(before).tolist()
    expected[0] += len(added) - round(share * negatives)
    expected[1] += round(share * negatives)
    assert np.bincount(targets).tolist() == expected
    np.testing.assert_array_equal(noisy.validation, ONE.validation)
    np.testing.assert_array_equal(noisy.test, ONE.test)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_easy_samples_are_the_removed_positives_with_the_highest_scores(share: float) -> None:
    scores = np.random.default_rng(3).normal(size=len(POOL))
    easy = with_easy_samples(ONE, POOL, share, scores=scores)
    added = np.setdiff1d(easy.train, ONE.train)
    removed = removed_positives(ONE, POOL)
    assert len(added) == round(share * len(removed))
    assert scores[added].min() > scores[np.setdiff1d(removed, added)].max()
    assert len(easy.flipped) == 0
    assert easy.train_targets(POOL).sum() == ONE.targets(POOL, ONE.train).sum() + len(added)


def test_easy_samples_do_not_look_at_the_scores_of_others() -> None:
    scores = np.full(len(POOL), np.nan)
    scores[removed_positives(ONE, POOL)] = 0.0
    assert len(with_easy_samples(ONE, POOL, 0.1, scores=scores).train) > len(ONE.train)
    with pytest.raises(ConfigurationError, match="not all finite"):
        with_easy_samples(ONE, POOL, 0.1, scores=np.full(len(POOL), np.nan))
    with pytest.raises(ConfigurationError, match="scores of a trained model"):
        with_easy_samples(ONE, POOL, 0.1, scores=[1.0])


@pytest.mark.parametrize("among", ["all", 0, 1])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_flipped_training_labels_are_exact_in_number(share: float, among: object) -> None:
    pool = np.repeat([0, 1], 1000)
    one = binary_pair(pool, TEST, negative=0, positive=1, ratio=10)[0]
    noisy = with_flipped_labels(one, pool, share, among=among, seed=3)  # type: ignore[arg-type]
    true, given = one.targets(pool, one.train), noisy.train_targets(pool)
    open_ = np.ones(len(true), bool) if among == "all" else true == among
    assert (given != true).sum() == round(share * open_.sum())
    assert (given == true)[~open_].all()
    np.testing.assert_array_equal(given, flip_labels(true, share, among=among, seed=3))  # type: ignore[arg-type]


def test_what_is_turned_over_twice_is_right_again() -> None:
    noisy = with_flipped_labels(ONE, POOL, 0.3, seed=1)
    assert len(with_flipped_labels(noisy, POOL, 0.3, seed=1).flipped) == 0
    assert with_flipped_labels(ONE, POOL, 1.0).train_targets(POOL).sum() == (
        len(ONE.train) - ONE.targets(POOL, ONE.train).sum()
    )


def test_targets_stay_true_and_only_those_to_train_on_are_wrong() -> None:
    noisy = with_flipped_labels(ONE, POOL, 0.1)
    true = ONE.targets(POOL, ONE.train)
    np.testing.assert_array_equal(noisy.targets(POOL, noisy.train), true)
    assert (noisy.train_targets(POOL) != true).sum() == len(noisy.flipped)
    assert noisy.targets(TEST, noisy.test).sum() == 100


def test_noise_has_a_digest_of_its_own_and_comes_back_from_disk(tmp_path: Path) -> None:
    noisy = with_noisy_samples(ONE, POOL, 0.01)
    flipped = with_flipped_labels(ONE, POOL, 0.01)
    assert len({ONE.digest, noisy.digest, flipped.digest}) == 3
    assert np.array_equal(flipped.train, ONE.train)
    noisy.save(tmp_path / "noisy.json")
    back = Manifest.load(tmp_path / "noisy.json")
    assert back.digest == noisy.digest
    assert back.parameters["noisy"] == 0.01
    np.testing.assert_array_equal(back.train_targets(POOL), noisy.train_targets(POOL))


@pytest.mark.parametrize("share", [-0.1, 1.5, np.nan])
def test_shares_are_between_nothing_and_all(share: float) -> None:
    with pytest.raises(ConfigurationError, match="share"):
        with_flipped_labels(ONE, POOL, share)
    with pytest.raises(ConfigurationError, match="share of noisy"):
        with_noisy_samples(ONE, POOL, share)
    with pytest.raises(ConfigurationError, match="share of easy"):
        with_easy_samples(ONE, POOL, share, scores=POOL)


def test_only_three_kinds_of_labels_can_be_named() -> None:
    with pytest.raises(ConfigurationError, match="among must be"):
        flip_labels([0, 1], 0.5, among=2)  # type: ignore[arg-type]
