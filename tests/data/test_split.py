from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rarecall.data import Samples, Split, SplitShares, make_split
from rarecall.data.allocation import allocate_by_time, allocate_grouped, apportion
from rarecall.errors import ConfigurationError, DataError
from rarecall.roles import Role

SHARES = dict(zip(Role, (0.4, 0.2, 0.2, 0.2), strict=True))


def _samples(n=400, positives=100, **parts) -> Samples:
    targets = np.zeros(n, dtype=np.int64)
    targets[np.random.default_rng(1).permutation(n)[:positives]] = 1
    return Samples(
        "made",
        "table",
        pd.DataFrame({"x": np.arange(n) / 7}),
        targets,
        np.asarray([f"row {k}" for k in range(n)]),
        critical="1",
        target_name="y",
        class_counts={"0": n - positives, "1": positives},
        **parts,
    )


def _no_overlap(split: Split) -> np.ndarray:
    everything = np.concatenate(list(split.positions.values()))
    assert len(np.unique(everything)) == len(everything)
    return everything


def test_parts_do_not_overlap_and_use_everything():
    split = make_split(_samples(), shares=SplitShares())
    assert sorted(_no_overlap(split)) == list(range(400))
    assert list(split.positions) == list(Role)
    assert all((np.diff(rows) > 0).all() for rows in split.positions.values())


def test_each_part_holds_its_share_of_each_class():
    samples = _samples(1000, 90)
    parts = make_split(samples, shares=SplitShares()).summary(samples)["parts"]
    assert [part["positives"] for part in parts.values()] == [36, 18, 18, 18]
    assert [part["n"] for part in parts.values()] == [400, 200, 200, 200]


def test_a_split_follows_its_seed_and_nothing_else():
    samples = _samples()
    np.random.seed(5)  # noqa: NPY002  (the global state must not matter)
    first = make_split(samples, seed=3)
    np.random.seed(6)  # noqa: NPY002
    again, other = make_split(samples, seed=3), make_split(samples, seed=4)
    for role in Role:
        assert np.array_equal(first.positions[role], again.positions[role])
    assert not np.array_equal(first.positions[Role.TEST], other.positions[Role.TEST])


@pytest.mark.parametrize(
    ("positives", "expected", "enlarged"),
    [(400, 80, False), (260, 59, True), (197, 59, True), (150, 30, False)],
)
def test_calibration_grows_only_when_that_buys_a_guarantee(positives, expected, enlarged):
    samples = _samples(4000, positives)
    split = make_split(samples, tpr=0.95, confidence=0.95)
    parts = split.summary(samples)["parts"]
    assert parts["calibration"]["positives"] == expected
    assert ("enlarged" in split.how) == enlarged
    assert parts["test"]["n"] == pytest.approx(800, abs=1)
    assert parts["validation"]["n"] == pytest.approx(800, abs=1)
    assert ("59" in split.how) == enlarged


def test_shares_that_were_asked_for_are_kept():
    samples = _samples(4000, 260)
    split = make_split(samples, shares=SplitShares())
    assert split.summary(samples)["parts"]["calibration"]["positives"] == 52


def test_only_train_is_made_rare_and_the_other_parts_stay():
    samples = _samples(1000, 300)
    whole = make_split(samples, shares=SplitShares())
    rare = make_split(samples, shares=SplitShares(), train_positives=7)
    for role in (Role.VALIDATION, Role.CALIBRATION, Role.TEST):
        assert np.array_equal(whole.positions[role], rare.positions[role])
    assert rare.summary(samples)["parts"]["train"] == {"n": 287, "positives": 7}
    assert "7 of its 120 positives" in rare.how
    _no_overlap(rare)


def test_more_training_positives_than_there_are_cannot_be_asked_for():
    with pytest.raises(DataError, match=r"asks for 50 positives .* it has 40"):
        make_split(_samples(), shares=SplitShares(), train_positives=50)
    with pytest.raises(ConfigurationError, match="2 or more"):
        make_split(_samples(), train_positives=1)


@pytest.mark.parametrize("positives", [1, 7, 393])
def test_too_few_of_a_class_says_how_many_are_needed(positives):
    with pytest.raises(DataError, match=r"At least 8 .* 2 for each of train"):
        make_split(_samples(400, positives))


