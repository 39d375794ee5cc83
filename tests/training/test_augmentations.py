"""Random changes of images: each against a slow version, all by name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from rarecall.errors import ConfigurationError
from rarecall.training.augment import (
    PRESETS,
    augment_names,
    check_augment,
    make_augmentation,
)
from rarecall.training.augmentations import (
    coarse_dropout,
    color_jitter,
    random_crop,
    random_flip,
)
from rarecall.training.augmentations_place import (
    Place,
    change_of_place,
    cutting_out,
    rotation,
    scaling,
    shearing,
    translation,
)

CPU = torch.device("cpu")
PLACES = {
    "rotation": rotation(40.0),
    "scaling": scaling(0.5),
    "shearing": shearing(20.0),
    "translation": translation(0.2),
    "cutting_out": cutting_out(0.2),
}


def pictures(count: int = 6, height: int = 21, width: int = 30, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, channels, height, width)
    return torch.randint(1, 256, shape, dtype=torch.uint8, generator=generator)


def sampled_slowly(image: np.ndarray[Any, Any], matrix: Tensor) -> np.ndarray[Any, Any]:
    """One image (C, H, W), by SciPy, with the matrix on points (x, y) from the centre."""
    height, width = image.shape[1:]
    turned = matrix.double().numpy()
    # SciPy counts (row, column) from the centre of the first pixel.
    linear = turned[:2, :2][::-1, ::-1]
    shift = turned[:2, 2][::-1]
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    offset = middle + shift - linear @ middle
    return np.stack(
        [
            ndimage.affine_transform(plane, linear, offset, order=1, mode="reflect")
            for plane in image.astype(np.float64)
        ]
    )


@pytest.mark.parametrize("name", PLACES)
def test_a_change_of_place_samples_as_scipy_does(name: str) -> None:
    images = pictures().double()
    torch.manual_seed(3)
    matrices = PLACES[name](len(images), (21, 30), CPU)
    torch.manual_seed(3)
    changed = change_of_place([PLACES[name]])(images)
    for image, matrix, result in zip(images, matrices, changed, strict=True):
        expected = sampled_slowly(image.numpy(), matrix)
        np.testing.assert_allclose(result.numpy(), expected, atol=0.1)
    assert not torch.equal(changed, images)


def test_several_changes_of_place_happen_in_their_order_in_one_sampling() -> None:
    images = pictures().double()
    places = [rotation(30.0), translation(0.3), shearing(20.0)]
    torch.manual_seed(5)
    each = [place(len(images), (21, 30), CPU) for place in places]
    torch.manual_seed(5)
    changed = change_of_place(places)(images)
    for k, (image, result) in enumerate(zip(images, changed, strict=True)):
        # The last change is undone first on the way back to the original.
        whole = each[0][k] @ each[1][k] @ each[2][k]
        np.testing.assert_allclose(result.numpy(), sampled_slowly(image.numpy(), whole), atol=0.1)


def test_a_quarter_turn_is_exact() -> None:
    def quarter(count: int, size: tuple[int, int], device: torch.device) -> Tensor:
        turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        return turn.repeat(count, 1, 1)

    images = pictures(height=20, width=20)
    assert torch.equal(change_of_place([quarter])(images), torch.rot90(images, 1, (2, 3)))


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (3, 3, 17, 40)])
def test_changes_keep_shape_kind_and_range(kind: torch.dtype, shape: tuple[int, ...]) -> None:
    images = (torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 255).to(kind)
    for name in (*PRESETS, "crop+flips+rotate:90+scale:1+shear:45+translate:0.5+resized-crop:0"):
        change = make_augmentation(images, name, 0.0)
        assert change is not None
        result = change(images)
        assert result.shape == images.shape
        assert result.dtype == kind
        assert result.double().min() >= 0
        assert result.double().max() <= images.double().max() + 1


def test_angles_and_factors_fill_their_ranges_and_no_more() -> None:
    turned = rotation(30.0)(4000, (8, 8), CPU)
    angles = torch.rad2deg(torch.atan2(turned[:, 1, 0], turned[:, 0, 0]))
    assert -30 <= angles.min() < -29
    assert 29 < angles.max() <= 30
    factors = scaling(0.25)(4000, (8, 8), CPU)[:, 0, 0]
    assert 0.8 <= factors.min() < 0.81
    assert 1.24 < factors.max() <= 1.2501
    assert float(factors.log().mean()) == pytest.approx(0.0, abs=0.01)
    moved = translation(0.1)(4000, (50, 100), CPU)[:, :2, 2]
    assert 9.8 < moved[:, 0].max() <= 10
    assert 4.9 < moved[:, 1].max() <= 5
    slanted = shearing(20.0)(4000, (8, 8), CPU)[:, 0, 1]
    assert math.tan(math.radians(19.5)) < slanted.max() <= math.tan(math.radians(20)) + 1e-6


def test_a_part_cut_out_is_a_rectangle_of_whole_pixels_inside_the_image() -> None:
    height, width = 24, 36
    images = pictures(60, height, width).double()
    torch.manual_seed(2)
    matrices = cutting_out(0.1)(len(images), (height, width), CPU)
    torch.manual_seed(2)
    changed = change_of_place([cutting_out(0.1)])(images)
    areas = []
    for image, matrix, result in zip(images, matrices, changed, strict=True):
        wide, high = float(matrix[0, 0]) * width, float(matrix[1, 1]) * height
        left = float(matrix[0, 2]) - (wide - width) / 2
        top = float(matrix[1, 2]) - (high - height) / 2
        box = [round(x) for x in (left, top, wide, high)]
        np.testing.assert_allclose([left, top, wide, high], box, atol=1e-3)
        assert box[0] >= 0
        assert box[1] >= 0
        assert box[0] + box[2] <= width
        assert box[1] + box[3] <= height
        areas.append(wide * high / (width * height))
        assert 0.65 < (wide / width) / (high / height) < 1.5
        part = image[None, :, box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
        expected = F.interpolate(part, (height, width), mode="bilinear", align_corners=False)[0]
        # At its border the part's neighbours shine in.
        y, x = math.ceil(height / box[3]), math.ceil(width / box[2])
        inside = (slice(None), slice(y, height - y), slice(x, width - x))
        np.testing.assert_allclose(result[inside], expected[inside], atol=0.1)
    assert min(areas) > 0.07
    assert max(areas) > 0.8


def test_a_part_that_cannot_fit_is_the_whole_image() -> None:
    images = pictures(40)
    torch.manual_seed(0)
    assert torch.equal(change_of_place([cutting_out(1.0, ratio=1e30)])(images), images)


def test_coarse_dropout_blackens_squares_in_some_images_and_nothing_else() -> None:
    images = pictures(400, 20, 30)
    changed = coarse_dropout(images, side=0.25, holes=2, probability=0.6)
    black = changed == 0
    assert torch.equal(torch.where(black, images, changed), images)
    assert torch.equal(black.all(dim=1), black.any(dim=1))
    sizes = black[:, 0].flatten(1).sum(dim=1)
    assert int(sizes.max()) == 2 * 25
    assert 0.45 < float((sizes > 0).double().mean()) < 0.72
    alone = coarse_dropout(images, side=0.25, holes=1, probability=1.0) == 0
    for square in alone[:, 0]:
        rows, columns = square.any(dim=1), square.any(dim=0)
        assert torch.equal(square, rows[:, None] & columns[None, :])
        assert int(rows.sum()) <= 5
        assert int(columns.sum()) <= 5
    assert torch.equal(coarse_dropout(images, side=0.0), images)


def test_flips_mirror_along_both_sides() -> None:
    images = pictures(200)
    change = make_augmentation(images, "flips", 0.0)
    assert change is not None
    found = {
        axes
        for image, result in zip(images, change(images), strict=True)
        for axes in ((), (-1,), (-2,), (-1, -2))
        if torch.equal(image.flip(axes), result)
    }
    assert len(found) == 4


def test_a_preset_is_its_changes_in_order_with_one_sampling() -> None:
    images = pictures(30)
    change = make_augmentation(images, "melanoma", 0.0)
    assert change is not None
    torch.manual_seed(7)
    result = change(images)
    torch.manual_seed(7)
    places: list[Place] = [rotation(180.0), scaling(0.125), shearing(2.0)]
    expected = coarse_dropout(change_of_place(places)(random_flip(images)), side=0.2)
    assert torch.equal(result, expected)


def test_every_word_changes_images_and_a_seed_repeats_it() -> None:
    images = pictures(40, 32, 32)
    for name in augment_names():
        change = make_augmentation(images, name, 0.0)
        if name == "none":
            assert change is None
            continue
        assert change is not None
        torch.manual_seed(0)
        first = change(images)
        torch.manual_seed(0)
        assert torch.equal(change(images), first)
        assert not torch.equal(first, images)


def test_names_may_be_a_list_and_have_amounts() -> None:
    assert check_augment(["crop", "flip"]) == "crop+flip"
    assert check_augment("rotate:7.5+scale") == "rotate:7.5+scale"
    images = pictures(20)
    still = make_augmentation(images, ["rotate:0", "scale:0", "coarse-dropout:0"], 0.0)
    assert still is not None
    assert torch.equal(still(images), images)


@pytest.mark.parametrize(
    ("augment", "told"),
    [
        ("rotat", "Did you mean 'rotate'"),
        ("", "knows no ''"),
        ("crop+", "knows no ''"),
        ("auto+flip", "auto stands alone"),
        ("flip+flip", "names flip twice"),
        ("melanoma+flip", "names flip twice"),
        ("rotate:181", "from 0 to 180"),
        ("rotate:-1", "from 0 to 180"),
        ("rotate:nan", "from 0 to 180"),
        ("rotate:", "from 0 to 180"),
        ("flip:2", "takes no amount"),
        (3, "names joined by"),
        (["flip", 3], "names joined by"),
    ],
)
def test_what_cannot_be_done_is_told(augment: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        check_augment(augment)
    with pytest.raises(ConfigurationError, match=told):
        make_augmentation(pictures(), augment, 0.0)


def test_images_beside_a_table_are_changed_and_the_table_is_not() -> None:
    inputs = {
        "image": pictures(30),
        "table": {"numeric": torch.randn(30, 2), "categorical": torch.zeros(30, 0).long()},
    }
    change = make_augmentation(inputs, "imagenet", 0.0)
    assert change is not None
    result = change(inputs)
    assert not torch.equal(result["image"], inputs["image"])  # type: ignore[arg-type]
    assert result["table"] is inputs["table"]


def test_the_volumes_of_one_patient_are_mirrored_alike() -> None:
    first = torch.rand(60, 3, 4, 5, 6)
    inputs = {"diffusion": first, "t2": first[:, :1] * 2}
    assert make_augmentation(inputs, "auto", 0.0) is None
    assert make_augmentation(inputs, "none", 0.1) is None
    change = make_augmentation(inputs, "flip", 0.0)
    assert change is not None
    result = change(inputs)
    torch.testing.assert_close(result["t2"], result["diffusion"][:, :1] * 2)
    mirrored = (result["t2"] != inputs["t2"]).flatten(1).any(dim=1)
    assert 15 < int(mirrored.sum()) < 45
    torch.testing.assert_close(result["t2"][mirrored], inputs["t2"][mirrored].flip(-1))
    with pytest.raises(ConfigurationError, match="volumes know flip"):
        make_augmentation(inputs, "crop+flip", 0.0)


def test_the_old_names_draw_what_they_always_drew() -> None:
    images = pictures(30, 32, 32)
    change = make_augmentation(images, "crop+flip", 0.0)
    assert change is not None
    torch.manual_seed(11)
    result = change(images)
    torch.manual_seed(11)
    assert torch.equal(result, random_flip(random_crop(images)))


def test_color_changes_brightness_contrast_and_saturation_within_their_share() -> None:
    torch.manual_seed(3)
    grey = torch.full((500, 3, 4, 4), 100.0)
    brightness = color_jitter(grey, amount=0.3)[:, 0, 0, 0] / 100
    assert 0.7 <= float(brightness.min()) < 0.72
    assert 1.28 < float(brightness.max()) <= 1.3
    # Of one channel, means tell the brightness and spreads the contrast.
    images = pictures(300, channels=1).float()
    changed = color_jitter(images, amount=0.5)
    bright = changed.mean(dim=(1, 2, 3)) / images.mean(dim=(1, 2, 3))
    contrast = changed.std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3)) / bright
    assert 0.5 <= float(contrast.min()) < 0.55
    assert 1.45 < float(contrast.max()) <= 1.5001
    assert abs(float(torch.corrcoef(torch.stack([bright, contrast]))[0, 1])) < 0.2


def test_color_leaves_what_is_grey_grey_and_hues_as_they_are() -> None:
    torch.manual_seed(4)
    grey = pictures(20, channels=1).float().expand(-1, 3, -1, -1)
    changed = color_jitter(grey, amount=0.9)
    torch.testing.assert_close(changed[:, :1].expand_as(changed), changed)
    images = pictures(20).float()
    before, after = images, color_jitter(images, amount=0.4)
    # Which of two channels is larger stays, since all of a pixel are changed alike.
    assert torch.equal(before[:, 0] > before[:, 1], after[:, 0] > after[:, 1])
