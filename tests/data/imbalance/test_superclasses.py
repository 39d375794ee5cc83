"""A superclass against a fine class, and steps: the papers' counts and what tests hold."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.data.collections import SELECTIONS
from rarecall.data.imbalance import binary_pair, halves, long_tailed, step_imbalance, superclass
from rarecall.errors import ConfigurationError

FINE = np.repeat(np.arange(100), 500)
FINE_TEST = np.repeat(np.arange(100), 100)
TEN = np.repeat(np.arange(10), 5000)
TEN_TEST = np.repeat(np.arange(10), 1000)


@pytest.mark.parametrize(
    ("share", "ratio", "train"),
    [
        (1.0, 100, [2250, 22]),
        (1.0, 200, [2250, 11]),
        (0.9, 100, [2025, 20]),
        (0.9, 200, [2025, 10]),
    ],
)
def test_aquatic_mammals_and_sharks_have_the_published_counts(
    share: float, ratio: float, train: list[int]
) -> None:
    one = superclass(
        FINE, FINE_TEST, negative="aquatic mammals", positive=73, ratio=ratio, share=share
    )[0]
    assert np.bincount(one.targets(FINE, one.train)).tolist() == train
    assert np.bincount(one.targets(FINE, one.validation)).tolist() == [250, 50]
    assert np.bincount(one.targets(FINE_TEST, one.test)).tolist() == [500, 100]
    assert set(np.bincount(FINE[one.train])[[4, 30, 55, 72, 95]]) == {int(share * 450)}
    assert set(np.bincount(FINE[one.validation])[[4, 30, 55, 72, 73, 95]]) == {50}
    assert not set(one.train) & set(one.validation)


def test_superclass_members_follow_the_modes() -> None:
    options = {"negative": (4, 30), "positive": 73, "ratio": 20, "members": 5}
    strict = superclass(FINE, FINE_TEST, **options)
    assert len({one.digest for one in strict}) == 1
    own = superclass(FINE, FINE_TEST, mode="as-published", **options)
    assert len({one.digest for one in own}) == 5
    assert set(own[0].train) & set(own[0].validation)
    again = superclass(FINE, FINE_TEST, mode="as-published", **options)
    assert [one.digest for one in again] == [one.digest for one in own]


def test_the_test_part_may_be_as_rare_as_training() -> None:
    one = superclass(FINE, FINE_TEST, negative=(4, 30), positive=73, ratio=20, test_ratio=20)[0]
    assert np.bincount(one.targets(FINE_TEST, one.test)).tolist() == [200, 10]
    half = halves(TEN, TEN_TEST, share=0.1, test_share=0.1)[0]
    assert np.bincount(half.targets(TEN_TEST, half.test)).tolist() == [5000, 555]
    tail = long_tailed(TEN, TEN_TEST, ratio=0.01, test_like_train=True)
    expected = [int(1000 * 0.01 ** (k / 9)) for k in range(10)]
    assert np.bincount(TEN_TEST[tail.test]).tolist() == expected
    assert len(np.unique(tail.test)) == len(tail.test)


@pytest.mark.parametrize(
    ("ratio", "pair", "household"), [(10, 500, 250), (100, 50, 25), (200, 25, 13)]
)
def test_selections_of_lct_have_the_printed_counts(ratio: float, pair: int, household: int) -> None:
    options = {"ratio": ratio, "validation": 0, "share": 1.0, "rounding": "nearest"}
    for name in ("automobile-truck", "automobile-deer"):
        one = binary_pair(TEN, TEN_TEST, **SELECTIONS[name], **options)[0]
        assert np.bincount(one.targets(TEN, one.train)).tolist() == [5000, pair]
        assert len(one.validation) == 0
    one = binary_pair(FINE, FINE_TEST, **SELECTIONS["household"], **options)[0]
    assert np.bincount(one.targets(FINE, one.train)).tolist() == [2500, household]
    assert np.bincount(one.targets(FINE_TEST, one.test)).tolist() == [500, 500]


def test_deep_auc_halves_of_every_data_set_have_counts_of_their_share() -> None:
    sizes = {"c10": TEN, "c100": FINE, "stl10": np.repeat(np.arange(10), 500)}
    wanted = {"c10": [25_000, 252], "c100": [25_000, 252], "stl10": [2500, 25]}
    for name, pool in sizes.items():
        one = halves(pool, pool[::50], share=0.01)[0]
        both = np.concatenate([one.train, one.validation])
        assert np.bincount(one.targets(pool, both)).tolist() == wanted[name]
        assert one.targets(pool, one.validation).sum() >= 1


def test_a_step_thins_the_classes_named_or_the_upper_half() -> None:
    upper = step_imbalance(TEN, TEN_TEST, ratio=0.01)
    assert np.bincount(TEN[upper.train]).tolist() == [5000] * 5 + [50] * 5
    assert upper.protocol == "step"
    named = step_imbalance(TEN, TEN_TEST, ratio=0.01, rare=[1, 9], validation=100, seed=4)
    expected = [4900] * 10
    expected[1] = expected[9] = 49
    assert np.bincount(TEN[named.train]).tolist() == expected
    assert named.critical == (1, 9)
    assert not set(named.train) & set(named.validation)


def test_members_of_a_tail_draw_their_own_only_as_published() -> None:
    def digests(mode: str) -> list[str]:
        return [
            long_tailed(TEN, TEN_TEST, ratio=0.02, mode=mode, member=member).digest  # type: ignore[arg-type]
            for member in range(3)
        ]

    assert len(set(digests("strict"))) == 1
    assert len(set(digests("as-published"))) == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"positive": 4}, "on both sides"),
        ({"ratio": -1}, "ratio must be"),
        ({"ratio": 1e6}, "no positive to train on"),
        ({"ratio": 2}, "positives are needed"),
        ({"validation": 500}, "samples of a fine class are needed"),
        ({"share": 0.0}, "share must be"),
        ({"members": 0}, "at least 1"),
        ({"negative": "fishes"}, "no superclass 'fishes'. Did you mean 'fish'"),
        ({"negative": (4, 400)}, "no sample of the negative classes"),
        ({"mode": "x"}, "mode must be"),
    ],
)
def test_impossible_superclasses_are_refused_in_words(
    options: dict[str, object], says: str
) -> None:
    given = {"negative": "aquatic mammals", "positive": 73, "ratio": 100} | options
    with pytest.raises(ConfigurationError, match=says):
        superclass(FINE, FINE_TEST, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("rare", [[10], list(range(10)), [0, 77]])
def test_a_step_needs_some_classes_of_the_pool(rare: list[int]) -> None:
    with pytest.raises(ConfigurationError, match="some of the pool's 10 classes"):
        step_imbalance(TEN, TEN_TEST, ratio=0.1, rare=rare)
    with pytest.raises(ConfigurationError, match="without step=True"):
        long_tailed(TEN, TEN_TEST, ratio=0.1, rare=[1])
