"""Packed sheets: decoded once, kept in the cache, and told when they are damaged."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rarecall.data.collections import Pool, presence, read_collection
from rarecall.data.collections.cifar import LAYOUTS
from rarecall.data.collections.made_up import made_up_pool
from rarecall.data.collections.sheets import (
    _decode,
    missing_sheets,
    read_sheets,
    sheet_counts,
    write_sheets,
)
from rarecall.data.collections.source import MARK
from rarecall.errors import DataError

REAL = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Pack a small made-up CIFAR-10."""
    pytest.importorskip("imagecodecs", reason="sheets are JPEG XL")
    folder = tmp_path / "data" / "cifar10"
    folder.mkdir(parents=True)
    pools = {"train": made_up_pool(10, 12, 32), "test": made_up_pool(10, 7, 32, seed=1)}
    for part, pool in pools.items():
        write_sheets(folder, part, pool.images)
    np.savez(
        folder / "index.npz",
        **{f"{part}_labels": pool.labels.astype(np.uint8) for part, pool in pools.items()},
    )
    (folder / MARK).write_text("made up")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RARECALL_CACHE", str(tmp_path / "cache"))


def refuse_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("rarecall.data.collections.sheets._decode", refuse)


def test_sheets_give_back_what_was_packed(packed: Path) -> None:
    found = read_collection("cifar10", packed.parent)
    for pool, classes, seed in ((found.train, 12, 0), (found.test, 7, 1)):
        expected = made_up_pool(10, classes, 32, seed=seed)
        np.testing.assert_array_equal(pool.images, expected.images)
        np.testing.assert_array_equal(pool.labels, expected.labels)
    assert presence("cifar10", packed.parent).counts == {"train": 120, "test": 70}


def test_the_second_reading_maps_the_cache_and_writing_never_changes_it(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_sheets(packed)
    refuse_decoding(monkeypatch)
    second = read_sheets(packed)
    assert [pool.digest() for pool in first] == [pool.digest() for pool in second]
    second[0].images[:] = 0
    assert read_sheets(packed)[0].digest() == first[0].digest()


def test_changed_sheets_are_decoded_again(packed: Path) -> None:
    before = read_sheets(packed)[0].digest()
    write_sheets(packed, "train", made_up_pool(10, 12, 32, seed=9).images)
    assert read_sheets(packed)[0].digest() != before


@pytest.mark.parametrize("damage", [b"", b"no array", None])
def test_a_damaged_cache_is_made_again(packed: Path, tmp_path: Path, damage: bytes | None) -> None:
    before = read_sheets(packed)[0].digest()
    for path in (tmp_path / "cache").rglob("train.npy"):
        path.write_bytes(path.read_bytes()[:1000] if damage is None else damage)
    assert read_sheets(packed)[0].digest() == before


def test_a_cache_that_cannot_be_written_only_costs_time(packed: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert len(read_sheets(packed, cache=blocked)[0]) == 120


def test_a_missing_sheet_is_named(packed: Path) -> None:
    (packed / "test_00.jxl").unlink()
    with pytest.raises(DataError, match=r"only a part of its sheets: test_00.jxl missing"):
        read_sheets(packed)
    assert "test_00.jxl is missing" in presence("cifar10", packed.parent).problems[0]


def test_a_damaged_sheet_is_named(packed: Path) -> None:
    whole = (packed / "train_00.jxl").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no sheet", whole[:20]):
        (packed / "train_00.jxl").write_bytes(damaged)
        with pytest.raises(DataError, match=r"train_00.jxl is damaged|sheets hold"):
            read_sheets(packed)


def test_sheets_with_fewer_images_than_labels_are_told(packed: Path) -> None:
    write_sheets(packed, "test", made_up_pool(10, 4, 32).images)
    with pytest.raises(DataError, match="the test sheets hold 50 images, not 70"):
        read_sheets(packed)


@pytest.mark.parametrize("stored", [{"train_labels": [1]}, {}])
def test_an_index_without_labels_is_told(packed: Path, stored: dict[str, Any]) -> None:
    np.savez(packed / "index.npz", **stored)
    with pytest.raises(DataError, match="does not hold the labels"):
        read_sheets(packed)
    (packed / "index.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="does not hold the labels"):
        read_sheets(packed)
    assert not presence("cifar10", packed.parent).present


def test_images_other_than_the_published_ones_are_refused(packed: Path) -> None:
    (packed / MARK).unlink()
    with pytest.raises(DataError, match=r"packed training images .* are not those of cifar10"):
        read_collection("cifar10", packed.parent)


def test_without_the_package_the_error_names_it(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def refuse(name: str, *args: Any, **options: Any) -> Any:
        if name == "imagecodecs":
            raise ImportError(name)
        return original(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DataError, match="pip install imagecodecs"):
        read_sheets(packed)


def test_the_real_test_images_are_the_published_ones() -> None:
    folder = REAL / "cifar10"
    if not (folder / "index.npz").is_file():
        pytest.skip("the real CIFAR-10 is not at hand")
    pytest.importorskip("imagecodecs", reason="sheets are JPEG XL")
    assert sheet_counts(folder) == {"train": 50_000, "test": 10_000}
    assert not missing_sheets(folder)
    labels = np.load(folder / "index.npz")["test_labels"].astype(np.int64)
    digests = LAYOUTS["cifar10"].digests
    assert digests is not None
    assert Pool(_decode(folder, "test", 10_000), labels).digest() == digests[1]