def test_eight_positives_are_enough():
    samples = _samples(400, 8)
    parts = make_split(samples).summary(samples)["parts"]
    assert [part["positives"] for part in parts.values()] == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"train": 0.5}, "add up to 1"),
        ({"train": 0.0, "test": 0.6}, "train has 0.0"),
        ({"train": 1.2, "test": -0.6}, "train has 1.2"),
    ],
)
def test_impossible_shares_are_refused(shares, message):
    with pytest.raises(ConfigurationError, match=message):
        SplitShares(**shares)


def test_a_group_never_stands_on_two_sides():
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 150, size=2000).astype(np.str_)
    samples = _samples(2000, 300, groups=groups)
    split = make_split(samples)
    sides = [set(groups[rows]) for rows in split.positions.values()]
    assert sum(map(len, sides)) == len(set.union(*sides)) == len(np.unique(groups))
    parts = split.summary(samples)["parts"]
    for role, share in SHARES.items():
        assert parts[role.value]["n"] / 2000 == pytest.approx(share, abs=0.08)
        assert parts[role.value]["positives"] / 300 == pytest.approx(share, abs=0.08)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=12, max_size=80),
    seed=st.integers(0, 10_000),
)
def test_groups_stay_whole_whatever_their_sizes(sizes, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    targets = (np.random.default_rng(seed).random(len(groups)) < 0.3).astype(np.int64)
    targets[0] = 1
    found = allocate_grouped(targets, groups, SHARES, np.random.default_rng(seed))
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(groups)))
    sides = [set(groups[rows].tolist()) for rows in found.values()]
    assert sum(map(len, sides)) == len(sizes)


