"""Images as tensors, with the mean and spread of their channels in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from rarecall.data.images import depth_of
from rarecall.data.preprocessing import Preprocessor
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.data.samples import Samples

_LARGEST = 2**14
"""Pixels a side."""


@dataclass(frozen=True)
class ImagePreprocessor(Preprocessor):
    """Brings images into the order of torch; the network itself normalises them.

    Attributes:
        size: Height and width, in pixels.
        mean: Mean of every channel in training, on the scale 0 to 1.
        std: Standard deviation of every channel in training, on the scale 0 to 1, above 0.
        bits: A pixel of the files that training images were loaded from, 8 to 16: new ones come
            down by as much.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    bits: int = 8

    @classmethod
    def fit(cls, samples: Samples) -> ImagePreprocessor:
        """Measure the channels of the training images."""
        images = samples.features
        if isinstance(images, pd.DataFrame):
            raise DataError(f"Images are needed, but {samples.name} holds a table.")
        # Byte counts give exact sums without a float copy of all the images.
        channels = [
            np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[3])
        ]
        levels = np.arange(256) / 255
        means = [float(counts @ levels / counts.sum()) for counts in channels]
        spreads = [
            float(np.sqrt(counts @ (levels - mean) ** 2 / counts.sum()))
            for counts, mean in zip(channels, means, strict=True)
        ]
        # A channel without contrast would otherwise be divided by zero.
        stds = [max(spread, 1 / 255) for spread in spreads]
        size = (int(images.shape[1]), int(images.shape[2]))
        return cls(size, tuple(means), tuple(stds), depth_of(samples.notes))

    def transform(self, samples: Samples) -> torch.Tensor:
        """Encode images as uint8, shape ``(n, C, H, W)``.

        Raises:
            DataError: The images have another size, or colour where training had grey.
        """
        images = samples.features
        if isinstance(images, pd.DataFrame):
            raise DataError(f"The model was trained on images, but {samples.name} holds a table.")
        if images.shape[1:3] != self.size:
            raise DataError(
                f"The model was trained on images of {self.size[0]} x {self.size[1]} pixels, but "
                f"these have {images.shape[1]} x {images.shape[2]}. Load them with "
                "`image_size` (--image-size)."
            )
        channels = len(self.mean)
        if images.shape[3] != channels and images.shape[3] != 1:
            raise DataError(
                "The model was trained on grey images, but these have colours. Make them grey."
            )
        pixels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        if pixels.shape[1] != channels:
            pixels = pixels.expand(-1, channels, -1, -1).contiguous()
        return pixels

    @property
    def spec(self) -> dict[str, Any]:
        """``kind``, ``channels``, ``size``, ``mean`` and ``std``."""
        return {
            "kind": "images",
            "channels": len(self.mean),
            "size": list(self.size),
            "mean": list(self.mean),
            "std": list(self.std),
        }

    def to_json(self) -> dict[str, Any]:
        """Give all that was fitted, in plain JSON values."""
        return {**self.spec, "bits": self.bits}

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> ImagePreprocessor:
        """Restore what :meth:`to_json` gave."""
        height, width = (int(side) for side in stored["size"])
        mean = tuple(float(value) for value in stored["mean"])
        std = tuple(float(value) for value in stored["std"])
        if not len(mean) == len(std) == int(stored["channels"]):
            raise ValueError("as many means and deviations as channels are needed")
        bits = int(stored.get("bits", 8))
        if not (0 < height <= _LARGEST and 0 < width <= _LARGEST and 8 <= bits <= 16):
            raise ValueError("no image has such a size or depth")
        return cls((height, width), mean, std, bits)
