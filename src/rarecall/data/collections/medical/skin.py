"""Skin lesions seen through a dermatoscope: SIIM-ISIC 2020, ISIC 2019, both together, HAM10000."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rarecall.data.collections.file_collection import FileCollection, joined
from rarecall.data.collections.medical import tables
from rarecall.data.collections.medical.made_up_skin import (
    DIAGNOSES,
    HAM_CLASSES,
    SITE,
    write_ham,
    write_isic,
    write_siim,
)
from rarecall.data.collections.source import Expected, Source

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("benign", "melanoma")

_SIIM = Expected({"images": 33_126, "melanoma images": 584, "patients": 2056})
_SIIM_COLUMNS = ("image_name", "patient_id", "sex", "age_approx", "target")

_ISIC = Expected({"images": 25_331, "melanoma images": 4522})

_HAM = Expected({"images": 10_015})


def _known(table: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Give the columns that are there, under one name in all of these data sets."""
    return table.rename(columns=columns).reindex(columns=list(columns.values()))


def _siim(folder: Path) -> FileCollection:
    path = tables.first_there(folder, ("train.csv", "ISIC_2020_Training_GroundTruth.csv"))
    table = tables.read_table(path, _SIIM_COLUMNS, text=("image_name", "patient_id"))
    images = tables.first_there(folder, ("jpeg/train", "train", "ISIC_2020_Training_JPEG/train"))
    names = [f"{name}.jpg" for name in table["image_name"]]
    columns = {"sex": "sex", "age_approx": "age", SITE: "site"}
    return FileCollection(
        name="siim-isic-2020",
        paths=tables.files_of(images, names),
        labels=tables.class_numbers(table["target"], {"0": 0, "1": 1}, path),
        classes=CLASSES,
        groups=tables.grouped(table["patient_id"], names),
        metadata=_known(table, columns),
        root=folder,
    )


def read_siim_isic_2020(folder: Path) -> FileCollection:
    """Read the training part of the SIIM-ISIC challenge of 2020; the patients are the groups.

    Metadata: sex, age, site. The test part has no published labels.

    Raises:
        DataError: It is not whole.
    """
    return tables.checked(_siim(folder), _SIIM, folder)


def _isic(folder: Path) -> FileCollection:
    path = folder / "ISIC_2019_Training_GroundTruth.csv"
    table = tables.read_table(path, ("image", *DIAGNOSES[:-1]), text=("image",))
    beside = folder / "ISIC_2019_Training_Metadata.csv"
    facts = tables.read_table(beside, ("image", "age_approx", "sex"), text=("image", "lesion_id"))
    images = folder / "ISIC_2019_Training_Input"
    if (images / images.name).is_dir():
        images /= images.name
    names = [f"{name}.jpg" for name in table["image"]]
    facts = facts.drop_duplicates("image").set_index("image").reindex(table["image"])
    facts = facts.reset_index(drop=True)
    lesions = facts.get("lesion_id", pd.Series(np.nan, index=facts.index))
    columns = {"sex": "sex", "age_approx": "age", "anatom_site_general": "site"}
    return FileCollection(
        name="isic-2019",
        paths=tables.files_of(images, names),
        labels=(table["MEL"].to_numpy() > 0.5).astype(np.int64),
        classes=CLASSES,
        groups=tables.grouped(lesions, names),
        metadata=_known(facts, columns),
        root=folder,
    )


def read_isic_2019(folder: Path) -> FileCollection:
    """Read the training part of the ISIC challenge of 2019 as melanoma against the rest.

    Patients are not known; the groups are lesions. Metadata: sex, age, site.

    Raises:
        DataError: It is not whole.
    """
    return tables.checked(_isic(folder), _ISIC, folder, "lesions")


def read_melanoma(folder: Path) -> FileCollection:
    """Read both years together, as LCT does: 58,457 images, 5,106 of them melanoma.

    Raises:
        DataError: One of them is not there or not whole.
    """
    both = [
        read_siim_isic_2020(folder / SIIM.name),
        read_isic_2019(folder / ISIC.name),
    ]
    return joined("melanoma-2019-2020", both, root=folder)


