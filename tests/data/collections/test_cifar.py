"""CIFAR's batches: read as published, and nothing in a pickle is ever run."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rarecall.data.collections import read_cifar
from rarecall.data.collections.safe_pickle import read_arrays
from rarecall.errors import DataError

NAMES = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}


def tiny(name: str, root: Path, per_batch: int = 20, protocol: int = 2) -> dict[str, Any]:
    """Write a tiny data set in the published layout; give what was written."""
    rng = np.random.default_rng(7)
    folder = root / NAMES[name]
    folder.mkdir(parents=True)
    many = 10 if name == "cifar10" else 100
    key = b"labels" if name == "cifar10" else b"fine_labels"
    parts = {
        "cifar10": [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"],
        "cifar100": ["train", "test"],
    }[name]
    written: dict[str, Any] = {}
    for part in parts:
        data = rng.integers(0, 256, (per_batch, 3072), dtype=np.uint8)
        labels = [int(label) for label in rng.integers(0, many, per_batch)]
        written[part] = (data, labels)
        with (folder / part).open("wb") as file:
            pickle.dump({b"data": data, key: labels, b"batch_label": b"x"}, file, protocol=protocol)
    words = [f"class {k}".encode() for k in range(many)]
    meta, names = ("batches.meta", b"label_names")
    if name == "cifar100":
        meta, names = ("meta", b"fine_label_names")
    with (folder / meta).open("wb") as file:
        pickle.dump({names: words}, file, protocol=protocol)
    return written


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_batches_are_read_with_channels_last_and_in_order(
    tmp_path: Path, name: str, protocol: int
) -> None:
    written = tiny(name, tmp_path, protocol=protocol)
    found = read_cifar(name, tmp_path, verify=False)
    parts = [part for part in written if not part.startswith("test")]
    data = np.concatenate([written[part][0] for part in parts])
    assert found.train.images.shape == (len(data), 32, 32, 3)
    # The published rows hold the red plane, then the green, then the blue one.
    for row, column, channel in ((0, 0, 0), (31, 5, 1), (17, 31, 2)):
        expected = data[:, channel * 1024 + row * 32 + column]
        np.testing.assert_array_equal(found.train.images[:, row, column, channel], expected)
    assert found.train.labels.tolist() == [label for part in parts for label in written[part][1]]
    assert found.classes[3] == "class 3"
    inside = read_cifar(name, tmp_path / NAMES[name], verify=False)
    np.testing.assert_array_equal(inside.test.images, found.test.images)


def test_packed_arrays_are_read_too(tmp_path: Path) -> None:
    for part, n in (("train", 12), ("test", 4)):
        np.savez(
            tmp_path / f"cifar10_{part}.npz",
            images=np.full((n, 32, 32, 3), n, dtype=np.uint8),
            labels=(np.arange(n) % 10).astype(np.uint8),
        )
    with pytest.raises(DataError, match=r"packed training images .* are not those of cifar10: 12"):
        read_cifar("cifar10", tmp_path)
    found = read_cifar("cifar10", tmp_path, verify=False)
    assert found.counts() == {"train": 12, "test": 4}
    assert found.classes[9] == "truck"


def test_packed_arrays_of_cifar_100_may_call_their_labels_fine(tmp_path: Path) -> None:
    for part, n in (("train", 9), ("test", 3)):
        np.savez(
            tmp_path / f"cifar100_{part}.npz",
            images=np.zeros((n, 32, 32, 3), dtype=np.uint8),
            fine_labels=np.full(n, 73, dtype=np.uint8),
            coarse_labels=np.zeros(n, dtype=np.uint8),
        )
    found = read_cifar("cifar100", tmp_path)
    assert found.train.labels.tolist() == [73] * 9
    assert found.classes[73] == "shark"


def test_a_file_that_was_not_published_is_told_by_its_sum(tmp_path: Path) -> None:
    tiny("cifar10", tmp_path)
    with pytest.raises(DataError, match=r"data_batch_1 is not the published file.*MD5"):
        read_cifar("cifar10", tmp_path)


def test_half_a_data_set_is_told(tmp_path: Path) -> None:
    tiny("cifar10", tmp_path)
    (tmp_path / NAMES["cifar10"] / "data_batch_3").unlink()
    with pytest.raises(DataError, match="only a part of cifar10: data_batch_3 missing"):
        read_cifar("cifar10", tmp_path, verify=False)


def test_what_is_absent_or_renamed_is_told_with_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Put the folder cifar-10-batches-py there"):
        read_cifar("cifar10", tmp_path)
    tiny("cifar100", tmp_path)
    (tmp_path / NAMES["cifar100"]).rename(tmp_path / "renamed")
    with pytest.raises(DataError, match="cifar100 is not in"):
        read_cifar("cifar100", tmp_path)


class _Spring:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch sprung",)


class _Evaluated:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("open('sprung', 'w')",)


@pytest.mark.parametrize("trap", [_Spring(), _Evaluated(), OrderedDict(a=1), Path("x")])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_pickle_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: object, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trap").write_bytes(pickle.dumps({b"data": [trap]}, protocol=protocol))
    with pytest.raises(DataError, match="nothing in it was run"):
        read_arrays(Path("trap"))
    assert not Path("sprung").exists()


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects"
    path.write_bytes(pickle.dumps(np.array([{}, []], dtype=object), protocol=2))
    with pytest.raises(DataError, match="nothing in it was run"):
        read_arrays(path)


def test_a_cut_off_or_empty_pickle_is_told(tmp_path: Path) -> None:
    tiny("cifar100", tmp_path)
    path = tmp_path / NAMES["cifar100"] / "train"
    whole = path.read_bytes()
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match="not the file that was published"):
            read_arrays(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_arrays(tmp_path / "absent")


@pytest.mark.parametrize(
    "held",
    [
        {b"data": np.zeros((4, 99), dtype=np.uint8), b"fine_labels": [0] * 4},
        {b"data": np.zeros((4, 3072), dtype=np.uint8)},
        {b"data": np.zeros((4, 3072), dtype=np.uint8), b"fine_labels": [0] * 3},
        {b"data": np.zeros((4, 3072)), b"fine_labels": [0] * 4},
        {b"data": np.zeros((4, 3072), dtype=np.uint8), b"fine_labels": [100] * 4},
        [1, 2],
    ],
)
def test_a_batch_of_another_form_is_told(tmp_path: Path, held: object) -> None:
    tiny("cifar100", tmp_path)
    (tmp_path / NAMES["cifar100"] / "train").write_bytes(pickle.dumps(held, protocol=2))
    with pytest.raises(DataError):
        read_cifar("cifar100", tmp_path, verify=False)


def test_damaged_packed_arrays_are_told(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / f"cifar10_{part}.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match="cannot be read as the arrays"):
        read_cifar("cifar10", tmp_path)
