"""What a published data set is once it is read: two pools of images, and the names of classes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Pool:
    """Images of one part of a data set, with their classes.

    Attributes:
        images: uint8, shape ``(n, H, W, C)``.
        labels: Class numbers, int64, shape ``(n,)``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise DataError(
                f"images must be uint8 of shape (n, H, W, C), not {self.images.dtype} of shape "
                f"{self.images.shape}."
            )
        if self.labels.shape != self.images.shape[:1]:
            raise DataError(
                f"{len(self.images)} images came with labels of shape {self.labels.shape}; every "
                "image needs one."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def digest(self) -> str:
        """SHA-256 of the images' shape and bytes and of the labels."""
        found = hashlib.sha256(repr(self.images.shape).encode())
        found.update(np.ascontiguousarray(self.images).data)
        kind = "<f8" if self.labels.dtype.kind == "f" else "<i8"
        found.update(np.ascontiguousarray(self.labels, dtype=kind).data)
        return found.hexdigest()


@dataclass(frozen=True, eq=False)
class Collection:
    """A published data set.

    Attributes:
        name: As ``rarecall`` calls it.
        train: The official training pool.
        test: The official test pool.
        classes: Names of the classes, by number.
    """

    name: str
    train: Pool
    test: Pool
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        for part, pool in (("training", self.train), ("test", self.test)):
            if len(pool) and not 0 <= pool.labels.min() <= pool.labels.max() < len(self.classes):
                raise DataError(
                    f"The {part} labels of {self.name} run from {pool.labels.min()} to "
                    f"{pool.labels.max()}, but it has {len(self.classes)} classes."
                )

    def fingerprint(self) -> str:
        """SHA-256 of both pools, which names the data in records of what was done with them."""
        return hashlib.sha256(f"{self.train.digest()}|{self.test.digest()}".encode()).hexdigest()

    def counts(self) -> dict[str, int]:
        """Count the samples of both pools."""
        return {"train": len(self.train), "test": len(self.test)}
