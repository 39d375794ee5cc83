"""CIFAR-10 and CIFAR-100: the published Python batches, the same images packed, or some classes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.collections.cifar_classes import classes_in, read_classes
from rarecall.data.collections.cifar_names import CIFAR10_CLASSES, CIFAR100_CLASSES
from rarecall.data.collections.collection import Collection, Pool
from rarecall.data.collections.safe_pickle import read_arrays
from rarecall.data.collections.sheets import INDEX, read_sheets
from rarecall.errors import DataError
from rarecall.files import read_npz

if TYPE_CHECKING:
    from pathlib import Path


SIDE = 32


@dataclass(frozen=True)
class Layout:
    """Where the parts of one of the two data sets lie, and how they are known.

    Attributes:
        folder: Name of the folder with the batches.
        train: Names of the training batches and their published MD5 sums.
        test: The same of the test batch.
        names: File with the names of the classes, and the key that they have there.
        key: Key of the labels in a batch.
        classes: Their names, for forms that do not hold them.
        digests: Of the pools with the published images and labels, where they were computed from
            batches with the published sums; packed forms are held to them.
        page: Where it is published.
    """

    folder: str
    train: dict[str, str]
    test: dict[str, str]
    names: tuple[str, bytes]
    key: bytes
    classes: tuple[str, ...]
    digests: tuple[str, str] | None = None
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
    CIFAR10_CLASSES,
    (
        "3567dfbd32122a29233d507443ca1844e6bf727016d1b806dd05268db27f887e",
        "e600ce11aaf5eb6759aae8ec88c3ab7c664a3bb307f49f95ddb7a5333c26325a",
    ),
)
CIFAR100 = Layout(
    "cifar-100-python",
    {"train": "16019d7e3df5f24257cddd939b257f8d"},
    {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    ("meta", b"fine_label_names"),
    b"fine_labels",
    CIFAR100_CLASSES,
)
LAYOUTS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


def read_cifar(
    name: str, root: Path, *, verify: bool = True, cache: str | Path | None = None
) -> Collection:
    """Read CIFAR-10 or CIFAR-100.

    Args:
        name: ``"cifar10"`` or ``"cifar100"``.
        root: Folder that holds ``cifar-10-batches-py`` or ``cifar-100-python`` (or is it), or
            the arrays ``NAME_train.npz`` and ``NAME_test.npz`` with ``images`` and ``labels``, or
            sheets (see :func:`read_sheets`) with their ``index.npz``, or some of the classes as
            ``train_1.npy`` and ``test_1.npy`` (see :func:`read_classes`).
        verify: Check the published MD5 sums of the batches, and that images of CIFAR-10 in other
            forms are the published ones.
        cache: Folder for decoded sheets; see :func:`cache_root`.

    Raises:
        DataError: What is missing and where it should lie, or which file is not the published one.
    """
    layout = LAYOUTS[name]
    packed = [root / f"{name}_{part}.npz" for part in ("train", "test")]
    for folder in (root / layout.folder, root):
        if (folder / layout.names[0]).is_file() and _any(folder, layout):
            return _read_batches(name, folder, layout, verify=verify)
    if (root / INDEX).is_file():
        pools = read_sheets(root, cache=cache)
    elif all(path.is_file() for path in packed):
        pools = (_read_packed(packed[0]), _read_packed(packed[1]))
    elif classes_in(root):
        return Collection(name, *read_classes(name, root, verify=verify), layout.classes)
    else:
        files = ", ".join([*layout.train, *layout.test, layout.names[0]])
        raise DataError(
            f"{name} is not in {root}. Put the folder {layout.folder} there, with the files "
            f"{files}, from {layout.page}; or {packed[0].name} and {packed[1].name}; or the "
            "classes that are needed, as train_1.npy and test_1.npy."
        )
    if verify and layout.digests:
        _check_content(name, root, pools, layout.digests)
    return Collection(name, *pools, layout.classes)


def _check_content(
    name: str, root: Path, pools: tuple[Pool, Pool], digests: tuple[str, str]
) -> None:
    for part, pool, wanted in zip(("training", "test"), pools, digests, strict=True):
        if pool.digest() != wanted:
            raise DataError(
                f"The packed {part} images in {root} are not those of {name}: {len(pool)} images "
                f"and labels with the SHA-256 {pool.digest()[:16]}…, not {wanted[:16]}…. Pack them "
                "again from the published batches; if they differ on purpose, read them with "
                "read_cifar(..., verify=False)."
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
        labels = stored["labels" if "labels" in stored else "fine_labels"]
        return Pool(stored["images"], labels.astype(np.int64))
    except DataError:
        raise
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as the arrays `images` and `labels` ({error}). Make it again."
        ) from error
