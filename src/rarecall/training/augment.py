"""Small random changes of a whole batch at once, drawn from the global random state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable

    from rarecall.training.settings import Augment

SMALLEST_SIDE = 16
"""Images with a shorter side hold too little to crop or mirror."""


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


def random_flip(images: Tensor) -> Tensor:
    """Mirror every image left to right with probability one half; shape ``(B, C, H, W)``."""
    mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(mirrored, images.flip(-1), images)


def varying_columns(numeric: Tensor) -> Tensor:
    """Tell columns with three or more values (1.0) from those with fewer (0.0), shape ``(d,)``.

    >>> varying_columns(torch.tensor([[0.0, 0.0], [0.5, 1.0], [1.0, 1.0]]))
    tensor([1., 0.])
    """
    low, high = numeric.amin(dim=0), numeric.amax(dim=0)
    return ((numeric != low) & (numeric != high)).any(dim=0).to(numeric.dtype)


def make_augmentation(
    inputs: Any, augment: Augment, input_noise: float
) -> Callable[[Any], Any] | None:
    """Give what changes a batch's inputs, or None where nothing is to change.

    Args:
        inputs: All training inputs: images, uint8, shape ``(n, C, H, W)``, or a mapping with a
            ``numeric`` tensor, shape ``(n, d)``, or a mapping with both, ``image`` and ``table``.
        augment: As in :class:`~rarecall.training.TrainSettings`.
        input_noise: As in :class:`~rarecall.training.TrainSettings`.
    """
    if isinstance(inputs, dict) and inputs.keys() >= {"image", "table"}:
        made = {part: make_augmentation(inputs[part], augment, input_noise) for part in inputs}
        parts = {part: change for part, change in made.items() if change is not None}
        if not parts:
            return None

        def change_parts(rows: dict[str, Any]) -> dict[str, Any]:
            return rows | {part: change(rows[part]) for part, change in parts.items()}

        return change_parts
    if isinstance(inputs, Tensor) and inputs.ndim == 4:
        if augment == "auto":
            augment = "crop+flip" if min(inputs.shape[-2:]) >= SMALLEST_SIDE else "none"
        changes = [
            change
            for name, change in (("crop", random_crop), ("flip", random_flip))
            if name in augment.split("+")
        ]
        if not changes:
            return None

        def change_images(images: Tensor) -> Tensor:
            for change in changes:
                images = change(images)
            return images

        return change_images
    if input_noise > 0 and isinstance(inputs, dict) and inputs["numeric"].numel():
        spread = input_noise * varying_columns(inputs["numeric"])

        def add_noise(rows: dict[str, Tensor]) -> dict[str, Tensor]:
            numeric = rows["numeric"]
            return rows | {"numeric": numeric + spread * torch.randn_like(numeric)}

        return add_noise
    return None
