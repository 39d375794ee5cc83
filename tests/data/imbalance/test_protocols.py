"""Imbalance protocols: the papers' counts, what the modes promise, and bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rarecall.data.imbalance import (
    Manifest,
    binary_pair,
    class_sizes,
    flip_labels,
    halves,
    long_tailed,
    small_sample,
)
from rarecall.errors import ConfigurationError, DataError

POOL = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 500))
TEST = np.repeat(np.arange(10), 100)

Maker = Callable[..., list[Manifest]]
MAKERS: list[tuple[Maker, dict[str, object]]] = [
    (binary_pair, {"negative": 1, "positive": 9, "ratio": 20, "validation": 20}),
    (small_sample, {"negative": 1, "positive": 9, "ratio": 9}),
    (halves, {"share": 0.05}),
]


@pytest.mark.parametrize(("ratio", "positives"), [(50, 88), (100, 44), (200, 22)])
def test_a_pair_has_the_published_counts(ratio: float, positives: int) -> None:
    pool, test = np.repeat([1, 9], 5000), np.repeat([1, 9], 1000)
    one = binary_pair(pool, test, negative=1, positive=9, ratio=ratio)[0]
    assert np.bincount(one.targets(pool, one.train)).tolist() == [4410, positives]
    assert np.bincount(one.targets(pool, one.validation)).tolist() == [100, 100]
    assert np.bincount(one.targets(test, one.test)).tolist() == [1000, 1000]


@pytest.mark.parametrize(("ratio", "positives"), [(2, 150), (9, 33), (19, 15)])
def test_a_small_sample_is_as_rare_in_test_as_in_training(ratio: float, positives: int) -> None:
    pool, test = np.repeat([0, 1], 5000), np.repeat([0, 1], 1000)
    one = small_sample(pool, test, negative=0, positive=1, ratio=ratio)[0]
    both = np.concatenate([one.train, one.validation])
    assert np.bincount(one.targets(pool, both)).tolist() == [300, positives]
    assert np.bincount(one.targets(test, one.test)).tolist() == [1000, int(1000 / ratio)]
    whole = small_sample(pool, test, negative=0, positive=1, ratio=ratio, balanced_test=True)[0]
    assert np.bincount(whole.targets(test, whole.test)).tolist() == [1000, 1000]


def test_groups_of_classes_may_stand_on_either_side() -> None:
    one = binary_pair(POOL, TEST, negative=[0, 1, 8], positive=[2, 3], ratio=10, validation=5)[0]
    assert set(POOL[one.train]) == {0, 1, 2, 3, 8}
    assert set(POOL[one.train][one.targets(POOL, one.train) == 1]) == {2, 3}
    assert one.critical == (2, 3)


@pytest.mark.parametrize(("make", "options"), MAKERS)
def test_strict_members_share_one_training_set_disjoint_from_validation(
    make: Maker, options: dict[str, object]
) -> None:
    first, *others = make(POOL, TEST, members=4, **options)
    assert not set(first.train) & set(first.validation)
    for other in others:
        np.testing.assert_array_equal(other.train, first.train)
        np.testing.assert_array_equal(other.validation, first.validation)
    assert [one.member for one in (first, *others)] == [0, 1, 2, 3]


@pytest.mark.parametrize(("make", "options"), MAKERS)
def test_published_members_see_more_positives_than_the_ratio_says(
    make: Maker, options: dict[str, object]
) -> None:
    members = make(POOL, TEST, members=6, mode="as-published", **options)
    each = [set(one.train[one.targets(POOL, one.train) == 1]) for one in members]
    assert len({len(found) for found in each}) == 1
    assert len(set.union(*each)) > 2 * len(each[0])
    assert all(np.array_equal(one.test, members[0].test) for one in members)


def test_published_validation_overlaps_with_training() -> None:
    options = {"negative": 1, "positive": 9, "ratio": 20, "validation": 100}
    one = binary_pair(POOL, TEST, mode="as-published", **options)[0]
    assert len(set(one.train) & set(one.validation)) > 50


@pytest.mark.parametrize("mode", ["strict", "as-published"])
@pytest.mark.parametrize(("make", "options"), MAKERS)
def test_equal_seeds_give_equal_manifests_and_other_seeds_others(
    make: Maker, options: dict[str, object], mode: str
) -> None:
    digests = [
        [one.digest for one in make(POOL, TEST, seed=seed, members=2, mode=mode, **options)]
        for seed in (3, 3, 4)
    ]
    assert digests[0] == digests[1]
    assert not set(digests[0]) & set(digests[2])


@pytest.mark.parametrize(("make", "options"), MAKERS)
def test_positions_are_distinct_and_of_the_right_pool(
    make: Maker, options: dict[str, object]
) -> None:
    for one in make(POOL, TEST, members=2, mode="as-published", **options):
        for part, size in ((one.train, 5000), (one.validation, 5000), (one.test, 1000)):
            assert len(np.unique(part)) == len(part)
            assert part.min() >= 0
            assert part.max() < size


def test_halves_keep_every_negative_and_cut_positives_to_the_share() -> None:
    pool = np.repeat(np.arange(10), 5000)
    for share, positives in ((0.01, 252), (0.05, 1315), (0.1, 2777)):
        one = halves(pool, TEST, share=share)[0]
        both = np.concatenate([one.train, one.validation])
        assert np.bincount(one.targets(pool, both)).tolist() == [25000, positives]
        assert abs(len(one.validation) / len(both) - 0.1) < 1e-3


def test_a_long_tail_has_the_published_sizes() -> None:
    pool = np.repeat(np.arange(10), 5000)
    one = long_tailed(pool, TEST, ratio=0.01)
    sizes = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert np.bincount(pool[one.train]).tolist() == sizes
    assert len(one.validation) == 0
    assert one.critical == (9,)
    stepped = long_tailed(pool, TEST, ratio=0.1, step=True, validation=10, critical=(8, 9))
    assert np.bincount(pool[stepped.train]).tolist() == [4990] * 5 + [499] * 5
    assert np.bincount(pool[stepped.validation]).tolist() == [10] * 10
    assert not set(stepped.train) & set(stepped.validation)


def test_class_sizes_follow_the_formula_for_any_number_of_classes() -> None:
    for count, ratio in ((2, 0.5), (7, 0.02), (100, 0.05)):
        expected = [int(500 * ratio ** (i / (count - 1))) for i in range(count)]
        assert class_sizes([500] * count, ratio) == expected


def test_flipped_labels_are_nested_and_exact_in_number() -> None:
    targets = (np.arange(200) % 4 == 0).astype(int)
    before = np.zeros(200, dtype=bool)
    for share in (0.0, 0.1, 0.25, 0.5, 1.0):
        changed = flip_labels(targets, share, seed=5) != targets
        assert changed.sum() == round(share * 200)
        assert not (before & ~changed).any()
        before = changed
    only = flip_labels(targets, 0.4, among=0)
    assert (only[targets == 1] == 1).all()
    assert only[targets == 0].sum() == 60


def test_a_stored_manifest_comes_back_and_an_edited_one_is_refused(tmp_path: Path) -> None:
    one = halves(POOL, TEST, share=0.02)[0]
    path = tmp_path / "manifest.json"
    one.save(path)
    back = Manifest.load(path)
    assert back.digest == one.digest
    assert back.parameters == one.parameters
    back.check(POOL, TEST)
    stored = json.loads(path.read_text())
    stored["train"][0] += 1
    path.write_text(json.dumps(stored))
    with pytest.raises(DataError, match="digest is not that of its positions"):
        Manifest.load(path)
    for damaged in ("", "{}", "[]", '{"format": 99}', '{"format": 1, "train": ["a"]}'):
        path.write_text(damaged)
        with pytest.raises(DataError, match="is not a manifest that can be used"):
            Manifest.load(path)


def test_a_manifest_refuses_other_data() -> None:
    one = halves(POOL, TEST, share=0.02)[0]
    with pytest.raises(DataError, match="made from other data"):
        one.check(np.sort(POOL), TEST)
    with pytest.raises(DataError, match="made from other data"):
        one.check(POOL[:-1], TEST)


@pytest.mark.parametrize(
    ("make", "options", "says"),
    [
        (binary_pair, {"negative": 1, "positive": 1, "ratio": 5}, "on both sides"),
        (binary_pair, {"negative": 1, "positive": 77, "ratio": 5}, "no sample of the positive"),
        (binary_pair, {"negative": 1, "positive": 2, "ratio": 0.5}, "positives are needed"),
        (binary_pair, {"negative": 1, "positive": 2, "ratio": 10_000}, "leave 0 positives"),
        (binary_pair, {"negative": 1, "positive": 2, "ratio": np.nan}, "ratio must be a number"),
        (binary_pair, {"negative": 1, "positive": 2, "ratio": 9, "share": 2}, "share must be"),
        (binary_pair, {"negative": 1, "positive": 2, "ratio": 9, "mode": "x"}, "mode must be"),
        (binary_pair, {"negative": 1, "positive": 2, "ratio": 9, "members": 0}, "members must be"),
        (small_sample, {"negative": 1, "positive": 2, "ratio": 400}, "two are needed"),
        (small_sample, {"negative": 1, "positive": 2, "ratio": 0.1}, "positives are needed"),
        (halves, {"share": 0.9}, "positives are needed"),
        (halves, {"share": 1.0}, "share must lie between"),
        (halves, {"share": 0.0005}, "leave 1 positives; two are needed"),
        (halves, {"share": 0.1, "test_share": 2.0}, "test_share must lie"),
        (halves, {"share": 0.1, "members": 0}, "at least 1"),
        (binary_pair, {"negative": 1, "positive": 2, "ratio": 9, "validation": -1}, "0 or more"),
        (binary_pair, {"negative": 1, "positive": 2, "ratio": 9, "rounding": "x"}, "rounding"),
        (long_tailed, {"ratio": 0.0001}, "no sample left"),
        (long_tailed, {"ratio": 5.0}, "at most 1"),
        (long_tailed, {"ratio": 0.5, "critical": (44,)}, "not in the pool"),
    ],
)
def test_impossible_wishes_are_refused_in_words(
    make: Maker, options: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make(POOL, TEST, **options)


def test_labels_must_be_class_numbers() -> None:
    for labels in (np.array(["a"]), np.array([0.5, 1.0]), np.zeros((3, 2), dtype=int)):
        with pytest.raises(ConfigurationError, match="class numbers"):
            halves(labels, TEST, share=0.1)


def test_labels_may_be_whole_numbers_in_floats() -> None:
    exact = halves(POOL, TEST, share=0.1)[0]
    assert halves(POOL.astype(float), TEST.astype(np.float32), share=0.1)[0].digest == exact.digest


def test_a_small_sample_may_have_its_validation_besides() -> None:
    pool, test = np.repeat([0, 1], 5000), np.repeat([0, 1], 1000)
    for ratio, train, held in ((2, 150, 50), (9, 33, 11), (19, 15, 5)):
        one = small_sample(pool, test, negative=0, positive=1, ratio=ratio, validation=100)[0]
        assert np.bincount(one.targets(pool, one.train)).tolist() == [300, train]
        assert np.bincount(one.targets(pool, one.validation)).tolist() == [100, held]
        assert not set(one.train) & set(one.validation)