def test_groups_count_once_toward_the_guarantee():
    # 200 positive groups of three positive rows: 600 rows, of which 20% would be plenty.
    n = 3000
    groups = (np.arange(n) // 3).astype(np.str_)
    targets = (np.arange(n) // 3 % 5 == 0).astype(np.int64)
    samples = _samples(n, 600, groups=groups)
    object.__setattr__(samples, "targets", targets)
    split = make_split(samples, tpr=0.95)
    rows = split.positions[Role.CALIBRATION]
    assert len(np.unique(groups[rows[targets[rows] == 1]])) >= 59
    assert "59 positive groups" in split.how


def test_too_few_positive_groups_are_explained():
    groups = np.where(np.arange(400) < 150, "ward", np.arange(400).astype(np.str_))
    samples = _samples(400, 100, groups=groups)
    targets = (np.arange(400) < 100).astype(np.int64)
    object.__setattr__(samples, "targets", targets)
    with pytest.raises(DataError, match=r"1 of them hold"):
        make_split(samples)


def test_time_divides_old_from_new():
    times = np.random.default_rng(0).permutation(400).astype(np.float64)
    samples = _samples(times=times)
    split = make_split(samples, shares=SplitShares())
    periods = [times[split.positions[role]] for role in Role]
    for older, newer in pairwise(periods):
        assert older.max() < newer.min()
    assert [len(period) for period in periods] == [160, 80, 80, 80]
    assert "By time" in split.how


def test_samples_of_one_moment_stay_together():
    times = np.repeat(np.arange(40), 10).astype("datetime64[D]")
    found = allocate_by_time(times, None, SHARES)
    days = [set(times[rows].tolist()) for rows in found.values()]
    assert sum(map(len, days)) == 40
    assert [len(part) for part in days] == [16, 8, 8, 8]


def test_a_group_stands_where_its_latest_sample_stands():
    rng = np.random.default_rng(0)
    times = rng.random(2000)
    groups = np.arange(2000) // 2
    found = allocate_by_time(times, groups, SHARES)
    sides = [set(groups[rows].tolist()) for rows in found.values()]
    assert sum(map(len, sides)) == 1000
    ends = [times[rows].max() for rows in found.values()]
    assert ends == sorted(ends)
    for role, later in pairwise(Role):
        newest_of_group = pd.Series(times[found[later]]).groupby(groups[found[later]]).max()
        assert newest_of_group.min() > times[found[role]].max()


def test_a_period_without_positives_is_explained():
    times = np.arange(400.0)
    samples = _samples(400, 100, times=times)
    object.__setattr__(samples, "targets", (np.arange(400) < 100).astype(np.int64))
    with pytest.raises(DataError, match=r"validation has 0 critical.*Some period"):
        make_split(samples)


def test_a_given_split_is_kept():
    roles = np.asarray([role.value for role in Role])[np.arange(400) % 4]
    samples = _samples(given_roles=roles)
    split = make_split(samples)
    for k, role in enumerate(Role):
        assert split.positions[role].tolist() == list(range(k, 400, 4))
    assert split.how == "As given by the data."


def test_parts_that_a_given_split_lacks_come_from_its_train_part():
    roles = np.where(np.arange(400) % 4 == 0, "test", "train")
    samples = _samples(given_roles=roles)
    split = make_split(samples, shares=SplitShares())
    assert split.positions[Role.TEST].tolist() == list(range(0, 400, 4))
    sizes = {role.value: len(rows) for role, rows in split.positions.items()}
    assert sizes == {"train": 150, "validation": 75, "calibration": 75, "test": 100}
    assert "validation and calibration were taken from the given train part" in split.how
    _no_overlap(split)


def test_a_group_on_two_sides_of_a_given_split_is_refused_by_name():
    roles = np.asarray([role.value for role in Role])[np.arange(400) % 4]
    groups = np.asarray([f"p{k % 4}" for k in range(400)], dtype="U9")
    make_split(_samples(given_roles=roles, groups=groups))
    groups[:2] = "torn"
    with pytest.raises(DataError, match=r"1 group of the given split stands.*'torn'"):
        make_split(_samples(given_roles=roles, groups=groups))


def test_a_given_split_without_train_or_with_an_empty_class_is_refused():
    with pytest.raises(DataError, match="no training part"):
        make_split(_samples(given_roles=np.full(400, "test")))
    samples = _samples()
    roles = np.asarray([role.value for role in Role])[np.arange(400) % 4]
    roles[(roles == "test") & (samples.targets == 1)] = "train"
    with pytest.raises(DataError, match="test has 0 critical"):
        make_split(_samples(given_roles=roles))


def test_a_stored_split_comes_back_as_it_was(tmp_path):
    samples = _samples()
    split = make_split(samples, seed=9, train_positives=10)
    split.save(tmp_path / "split.csv", samples)
    lines = (tmp_path / "split.csv").read_text().splitlines()
    assert lines[0] == "id,role"
    assert len(lines) == 1 + sum(map(len, split.positions.values()))
    roles = {int(place): role.value for role in Role for place in split.positions[role]}
    assert lines[1:] == [f"{samples.ids[place]},{roles[place]}" for place in sorted(roles)]
    again = Split.load(tmp_path / "split.csv", samples)
    for role in Role:
        assert np.array_equal(again.positions[role], split.positions[role])
    assert (again.how, again.seed) == (split.how, 9)


def test_a_stored_split_of_other_data_is_refused(tmp_path):
    samples = _samples()
    path = tmp_path / "split.csv"
    make_split(samples).save(path, samples)
    with pytest.raises(DataError, match="belongs to other data"):
        Split.load(path, samples.take(np.arange(399)))
    (tmp_path / "split.json").unlink()
    with pytest.raises(DataError, match="does not have"):
        Split.load(path, samples.take(np.arange(399)))
    assert len(Split.load(path, samples).positions[Role.TEST]) == 80


@pytest.mark.parametrize(
    "content",
    [
        "",
        "id,part\nrow 1,train\n",
        "id,role\nrow 1,spare\n",
        "id,role\nrow 1,train\n",
        "id,role\nrow 1,train\nrow 2\n",
        "id,role\nrow 1,train\nrow 1,test\nrow 2,validation\nrow 3,calibration\n",
    ],
)
def test_a_damaged_split_is_refused(tmp_path, content):
    (tmp_path / "split.csv").write_text(content)
    with pytest.raises(DataError, match=r"split\.csv"):
        Split.load(tmp_path / "split.csv", _samples())
    with pytest.raises(DataError, match="cannot be read"):
        Split.load(tmp_path / "no.csv", _samples())


@given(
    count=st.integers(0, 5000),
    parts=st.lists(st.floats(0.02, 1), min_size=4, max_size=4),
)
def test_apportioning_adds_up_and_leaves_no_part_short(count, parts):
    shares = dict(zip(Role, parts, strict=True))
    found = apportion(count, shares)
    assert sum(found.values()) == count
    assert min(found.values()) >= (2 if count >= 8 else 0)
    for role, share in shares.items():
        assert abs(found[role] - count * share / sum(parts)) < 8
