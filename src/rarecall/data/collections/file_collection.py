"""What a data set of image files is once its tables are read: paths, labels, patients, parts."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.collections.collection import Pool
from rarecall.data.image_cache import CachedImages, cached_images
from rarecall.data.wording import quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class FilePool(Pool):
    """Images of a :class:`FileCollection` at one size; a :class:`Pool` that also knows patients.

    Attributes:
        images: uint8, shape ``(n, H, W, C)``, mapped from the cache.
        labels: As the collection's: int64, ``(n,)``, or float64, ``(n, L)``.
        groups: Patients (or lesions), ``(n,)``, or None.
        reading: What reading the images took.
    """

    groups: NDArray[np.str_] | None = None
    reading: CachedImages | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.labels.ndim == 1:
            super().__post_init__()
        elif len(self.labels) != len(self.images):
            raise DataError(f"{len(self.images)} images came with {len(self.labels)} labels.")


@dataclass(frozen=True, eq=False, kw_only=True)
class FileCollection:
    """A published data set of image files; nothing is decoded before :meth:`to_pool`.

    Attributes:
        name: As ``rarecall`` calls it.
        paths: Of the images; those inside an HDF5 file are named as if it were a folder.
        labels: Class numbers, int64, shape ``(n,)``; with several labels an image, float64, shape
            ``(n, L)``: 1 and 0, NaN where a label is missing, between where it is uncertain.
        classes: Names of the classes, or of the labels.
        groups: Which images belong together (of one patient, else of one lesion), shape ``(n,)``,
            or None if nothing is known: splits must not part them.
        parts: Official part of every image, such as ``"train"`` and ``"test"``, or None.
        metadata: What is known of patient and image besides, ``n`` rows, and nothing that gives
            the label away; or None.
        channels: 1 (grey) or 3.
        bits: A pixel of the files, 8 to 16.
        root: Folder that names start at; None is the one that all images lie below.

    Raises:
        DataError: These do not agree with each other.
    """

    name: str
    paths: Sequence[Path]
    labels: NDArray[Any]
    classes: tuple[str, ...]
    groups: NDArray[np.str_] | None = None
    parts: NDArray[np.str_] | None = None
    metadata: pd.DataFrame | None = None
    channels: int = 3
    bits: int = 8
    root: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", tuple(self.paths))
        n = len(self.paths)
        if not n:
            raise DataError(f"{self.name} has no images.")
        sides = {"labels": self.labels, "groups": self.groups, "parts": self.parts}
        for what, side in {**sides, "rows of metadata": self.metadata}.items():
            if side is not None and len(side) != n:
                raise DataError(f"{self.name} has {n} images, but {len(side)} {what}.")
        if self.labels.ndim == 1:
            wrong = self.labels[(self.labels < 0) | (self.labels >= len(self.classes))]
        else:
            known = self.labels[~np.isnan(self.labels)]
            wrong = known[(known < 0) | (known > 1)]
            if self.labels.shape[1:] != (len(self.classes),):
                raise DataError(
                    f"{self.name} has labels of shape {self.labels.shape}, but names "
                    f"{len(self.classes)} of them."
                )
        if len(wrong):
            raise DataError(f"{self.name} has the label {wrong[0]}, which it does not define.")

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def names(self) -> tuple[str, ...]:
        """Paths below the root, which name the images in messages and score files."""
        root = self.root or Path(os.path.commonpath([path.parent for path in self.paths]))
        # As text: pathlib takes seconds for the paths of a large data set.
        start = f"{root.as_posix().rstrip('/')}/"
        return tuple(path.as_posix().removeprefix(start) for path in self.paths)

    @property
    def counts(self) -> dict[str, int]:
        """Images of every class; with several labels, images known to have each."""
        if self.labels.ndim == 1:
            found = np.bincount(self.labels, minlength=len(self.classes))
        else:
            found = np.nansum(self.labels == 1, axis=0)
        return {name: int(count) for name, count in zip(self.classes, found, strict=True)}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of names, labels and groups: which samples these are, without their pixels."""
        found = hashlib.sha256("\n".join(self.names).encode())
        found.update(np.ascontiguousarray(self.labels, dtype="<f8").tobytes())
        found.update("\n".join([] if self.groups is None else self.groups.tolist()).encode())
        return found.hexdigest()

    def take(self, positions: ArrayLike) -> FileCollection:
        """Give some of the images, in the order of ``positions``, shape ``(m,)``."""
        rows = np.asarray(positions)
        return replace(
            self,
            paths=tuple(self.paths[k] for k in rows.tolist()),
            labels=self.labels[rows],
            groups=None if self.groups is None else self.groups[rows],
            parts=None if self.parts is None else self.parts[rows],
            metadata=None if self.metadata is None else self.metadata.iloc[rows],
        )

    def part(self, *names: str) -> FileCollection:
        """Give the images of official parts.

        Raises:
            DataError: There is no such part.
        """
        known = [] if self.parts is None else sorted(set(self.parts.tolist()))
        if self.parts is None or not set(names) <= set(known):
            has = f"has the parts {quoted(known)}" if known else "has no official parts"
            raise DataError(f"{self.name} {has}, not {quoted(names)}. Split it by patients.")
        return self.take(np.flatnonzero(np.isin(self.parts, names)))

    def to_pool(
        self,
        size: int | tuple[int, int],
        *,
        cache: str | Path | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> FilePool:
        """Give the images at one size, decoded once and then mapped from the cache.

        Args:
            size: As for :func:`rarecall.data.image_cache.cached_images`, as are the others.
            cache: Folder, see :func:`rarecall.data.collections.places.cache_root`.
            threads: That decode.
            progress: Called with the images done and all of them.

        Raises:
            DataError: An image is missing or damaged.
            StorageError: The cache cannot be written.
        """
        read = cached_images(
            self.paths,
            size,
            names=self.names,
            channels=self.channels,
            bits=self.bits,
            cache=cache,
            threads=threads,
            progress=progress,
        )
        return FilePool(read.pixels, self.labels, self.groups, read)


def joined(
    name: str, collections: Sequence[FileCollection], *, root: Path | None = None
) -> FileCollection:
    """Put data sets of the same classes one behind the other.

    Patients of different data sets stay different; parts are kept only if all have them.

    Raises:
        DataError: Their classes differ.
    """
    import pandas as pd

    first = collections[0]
    for other in collections[1:]:
        if (other.classes, other.channels, other.bits) != (
            first.classes,
            first.channels,
            first.bits,
        ):
            raise DataError(f"{other.name} and {first.name} differ in classes or kind of image.")
    groups = [_groups_of(one) for one in collections]
    parts = [one.parts for one in collections if one.parts is not None]
    tables = [one.metadata for one in collections if one.metadata is not None]
    everywhere = len(collections)
    return FileCollection(
        name=name,
        root=root,
        paths=tuple(path for one in collections for path in one.paths),
        labels=np.concatenate([one.labels for one in collections]),
        classes=first.classes,
        groups=np.concatenate(groups),
        parts=np.concatenate(parts) if len(parts) == everywhere else None,
        metadata=pd.concat(tables, ignore_index=True) if len(tables) == everywhere else None,
        channels=first.channels,
        bits=first.bits,
    )


def _groups_of(one: FileCollection) -> NDArray[np.str_]:
    own = one.names if one.groups is None else one.groups.tolist()
    return np.asarray([f"{one.name}/{group}" for group in own], dtype=np.str_)
