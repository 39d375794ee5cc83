"""Splits and folds of cohorts: the papers' counts, no patient on two sides, and bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rarecall.data.imbalance import Manifest, patient_folds, stratified_splits
from rarecall.errors import ConfigurationError, DataError

RNG = np.random.default_rng(5)
PATIENTS = np.repeat(np.arange(400), RNG.integers(1, 6, 400))
CARRIERS = np.isin(PATIENTS, RNG.choice(400, 60, replace=False))
CRITICAL = (CARRIERS & (RNG.random(len(PATIENTS)) < 0.6)).astype(int)


def counts(
    manifest: Manifest, labels: np.ndarray, test: np.ndarray | None = None
) -> list[list[int]]:
    """Count negatives and positives of the three parts."""
    rows = [(labels, manifest.train), (labels, manifest.validation)]
    rows.append((labels if test is None else test, manifest.test))
    return [np.bincount(manifest.targets(pool, part), minlength=2).tolist() for pool, part in rows]


def test_aptos_is_split_as_printed() -> None:
    # 3,662 images in five grades; LCT prints 1,444 and 361 + 370 of them, at ratios 10, 100, 200.
    grades = np.random.default_rng(0).permutation(np.repeat(range(5), [1805, 370, 999, 193, 295]))
    for ratio, rare in ((10, 144), (100, 14), (200, 7)):
        made = stratified_splits(
            grades, critical=(1, 2, 3, 4), validation_share=0.0, ratio=ratio, splits=1
        )
        assert counts(made[0], grades) == [[1444, rare], [0, 0], [361, 370]]
    assert made[0].test_pool == "train"


@pytest.mark.parametrize(
    ("majority", "ratios"),
    [(2500, {10: 250, 100: 25, 200: 13}), (41_051, {10: 4105, 100: 410, 200: 205})],
)
def test_other_rare_sides_of_lct_are_as_printed(majority: int, ratios: dict[int, int]) -> None:
    labels = np.repeat([0, 1], [majority, 5000])
    for ratio, rare in ratios.items():
        rounding = "nearest" if majority % ratio == ratio // 2 else "down"
        made = stratified_splits(
            labels, labels[:10], validation_share=0.0, ratio=ratio, rounding=rounding, splits=1
        )
        assert counts(made[0], labels, labels[:10])[0] == [majority, rare]


def test_the_mri_cohort_has_ten_stratified_splits_of_one_to_eight_or_so() -> None:
    train, test = np.repeat([0, 1], [261, 39]), np.repeat([0, 1], [87, 13])
    made = stratified_splits(train, test, validation_share=0.2)
    assert len(made) == 10
    assert all(counts(one, train, test) == [[209, 32], [52, 7], [87, 13]] for one in made)
    assert len({one.digest for one in made}) == 10
    induced = np.repeat([0, 1], [210, 90])
    thinned = stratified_splits(induced, test, ratio=8)[0]
    assert counts(thinned, induced, test)[:2] == [[168, 21], [42, 5]]


def test_melanoma_is_cut_seventy_ten_twenty_by_whole_patients() -> None:
    made = stratified_splits(
        CRITICAL, None, groups=PATIENTS, validation_share=0.1, test_share=0.2, splits=3
    )
    total, positives = len(CRITICAL), CRITICAL.sum()
    for one in made:
        parts = counts(one, CRITICAL)
        for (common, rare), share in zip(parts, (0.7, 0.1, 0.2), strict=True):
            assert abs(common + rare - share * total) < 0.02 * total
            assert abs(rare - share * positives) < 0.05 * positives
        sides = [set(PATIENTS[part]) for part in (one.train, one.validation, one.test)]
        assert sum(len(side) for side in sides) == len(set.union(*sides)) == 400
        np.testing.assert_array_equal(one.test, made[0].test)


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=12, max_size=60),
    folds=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_no_patient_is_ever_in_two_parts_and_no_sample_is_lost(
    sizes: list[tuple[int, bool]], folds: int, seed: int
) -> None:
    patients = np.repeat(np.arange(len(sizes)), [size for size, _ in sizes])
    labels = np.concatenate([np.arange(size) * carrier % 2 for size, carrier in sizes])
    carriers = len(set(patients[labels == 1]))
    if carriers < folds + 2 or len(sizes) - carriers < folds + 2:
        return
    made = patient_folds(labels, groups=patients, folds=folds, seed=seed)
    for one in made:
        together = np.concatenate([one.train, one.validation, one.test])
        assert sorted(together.tolist()) == list(range(len(labels)))
        sides = [set(patients[part]) for part in (one.train, one.validation, one.test)]
        assert sum(len(side) for side in sides) == len(set.union(*sides)) == len(sizes)
    held = np.concatenate([one.validation for one in made])
    assert len(np.unique(held)) == len(held) == len(labels) - len(made[0].test)


def test_five_folds_have_equal_shares_of_positives() -> None:
    # As in the deep AUC paper: 8 : 2, and train and validation equally rare.
    made = patient_folds(CRITICAL, CRITICAL[:50], groups=PATIENTS)
    rates = [CRITICAL[one.validation].mean() / CRITICAL.mean() for one in made]
    sizes = [len(one.validation) / len(CRITICAL) for one in made]
    assert max(abs(rate - 1) for rate in rates) < 0.12
    assert max(abs(size - 0.2) for size in sizes) < 0.01
    assert made[0].test_pool == "test"
    assert made[0].test.tolist() == list(range(50))


def test_members_share_a_split_in_strict_mode_and_have_their_own_as_published() -> None:
    for make in (stratified_splits, patient_folds):
        strict = make(CRITICAL, groups=PATIENTS, members=4)
        assert len({one.digest for one in strict}) == 1
        assert [one.member for one in strict] == [0, 1, 2, 3]
        own = make(CRITICAL, groups=PATIENTS, members=4, mode="as-published")
        assert len({one.digest for one in own}) == 4
        assert own[0].digest == strict[0].digest
        assert all(np.array_equal(one.test, own[0].test) for one in own)
    wrapped = patient_folds(CRITICAL, groups=PATIENTS, folds=2, members=3, mode="as-published")
    np.testing.assert_array_equal(wrapped[0].validation, wrapped[2].validation)


def test_the_test_part_stays_over_seeds_and_moves_with_its_own() -> None:
    tests = [
        stratified_splits(CRITICAL, seed=seed, test_seed=own, splits=1)[0].test.tolist()
        for seed, own in ((0, 0), (1, 0), (1, 1))
    ]
    assert tests[0] == tests[1] != tests[2]


def test_a_cohort_of_several_labels_is_split_by_the_rarest_one() -> None:
    rng = np.random.default_rng(2)
    table = (rng.random((1000, 3)) < (0.4, 0.1, 0.02)).astype(float)
    table[rng.random((1000, 3)) < 0.05] = np.nan
    table[:5, 0] = 0.5
    one = stratified_splits(table, validation_share=0.25, test_share=0.25, splits=1)[0]
    everywhere = (table == 1).mean(axis=0)
    for part in (one.train, one.validation, one.test):
        assert abs((table[part] == 1).mean(axis=0) - everywhere).max() < 0.03
    assert one.critical == ()
    one.check(table, None)
    with pytest.raises(DataError, match="other data"):
        one.check(np.nan_to_num(table), None)
    with pytest.raises(ConfigurationError, match="no single target"):
        one.targets(table, one.train)


def test_a_manifest_without_test_pool_is_stored_and_checked(tmp_path: Path) -> None:
    one = stratified_splits(CRITICAL, splits=1)[0]
    one.save(tmp_path / "one.json")
    back = Manifest.load(tmp_path / "one.json")
    assert (back.digest, back.test_pool) == (one.digest, "train")
    back.check(CRITICAL, None)
    with pytest.raises(DataError, match="other data"):
        back.check(CRITICAL, CRITICAL[:3])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"validation_share": 0.5, "test_share": 0.5}, "nothing is left to train on"),
        ({"validation_share": 1.0}, "must lie between 0 and 1"),
        ({"splits": 0}, "at least 1"),
        ({"critical": 7}, "0 critical samples"),
        ({"critical": (0, 1)}, "both sides are needed"),
        ({"ratio": 10_000}, "leave no critical one"),
        ({"ratio": 0.1}, "critical samples are needed"),
        ({"ratio": 9, "rounding": "up"}, "rounding must be"),
        ({"mode": "lax"}, "mode must be"),
        ({"groups": PATIENTS[:-1]}, "patient of every sample"),
    ],
)
def test_impossible_splits_are_refused_in_words(options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        stratified_splits(CRITICAL, **options)  # type: ignore[arg-type]


def test_impossible_folds_are_refused_in_words() -> None:
    with pytest.raises(ConfigurationError, match="2 or more"):
        patient_folds(CRITICAL, groups=PATIENTS, folds=1)
    with pytest.raises(ConfigurationError, match="3 patients are needed, but 2"):
        patient_folds([0, 0, 1, 1], [0, 1], groups=["a", "a", "b", "b"], folds=3)
    with pytest.raises(DataError, match=r"1 patients \(b\).* in the training and in the test pool"):
        patient_folds([0, 1], [0, 1, 1], groups=["a", "b"], test_groups=["c", "b", "d"], folds=2)
    for missing in (np.nan, None):
        with pytest.raises(DataError, match="1 of 3 samples have no patient"):
            patient_folds([0, 1, 1], [0], groups=np.array(["a", missing, "b"], dtype=object))


def test_a_cohort_too_small_to_train_on_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="training part has no critical sample"):
        patient_folds([1, 1, 0, 0], [0, 1], groups=["a", "a", "b", "c"], folds=2, members=1)


def test_the_training_pool_is_not_taken_for_the_test_pool() -> None:
    with pytest.raises(ConfigurationError, match=r"it is the same\. Give None"):
        stratified_splits(CRITICAL, CRITICAL.copy())


@pytest.mark.parametrize("table", [[["a"]], [[2.0, 0.0]], [[-1, 0]]])
def test_tables_of_labels_hold_shares_only(table: list[list[object]]) -> None:
    with pytest.raises(ConfigurationError, match="table of labels"):
        stratified_splits(np.array(table))
