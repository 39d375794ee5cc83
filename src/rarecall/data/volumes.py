"""Volumes on one grid: a study's modalities in the same place, at the same size, alike in scale.

Scanners store volumes in any order of axes, any direction and any spacing, and say so in an affine
that leads from voxels to millimetres. A study's grid is laid around the centre of its reference
volume, along that volume's own axes, and every other volume is looked up on it by its affine, so
that a voxel means the same place in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from rarecall.errors import ConfigurationError, DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Scaling = Literal["modality", "channel", "none"]


class Volume(NamedTuple):
    """A volume as it is stored.

    Attributes:
        voxels: float32, three axes in any order.
        affine: From positions of voxels to millimetres (right, anterior, superior), ``(4, 4)``.
    """

    voxels: NDArray[np.float32]
    affine: NDArray[np.float64]


@dataclass(frozen=True)
class VolumeGrid:
    """What every study is brought to.

    Attributes:
        size: Depth, height and width in voxels: from feet to head, back to front, left to right.
        spacing: Millimetres between voxels, in that order: volumes are cut, or filled up, around
            their centre. None stretches the whole reference volume to ``size``.
        scaling: Zero mean and unit variance over ``"modality"``, all its channels together, which
            keeps how a signal falls from one b-value to the next; over each ``"channel"``; or
            ``"none"``.

    Raises:
        ConfigurationError: A value cannot be used.

    >>> VolumeGrid((24, 96, 96), spacing=(3.0, 1.0, 1.0)).size
    (24, 96, 96)
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float] | None = None
    scaling: Scaling = "modality"

    def __post_init__(self) -> None:
        sides, steps = tuple(self.size), self.spacing
        if len(sides) != 3 or any(int(side) != side or side < 1 for side in sides):
            raise ConfigurationError(
                f"size must be depth, height and width in whole voxels, not {self.size}."
            )
        if steps is not None and (len(steps) != 3 or not all(0 < step < np.inf for step in steps)):
            raise ConfigurationError(
                f"spacing must be three distances above 0, in millimetres, or None, not {steps}."
            )
        known = get_args(Scaling)
        if self.scaling not in known:
            raise ConfigurationError(
                f"scaling must be one of {', '.join(known)}, not {self.scaling!r}."
                f"{did_you_mean(str(self.scaling), known)}"
            )
        object.__setattr__(self, "size", tuple(int(side) for side in sides))
        if steps is not None:
            object.__setattr__(self, "spacing", tuple(float(step) for step in steps))


def spacing_of(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Millimetres between voxels along each stored axis, shape ``(3,)``.

    >>> spacing_of(np.diag([-0.5, 0.5, 3.0, 1.0]))
    array([0.5, 0.5, 3. ])
    """
    lengths: NDArray[np.float64] = np.linalg.norm(affine[:3, :3], axis=0)
    return lengths


def lay_grid(
    shape: Sequence[int], affine: NDArray[np.float64], grid: VolumeGrid
) -> NDArray[np.float64]:
    """Lay a grid around the centre of a volume, along its own axes.

    Args:
        shape: Voxels of the volume along each stored axis.
        affine: Of the volume.
        grid: Size and spacing wanted.

    Returns:
        Affine from positions (depth, height, width) in the grid to millimetres, ``(4, 4)``.

    >>> lay_grid((4, 4, 2), np.eye(4), VolumeGrid((2, 4, 4)))[:3, 3]
    array([0., 0., 0.])
    """
    from scipy.optimize import linear_sum_assignment

    steps = spacing_of(affine)
    directions = affine[:3, :3] / steps
    # Which stored axis runs most nearly left to right, back to front, feet to head.
    stored = linear_sum_assignment(-np.abs(directions))[1][::-1]
    along = directions[:, stored] * np.sign(directions[[2, 1, 0], stored])
    size = np.asarray(grid.size)
    extent = np.asarray(shape)[stored] * steps[stored]
    spacing = extent / size if grid.spacing is None else np.asarray(grid.spacing)
    centre = affine[:3, :3] @ ((np.asarray(shape) - 1) / 2) + affine[:3, 3]
    laid = np.eye(4)
    laid[:3, :3] = along * spacing
    laid[:3, 3] = centre - laid[:3, :3] @ ((size - 1) / 2)
    return laid


def resampled(
    volume: Volume, laid: NDArray[np.float64], size: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Look a volume up on a grid, by trilinear interpolation; smoothed where it gets coarser.

    Args:
        volume: As it is stored.
        laid: Affine of the grid, from :func:`lay_grid`.
        size: Voxels of the grid.

    Returns:
        The voxels, float32, shape ``size``, those outside of the volume repeating its edge; and
        which of them lie inside of it.

    >>> volume = Volume(np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.eye(4))
    >>> on_grid, inside = resampled(volume, lay_grid((2, 2, 2), np.eye(4), VolumeGrid((2, 2, 2))),
    ...                             (2, 2, 2))
    >>> on_grid[0, 0], inside.all()
    (array([0., 4.], dtype=float32), np.True_)
    """
    from scipy import ndimage

    to_voxels = np.linalg.inv(volume.affine) @ laid
    # Steps of the grid in stored voxels: those above one would skip some.
    factors = np.abs(to_voxels[:3, :3]).max(axis=1)
    voxels = volume.voxels
    if (factors > 1).any():
        voxels = ndimage.gaussian_filter(voxels, np.maximum(factors - 1, 0) / 2, mode="nearest")
    on_grid: NDArray[Any] = ndimage.affine_transform(
        voxels,
        to_voxels[:3, :3],
        offset=to_voxels[:3, 3],
        output_shape=tuple(size),
        order=1,
        mode="nearest",
    )
    places = np.ogrid[tuple(slice(side) for side in size)]
    inside = np.ones(tuple(size), dtype=np.bool_)
    for row, side in zip(to_voxels[:3], voxels.shape, strict=True):
        at = sum((row[k] * places[k] for k in range(3)), start=row[3])
        inside &= (at > -0.5 - 1e-6) & (at < side - 0.5 + 1e-6)
    return on_grid.astype(np.float32), inside


def scaled(
    channels: NDArray[np.float32], inside: NDArray[np.bool_], scaling: Scaling
) -> NDArray[np.float32]:
    """Bring a modality to zero mean and unit variance; voxels outside of it get its lowest value.

    Args:
        channels: Shape ``(C, D, H, W)``.
        inside: Which voxels lie in their volume, same shape; mean and variance are of those.
        scaling: As in :class:`VolumeGrid`.

    Raises:
        DataError: No voxel lies inside, or all of them are alike.

    >>> made = scaled(np.float32([[[[1, 3]]]]), np.ones((1, 1, 1, 2), bool), "modality")
    >>> made.ravel()
    array([-1.,  1.], dtype=float32)
    """
    if scaling == "channel":
        parts = [
            scaled(channels[k : k + 1], inside[k : k + 1], "modality") for k in range(len(channels))
        ]
        return np.concatenate(parts)
    if not all(part.any() for part in inside):
        raise DataError(
            "its volumes do not overlap: by their headers they show different places. Register "
            "them, or give them the headers that they were taken with"
        )
    known = channels[inside].astype(np.float64)
    mean, spread, lowest = (0.0, 1.0, known.min())
    if known.min() == known.max():
        raise DataError("all its voxels are alike, so that it shows nothing")
    if scaling == "modality":
        mean, spread = known.mean(), known.std()
    filled = np.where(inside, channels, lowest)
    return ((filled - mean) / spread).astype(np.float32)
