"""STL-10: 96 x 96 images of ten classes in flat binary files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.collections.checksums import check_sum
from rarecall.data.collections.collection import Collection, Pool
from rarecall.data.collections.made_up import made_up_pool
from rarecall.data.collections.source import Expected, Look, Source, is_made_up
from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 96
IMAGE = 3 * SIDE * SIDE
INSIDE = "stl10_binary"
CLASSES = (
    "airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck",
)  # fmt: skip
SUMS = {
    "train_X.bin": "md5:918c2871b30a85fa023e0c44e0bee87f",
    "train_y.bin": "md5:5a34089d4802c674881badbb80307741",
    "test_X.bin": "md5:7f263ba9f9e0b06b93213547f721ac82",
    "test_y.bin": "md5:36f9794fa4beb8a2c72628de14fa638e",
}


def read_stl10(folder: Path, *, verify: bool = True) -> Collection:
    """Read the labelled images of STL-10; the unlabelled ones are not used.

    Args:
        folder: Holds ``stl10_binary``, or the files themselves.
        verify: Check the published MD5 sums; sizes are always checked.

    Raises:
        DataError: A file is missing, cut off, or not the published one.
    """
    inside = _inside(folder)
    lacking = [name for name in SUMS if not (inside / name).is_file()]
    if lacking:
        raise DataError(f"{inside} holds only a part of STL-10: {', '.join(lacking)} missing.")
    if verify:
        for name, wanted in SUMS.items():
            check_sum(inside / name, wanted)
    train, test = (_read(inside, part) for part in ("train", "test"))
    return Collection("stl10", train, test, CLASSES)


def _inside(folder: Path) -> Path:
    return folder / INSIDE if (folder / INSIDE).is_dir() else folder


def _read(inside: Path, part: str) -> Pool:
    labels = np.fromfile(inside / f"{part}_y.bin", dtype=np.uint8).astype(np.int64) - 1
    path = inside / f"{part}_X.bin"
    size = path.stat().st_size
    if size != len(labels) * IMAGE:
        raise DataError(
            f"{path} has {size:,} bytes, but the {len(labels)} labels beside it call for "
            f"{len(labels) * IMAGE:,}: one of the two files is cut off."
        )
    # Each colour plane is written column by column.
    planes = np.fromfile(path, dtype=np.uint8).reshape(-1, 3, SIDE, SIDE)
    return Pool(np.ascontiguousarray(planes.transpose(0, 3, 2, 1)), labels)


def look_at_stl10(folder: Path) -> Look:
    """Count images by the sizes of the files."""
    inside = _inside(folder)
    problems = [f"{inside / name} is missing." for name in SUMS if not (inside / name).is_file()]
    counts = {}
    for part in ("train", "test"):
        images, labels = inside / f"{part}_X.bin", inside / f"{part}_y.bin"
        if images.is_file() and labels.is_file():
            counts[part] = labels.stat().st_size
            if images.stat().st_size != counts[part] * IMAGE:
                problems.append(f"{images} is cut off, or is not of the labels beside it.")
    return Look(counts, tuple(problems))


def write_stl10(
    folder: Path, *, seed: int = 0, train_per_class: int = 20, test_per_class: int = 8
) -> None:
    """Write made-up images in the published layout."""
    inside = folder / INSIDE
    inside.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train_per_class), ("test", test_per_class)):
        pool = made_up_pool(len(CLASSES), count, SIDE, seed=seed + (part == "test"))
        (inside / f"{part}_X.bin").write_bytes(pool.images.transpose(0, 3, 2, 1).tobytes())
        (inside / f"{part}_y.bin").write_bytes((pool.labels + 1).astype(np.uint8).tobytes())
    (inside / "class_names.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")


STL10 = Source(
    name="stl10",
    title="STL-10",
    kind="images",
    layout=f"{INSIDE}/ with {', '.join(SUMS)} (unlabeled_X.bin is not used).",
    origin=(
        "STL-10 is given out by Adam Coates, Stanford University (cs.stanford.edu/~acoates/stl10, "
        "the binary files); no account is needed. The images are from ImageNet: its terms hold, "
        "research and no commercial use."
    ),
    read=lambda folder: read_stl10(folder, verify=not is_made_up(folder)),
    tiny=write_stl10,
    expected=Expected(
        {"train": 5000, "test": 8000}, {f"{INSIDE}/{name}": wanted for name, wanted in SUMS.items()}
    ),
    look=look_at_stl10,
)
