"""Made-up skin lesions in the layouts of the published data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data.collections.made_up import made_up_images
from rarecall.data.collections.medical.tables import write_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DIAGNOSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")
"""Columns of ISIC 2019, one of which is 1."""
HAM_CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
"""Actinic keratosis, basal cell carcinoma, benign keratosis, dermatofibroma, melanoma, nevus,
vascular lesion."""
SITE = "anatom_site_general_challenge"


def _people(rng: np.random.Generator, n: int) -> dict[str, NDArray[Any]]:
    sites = ["torso", "lower extremity", "upper extremity", "head/neck"]
    ages = rng.integers(4, 17, n) * 5.0
    ages[rng.random(n) < 0.05] = np.nan
    return {"sex": rng.choice(["male", "female"], n), "age": ages, "site": rng.choice(sites, n)}


def _write(folder: Path, names: Sequence[str], labels: Sequence[int], seed: int) -> None:
    rng = np.random.default_rng([seed, 21])
    for k, (name, label) in enumerate(zip(names, labels, strict=True)):
        height, width = (int(side) for side in rng.integers(40, 80, 2))
        pixels = made_up_images([label], height, width, seed=seed + 1000 * k)[0]
        write_image(folder / f"{name}.jpg", pixels)


def write_siim(folder: Path, *, seed: int = 0, n: int = 240) -> None:
    """Write four images a patient, one of twelve a melanoma."""
    rng = np.random.default_rng([seed, 22])
    target = (np.arange(n) % 12 == 0).astype(int)
    names = [f"ISIC_{k:07d}" for k in 15_000 + np.arange(n)]
    people = _people(rng, n)
    pd.DataFrame(
        {
            "image_name": names,
            "patient_id": [f"IP_{k:07d}" for k in np.arange(n) // 4],
            "sex": people["sex"],
            "age_approx": people["age"],
            SITE: people["site"],
            "diagnosis": np.where(target, "melanoma", "unknown"),
            "benign_malignant": np.where(target, "malignant", "benign"),
            "target": target,
        }
    ).to_csv(folder / "train.csv", index=False)
    _write(folder / "jpeg" / "train", names, target.tolist(), seed)


def write_isic(folder: Path, *, seed: int = 0, n: int = 160) -> None:
    """Write two images a lesion, one of five images a melanoma; some lesions are unknown."""
    rng = np.random.default_rng([seed, 23])
    kinds = rng.integers(1, 8, n)
    kinds[::5] = 0
    names = [f"ISIC_{k:07d}" for k in np.arange(n)]
    truth = pd.DataFrame(np.eye(9)[kinds], columns=list(DIAGNOSES))
    truth.insert(0, "image", names)
    truth.to_csv(folder / "ISIC_2019_Training_GroundTruth.csv", index=False)
    people = _people(rng, n)
    lesions = [f"BCN_{k:07d}" if k % 7 else "" for k in np.arange(n) // 2]
    pd.DataFrame(
        {
            "image": names,
            "age_approx": people["age"],
            "anatom_site_general": people["site"],
            "lesion_id": lesions,
            "sex": people["sex"],
        }
    ).to_csv(folder / "ISIC_2019_Training_Metadata.csv", index=False)
    melanoma = (kinds == 0).astype(int).tolist()
    _write(folder / "ISIC_2019_Training_Input", names, melanoma, seed + 1)


def write_ham(folder: Path, *, seed: int = 0, n: int = 140) -> None:
    """Write two images a lesion, most of them nevi, in two folders."""
    rng = np.random.default_rng([seed, 24])
    kinds = np.where(np.arange(n) % 2, 5, np.arange(n) // 2 % 7)
    names = [f"ISIC_{k:07d}" for k in 24_306 + np.arange(n)]
    people = _people(rng, n)
    pd.DataFrame(
        {
            "lesion_id": [f"HAM_{k:07d}" for k in np.arange(n) // 2],
            "image_id": names,
            "dx": [HAM_CLASSES[k] for k in kinds],
            "dx_type": "histo",
            "age": people["age"],
            "sex": people["sex"],
            "localization": people["site"],
        }
    ).to_csv(folder / "HAM10000_metadata.csv", index=False)
    half = n // 2
    for place, part in (("1", slice(half)), ("2", slice(half, n))):
        inside = folder / f"HAM10000_images_part_{place}"
        _write(inside, names[part], kinds[part].tolist(), seed + 2)
