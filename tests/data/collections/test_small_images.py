"""STL-10 and Cats & Dogs: layouts, sizes, and half of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rarecall.data.collections import check_collection, find_source, presence, read_collection
from rarecall.data.collections.cats_and_dogs import find_images
from rarecall.data.collections.cifar_names import (
    CIFAR100_CLASSES,
    SELECTIONS,
    SUPERCLASSES,
    fine_classes,
)
from rarecall.data.collections.stl10 import read_stl10
from rarecall.errors import ConfigurationError, DataError


def test_stl10_is_written_column_by_column(tmp_path: Path) -> None:
    inside = tmp_path / "stl10_binary"
    inside.mkdir()
    flat = np.random.default_rng(0).integers(0, 256, (3, 3 * 96 * 96), dtype=np.uint8)
    for part in ("train", "test"):
        (inside / f"{part}_X.bin").write_bytes(flat.tobytes())
        (inside / f"{part}_y.bin").write_bytes(bytes([1, 10, 5]))
    found = read_stl10(tmp_path, verify=False)
    assert found.train.labels.tolist() == [0, 9, 4]
    assert found.classes[9] == "truck"
    for row, column, channel in ((0, 0, 0), (95, 3, 1), (7, 90, 2)):
        expected = flat[:, channel * 9216 + column * 96 + row]
        np.testing.assert_array_equal(found.train.images[:, row, column, channel], expected)


def test_a_cut_off_file_of_stl10_is_told(tmp_path: Path) -> None:
    find_source("stl10").tiny(tmp_path / "stl10")
    path = tmp_path / "stl10" / "stl10_binary" / "test_X.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert "cut off" in presence("stl10", tmp_path).problems[0]
    with pytest.raises(DataError, match=r"test_X.bin has .* bytes, but the 80 labels"):
        read_collection("stl10", tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"only a part of STL-10: test_X.bin missing.*Coates"):
        read_collection("stl10", tmp_path)
    assert "is missing" in presence("stl10", tmp_path).problems[0]


def test_stl10_that_is_not_the_published_one_is_told(tmp_path: Path) -> None:
    find_source("stl10").tiny(tmp_path / "stl10", train_per_class=1, test_per_class=1)
    (tmp_path / "stl10" / "MADE-UP.txt").unlink()
    with pytest.raises(DataError, match=r"train_X.bin is not the published file"):
        read_collection("stl10", tmp_path)
    assert "STL-10 has 5,000 train; 10 are in" in presence("stl10", tmp_path).problems[0]
    assert len(check_collection("stl10", tmp_path).problems) == 6


def touch(folder: Path, names: list[str]) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize("pattern", ["PetImages/{0}/{2}.jpg", "train/{1}.{2}.jpg", "{1}.{2}.JPEG"])
def test_cats_and_dogs_are_found_in_each_layout_by_rising_number(
    tmp_path: Path, pattern: str
) -> None:
    words = (("Cat", "cat"), ("Dog", "dog"))
    names = [pattern.format(*each, k) for each in words for k in (10, 9, 100)]
    touch(tmp_path, [*names, "train/notes.jpg", "PetImages/Cow/1.jpg"])
    if "JPEG" in pattern:
        for path in (*tmp_path.glob("train/*"), *tmp_path.glob("PetImages/*/*")):
            path.unlink()
        for path in tmp_path.glob("*.JPEG"):
            path.rename(path.with_suffix(".jpg"))
    found = find_images(tmp_path)
    numbers = {
        name: [int(path.stem.split(".")[-1]) for path in mine] for name, mine in found.items()
    }
    assert numbers == {"cat": [9, 10, 100], "dog": [9, 10, 100]}


def test_the_last_eight_hundredths_by_number_are_for_testing(tmp_path: Path) -> None:
    find_source("cats-and-dogs").tiny(tmp_path / "cats-and-dogs", per_class=50)
    found = read_collection("cats-and-dogs", tmp_path)
    assert np.bincount(found.labels).tolist() == [50, 50]
    held = [
        path.name for path, part in zip(found.paths, found.parts, strict=True) if part == "test"
    ]
    assert held == ["46.jpg", "47.jpg", "48.jpg", "49.jpg"] * 2
    # Published counts: 12,500 of each, of which LCT trains on 11,500.
    assert 12_500 - round(0.08 * 12_500) == 11_500
    pool = found.to_pool(16, cache=tmp_path / "cache")
    assert pool.images.shape == (100, 16, 16, 3)


def test_half_of_cats_and_dogs_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "cats-and-dogs"
    touch(folder, [f"train/cat.{k}.jpg" for k in range(5)])
    with pytest.raises(DataError, match=r"5 images of a cat, not 12,500.* 0 images of a dog"):
        read_collection("cats-and-dogs", tmp_path)
    found = presence("cats-and-dogs", tmp_path)
    assert found.counts == {"cat": 5, "dog": 0}
    assert len(found.problems) == 2


def test_superclasses_divide_all_fine_classes() -> None:
    assert len(CIFAR100_CLASSES) == 100
    assert list(CIFAR100_CLASSES) == sorted(CIFAR100_CLASSES)
    assert len(SUPERCLASSES) == 20
    assert sorted(label for mine in SUPERCLASSES.values() for label in mine) == list(range(100))
    assert {len(mine) for mine in SUPERCLASSES.values()} == {5}


def test_the_papers_class_numbers_have_the_papers_names() -> None:
    assert fine_classes("aquatic mammals") == SELECTIONS["aquatic-shark"]["negative"]
    assert CIFAR100_CLASSES[73] == "shark"
    assert fine_classes("household electrical devices") == SELECTIONS["household"]["positive"]
    assert fine_classes("household furniture") == SELECTIONS["household"]["negative"]
    with pytest.raises(ConfigurationError, match="Did you mean 'aquatic mammals'"):
        fine_classes("aquatic mamals")
