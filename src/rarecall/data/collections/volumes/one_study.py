"""One study: where its channels lie, and their way onto one grid."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rarecall.data.collections.volumes.nifti import read_volume
from rarecall.data.volumes import Volume, VolumeGrid, lay_grid, resampled, scaled
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FORMAT = "1"
"""Of what the cache keeps; another one makes everything anew."""


class VolumeFile(NamedTuple):
    """Where a channel lies.

    Attributes:
        path: A NIfTI file.
        number: Which volume of a file with four axes, from 0; None for a file with three.
    """

    path: Path
    number: int | None = None


def on_grid(
    files: Mapping[str, tuple[VolumeFile, ...]], grid: VolumeGrid, reference: str
) -> dict[str, NDArray[np.float16]]:
    """Read the modalities of one study onto its grid, each float16, shape ``(C, *size)``.

    Args:
        files: The files of every modality's channels.
        grid: Size, spacing and scaling.
        reference: The modality around whose first channel the grid is laid.

    Raises:
        DataError: A file cannot be used, or the volumes show different places.
    """
    first: Volume = read_volume(*files[reference][0])
    laid = lay_grid(first.voxels.shape, first.affine, grid)
    made = {}
    for modality, channels in files.items():
        found = [
            resampled(first if file == files[reference][0] else read_volume(*file), laid, grid.size)
            for file in channels
        ]
        try:
            values = scaled(
                np.stack([voxels for voxels, _ in found]),
                np.stack([inside for _, inside in found]),
                grid.scaling,
            )
        except DataError as error:
            raise DataError(f"{modality} ({channels[0].path.parent}): {error}.") from error
        # Half the memory; eleven bits are about what a scanner measures.
        with np.errstate(over="ignore"):
            made[modality] = values.astype(np.float16)
        if not np.isfinite(made[modality]).all():
            raise DataError(
                f"{modality} ({channels[0].path.parent}) has values beyond 65,504, which are kept "
                "only if scaled: choose the scaling modality or channel."
            )
    return made


def study_key(files: Mapping[str, tuple[VolumeFile, ...]], grid: VolumeGrid, reference: str) -> str:
    """Name a study's files, as they are now, and its grid: what the cache keeps it under."""
    found = hashlib.sha256(f"{FORMAT}|{grid}|{reference}".encode())
    for modality, channels in files.items():
        for path, number in channels:
            try:
                state = path.stat()
            except OSError as error:
                raise DataError(f"{path} is missing ({error.strerror}).") from error
            said = f"{modality}|{path.resolve()}|{number}|{state.st_size}|{state.st_mtime_ns}\n"
            found.update(said.encode())
    return found.hexdigest()[:32]
