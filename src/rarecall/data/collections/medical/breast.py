"""DDSM+: mammograms of DDSM and CBIS-DDSM, cut to patches; the layout is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rarecall.data.collections.file_collection import FileCollection
from rarecall.data.collections.made_up import made_up_images
from rarecall.data.collections.medical import tables
from rarecall.data.collections.source import Source
from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("normal", "abnormal")
PARTS = ("train", "test")


def read_ddsm(folder: Path) -> FileCollection:
    """Read DDSM+ from ``images.csv`` and the images that it names.

    Columns: ``path`` (from the folder), ``label`` (0 normal, 1 abnormal), ``part`` (train or test),
    and ``patient`` where it is known: the groups. Nobody gives this collection out as such, so
    that nothing can be held against published counts; the paper says 55,000 images for training
    with 13% positive, 13,900 for testing with 4%.

    Raises:
        DataError: It is not whole, or a patient is in both parts.
    """
    path = folder / "images.csv"
    table = tables.read_table(path, ("path", "label", "part"), text=("path", "patient"))
    names = [str(name) for name in table["path"]]
    if len(set(names)) < len(names):
        raise DataError(f"{path} names an image twice.")
    tables.require(folder, names, [name for name in names if not (folder / name).is_file()])
    parts = [PARTS[k] for k in tables.class_numbers(table["part"], {"train": 0, "test": 1}, path)]
    groups = None
    if "patient" in table:
        groups = tables.grouped(table["patient"], names)
        both = set(groups[np.isin(parts, "train")]) & set(groups[np.isin(parts, "test")])
        if both:
            raise DataError(
                f"{path} has the patient {min(both)} in both parts. Put all images of a patient "
                "into one, or the test is not one."
            )
    return FileCollection(
        name="ddsm+",
        paths=[folder / name for name in names],
        labels=tables.class_numbers(table["label"], {"0": 0, "1": 1}, path),
        classes=CLASSES,
        groups=groups,
        parts=np.asarray(parts, dtype=np.str_),
        channels=1,
        root=folder,
    )


def _write(folder: Path, *, seed: int = 0, n: int = 200) -> None:
    rng = np.random.default_rng([seed, 51])
    rows = []
    for k in range(n):
        part = "train" if k < 3 * n // 4 else "test"
        label = int(rng.random() < (0.13 if part == "train" else 0.1) or k in (0, n - 1))
        name = f"{part}/{k:05d}.png"
        pixels = made_up_images([label], 56, seed=seed + 1000 * k)[0].mean(axis=-1)
        tables.write_image(folder / name, pixels.astype(np.uint8))
        rows.append({"path": name, "label": label, "part": part, "patient": f"P_{k // 2:05d}"})
    pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)


SOURCES = (
    Source(
        name="ddsm+",
        title="DDSM+ (mammograms)",
        kind="image files",
        layout=(
            "images.csv with the columns path, label (0 or 1), part (train or test) and, if known, "
            "patient; and the images that it names."
        ),
        origin=(
            "No such collection is given out. Fetch CBIS-DDSM from The Cancer Imaging Archive (CC "
            "BY 3.0) and the normal cases of DDSM from the University of South Florida, cut them "
            "to patches (the paper: 224 x 224), and write images.csv."
        ),
        read=read_ddsm,
        tiny=_write,
        look=tables.look_by(read_ddsm),
    ),
)
