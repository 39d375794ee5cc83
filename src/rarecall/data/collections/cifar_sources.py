"""CIFAR-10 and CIFAR-100 in the catalogue."""

from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

import numpy as np

from rarecall.data.collections.cifar import LAYOUTS, read_cifar
from rarecall.data.collections.cifar_classes import classes_in, look_at_classes
from rarecall.data.collections.made_up import made_up_pool
from rarecall.data.collections.sheets import INDEX, missing_sheets, sheet_counts
from rarecall.data.collections.source import Expected, Look, Source, is_made_up

if TYPE_CHECKING:
    from pathlib import Path

    from rarecall.data.collections.collection import Collection, Pool

ORIGIN = (
    "{title} is given out by Alex Krizhevsky, University of Toronto "
    "(www.cs.toronto.edu/~kriz/cifar.html, the Python version); no account is needed, and no "
    "licence is stated: cite the technical report, and do not pass the images on."
)
FORMS = (
    "{folder}/ with {files}; or {name}_train.npz and {name}_test.npz with `images` (uint8, "
    "n x 32 x 32 x 3) and `labels`; or lossless sheets train_00.jxl… and test_00.jxl… with "
    "index.npz; or the classes that are needed, each as train_K.npy and test_K.npy."
)


def read_source(name: str, folder: Path) -> Collection:
    """Read one of the two; made-up data without comparing sums."""
    return read_cifar(name, folder, verify=not is_made_up(folder))


def look_at_cifar(name: str, folder: Path) -> Look:
    """Count batches, or the images that packed forms say they hold."""
    layout = LAYOUTS[name]
    names = [*layout.train, *layout.test, layout.names[0]]
    for inside in (folder / layout.folder, folder):
        there = [file for file in names if (inside / file).is_file()]
        if (inside / layout.names[0]).is_file() and len(there) > 1:
            lacking = [file for file in names if file not in there]
            empty = [file for file in there if not (inside / file).stat().st_size]
            problems = [f"{inside / file} is missing." for file in lacking]
            problems += [f"{inside / file} is empty." for file in empty]
            return Look({"batches": len(there) - 1}, tuple(problems))
    if (folder / INDEX).is_file():
        lacking = missing_sheets(folder)
        problems = [f"{folder / sheet} is missing or empty." for sheet in lacking]
        return Look(sheet_counts(folder), tuple(problems))
    packed = {part: folder / f"{name}_{part}.npz" for part in ("train", "test")}
    if not any(path.is_file() for path in packed.values()):
        if classes_in(folder):
            return look_at_classes(folder)
        return Look({}, (f"{folder} holds none of the forms in which {name} is read.",))
    counts = {}
    problems = []
    for part, path in packed.items():
        try:
            counts[part] = _packed_count(path)
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            problems.append(f"{path} is missing or damaged ({error}).")
    return Look(counts, tuple(problems))


def _packed_count(path: Path) -> int:
    with ZipFile(path) as archive, archive.open("images.npy") as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        return int(read(file)[0][0])


def write_cifar(
    name: str, folder: Path, *, seed: int = 0, train_per_class: int, test_per_class: int
) -> None:
    """Write made-up batches in the published layout.

    Args:
        name: ``"cifar10"`` or ``"cifar100"``.
        folder: Gets the folder with the batches.
        seed: Of the images.
        train_per_class: Images of every class for training.
        test_per_class: The same for testing.
    """
    layout = LAYOUTS[name]
    inside = folder / layout.folder
    inside.mkdir(parents=True, exist_ok=True)
    many = len(layout.classes)
    train = made_up_pool(many, train_per_class, 32, seed=seed)
    test = made_up_pool(many, test_per_class, 32, seed=seed + 1)
    for files, pool in ((layout.train, train), (layout.test, test)):
        for file, rows in zip(files, np.array_split(np.arange(len(pool)), len(files)), strict=True):
            _write_batch(inside / file, pool, rows.tolist(), layout.key)
    words = {layout.names[1]: [word.encode() for word in layout.classes]}
    (inside / layout.names[0]).write_bytes(pickle.dumps(words, protocol=2))


def _write_batch(path: Path, pool: Pool, rows: list[int], key: bytes) -> None:
    flat = pool.images[rows].transpose(0, 3, 1, 2).reshape(len(rows), -1)
    stored = {b"data": flat, key: pool.labels[rows].tolist()}
    path.write_bytes(pickle.dumps(stored, protocol=2))


def _source(name: str, title: str, *, train_per_class: int, test_per_class: int) -> Source:
    layout = LAYOUTS[name]
    sums = {file: f"md5:{md5}" for file, md5 in {**layout.train, **layout.test}.items()}
    files = ", ".join([*sums, layout.names[0]])
    return Source(
        name=name,
        title=title,
        kind="images",
        layout=FORMS.format(folder=layout.folder, files=files, name=name),
        origin=ORIGIN.format(title=title),
        read=partial(read_source, name),
        tiny=partial(
            write_cifar, name, train_per_class=train_per_class, test_per_class=test_per_class
        ),
        expected=Expected(
            {"batches": len(sums), "train": 50_000, "test": 10_000},
            {f"{layout.folder}/{file}": md5 for file, md5 in sums.items()},
        ),
        look=partial(look_at_cifar, name),
    )


SOURCES = (
    _source("cifar10", "CIFAR-10", train_per_class=200, test_per_class=40),
    _source("cifar100", "CIFAR-100", train_per_class=40, test_per_class=10),
)