def _look_at_melanoma(folder: Path) -> FileCollection:
    both = [_siim(folder / SIIM.name), _isic(folder / ISIC.name)]
    return joined("melanoma-2019-2020", both, root=folder)


def _ham(folder: Path) -> FileCollection:
    path = tables.first_there(folder, ("HAM10000_metadata.csv", "HAM10000_metadata"))
    table = tables.read_table(path, ("lesion_id", "image_id", "dx"), text=("lesion_id", "image_id"))
    names = [f"{name}.jpg" for name in table["image_id"]]
    found: dict[str, Path] = {}
    for place in ("HAM10000_images_part_1", "HAM10000_images_part_2", "images", "."):
        if (folder / place).is_dir():
            found |= {inside.name: inside for inside in (folder / place).glob("*.jpg")}
    tables.require(folder, names, [name for name in names if name not in found])
    return FileCollection(
        name="ham10000",
        paths=[found[name] for name in names],
        labels=tables.class_numbers(table["dx"], {dx: k for k, dx in enumerate(HAM_CLASSES)}, path),
        classes=HAM_CLASSES,
        groups=tables.grouped(table["lesion_id"], names),
        metadata=_known(table, {"sex": "sex", "age": "age", "localization": "site"}),
        root=folder,
    )


def read_ham10000(folder: Path) -> FileCollection:
    """Read HAM10000: seven diagnoses; the groups are lesions. Metadata: sex, age, site.

    Raises:
        DataError: It is not whole.
    """
    return tables.checked(_ham(folder), _HAM, folder, "lesions")


_KAGGLE = (
    "Sign in to Kaggle, open the competition SIIM-ISIC Melanoma Classification, accept its rules "
    "(use as the licence CC BY-NC 4.0 allows) and fetch its data; or see "
    "challenge2020.isic-archive.com."
)
_ISIC_2019 = (
    "Fetch the training input, ground truth and metadata of 2019 from challenge.isic-archive.com "
    "(CC BY-NC 4.0)."
)

SIIM = Source(
    name="siim-isic-2020",
    title="SIIM-ISIC Melanoma 2020",
    kind="image files",
    layout="train.csv and jpeg/train/ISIC_….jpg (or ISIC_2020_Training_GroundTruth.csv, train/).",
    origin=_KAGGLE,
    read=read_siim_isic_2020,
    tiny=write_siim,
    expected=_SIIM,
    look=tables.look_by(_siim),
)
ISIC = Source(
    name="isic-2019",
    title="ISIC 2019",
    kind="image files",
    layout=(
        "ISIC_2019_Training_GroundTruth.csv, ISIC_2019_Training_Metadata.csv, and "
        "ISIC_2019_Training_Input/ISIC_….jpg."
    ),
    origin=_ISIC_2019,
    read=read_isic_2019,
    tiny=write_isic,
    expected=_ISIC,
    look=tables.look_by(_isic, "lesions"),
)


def _write_melanoma(folder: Path, *, seed: int = 0) -> None:
    SIIM.tiny(folder / SIIM.name, seed=seed)
    ISIC.tiny(folder / ISIC.name, seed=seed)


SOURCES = (
    SIIM,
    ISIC,
    Source(
        name="melanoma-2019-2020",
        title="Melanoma 2019 and 2020 together",
        kind="image files",
        layout="the folders siim-isic-2020 and isic-2019 as rarecall reads them alone, or links.",
        origin=f"{_KAGGLE} {_ISIC_2019}",
        read=read_melanoma,
        tiny=_write_melanoma,
        expected=Expected({"images": 58_457, "melanoma images": 5106}),
        look=tables.look_by(_look_at_melanoma, "patients and lesions"),
    ),
    Source(
        name="ham10000",
        title="HAM10000",
        kind="image files",
        layout=(
            "HAM10000_metadata.csv (or HAM10000_metadata) and HAM10000_images_part_1/, "
            "HAM10000_images_part_2/ with ISIC_….jpg."
        ),
        origin=(
            "Harvard Dataverse, doi:10.7910/DVN/DBW86T: accept the terms (CC BY-NC 4.0), fetch the "
            "metadata and both image archives, and unpack these."
        ),
        read=read_ham10000,
        tiny=write_ham,
        expected=_HAM,
        look=tables.look_by(_ham, "lesions"),
    ),
)
