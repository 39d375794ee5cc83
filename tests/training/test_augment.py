"""Augmentation: whole batches at once, and nothing that was not asked for."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from rarecall.training import random_crop, random_flip
from rarecall.training.augment import make_augmentation


def pictures(count: int = 40, side: int = 16, channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, channels, side, side)
    return torch.randint(1, 256, shape, dtype=torch.uint8, generator=generator)


def test_a_crop_is_the_image_shifted_by_up_to_an_eighth_and_filled_with_black() -> None:
    images = pictures()
    cropped = random_crop(images)
    assert cropped.dtype == torch.uint8
    seen = set()
    for image, result in zip(images, cropped, strict=True):
        padded = F.pad(image, (2, 2, 2, 2))
        offsets = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(padded[:, y : y + 16, x : x + 16], result)
        ]
        assert len(offsets) == 1
        seen.add(offsets[0])
    assert len(seen) > 10
    assert {y for y, _ in seen} == {x for _, x in seen} == set(range(5))


def test_a_flip_mirrors_about_half_of_the_images_left_to_right() -> None:
    images = pictures(200)
    flipped = random_flip(images)
    same = (flipped == images).flatten(1).all(dim=1)
    mirrored = (flipped == images.flip(-1)).flatten(1).all(dim=1)
    assert (same ^ mirrored).all()
    assert 60 < int(mirrored.sum()) < 140


def test_small_images_are_left_alone_by_default() -> None:
    assert make_augmentation(pictures(side=15), "auto", 0.0) is None
    assert make_augmentation(pictures(side=16), "auto", 0.0) is not None
    assert make_augmentation(pictures(side=16), "none", 0.0) is None


@pytest.mark.parametrize(("augment", "changes"), [("crop", "crop"), ("flip", "flip")])
def test_only_the_change_asked_for_is_made(augment: str, changes: str) -> None:
    images = pictures(60)
    change = make_augmentation(images, augment, 0.0)  # type: ignore[arg-type]
    assert change is not None
    torch.manual_seed(0)
    result = change(images)
    torch.manual_seed(0)
    expected = random_crop(images) if changes == "crop" else random_flip(images)
    assert torch.equal(result, expected)


def test_noise_reaches_numbers_but_not_0_1_columns_or_categories() -> None:
    numeric = torch.stack([torch.linspace(-2, 2, 4000), torch.arange(4000) % 2], dim=1)
    inputs = {"numeric": numeric, "categorical": torch.arange(4000)[:, None]}
    change = make_augmentation(inputs, "auto", 0.3)
    assert change is not None
    kept = {name: part.clone() for name, part in inputs.items()}
    noisy = change(inputs)
    spread = noisy["numeric"] - numeric
    assert spread[:, 0].std() == pytest.approx(0.3, rel=0.1)
    assert not spread[:, 1].any()
    for name, part in inputs.items():
        assert torch.equal(part, kept[name])
    assert torch.equal(noisy["categorical"], kept["categorical"])


def test_no_noise_means_no_change() -> None:
    inputs = {"numeric": torch.randn(5, 2), "categorical": torch.zeros(5, 0, dtype=torch.long)}
    assert make_augmentation(inputs, "crop+flip", 0.0) is None
