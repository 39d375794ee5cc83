"""ISIC 2024 (SLICE-3D): crops of whole-body photographs, in one HDF5 file or as files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from rarecall.data.collections.file_collection import FileCollection
from rarecall.data.collections.made_up import made_up_images
from rarecall.data.collections.medical import tables
from rarecall.data.collections.source import Expected, Source
from rarecall.data.hdf5_images import open_hdf5, require_h5py

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("benign", "malignant")
_EXPECTED = Expected({"images": 401_059, "malignant images": 393, "patients": 1042})
_LEAKS = ("lesion_id", "iddx", "mel_", "tbp_lv_dnn_lesion_confidence")
"""Starts of columns that are filled in, or differ, only for what was biopsied."""
_NO_FACTS = ("isic_id", "target", "patient_id", "image_type", "attribution", "copyright_license")


def _slice3d(folder: Path) -> FileCollection:
    path = folder / "train-metadata.csv"
    table = tables.read_table(
        path, ("isic_id", "target", "patient_id"), text=("isic_id", "patient_id")
    )
    names: list[str] = table["isic_id"].tolist()
    packed = folder / "train-image.hdf5"
    if packed.is_file():
        with open_hdf5(packed) as file:
            there = set(file)
        tables.require(packed, names, [name for name in names if name not in there])
        paths = tuple(packed / name for name in names)
    else:
        images = tables.first_there(folder, ("train-image/image", "train-image.hdf5"))
        paths = tables.files_of(images, [f"{name}.jpg" for name in names])
    facts = [
        str(name)
        for name in table.columns
        if name not in _NO_FACTS and not str(name).startswith(_LEAKS)
    ]
    return FileCollection(
        name="isic2024",
        paths=paths,
        labels=tables.class_numbers(table["target"], {"0": 0, "1": 1}, path),
        classes=CLASSES,
        groups=tables.grouped(table["patient_id"], names),
        metadata=table[facts].copy(),
        root=folder,
    )


def read_isic2024(folder: Path) -> FileCollection:
    """Read the training part of ISIC 2024: 393 malignant lesions of 401,059; patients are groups.

    Metadata: all columns but the diagnosis and what only biopsied lesions have, which would give
    the label away. From ``train-image.hdf5`` (needs the package h5py), else from the folder
    ``train-image/image``.

    Raises:
        DataError: It is not whole, or h5py is not installed.
    """
    return tables.checked(_slice3d(folder), _EXPECTED, folder)


def write_isic2024(folder: Path, *, seed: int = 0, n: int = 240, packed: bool = False) -> None:
    """Write made-up crops as files; ``packed`` writes the HDF5 file instead (needs h5py)."""
    rng = np.random.default_rng([seed, 61])
    target = (np.arange(n) % 16 == 5).astype(int)
    names = [f"ISIC_{k:07d}" for k in 15_670 + np.arange(n)]
    encoded = {}
    for k, (name, label) in enumerate(zip(names, target, strict=True)):
        side = int(rng.integers(40, 70))
        stream = io.BytesIO()
        pixels = made_up_images([int(label)], side, seed=seed + 1000 * k)[0]
        Image.fromarray(pixels).save(stream, "JPEG", quality=90)
        encoded[name] = stream.getvalue()
    if packed:
        with require_h5py().File(folder / "train-image.hdf5", "w") as file:
            for name, content in encoded.items():
                file.create_dataset(name, data=np.void(content))
    else:
        inside = folder / "train-image" / "image"
        inside.mkdir(parents=True, exist_ok=True)
        for name, content in encoded.items():
            (inside / f"{name}.jpg").write_bytes(content)
    pd.DataFrame(
        {
            "isic_id": names,
            "target": target,
            "patient_id": [f"IP_{k:07d}" for k in np.arange(n) // 6],
            "age_approx": rng.integers(4, 17, n) * 5.0,
            "sex": rng.choice(["male", "female"], n),
            "anatom_site_general": rng.choice(["posterior torso", "lower extremity"], n),
            "clin_size_long_diam_mm": rng.gamma(4.0, 1.0, n),
            "image_type": "TBP tile: close-up",
            "tbp_lv_H": rng.normal(54.0, 5.0, n),
            "attribution": "made up",
            "copyright_license": "CC-0",
            "lesion_id": np.where(target, "IL_0000001", ""),
            "iddx_full": np.where(target, "Malignant", "Benign"),
            "mel_thick_mm": np.where(target, 0.4, np.nan),
            "tbp_lv_dnn_lesion_confidence": rng.random(n) * 100,
        }
    ).to_csv(folder / "train-metadata.csv", index=False)


SOURCES = (
    Source(
        name="isic2024",
        title="ISIC 2024 (SLICE-3D)",
        kind="image files",
        layout="train-metadata.csv and train-image.hdf5 (or train-image/image/ISIC_….jpg).",
        origin=(
            "Sign in to Kaggle, open the competition ISIC 2024 (Skin Cancer Detection), "
            "accept its rules (CC BY-NC 4.0) and fetch its data; or see "
            "challenge2024.isic-archive.com."
        ),
        read=read_isic2024,
        tiny=write_isic2024,
        expected=_EXPECTED,
        look=tables.look_by(_slice3d),
    ),
)
