"""Images packed as lossless sheets: JPEG XL files of many small images each, and an index.

A sheet is a grid of fifty images a row, in reading order; the last row of the last sheet may be
padded. ``index.npz`` holds the labels, and so the true number of images. What was decoded is kept
in the cache folder as plain arrays, under a name made of the hash of the files, and mapped into
memory from there: the second time takes a moment, and several processes share one copy.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.collections.collection import Pool
from rarecall.data.collections.places import cache_root
from rarecall.errors import DataError, StorageError
from rarecall.files import read_npz, write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = 50
PER_SHEET = 2500
INDEX = "index.npz"


def sheet_counts(folder: Path) -> dict[str, int]:
    """Count the images that the index of a packed data set names, by part.

    Raises:
        DataError: The index is damaged or has no labels.
    """
    return {part: len(labels) for part, labels in _labels(folder).items()}


def missing_sheets(folder: Path) -> list[str]:
    """Name the sheets that the index calls for and that are not there, or are empty."""
    return [
        name
        for part, count in sheet_counts(folder).items()
        for name in _sheets(part, count)
        if not (folder / name).is_file() or not (folder / name).stat().st_size
    ]


def read_sheets(folder: Path, *, cache: str | Path | None = None) -> tuple[Pool, Pool]:
    """Read the training and the test images of a packed data set.

    Args:
        folder: Holds ``index.npz``, ``train_00.jxl``… and ``test_00.jxl``….
        cache: Folder for the decoded arrays; see :func:`cache_root` for what None means.

    Raises:
        DataError: A sheet is missing or damaged, or the package ``imagecodecs`` is missing.
    """
    absent = missing_sheets(folder)
    if absent:
        raise DataError(f"{folder} holds only a part of its sheets: {', '.join(absent)} missing.")
    labels = _labels(folder)
    keep = cache_root(cache) / "collections" / f"{folder.name}-{_key(folder, labels)}"
    train, test = (
        Pool(_images(folder, part, len(labels[part]), keep), labels[part])
        for part in ("train", "test")
    )
    return train, test


def write_sheets(
    folder: Path, part: str, images: NDArray[np.uint8], per_sheet: int = PER_SHEET
) -> None:
    """Pack images into sheets: the inverse of the reading, for copies and for tests.

    Args:
        folder: For the sheets.
        part: ``"train"`` or ``"test"``, the first word of their names.
        images: uint8, shape ``(n, S, S, 3)``.
        per_sheet: Images of a sheet, a multiple of fifty.
    """
    codecs = _codecs()
    side = images.shape[1]
    for number, start in enumerate(range(0, len(images), per_sheet)):
        block = images[start : start + per_sheet]
        rows = -(-len(block) // COLUMNS)
        grid = np.zeros((rows * COLUMNS, side, side, 3), dtype=np.uint8)
        grid[: len(block)] = block
        sheet = grid.reshape(rows, COLUMNS, side, side, 3).transpose(0, 2, 1, 3, 4)
        sheet = np.ascontiguousarray(sheet.reshape(rows * side, COLUMNS * side, 3))
        encoded = codecs.jpegxl_encode(sheet, lossless=True)
        (folder / f"{part}_{number:02d}.jxl").write_bytes(encoded)


def _sheets(part: str, count: int) -> list[str]:
    return [f"{part}_{number:02d}.jxl" for number in range(-(-count // PER_SHEET))]


def _labels(folder: Path) -> dict[str, NDArray[np.int64]]:
    try:
        stored = read_npz(folder / INDEX)
        found = {}
        for part in ("train", "test"):
            fine = f"{part}_fine_labels"
            found[part] = stored[fine if fine in stored else f"{part}_labels"].astype(np.int64)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{folder / INDEX} does not hold the labels of packed images ({error})."
        ) from error
    return found


def _key(folder: Path, labels: dict[str, NDArray[np.int64]]) -> str:
    found = hashlib.sha256()
    for part, rows in labels.items():
        for name in (INDEX, *_sheets(part, len(rows))):
            found.update(name.encode() + (folder / name).read_bytes())
    return found.hexdigest()[:32]


def _images(folder: Path, part: str, count: int, keep: Path) -> NDArray[np.uint8]:
    path = keep / f"{part}.npy"
    found = _kept(path, count)
    if found is None:
        found = _decode(folder, part, count)
        # The cache only saves time: where it cannot be written, the images are decoded each time.
        with suppress(StorageError), write_atomically(path) as beside:
            np.save(beside, found)
    return found


def _kept(path: Path, count: int) -> NDArray[np.uint8] | None:
    if not path.is_file():
        return None
    try:
        # Copy on write: PyTorch warns of arrays that it may not write to.
        mapped: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False).view(np.ndarray)
    except (OSError, EOFError, ValueError):
        return None
    good = mapped.dtype == np.uint8 and mapped.ndim == 4 and len(mapped) == count
    return mapped if good else None


def _decode(folder: Path, part: str, count: int) -> NDArray[np.uint8]:
    codecs = _codecs()

    def decode(name: str) -> NDArray[np.uint8]:
        path = folder / name
        try:
            sheet = np.asarray(codecs.jpegxl_decode(path.read_bytes()))
            side = sheet.shape[1] // COLUMNS
            grid = sheet.reshape(-1, side, COLUMNS, side, 3).transpose(0, 2, 1, 3, 4)
            return grid.reshape(-1, side, side, 3).astype(np.uint8, casting="safe")
        except Exception as error:
            # What the decoder raises on damaged data is its own class, or none of any promise.
            raise DataError(
                f"{path} is damaged: it cannot be decoded as a sheet of images "
                f"({str(error).strip() or type(error).__name__})."
            ) from error

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        images = np.concatenate(list(pool.map(decode, _sheets(part, count))))[:count]
    if len(images) != count:
        raise DataError(f"{folder}: the {part} sheets hold {len(images)} images, not {count}.")
    return np.ascontiguousarray(images)


def _codecs() -> Any:
    try:
        import imagecodecs
    except ImportError as error:
        raise DataError(
            "Sheets of packed images are JPEG XL, which needs the package imagecodecs: "
            "pip install imagecodecs. The published Python batches need no package."
        ) from error
    return imagecodecs
