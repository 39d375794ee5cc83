"""APTOS 2019: photographs of the retina, graded for diabetic retinopathy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rarecall.data.collections.file_collection import FileCollection
from rarecall.data.collections.made_up import made_up_images
from rarecall.data.collections.medical import tables
from rarecall.data.collections.source import Expected, Source

if TYPE_CHECKING:
    from pathlib import Path

GRADES = ("none", "mild", "moderate", "severe", "proliferative")
_EXPECTED = Expected({"images": 3662, "none images": 1805})


def _aptos(folder: Path) -> FileCollection:
    path = folder / "train.csv"
    table = tables.read_table(path, ("id_code", "diagnosis"), text=("id_code",))
    images = folder / "train_images"
    if (images / images.name).is_dir():
        images /= images.name
    return FileCollection(
        name="aptos2019",
        paths=tables.files_of(images, [f"{name}.png" for name in table["id_code"]]),
        labels=tables.class_numbers(table["diagnosis"], {str(k): k for k in range(5)}, path),
        classes=GRADES,
        root=folder,
    )


def read_aptos2019(folder: Path) -> FileCollection:
    """Read the training part of APTOS 2019: five grades, of which 0 is healthy.

    LCT sets grade 0 against the rest. Patients are not known; the test part has no labels.

    Raises:
        DataError: It is not whole.
    """
    return tables.checked(_aptos(folder), _EXPECTED, folder)


def _write(folder: Path, *, seed: int = 0, n: int = 120) -> None:
    rng = np.random.default_rng([seed, 41])
    grades = rng.permutation(np.arange(n) % 10 // 2 % 5 * (np.arange(n) % 2))
    names = [f"{code:012x}" for code in rng.integers(0, 16**12, n)]
    for k, (name, grade) in enumerate(zip(names, grades, strict=True)):
        height, width = (int(side) for side in rng.integers(40, 80, 2))
        pixels = made_up_images([int(grade)], height, width, seed=seed + 1000 * k)[0]
        tables.write_image(folder / "train_images" / f"{name}.png", pixels)
    pd.DataFrame({"id_code": names, "diagnosis": grades}).to_csv(folder / "train.csv", index=False)


SOURCES = (
    Source(
        name="aptos2019",
        title="APTOS 2019 (diabetic retinopathy)",
        kind="image files",
        layout="train.csv and train_images/….png.",
        origin=(
            "Sign in to Kaggle, open the competition APTOS 2019 Blindness Detection, accept its "
            "rules and fetch its data."
        ),
        read=read_aptos2019,
        tiny=_write,
        expected=_EXPECTED,
        look=tables.look_by(_aptos),
    ),
)
