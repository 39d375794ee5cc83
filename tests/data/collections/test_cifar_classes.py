"""Some classes of CIFAR as plain arrays: the same images, held to the published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rarecall.data.collections import cifar_classes as module
from rarecall.data.collections import find_source, presence, read_cifar, read_collection
from rarecall.data.collections.cifar_classes import classes_in, read_classes, write_classes
from rarecall.data.collections.collection import Collection, Pool
from rarecall.data.imbalance import binary_pair
from rarecall.errors import DataError


@pytest.fixture
def whole(tmp_path: Path) -> Collection:
    find_source("cifar10").tiny(tmp_path / "whole" / "cifar10")
    found: Collection = read_collection("cifar10", tmp_path / "whole")
    return found


def test_classes_are_the_same_images_in_the_same_order(whole: Collection, tmp_path: Path) -> None:
    root = tmp_path / "cifar10"
    written = write_classes(whole, root, [9, 1])
    assert [path.name for path in written] == [
        "train_9.npy", "train_1.npy", "test_9.npy", "test_1.npy"
    ]  # fmt: skip
    some = read_cifar("cifar10", root, verify=False)
    assert some.classes == whole.classes
    assert classes_in(root) == [1, 9]
    for mine, theirs in ((some.train, whole.train), (some.test, whole.test)):
        assert set(mine.labels) == {1, 9}
        for number in (1, 9):
            found = mine.images[mine.labels == number]
            np.testing.assert_array_equal(found, theirs.images[theirs.labels == number])


def test_a_protocol_draws_the_same_images_as_from_the_whole(
    whole: Collection, tmp_path: Path
) -> None:
    write_classes(whole, tmp_path / "cifar10", [1, 9])
    some = read_cifar("cifar10", tmp_path / "cifar10", verify=False)
    drawn = [
        binary_pair(
            one.train.labels,
            one.test.labels,
            negative=1,
            positive=9,
            ratio=8,
            validation=20,
            seed=3,
        )[0]
        for one in (whole, some)
    ]
    for part in ("train", "validation", "test"):
        pools = [getattr(one, "test" if part == "test" else "train") for one in (whole, some)]
        rows = [getattr(manifest, part) for manifest in drawn]
        for number in (1, 9):
            chosen = [r[p.labels[r] == number] for p, r in zip(pools, rows, strict=True)]
            mine, theirs = (p.images[r] for p, r in zip(pools, chosen, strict=True))
            np.testing.assert_array_equal(mine, theirs)


def test_other_images_than_the_published_ones_are_refused(
    whole: Collection, tmp_path: Path
) -> None:
    write_classes(whole, tmp_path, [1])
    with pytest.raises(DataError, match="does not hold the published images of class 1"):
        read_cifar("cifar10", tmp_path)


def test_published_images_are_accepted(
    whole: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_classes(whole, tmp_path, [0])
    sums = {}
    for part, pool in (("train", whole.train), ("test", whole.test)):
        rows = pool.labels == 0
        sums[part] = (Pool(pool.images[rows], pool.labels[rows]).digest(),)
    monkeypatch.setitem(module.DIGESTS, "cifar10", sums)
    train, test = read_classes("cifar10", tmp_path)
    assert (len(train), len(test)) == (200, 40)


def test_half_a_class_and_damaged_files_are_named(whole: Collection, tmp_path: Path) -> None:
    root = tmp_path / "cifar10"
    write_classes(whole, root, [1, 9])
    assert presence("cifar10", tmp_path).counts == {"classes": 2, "images": 480}
    assert presence("cifar10", tmp_path).present
    (root / "test_9.npy").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"test_9.npy cannot be read as an array"):
        read_cifar("cifar10", root, verify=False)
    (root / "test_9.npy").unlink()
    with pytest.raises(DataError, match=r"only a part of some classes .* test_9.npy missing"):
        read_cifar("cifar10", root, verify=False)
    found = presence("cifar10", tmp_path)
    assert not found.present
    assert "test_9.npy is missing" in found.problems[0]


def test_a_class_without_images_is_refused(whole: Collection, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no train image of class 12"):
        write_classes(whole, tmp_path, [12])


def test_there_are_sums_of_ten_classes_and_they_differ() -> None:
    parts = module.DIGESTS["cifar10"]
    assert {len(sums) for sums in parts.values()} == {10}
    assert len({*parts["train"], *parts["test"]}) == 20
