"""A change made in some rows of a batch gives the rows of the change made in all of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils import _pytree as pytree

from rarecall.training.augment import augment_names, make_augmentation
from rarecall.training.augment_change import Rows
from rarecall.training.blending import Blending, blend

ROWS = 13
LONG = "crop+flips+rotate:90+scale:1+color:0.3+shear:45+translate:0.5+coarse-dropout:0.1"
PARTS: list[Rows] = [
    slice(0, 7),
    slice(7, 13),
    slice(4, 5),
    torch.tensor([12, 0, 0, 5]),
    torch.tensor([3]),
]


def pictures(channels: int = 3, kind: torch.dtype = torch.uint8) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(ROWS, channels, 21, 30, generator=generator) * 255).to(kind)


def some(inputs: Any, rows: Rows) -> Any:
    return pytree.tree_map(lambda leaf: leaf[rows], inputs)


def check_parts(inputs: Any, augment: str) -> None:
    change = make_augmentation(inputs, augment, 0.1)
    assert change is not None
    torch.manual_seed(5)
    whole = change(inputs)
    drawn = torch.get_rng_state()
    for rows in PARTS:
        torch.manual_seed(5)
        own = some(inputs, rows)
        found = change.draw(own, ROWS)(own, rows)
        expected = some(whole, rows)
        assert all(map(torch.equal, pytree.tree_leaves(found), pytree.tree_leaves(expected)))
        # What is drawn next is the same too.
        assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.float64])
def test_images(kind: torch.dtype) -> None:
    for name in (*(name for name in augment_names() if name != "none"), LONG):
        check_parts(pictures(kind=kind), name)
    check_parts(pictures(channels=1, kind=kind), LONG)


def test_numbers_of_a_table_volumes_and_images_beside_a_table() -> None:
    generator = torch.Generator().manual_seed(1)
    table = {
        "numeric": torch.randn(ROWS, 4, generator=generator),
        "categorical": torch.zeros(ROWS, 1).long(),
    }
    check_parts(table, "auto")
    check_parts({"image": pictures(), "table": table}, LONG)
    volumes = {name: torch.rand(ROWS, 1, 3, 4, 5, generator=generator) for name in ("t1", "t2")}
    check_parts(volumes, "flip")


def test_rows_drawn_once_are_changed_alike_whenever_they_come() -> None:
    images = pictures()
    change = make_augmentation(images, LONG, 0.0)
    assert change is not None
    made = change.draw(images, ROWS)
    first, again = made(images[2:6], slice(2, 6)), made(images[[4, 4]], torch.tensor([4, 4]))
    assert torch.equal(again, first[[2, 2]])
    other = change.draw(images, ROWS)
    assert not torch.equal(other(images[2:6], slice(2, 6)), first)


def test_a_chain_draws_and_samples_as_one_change_after_the_other_would() -> None:
    # Slowly, with every draw where it is used: what stored trainings drew.
    images = pictures()
    change = make_augmentation(images, "crop+flip+color:0.4", 0.0)
    assert change is not None
    torch.manual_seed(2)
    found = change(images)
    torch.manual_seed(2)
    top, left = torch.randint(5, (ROWS, 1)), torch.randint(7, (ROWS, 1))
    padded = F.pad(images, (3, 3, 2, 2))
    expected = torch.stack(
        [
            one[:, int(y) : int(y) + 21, int(x) : int(x) + 30]
            for one, y, x in zip(padded, top, left, strict=True)
        ]
    )
    mirrored = torch.rand(ROWS, 1, 1, 1) < 0.5
    expected = torch.where(mirrored, expected.flip(-1), expected)
    factors = 1 + 0.4 * (2 * torch.rand(3, ROWS, 1, 1, 1) - 1)
    bright = expected.float() * factors[0]
    mean = bright.mean(dim=(1, 2, 3), keepdim=True)
    contrast = mean + factors[1] * (bright - mean)
    grey = contrast.mean(dim=1, keepdim=True)
    coloured = (grey + factors[2] * (contrast - grey)).round().clamp(0, 255).to(torch.uint8)
    assert torch.equal(found, coloured)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float64])
@pytest.mark.parametrize("critical", [[2, 5, 6, 12], [], list(range(ROWS))])
def test_blending(kind: torch.dtype, critical: list[int]) -> None:
    images = pictures(kind=kind)
    before = images.clone()
    inputs = {"image": images, "table": {"numeric": torch.rand(ROWS, 2)}}
    flags = torch.zeros(ROWS, dtype=torch.bool)
    flags[critical] = True
    torch.manual_seed(6)
    whole = blend(inputs, flags, amount=0.7)
    torch.manual_seed(6)
    drawn = Blending(flags, amount=0.7)
    for start, stop in ((0, 7), (7, 13), (5, 6)):
        own = some(inputs, slice(start, stop))
        places = torch.nonzero(flags[start:stop]).squeeze(1)
        rows = places + start
        found = drawn.laid(own, places, some(inputs, drawn.other[rows]), rows)
        expected = some(whole, slice(start, stop))
        assert all(map(torch.equal, pytree.tree_leaves(found), pytree.tree_leaves(expected)))
    # What came is left as it was.
    assert torch.equal(images, before)
