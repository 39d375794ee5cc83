"""Made-up images: small patterns that tell classes apart a little, under noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.collections.collection import Pool

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def made_up_images(
    labels: ArrayLike, height: int, width: int | None = None, *, seed: int = 0, signal: float = 40.0
) -> NDArray[np.uint8]:
    """Draw an image for every label: waves that belong to the class, and noise.

    Args:
        labels: Class numbers, shape ``(n,)``.
        height: In pixels.
        width: In pixels; the height where None.
        seed: Of the noise. The waves belong to the class, whatever the seed.
        signal: Height of the waves, in grey levels, against noise of 50.

    Returns:
        uint8, shape ``(n, height, width, 3)``.

    >>> made_up_images([0, 1, 1], 8).shape
    (3, 8, 8, 3)
    """
    given = np.asarray(labels, dtype=np.int64)
    rng = np.random.default_rng([seed, 11])
    rows = np.arange(height)[:, None, None] / height
    columns = np.arange(width or height)[None, :, None] / (width or height)
    images = np.empty((len(given), height, width or height, 3), dtype=np.uint8)
    for label in np.unique(given):
        waves = np.random.default_rng([int(label), 12]).uniform(0.5, 4.0, (3, 3))
        phase = 2 * np.pi * (waves[0] * rows + waves[1] * columns + waves[2])
        chosen = np.flatnonzero(given == label)
        noise = rng.normal(128.0, 50.0, (len(chosen), *images.shape[1:]))
        images[chosen] = np.clip(noise + signal * np.sin(phase), 0, 255).astype(np.uint8)
    return images


def made_up_pool(classes: int, per_class: int, side: int, *, seed: int = 0) -> Pool:
    """Draw a pool with the same number of images of every class, in mixed order.

    >>> len(made_up_pool(3, 4, 8))
    12
    """
    labels = np.random.default_rng([seed, 13]).permutation(np.repeat(np.arange(classes), per_class))
    return Pool(made_up_images(labels, side, seed=seed), labels.astype(np.int64))
