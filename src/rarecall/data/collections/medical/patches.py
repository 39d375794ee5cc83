"""PatchCamelyon: patches of lymph node sections, in HDF5 files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data.collections.file_collection import FileCollection
from rarecall.data.collections.made_up import made_up_images
from rarecall.data.collections.medical import tables
from rarecall.data.collections.source import Expected, Source
from rarecall.data.hdf5_images import open_hdf5, require_h5py
from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLASSES = ("normal", "tumour")
PARTS = ("train", "valid", "test")
_EXPECTED = Expected({"train": 262_144, "valid": 32_768, "test": 32_768})


def _file(folder: Path, part: str, what: str) -> Path:
    return folder / f"camelyonpatch_level_2_split_{part}_{what}"


def _part(folder: Path, part: str) -> tuple[int, NDArray[np.int64], list[str]]:
    """Read how many images a part has, their labels and their slides."""
    stored: dict[str, Any] = {}
    for name in ("x", "y"):
        path = _file(folder, part, f"{name}.h5")
        with open_hdf5(path) as file:
            if name not in file:
                raise DataError(f"{path} has no array {name!r}. Fetch it again.")
            stored[name] = file["x"].shape if name == "x" else np.asarray(file["y"]).reshape(-1)
    n, labels = stored["x"][0], stored["y"].astype(np.int64)
    if len(stored["x"]) != 4 or len(labels) != n:
        raise DataError(
            f"{_file(folder, part, 'x.h5')} holds an array of shape {stored['x']}, and there are "
            f"{len(labels)} labels beside it. Fetch both again."
        )
    path = _file(folder, part, "meta.csv")
    slides = [f"{part}:{k}" for k in range(n)]
    if path.is_file():
        table = tables.read_table(path, (), text=("wsi",))
        if "wsi" in table and len(table) == n:
            slides = tables.grouped(table["wsi"], slides).tolist()
    return n, labels, slides


def _patchcamelyon(folder: Path) -> FileCollection:
    paths: list[Path] = []
    labels, slides, parts = [], [], []
    for part in PARTS:
        n, of_part, groups = _part(folder, part)
        inside = _file(folder, part, "x.h5") / "x"
        paths += [inside / str(k) for k in range(n)]
        labels.append(of_part)
        slides += groups
        parts += [part] * n
    return FileCollection(
        name="patchcamelyon",
        paths=paths,
        labels=np.concatenate(labels),
        classes=CLASSES,
        groups=np.asarray(slides, dtype=np.str_),
        parts=np.asarray(parts, dtype=np.str_),
        root=folder,
    )


def read_patchcamelyon(folder: Path) -> FileCollection:
    """Read PatchCamelyon: patches of 96 x 96 pixels, half of them with tumour.

    Parts: train, valid, test. The groups are slides where the ``meta.csv`` files are there, else
    every patch stands alone. Needs the package h5py.

    Raises:
        DataError: It is not whole, or h5py is not installed.
    """
    return tables.checked(_patchcamelyon(folder), _EXPECTED, folder, "slides")


def _write(folder: Path, *, seed: int = 0, n: int = 120) -> None:
    h5py = require_h5py()
    for number, (part, count) in enumerate(zip(PARTS, (n, n // 4, n // 4), strict=True)):
        labels = np.arange(count) % 2
        images = made_up_images(labels, 96, seed=seed + number)
        with h5py.File(_file(folder, part, "x.h5"), "w") as file:
            file.create_dataset("x", data=images, chunks=(8, 96, 96, 3), compression="gzip")
        with h5py.File(_file(folder, part, "y.h5"), "w") as file:
            file.create_dataset("y", data=labels.reshape(-1, 1, 1, 1).astype(np.uint8))
        slides = [f"camelyon16_{part}_{k // 10:03d}" for k in range(count)]
        table = pd.DataFrame({"tumor_patch": labels, "center_tumor_patch": labels, "wsi": slides})
        table.to_csv(_file(folder, part, "meta.csv"))


SOURCES = (
    Source(
        name="patchcamelyon",
        title="PatchCamelyon",
        kind="image files",
        layout=(
            "camelyonpatch_level_2_split_{train,valid,test}_{x,y}.h5, unpacked, and, if wanted, "
            "the _meta.csv files."
        ),
        origin=(
            "The project basveeling/pcam on GitHub names the download (CC0); unpack the .gz files."
        ),
        read=read_patchcamelyon,
        tiny=_write,
        expected=_EXPECTED,
        look=tables.look_by(_patchcamelyon, "slides"),
        needs="h5py",
    ),
)
