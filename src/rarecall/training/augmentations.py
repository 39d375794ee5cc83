"""Random changes of a whole batch of images at once, on its device, from the global random state.

Each comes twice: as a :class:`~rarecall.training.augment_change.Change`, which several processes
can make each in its own rows, and as a function of a whole batch. Changes of place are in
:mod:`rarecall.training.augmentations_place`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rarecall.training.augment_change import Change, Made, Rows, mirroring


def cropping() -> Change:
    """Shift as :func:`random_crop` does."""

    def draw(images: Tensor, count: int) -> Made:
        height, width = images.shape[-2:]
        pad_y, pad_x = height // 8, width // 8
        device = images.device
        top = torch.randint(2 * pad_y + 1, (count, 1), device=device)
        left = torch.randint(2 * pad_x + 1, (count, 1), device=device)
        y = top + torch.arange(height, device=device)
        x = left + torch.arange(width, device=device)

        def make(images: Tensor, rows: Rows) -> Tensor:
            padded = F.pad(images, (pad_x, pad_x, pad_y, pad_y))
            sample = torch.arange(len(images), device=device)[:, None, None, None]
            channel = torch.arange(images.shape[1], device=device)[None, :, None, None]
            down, right = y[rows], x[rows]
            return padded[sample, channel, down[:, None, :, None], right[:, None, None, :]]

        return make

    return Change(draw)


def random_crop(images: Tensor) -> Tensor:
    """Shift every image by up to an eighth of its sides, filling with black.

    Args:
        images: Shape ``(B, C, H, W)``; 32 pixels shift by up to 4, as in the papers.

    >>> random_crop(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 3, 32, 32])
    """
    found: Tensor = cropping()(images)
    return found


def random_flip(images: Tensor, *, axis: int = -1) -> Tensor:
    """Mirror every image left to right with probability one half; shape ``(B, C, H, W)``.

    Args:
        images: As said.
        axis: -2 mirrors upside down.
    """
    found: Tensor = mirroring(axis)(images)
    return found


def blackening(*, side: float = 0.2, holes: int = 8, probability: float = 0.75) -> Change:
    """Black out squares as :func:`coarse_dropout` does, which see for the arguments."""

    def draw(images: Tensor, count: int) -> Made:
        height, width = images.shape[-2:]
        device = images.device
        size = round(side * min(height, width))
        draws = torch.rand(2, holes, count, 1, device=device)
        chosen = torch.rand(count, 1, 1, 1, device=device) < probability
        tops = (draws[0] * height).floor() - size // 2
        lefts = (draws[1] * width).floor() - size // 2
        y, x = torch.arange(height, device=device), torch.arange(width, device=device)
        black = torch.zeros((), dtype=images.dtype, device=device)

        def make(images: Tensor, rows: Rows) -> Tensor:
            hidden = torch.zeros(len(images), 1, height, width, dtype=torch.bool, device=device)
            for top, left in zip(tops, lefts, strict=True):
                down = (y >= top[rows]) & (y < top[rows] + size)
                right = (x >= left[rows]) & (x < left[rows] + size)
                hidden |= (down[:, :, None] & right[:, None, :])[:, None]
            return torch.where(hidden & chosen[rows], black, images)

        return make

    return Change(draw)


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
    found: Tensor = blackening(side=side, holes=holes, probability=probability)(images)
    return found


def recolouring(*, amount: float = 0.4) -> Change:
    """Change colours as :func:`color_jitter` does, which see for the argument."""

    def draw(images: Tensor, count: int) -> Made:
        factors = 1 + amount * (2 * torch.rand(3, count, 1, 1, 1, device=images.device) - 1)
        return lambda images, rows: _recoloured(images, *(factor[rows] for factor in factors))

    return Change(draw)


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
    found: Tensor = recolouring(amount=amount)(images)
    return found


def _recoloured(images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    whole = not images.is_floating_point()
    found = (images.float() if whole else images) * brightness
    # Contrast: away from the image's own mean.
    mean = found.mean(dim=(1, 2, 3), keepdim=True)
    found = mean + contrast * (found - mean)
    if found.shape[1] > 1:
        # Saturation: away from its own grey.
        grey = found.mean(dim=1, keepdim=True)
        found = grey + saturation * (found - grey)
    return found.round_().clamp_(0, 255).to(images.dtype) if whole else found.to(images.dtype)
