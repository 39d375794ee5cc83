"""How rows are known by content, and divided."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rarecall.errors import ConfigurationError, DataError
from rarecall.estimators.content import content_keys, sample_ids, units
from rarecall.estimators.dividing import checked_shares, divide
from rarecall.estimators.held_out import row_keys
from rarecall.estimators.labels import as_targets, critical_labels
from rarecall.estimators.part import Part
from rarecall.roles import Role
from rarecall.task import BINARY, Task


def part(targets: list[int], values: list[float] | None = None, groups: object = None) -> Part:
    n = len(targets)
    table = pd.DataFrame({"x": np.arange(float(n)) if values is None else values})
    return Part.of(table, np.asarray(targets), groups, None)


SHARES = {Role.VALIDATION: 0.2, Role.CALIBRATION: 0.2}


def test_rows_are_the_same_by_content_alone() -> None:
    table = pd.DataFrame({"a": [1.0, 1.0, np.nan, np.nan], "b": ["x", "x", None, "x"]})
    keys = content_keys(table)
    assert keys[0] == keys[1]
    assert len({*keys.tolist()}) == 3
    images = np.zeros((3, 2, 2, 1), dtype=np.uint8)
    images[2, 0, 0] = 1
    same, also, other = content_keys(images)
    assert same == also != other


def test_ids_differ_though_contents_repeat_and_labels_part_contents() -> None:
    keys = np.array([4, 4, 4], dtype=np.uint64)
    labels = np.array([0, 1, 0])
    assert len(set(sample_ids(keys, labels).tolist())) == 3
    assert units(keys, labels).tolist() == [0, 1, 0]


def test_numbers_of_any_kind_have_one_key_and_texts_none() -> None:
    whole, real = row_keys([[1, 2]]), row_keys(pd.DataFrame({"p": [1.0], "q": [2.0]}))
    assert whole is not None
    assert real is not None
    assert whole[0] == real[0]
    assert row_keys(["a", "b"]) is None
    assert row_keys(np.zeros((3, 0))) is None
    assert row_keys(np.zeros((3, 2, 2))) is None


def test_copies_never_stand_in_two_parts() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 60, 400).astype(float)
    whole = part((values % 3 == 0).astype(int).tolist(), values.tolist())
    found = divide(whole, BINARY, SHARES, seed=1)
    assert set(found) == {Role.TRAIN, Role.VALIDATION, Role.CALIBRATION}
    contents = [set(whole.keys[rows].tolist()) for rows in found.values()]
    assert not contents[0] & contents[1]
    assert not contents[0] & contents[2]
    assert not contents[1] & contents[2]
    assert sum(map(len, found.values())) == 400


@pytest.mark.parametrize(
    ("positives", "expected"),
    [
        (2, {Role.TRAIN}),
        (3, {Role.TRAIN}),
        (4, {Role.TRAIN, Role.VALIDATION}),
        (6, {Role.TRAIN, Role.VALIDATION, Role.CALIBRATION}),
    ],
)
def test_calibration_is_given_up_before_validation(positives: int, expected: set[Role]) -> None:
    whole = part([0] * 40 + [1] * positives)
    assert set(divide(whole, BINARY, SHARES, seed=0)) == expected


def test_a_rare_class_that_is_not_critical_takes_no_part_away() -> None:
    whole = part([0] * 40 + [1] * 20 + [2] * 2)
    found = divide(whole, Task("multiclass", 3, (1,)), SHARES, seed=0)
    assert set(found) == {Role.TRAIN, Role.VALIDATION, Role.CALIBRATION}
    assert set(whole.targets[found[Role.TRAIN]].tolist()) == {0, 1, 2}


def test_groups_stand_in_one_part_each() -> None:
    groups = np.arange(300) // 3
    whole = part([0, 0, 1] * 100, groups=groups)
    found = divide(whole, BINARY, SHARES, seed=0)
    assert whole.groups is not None
    named = [set(whole.groups[rows].tolist()) for rows in found.values()]
    assert sum(map(len, named)) == len(set.union(*named)) == 100


@pytest.mark.parametrize(
    ("positives", "share"),
    [(100, 0.2), (196, 0.2), (200, 0.295), (295, 0.2), (1000, 0.2)],
)
def test_calibration_grows_only_where_that_helps(positives: int, share: float) -> None:
    whole = part([0] * 300 + [1] * positives)
    found = checked_shares(whole, BINARY, validation=0.2, calibration=None, enlarge=(0.95, 0.95))
    assert found[Role.CALIBRATION] == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize("shares", [(0.0, 0.2), (0.5, 0.5), (1.2, None), (True, None), (0.2, -0.1)])
def test_shares_that_cannot_be_are_refused(shares: tuple[float, float | None]) -> None:
    with pytest.raises(ConfigurationError, match="_share"):
        checked_shares(
            part([0, 1] * 20), BINARY, validation=shares[0], calibration=shares[1], enlarge=None
        )


def test_labels_become_targets_by_value_and_strangers_are_named() -> None:
    classes, critical = critical_labels("b", np.array(["b", "a", "b"]))
    assert as_targets(np.array(["a", "b"]), classes, critical).tolist() == [0, 1]
    with pytest.raises(DataError, match="'c'"):
        as_targets(np.array(["a", "c"]), classes, critical)
    with pytest.raises(DataError, match="labels that the training rows do not have"):
        as_targets(np.array([1, 0]), classes, critical)
    numbers, one = critical_labels([3, 1], np.array([1, 2, 3]))
    assert one == (0, 2)
    assert as_targets(np.array([3.0, 1.0]), numbers, one).tolist() == [2, 0]
    with pytest.raises(DataError, match="Did you mean 'fraud'"):
        critical_labels("frud", np.array(["fraud", "ok"]))
