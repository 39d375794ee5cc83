"""Changes of place: turning, scaling, shearing, moving, cutting out a part.

They are matrices that say for a point of the result where it comes from. Several are multiplied
before the images are sampled once: one blur, not four.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rarecall.training.augment_change import Change, Made

Place = Callable[[int, tuple[int, int], torch.device], Tensor]
"""Draws a change of place: from the number of images, (height, width) and the device, matrices of
shape ``(B, 3, 3)`` on points ``(x, y, 1)`` in pixels from the centre."""

_ATTEMPTS = 10


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return low + (high - low) * torch.rand(count, device=device)


def _matrices(count: int, device: torch.device) -> Tensor:
    return torch.eye(3, device=device).repeat(count, 1, 1)


def rotation(degrees: float) -> Place:
    """Turn by an angle from [-degrees, degrees].

    >>> rotation(0.0)(1, (8, 8), torch.device("cpu"))[0, :2, :2].abs()
    tensor([[1., 0.],
            [0., 1.]])
    """

    def draw(count: int, size: tuple[int, int], device: torch.device) -> Tensor:
        angle = torch.deg2rad(_uniform(count, -degrees, degrees, device))
        found = _matrices(count, device)
        found[:, 0, 0] = found[:, 1, 1] = angle.cos()
        found[:, 0, 1], found[:, 1, 0] = -angle.sin(), angle.sin()
        return found

    return draw


def scaling(amount: float) -> Place:
    """Enlarge or shrink by a factor from [1 / (1 + amount), 1 + amount], both alike likely."""

    def draw(count: int, size: tuple[int, int], device: torch.device) -> Tensor:
        most = math.log1p(amount)
        found = _matrices(count, device)
        found[:, 0, 0] = found[:, 1, 1] = _uniform(count, -most, most, device).exp()
        return found

    return draw


def shearing(degrees: float) -> Place:
    """Slant upright lines by an angle from [-degrees, degrees]."""

    def draw(count: int, size: tuple[int, int], device: torch.device) -> Tensor:
        found = _matrices(count, device)
        found[:, 0, 1] = torch.deg2rad(_uniform(count, -degrees, degrees, device)).tan()
        return found

    return draw


def translation(share: float) -> Place:
    """Move by up to a share of the sides, in parts of pixels."""

    def draw(count: int, size: tuple[int, int], device: torch.device) -> Tensor:
        found = _matrices(count, device)
        found[:, 0, 2] = _uniform(count, -share, share, device) * size[1]
        found[:, 1, 2] = _uniform(count, -share, share, device) * size[0]
        return found

    return draw


def cutting_out(least: float, *, ratio: float = 4 / 3) -> Place:
    """Cut out a rectangle of whole pixels and bring it to the size of the image.

    Its area is a share from [least, 1] and its width to height, relative to the image's, from
    [1 / ratio, ratio], tried ten times until it fits, as is usual for training on ImageNet; else
    the whole image.
    """

    def draw(count: int, size: tuple[int, int], device: torch.device) -> Tensor:
        height, width = size
        shape = (count, _ATTEMPTS)
        area = least + (1 - least) * torch.rand(shape, device=device)
        most = math.log(ratio)
        slim = (most * (2 * torch.rand(shape, device=device) - 1)).exp()
        wide = (width * (area * slim).sqrt()).round().clamp(min=1)
        high = (height * (area / slim).sqrt()).round().clamp(min=1)
        fits = (wide <= width) & (high <= height)
        first = fits.int().argmax(dim=1, keepdim=True)
        fitting = fits.gather(1, first)[:, 0]
        wide = torch.where(fitting, wide.gather(1, first)[:, 0], float(width))
        high = torch.where(fitting, high.gather(1, first)[:, 0], float(height))
        left = (torch.rand(count, device=device) * (width - wide + 1)).floor()
        top = (torch.rand(count, device=device) * (height - high + 1)).floor()
        found = _matrices(count, device)
        found[:, 0, 0], found[:, 1, 1] = wide / width, high / height
        found[:, 0, 2] = left + (wide - width) / 2
        found[:, 1, 2] = top + (high - height) / 2
        return found

    return draw


def change_of_place(places: Sequence[Place]) -> Change:
    """Join changes of place into one that samples each image once, bilinearly.

    Beyond its border an image goes on mirrored.

    Args:
        places: In the order in which they happen.

    >>> still = change_of_place([rotation(0.0), scaling(0.0)])
    >>> images = torch.randint(256, (2, 3, 8, 9), dtype=torch.uint8)
    >>> torch.equal(still(images), images)
    True
    """

    def draw(images: Tensor, count: int) -> Made:
        height, width = images.shape[-2:]
        device = images.device
        whole = _matrices(count, device)
        for place in places:
            whole = whole @ place(count, (height, width), device)
        # From pixels to the sides of length 2 that sampling counts in.
        # Filled in on the device: numbers from the host would have to be waited for in every step.
        sides = torch.ones(3, device=device)
        sides[0], sides[1] = width / 2, height / 2
        relative = whole * sides / sides[:, None]
        return lambda images, rows: _sampled(images, relative[rows, :2])

    return Change(draw)


def _sampled(images: Tensor, matrices: Tensor) -> Tensor:
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    floating = images if images.dtype in (torch.float32, torch.float64) else images.float()
    sampled = F.grid_sample(
        floating, grid.to(floating.dtype), padding_mode="reflection", align_corners=False
    )
    if images.is_floating_point():
        return sampled.to(images.dtype)
    return sampled.round_().clamp_(0, 255).to(images.dtype)
