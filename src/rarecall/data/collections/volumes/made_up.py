"""Made-up studies in the exact layout of real ones: for tests, and to try programs with."""

from __future__ import annotations

import csv
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.collections.volumes.nifti import nibabel
from rarecall.data.collections.volumes.study_table import COLUMNS, TABLE
from rarecall.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FIELD = np.array([64.0, 64.0, 36.0])
"""Millimetres that are shown: left to right, back to front, feet to head."""

T2 = (32, 32, 12)
DIFFUSION = (20, 20, 12)
DECAY = {"plain": 0.0015, "lesion": 0.0006}
"""How fast the signal falls with the b-value; slower in a lesion, where diffusion is restricted."""


def write_studies(
    folder: Path,
    *,
    seed: int = 0,
    train: int = 40,
    test: int = 16,
    positive: float = 0.13,
) -> None:
    """Write made-up studies: a gland, in critical ones with a lesion dark in T2 and slow to decay.

    Sizes, spacings, directions of axes and the place of the patient vary, and every fourth study
    has its diffusion in one file with four axes, so that what reads them is tried.

    Args:
        folder: Holds the studies afterwards.
        seed: Of every draw.
        train: Studies of the training cohort, each of another patient.
        test: Studies of the test cohort.
        positive: Share of critical ones in either cohort, at least one; the paper's is 0.13.

    Raises:
        DataError: nibabel is not installed.
    """
    nibabel()
    rng = np.random.default_rng(seed)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for cohort, count in (("train", train), ("test", test)):
        critical = rng.permutation(count) < max(1, round(positive * count))
        for number, label in enumerate(critical.tolist()):
            study = f"{cohort}-{number:03d}"
            _write_study(folder / study, rng, lesion=label, together=number % 4 == 3)
            table.writerow([study, f"patient-{study}", cohort, int(label)])
    write_text(folder / TABLE, text.getvalue())


def _write_study(folder: Path, rng: np.random.Generator, *, lesion: bool, together: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    middle = rng.uniform(-30, 30, 3)
    gland = rng.uniform(14, 18, 3) * np.array([1.0, 0.8, 0.7])
    at = rng.uniform(-0.4, 0.4, 3) * gland
    radius = rng.uniform(6, 8) if lesion else 0.0

    def parts(shape: tuple[int, ...], affine: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
        off = places @ affine[:3, :3].T + affine[:3, 3] - middle
        return (off / gland) ** 2 @ np.ones(3) < 1, np.linalg.norm(off - at, axis=-1) < radius

    def noisy(signal: NDArray[Any]) -> NDArray[np.int16]:
        return (signal + rng.normal(0, 15, signal.shape)).clip(0, 4000).astype(np.int16)

    affine = _affine(T2, middle, rng)
    inside, sick = parts(T2, affine)
    _save(folder / "t2.nii.gz", noisy(200 + 300 * inside - 250 * (sick & inside)), affine)
    affine = _affine(DIFFUSION, middle, rng)
    inside, sick = parts(DIFFUSION, affine)
    decay = np.where(sick & inside, DECAY["lesion"], DECAY["plain"])
    weighted = {b: noisy((150 + 350 * inside) * np.exp(-b * decay)) for b in (100, 600, 1000)}
    if together:
        _save(folder / "diffusion.nii.gz", np.stack(list(weighted.values()), axis=-1), affine)
        write_text(folder / "diffusion.bval", " ".join(map(str, weighted)) + "\n")
    else:
        for b, voxels in weighted.items():
            _save(folder / f"diffusion_b{b}.nii.gz", voxels, affine)


def _affine(
    shape: tuple[int, ...], middle: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    affine = np.diag([*(FIELD / shape * rng.choice([-1, 1], 3)), 1.0])
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def _save(path: Path, voxels: NDArray[np.int16], affine: NDArray[np.float64]) -> None:
    package = nibabel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package.save(package.Nifti1Image(voxels, affine), path)
