"""NIfTI files, read through nibabel, with everything that can be wrong with one told in words."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.volumes import Volume
from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LARGEST = 2**29
"""Voxels of a file, at most: a damaged header must not ask for all memory."""


def nibabel() -> Any:
    """Import nibabel.

    Raises:
        DataError: It is not installed.
    """
    try:
        import nibabel as package
    except ImportError as error:
        raise DataError(
            "NIfTI volumes need the package nibabel, which is not installed. Run: "
            'pip install "rarecall[volumes]".'
        ) from error
    return package


def read_volume(path: Path, number: int | None = None) -> Volume:
    """Read one volume of a NIfTI file.

    Args:
        path: Ends in ``.nii`` or ``.nii.gz``.
        number: Which volume of a file with four axes, from 0; None for a file with three.

    Raises:
        DataError: The file is missing, damaged or cut off, has other axes, voxels that are not
            numbers, or an affine that leads nowhere.
    """
    image, affine = _open(path)
    axes = 3 if number is None else 4
    shape = _trimmed(image.shape, axes)
    if len(shape) != axes or (number is not None and number >= shape[3]):
        wanted = "three axes" if number is None else f"four axes and a volume {number + 1}"
        raise DataError(f"{path} must have {wanted}, but has the shape {tuple(image.shape)}.")
    try:
        stored = np.asarray(image.dataobj).reshape(shape)
        voxels = (stored if number is None else stored[..., number]).astype(np.float32)
    except (OSError, EOFError, ValueError, TypeError, zlib.error, MemoryError) as error:
        raise DataError(_damaged(path, error)) from error
    wrong = int((~np.isfinite(voxels)).sum())
    if wrong:
        raise DataError(
            f"{path} holds {wrong:,} voxels that are not numbers (NaN or infinite). Mend it where "
            "it was made; a guess here would be one of anatomy."
        )
    return Volume(voxels, affine)


def read_affine(path: Path) -> NDArray[np.float64]:
    """Read the affine of a NIfTI file, ``(4, 4)``, and nothing else.

    Raises:
        DataError: As :func:`read_volume`, as far as the header tells.
    """
    return _open(path)[1]


def _open(path: Path) -> tuple[Any, NDArray[np.float64]]:
    package = nibabel()
    try:
        image = package.Nifti1Image.from_filename(path)
        affine = np.asarray(image.affine, dtype=np.float64)
        shape = image.shape
    except FileNotFoundError:
        raise DataError(f"{path} is missing.") from None
    except Exception as error:
        # nibabel raises classes of its own, NumPy's and the decompressor's on a damaged header.
        raise DataError(_damaged(path, error)) from error
    if not all(side > 0 for side in shape) or math.prod(shape) > LARGEST:
        raise DataError(_damaged(path, f"its header says that its shape is {tuple(shape)}"))
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise DataError(
            f"{path} does not say where its voxels lie: its affine has no inverse. Write it anew "
            "with the geometry that the scanner gave."
        )
    return image, affine


def _trimmed(shape: tuple[int, ...], axes: int) -> tuple[int, ...]:
    # Many programs write a trailing axis of one.
    while len(shape) > axes and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _damaged(path: Path, error: object) -> str:
    told = str(error).strip() or type(error).__name__
    return f"{path} cannot be read as a NIfTI volume ({told}). Copy or convert it again."
