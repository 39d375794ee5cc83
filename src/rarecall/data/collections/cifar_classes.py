"""A few classes of CIFAR as plain arrays: what travels to a machine that needs no more of it.

A folder holds one pair of files a class, by its number: ``train_1.npy`` and ``test_1.npy``, uint8
of shape ``(n, 32, 32, 3)``, in the order of the published batches. A protocol that uses only these
classes then draws the same images as from the whole data set; rows have other numbers, and so the
batches another order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.collections.collection import Pool
from rarecall.data.collections.source import Look
from rarecall.errors import DataError
from rarecall.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.data.collections.collection import Collection

_FILE = re.compile(r"(train|test)_(\d+)\.npy")

DIGESTS = {
    "cifar10": {
        "train": (
            "2bb965d35c0b888c7b5ab2e23b6d04111c27af660b0c2c26da918cec3a30983b",
            "b076f0ad20ffa3fd86f555bfd4cb5fee1b520199dea8faedcc53bb74d2e5b0b8",
            "7e89ee4fdc26dd8e18b54cdae438a034b26d4156508d2a4d42f9c73ae1a323ef",
            "644852e322bd315459713689ddf7046a9dee78ee9b15caaf99f6789121dfcdde",
            "34f725e9a9db4609bf2e3da2046a0ae6080c239281e15e0965b1f071e99b789a",
            "512e47bf28f4e3f7b6fabc6f4d53e9f92a2e907e5a2abb05add56c62ff3d785d",
            "35db436ec94ba21fea7cb20c40afc45eadcffe43273c1e35b2850dad8ee9aa73",
            "2fb9a795c5068ecb2f10cdc5be29bfd1b0d352fedd62a84d98c3017ecba57e41",
            "420e50d087e7397016e1c30f118c326b1caca9413f38d8a7dc9a1197993bc604",
            "b8ad5858331ce7daef218a28a4e0b7223790c76168e58128160b132852d2098d",
        ),
        "test": (
            "9639c86361e3ba2002800068f8c7c094d1f649ea3fa7a6274537dfa51e1c5721",
            "d612af4c866fe5db37efa507110c7f60f27b863672d2018e92263e0ded6bb993",
            "ade8f537ccfe14b16ec8f938328abd7a7ec0419d5f91beb7e730d37b9ddc9130",
            "09010a6f73b6b50ab198a7add8f76f067bd31b65be17840fcc2149040bdf987c",
            "0605def5a7c3c21937e193d22ebead105fdfcfe382866ca4ebd73d7f37c329dc",
            "bb71117b2c506b9a95be0e34c841db6dbf185ec67502bc0c4e785ab2850e3511",
            "e264578241643e1281a5a7095ba8935cbb26ecba5ab692aad74787c80dc44834",
            "ce33a90872946fa3acae966c41945d481af3d780cc293781a777a5689207e7a6",
            "4432cfd31276800a481273ad35f194eefbb99c8a8fa4515bd28f1024d1439b07",
            "d6df37cc8d372165485ecebafcef98b74f96ed58b12bba6651d140fd849d95a2",
        ),
    }
}
"""Of the pool of one class, computed from batches with the published sums."""


def classes_in(folder: Path) -> list[int]:
    """List the numbers of the classes of which ``folder`` has a file, of either part."""
    return sorted({int(found[2]) for _, found in _files(folder)})


def write_classes(collection: Collection, folder: Path, classes: Iterable[int]) -> list[Path]:
    """Write some classes of a collection, a pair of files each.

    Args:
        collection: CIFAR-10 or CIFAR-100, read from any of its forms.
        folder: Gets the files.
        classes: Numbers of the classes.

    Returns:
        The files, training parts first.

    Raises:
        DataError: The collection has no image of a class.
        StorageError: The file system refused.
    """
    written = []
    for part, pool in (("train", collection.train), ("test", collection.test)):
        for number in classes:
            images = np.ascontiguousarray(pool.images[pool.labels == number])
            if not len(images):
                raise DataError(f"{collection.name} has no {part} image of class {number}.")
            path = folder / f"{part}_{number}.npy"
            with write_atomically(path) as beside:
                np.save(beside, images)
            written.append(path)
    return written


def read_classes(name: str, folder: Path, *, verify: bool = True) -> tuple[Pool, Pool]:
    """Read the training and the test pool of the classes that are there.

    Args:
        name: ``"cifar10"`` or ``"cifar100"``.
        folder: Holds the files.
        verify: Hold every class of CIFAR-10 to the published images.

    Raises:
        DataError: A class has only one of its parts, a file is damaged, or its images are not the
            published ones.
    """
    classes = classes_in(folder)
    wanted = [f"{part}_{number}.npy" for part in ("train", "test") for number in classes]
    lacking = [file for file in wanted if not (folder / file).is_file()]
    if lacking:
        raise DataError(
            f"{folder} holds only a part of some classes of {name}: {', '.join(lacking)} missing. "
            "Write them again with write_classes."
        )
    pools = []
    for part in ("train", "test"):
        known = DIGESTS.get(name, {}).get(part, ())
        parts = [_read(folder / f"{part}_{number}.npy", number) for number in classes]
        for number, pool in zip(classes, parts, strict=True):
            if verify and number < len(known) and pool.digest() != known[number]:
                raise DataError(
                    f"{folder / f'{part}_{number}.npy'} does not hold the published images of "
                    f"class {number} of {name}: {len(pool)} images with the SHA-256 "
                    f"{pool.digest()[:16]}…, not {known[number][:16]}…. Write it again with "
                    "write_classes; if it differs on purpose, read it with verify=False."
                )
        pools.append(
            Pool(
                np.concatenate([pool.images for pool in parts]),
                np.concatenate([pool.labels for pool in parts]),
            )
        )
    return pools[0], pools[1]


def look_at_classes(folder: Path) -> Look:
    """Count classes and images by the headers of their files."""
    counts = {"classes": len(classes_in(folder)), "images": 0}
    problems = []
    for number in classes_in(folder):
        for part in ("train", "test"):
            path = folder / f"{part}_{number}.npy"
            try:
                counts["images"] += len(np.load(path, mmap_mode="r"))
            except (OSError, ValueError, EOFError) as error:
                problems.append(f"{path} is missing or damaged ({error}).")
    return Look(counts, tuple(problems))


def _files(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [(path, _FILE.fullmatch(path.name)) for path in there]
    return [(path, match) for path, match in found if match is not None]


def _read(path: Path, number: int) -> Pool:
    try:
        images: NDArray[np.uint8] = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as an array ({error}). Make it again.") from error
    return Pool(images, np.full(len(images), number, dtype=np.int64))
