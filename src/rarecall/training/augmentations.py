"""Random changes of a whole batch of images at once, on its device, from the global random state.

Changes of place (turning, scaling, shearing, moving, cutting out a part) are matrices that say for
a point of the result where it comes from. Several are multiplied before the images are sampled
once: one blur, not four.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Place = Callable[[int, tuple[int, int], torch.device], Tensor]
"""Draws a change of place: from the number of images, (height, width) and the device, matrices of
shape ``(B, 3, 3)`` on points ``(x, y, 1)`` in pixels from the centre."""

_ATTEMPTS = 10


def random_crop(images: Tensor) -> Tensor:
    """Shift every image by up to an eighth of its sides, filling with black.

    Args:
        images: Shape ``(B, C, H, W)``; 32 pixels shift by up to 4, as in the papers.

    >>> random_crop(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 3, 32, 32])
    """
    count, channels, height, width = images.shape
    pad_y, pad_x = height // 8, width // 8
    device = images.device
    padded = F.pad(images, (pad_x, pad_x, pad_y, pad_y))
    top = torch.randint(2 * pad_y + 1, (count, 1), device=device)
    left = torch.randint(2 * pad_x + 1, (count, 1), device=device)
    y = top + torch.arange(height, device=device)
    x = left + torch.arange(width, device=device)
    sample = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[None, :, None, None]
    return padded[sample, channel, y[:, None, :, None], x[:, None, None, :]]


def random_flip(images: Tensor, *, axis: int = -1) -> Tensor:
    """Mirror every image left to right with probability one half; shape ``(B, C, H, W)``.

    Args:
        images: As said.
        axis: -2 mirrors upside down.
    """
    mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(mirrored, images.flip(axis), images)


def coarse_dropout(
    images: Tensor, *, side: float = 0.2, holes: int = 8, probability: float = 0.75
) -> Tensor:
    """Black out squares at random places, which may overlap and reach over the border.

    Args:
        images: Shape ``(B, C, H, W)``.
        side: Of a square, as a share of the shorter side of the image, in [0, 1].
        holes: Squares an image, >= 1.
        probability: Of an image to get them, in [0, 1].

    >>> whole = torch.ones(100, 1, 20, 20)
    >>> float(coarse_dropout(whole, side=0.1, holes=1, probability=1.0).mean()) > 0.98
    True
    """
    count, _, height, width = images.shape
    device = images.device
    size = round(side * min(height, width))
    draws = torch.rand(2, holes, count, 1, device=device)
    chosen = torch.rand(count, 1, 1, 1, device=device) < probability
    top = (draws[0] * height).floor() - size // 2
    left = (draws[1] * width).floor() - size // 2
    y, x = torch.arange(height, device=device), torch.arange(width, device=device)
    hidden = torch.zeros(count, 1, height, width, dtype=torch.bool, device=device)
    for k in range(holes):
        rows = (y >= top[k]) & (y < top[k] + size)
        columns = (x >= left[k]) & (x < left[k] + size)
        hidden |= (rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(hidden & chosen, torch.zeros((), dtype=images.dtype, device=device), images)


def color_jitter(images: Tensor, *, amount: float = 0.4) -> Tensor:
    """Change brightness, contrast and saturation of every image, each by up to a share.

    Args:
        images: Shape ``(B, C, H, W)``; of one channel only brightness and contrast change.
        amount: In [0, 1]; a factor is drawn from [1 - amount, 1 + amount].

    Returns:
        As they came; whole numbers of 8 bits are rounded and stay within their range.

    >>> images = torch.randint(256, (2, 3, 8, 8), dtype=torch.uint8)
    >>> torch.equal(color_jitter(images, amount=0.0), images)
    True
    """
    count = len(images)
    factors = 1 + amount * (2 * torch.rand(3, count, 1, 1, 1, device=images.device) - 1)
    whole = not images.is_floating_point()
    found = (images.float() if whole else images) * factors[0]
    # Contrast: away from the image's own mean.
    mean = found.mean(dim=(1, 2, 3), keepdim=True)
    found = mean + factors[1] * (found - mean)
    if found.shape[1] > 1:
        # Saturation: away from its own grey.
        grey = found.mean(dim=1, keepdim=True)
        found = grey + factors[2] * (found - grey)
    return found.round_().clamp_(0, 255).to(images.dtype) if whole else found.to(images.dtype)


# Changes of place -----------------------------------------------------------------------------


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


def change_of_place(places: Sequence[Place]) -> Callable[[Tensor], Tensor]:
    """Join changes of place into one that samples each image once, bilinearly.

    Beyond its border an image goes on mirrored.

    Args:
        places: In the order in which they happen.

    >>> still = change_of_place([rotation(0.0), scaling(0.0)])
    >>> images = torch.randint(256, (2, 3, 8, 9), dtype=torch.uint8)
    >>> torch.equal(still(images), images)
    True
    """

    def change(images: Tensor) -> Tensor:
        count, _, height, width = images.shape
        device = images.device
        whole = _matrices(count, device)
        for place in places:
            whole = whole @ place(count, (height, width), device)
        # From pixels to the sides of length 2 that sampling counts in.
        sides = torch.tensor([width / 2, height / 2, 1.0], device=device)
        relative = whole * sides / sides[:, None]
        grid = F.affine_grid(relative[:, :2], list(images.shape), align_corners=False)
        floating = images if images.dtype in (torch.float32, torch.float64) else images.float()
        sampled = F.grid_sample(
            floating, grid.to(floating.dtype), padding_mode="reflection", align_corners=False
        )
        if images.is_floating_point():
            return sampled.to(images.dtype)
        return sampled.round_().clamp_(0, 255).to(images.dtype)

    return change
