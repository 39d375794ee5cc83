"""A collection of image files: what goes together is kept together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rarecall.data.collections.file_collection import FileCollection, FilePool, joined
from rarecall.errors import DataError


def made(folder: Path, n: int = 8, **options: Any) -> FileCollection:
    paths = [folder / "in" / f"{k}.png" for k in range(n)]
    given: dict[str, Any] = {
        "name": "some",
        "paths": paths,
        "labels": np.arange(n) % 2,
        "classes": ("no", "yes"),
        "groups": np.asarray([f"p{k // 2}" for k in range(n)]),
        "parts": np.asarray(["train"] * (n - 2) + ["test"] * 2),
        "metadata": pd.DataFrame({"age": np.arange(n)}),
    }
    return FileCollection(**given | options)


def written(found: FileCollection) -> FileCollection:
    for k, path in enumerate(found.paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 10), (10 * k, 0, 0)).save(path)
    return found


def test_a_selection_takes_everything_along(tmp_path: Path) -> None:
    found = written(made(tmp_path)).take([5, 0])
    assert [path.name for path in found.paths] == ["5.png", "0.png"]
    assert found.labels.tolist() == [1, 0]
    assert found.groups is not None
    assert found.groups.tolist() == ["p2", "p0"]
    assert found.metadata is not None
    assert found.metadata["age"].tolist() == [5, 0]
    pool = found.to_pool(4, cache=tmp_path / "cache")
    assert isinstance(pool, FilePool)
    assert pool.images[:, 0, 0, 0].tolist() == [50, 0]
    np.testing.assert_array_equal(pool.groups, found.groups)


def test_parts_are_taken_by_name(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert (len(found.part("train")), len(found.part("test"))) == (6, 2)
    assert len(found.part("train", "test")) == 8
    with pytest.raises(DataError, match="has the parts 'test', 'train', not 'valid'"):
        found.part("valid")
    with pytest.raises(DataError, match="has no official parts"):
        made(tmp_path, parts=None).part("train")


def test_names_start_at_the_root_or_at_the_common_folder(tmp_path: Path) -> None:
    assert made(tmp_path).names[0] == "0.png"
    assert made(tmp_path, root=tmp_path).names[0] == "in/0.png"
    assert made(tmp_path, root=tmp_path / "other").names[0].endswith("in/0.png")


def test_a_fingerprint_names_the_samples_wherever_they_lie(tmp_path: Path) -> None:
    first = made(tmp_path).fingerprint
    assert first == made(tmp_path / "elsewhere").fingerprint
    assert first != made(tmp_path, labels=1 - np.arange(8) % 2).fingerprint
    assert first != made(tmp_path, groups=None).fingerprint
    assert first != made(tmp_path).take(range(7)).fingerprint


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"labels": np.zeros(7, int)}, "8 images, but 7 labels"),
        ({"groups": np.array(["a"])}, "8 images, but 1 groups"),
        ({"metadata": pd.DataFrame({"a": [1]})}, "8 images, but 1 rows of metadata"),
        ({"labels": np.full(8, 2)}, "the label 2"),
        ({"labels": np.full(8, -1)}, "the label -1"),
        ({"labels": np.full((8, 2), 1.5)}, "the label 1.5"),
        ({"labels": np.zeros((8, 3))}, "names 2 of them"),
        (
            {"paths": [], "labels": np.zeros(0), "groups": None, "parts": None, "metadata": None},
            "has no images",
        ),
    ],
)
def test_what_does_not_agree_is_told(tmp_path: Path, options: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        made(tmp_path, **options)


def test_several_labels_may_be_missing_or_uncertain(tmp_path: Path) -> None:
    labels = np.tile([[1.0, np.nan], [0.4, 1.0]], (4, 1))
    found = made(tmp_path, labels=labels)
    assert found.counts == {"no": 4, "yes": 4}


def test_collections_of_other_classes_are_not_joined(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="differ in classes"):
        joined("both", [made(tmp_path), made(tmp_path, classes=("a", "b"))])
    one = made(tmp_path, name="one", parts=None)
    two = made(tmp_path / "x", name="two", groups=None)
    both = joined("both", [one, two], root=tmp_path)
    assert both.parts is None
    assert both.groups is not None
    assert len(set(both.groups)) == 4 + 8
    assert len(both) == 16


def test_a_pool_of_other_labels_than_images_is_refused() -> None:
    with pytest.raises(DataError, match="2 images came with 3 labels"):
        FilePool(np.zeros((2, 4, 4, 1), np.uint8), np.zeros((3, 5)))
    with pytest.raises(DataError, match="every image needs one"):
        FilePool(np.zeros((2, 4, 4, 1), np.uint8), np.zeros(3, np.int64))
