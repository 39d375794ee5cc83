"""Volumes on one grid: geometry against closed forms and a naive loop; no NIfTI needed."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from rarecall.data.volumes import (
    Volume,
    VolumeGrid,
    lay_grid,
    resampled,
    scaled,
    spacing_of,
)
from rarecall.errors import ConfigurationError, DataError, RarecallError


def placed(laid: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Millimetres of every voxel of a grid, shape ``(*size, 3)``."""
    places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1)
    return places @ laid[:3, :3].T + laid[:3, 3]


def linear(affine: np.ndarray, shape: tuple[int, ...]) -> Volume:
    """A volume whose values are a linear function of the place: interpolation gives it exactly."""
    values = placed(affine, shape) @ np.array([2.0, -1.0, 0.5]) + 7
    return Volume(values.astype(np.float32), affine)


def turned(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) * [0.5, 0.7, 3.0]
    affine[:3, 3] = [10, -20, 5]
    return affine


def test_a_grid_lies_around_the_centre_from_feet_to_head_back_to_front_left_to_right() -> None:
    affine = np.diag([-1.0, 2.0, 3.0, 1.0])
    laid = lay_grid((8, 6, 4), affine, VolumeGrid((4, 6, 8)))
    assert np.allclose(laid[:3, :3], [[0, 0, 1], [0, 2, 0], [3, 0, 0]])
    middle = laid[:3, :3] @ [1.5, 2.5, 3.5] + laid[:3, 3]
    assert np.allclose(middle, affine[:3, :3] @ [3.5, 2.5, 1.5])


def test_without_spacing_the_whole_volume_is_stretched_to_the_size() -> None:
    affine = turned(0.0)
    laid = lay_grid((40, 20, 10), affine, VolumeGrid((5, 10, 10)))
    assert np.allclose(spacing_of(laid), [6.0, 1.4, 2.0])


def test_with_spacing_voxels_have_that_distance() -> None:
    laid = lay_grid((40, 20, 10), turned(0.2), VolumeGrid((5, 10, 10), spacing=(3.0, 1.0, 1.5)))
    assert np.allclose(spacing_of(laid), [3.0, 1.0, 1.5])


@pytest.mark.parametrize("angle", [0.0, 0.3, -0.6])
def test_a_linear_field_is_looked_up_exactly_whatever_the_grid(angle: float) -> None:
    volume = linear(turned(angle), (20, 18, 9))
    grid = VolumeGrid((9, 30, 40), spacing=(2.0, 0.2, 0.15))
    laid = lay_grid((20, 18, 9), volume.affine, grid)
    found, inside = resampled(volume, laid, grid.size)
    expected = placed(laid, grid.size) @ np.array([2.0, -1.0, 0.5]) + 7
    assert inside.all()
    assert np.allclose(found, expected, atol=2e-4)


def test_interpolation_agrees_with_a_naive_loop() -> None:
    rng = np.random.default_rng(0)
    volume = Volume(rng.normal(size=(5, 6, 4)).astype(np.float32), turned(0.2))
    grid = VolumeGrid((3, 4, 4), spacing=(2.0, 0.5, 0.4))
    laid = lay_grid((5, 6, 4), volume.affine, grid)
    found, _ = resampled(volume, laid, grid.size)
    back = np.linalg.inv(volume.affine)
    for place in product(*map(range, grid.size)):
        at = back @ laid @ [*place, 1]
        low = np.floor(at[:3]).astype(int)
        total = 0.0
        for corner in product((0, 1), repeat=3):
            index = low + corner
            weight = np.prod(np.where(corner, at[:3] - low, 1 - (at[:3] - low)))
            total += weight * volume.voxels[tuple(np.clip(index, 0, np.array([4, 5, 3])))]
        assert found[place] == pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1)])
