"""CIFAR-10 and CIFAR-100: the published Python batches, or the same images packed as arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.collections.collection import Collection, Pool
from rarecall.data.collections.safe_pickle import read_arrays
from rarecall.errors import DataError
from rarecall.files import read_npz

if TYPE_CHECKING:
    from pathlib import Path


SIDE = 32
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


@dataclass(frozen=True)
class Layout:
    """Where the parts of one of the two data sets lie, and how they are known.

    Attributes:
        folder: Name of the folder with the batches.
        train: Names of the training batches and their published MD5 sums.
        test: The same of the test batch.
        names: File with the names of the classes, and the key that they have there.
        key: Key of the labels in a batch.
        page: Where it is published.
    """

    folder: str
    train: dict[str, str]
    test: dict[str, str]
    names: tuple[str, bytes]
    key: bytes
    page: str = "the CIFAR page of the University of Toronto (the Python version)"


CIFAR10 = Layout(
    "cifar-10-batches-py",
    {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    {"test_batch": "40351d587109b95175f43aff81a1287e"},
    ("batches.meta", b"label_names"),
    b"labels",
)
CIFAR100 = Layout(
    "cifar-100-python",
    {"train": "16019d7e3df5f24257cddd939b257f8d"},
    {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    ("meta", b"fine_label_names"),
    b"fine_labels",
)
LAYOUTS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


def read_cifar(name: str, root: Path, *, verify: bool = True) -> Collection:
    """Read CIFAR-10 or CIFAR-100.

    Args:
        name: ``"cifar10"`` or ``"cifar100"``.
        root: Folder that holds ``cifar-10-batches-py`` or ``cifar-100-python`` (or is it), or
            the arrays ``NAME_train.npz`` and ``NAME_test.npz`` with ``images`` and ``labels``.
        verify: Check the published MD5 sums of the batches; counts are always checked.

    Raises:
        DataError: What is missing and where it should lie, or which file is not the published one.
    """
    layout = LAYOUTS[name]
    packed = [root / f"{name}_{part}.npz" for part in ("train", "test")]
    for folder in (root / layout.folder, root):
        if (folder / layout.names[0]).is_file() and _any(folder, layout):
            return _read_batches(name, folder, layout, verify=verify)
    if all(path.is_file() for path in packed):
        train, test = (_read_packed(path) for path in packed)
        return Collection(name, train, test, _class_names(name, train, test))
    files = ", ".join([*layout.train, *layout.test, layout.names[0]])
    raise DataError(
        f"{name} is not in {root}. Put the folder {layout.folder} there, with the files {files}, "
        f"from {layout.page}; or {packed[0].name} and {packed[1].name}."
    )


def _any(folder: Path, layout: Layout) -> bool:
    return any((folder / batch).is_file() for batch in (*layout.train, *layout.test))


def _read_batches(name: str, folder: Path, layout: Layout, *, verify: bool) -> Collection:
    lacking = [batch for batch in (*layout.train, *layout.test) if not (folder / batch).is_file()]
    if lacking:
        raise DataError(
            f"{folder} holds only a part of {name}: {', '.join(lacking)} missing. Fetch the whole "
            f"archive again from {layout.page}."
        )
    meta = read_arrays(folder / layout.names[0])
    try:
        classes = tuple(word.decode("utf-8") for word in meta[layout.names[1]])
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{folder / layout.names[0]} does not name the classes of {name}. Fetch it again."
        ) from error
    train, test = (
        _join([_read_batch(folder / batch, md5, layout, verify) for batch, md5 in part.items()])
        for part in (layout.train, layout.test)
    )
    return Collection(name, train, test, classes)


def _read_batch(path: Path, md5: str, layout: Layout, verify: bool) -> Pool:
    if verify:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if found.hexdigest() != md5:
            raise DataError(
                f"{path} is not the published file: its MD5 sum is {found.hexdigest()}, not {md5}. "
                f"Fetch it again from {layout.page}; if it is a copy of yours that differs on "
                "purpose, read it with verify=False."
            )
    stored: Any = read_arrays(path)
    try:
        flat, labels = np.asarray(stored[b"data"]), np.asarray(stored[layout.key])
        images = flat.reshape(len(labels), 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} does not hold images of {SIDE} x {SIDE} with their labels ({error}). "
            "Fetch it again."
        ) from error
    return Pool(np.ascontiguousarray(images), labels.astype(np.int64))


def _join(pools: list[Pool]) -> Pool:
    return Pool(
        np.concatenate([pool.images for pool in pools]),
        np.concatenate([pool.labels for pool in pools]),
    )


def _read_packed(path: Path) -> Pool:
    try:
        stored = read_npz(path)
        return Pool(stored["images"], stored["labels"].astype(np.int64))
    except DataError:
        raise
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as the arrays `images` and `labels` ({error}). Make it again."
        ) from error


def _class_names(name: str, train: Pool, test: Pool) -> tuple[str, ...]:
    if name == "cifar10":
        return CIFAR10_CLASSES
    return tuple(str(k) for k in range(1 + int(max(train.labels.max(), test.labels.max()))))