def test_the_order_and_direction_of_stored_axes_change_nothing(
    order: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(1)
    voxels = rng.normal(size=(6, 5, 4)).astype(np.float32)
    affine = np.diag([1.0, 1.5, 3.0, 1.0])
    grid = VolumeGrid((4, 5, 6))

    def looked(volume: Volume) -> np.ndarray:
        laid = lay_grid(volume.voxels.shape, volume.affine, grid)
        return resampled(volume, laid, grid.size)[0]

    stored = voxels.transpose(order)
    other = np.eye(4)
    other[:3, :3] = affine[:3, :3][:, order]
    for axis, flip in enumerate(flips):
        if flip < 0:
            other[:3, 3] += other[:3, axis] * (stored.shape[axis] - 1)
            other[:3, axis] *= -1
            stored = np.flip(stored, axis)
    first = looked(Volume(voxels, affine))
    assert np.allclose(first, voxels.transpose(2, 1, 0), atol=1e-5)
    assert np.allclose(first, looked(Volume(np.ascontiguousarray(stored), other)), atol=1e-5)


def test_a_coarser_grid_averages_instead_of_skipping_voxels() -> None:
    rng = np.random.default_rng(2)
    noise = Volume(rng.normal(size=(64, 64, 8)).astype(np.float32), np.eye(4))
    grid = VolumeGrid((8, 8, 8))
    laid = lay_grid((64, 64, 8), noise.affine, grid)
    found, _ = resampled(noise, laid, grid.size)
    assert found.std() < 0.25  # a grid that takes every eighth voxel has about 1


def test_what_lies_beside_a_volume_is_known_and_gets_its_lowest_value() -> None:
    volume = Volume(np.arange(8, dtype=np.float32).reshape(2, 2, 2) + 10, np.eye(4))
    grid = VolumeGrid((2, 2, 4), spacing=(1.0, 1.0, 1.0))
    found, inside = resampled(volume, lay_grid((2, 2, 2), np.eye(4), grid), grid.size)
    assert inside[0, 0].tolist() == [False, True, True, False]
    made = scaled(found[None], inside[None], "none")
    assert made[0, 0, 0].tolist() == [10.0, 10.0, 14.0, 10.0]


def test_scaling_a_modality_keeps_the_ratio_of_its_channels_and_scaling_channels_does_not() -> None:
    rng = np.random.default_rng(3)
    channels = rng.normal(5, 2, (3, 2, 4, 4)).astype(np.float32) * np.array(
        [1.0, 0.5, 0.2], dtype=np.float32
    ).reshape(3, 1, 1, 1)
    inside = np.ones(channels.shape, dtype=bool)
    together, apart = (scaled(channels, inside, how) for how in ("modality", "channel"))  # type: ignore[arg-type]
    assert together.mean() == pytest.approx(0, abs=1e-5)
    assert together.std() == pytest.approx(1, abs=1e-5)
    assert together[0].mean() > together[1].mean() > together[2].mean()
    assert np.allclose(apart.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    assert np.allclose(apart.std(axis=(1, 2, 3)), 1, atol=1e-5)


def test_huge_values_and_offsets_are_scaled_without_loss() -> None:
    values = np.float32([1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3]).reshape(1, 1, 2, 2)
    made = scaled(values, np.ones(values.shape, dtype=bool), "modality")
    assert np.allclose(made.ravel(), np.array([-1.5, -0.5, 0.5, 1.5]) / np.sqrt(1.25))


def test_volumes_that_show_different_places_or_nothing_are_refused() -> None:
    volume = Volume(np.random.default_rng(0).normal(size=(4, 4, 4)).astype(np.float32), np.eye(4))
    away = np.eye(4)
    away[:3, 3] = 100
    found, inside = resampled(volume, away, (4, 4, 4))
    assert not inside.any()
    with pytest.raises(DataError, match="do not overlap"):
        scaled(found[None], inside[None], "modality")
    with pytest.raises(DataError, match="all its voxels are alike"):
        scaled(np.ones((1, 2, 2, 2), np.float32), np.ones((1, 2, 2, 2), bool), "modality")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"size": (4, 4)}, "depth, height and width"),
        ({"size": (4, 4, 0)}, "depth, height and width"),
        ({"size": (4, 4, 2.5)}, "whole voxels"),
        ({"spacing": (1.0, 1.0)}, "three distances"),
        ({"spacing": (1.0, 0.0, 1.0)}, "above 0"),
        ({"spacing": (1.0, float("nan"), 1.0)}, "above 0"),
        ({"scaling": "modalty"}, "Did you mean 'modality'"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        VolumeGrid(**({"size": (4, 4, 4)} | change))
    assert isinstance(caught.value, RarecallError)
