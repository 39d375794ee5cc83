"""Studies in memory: an array a modality, with labels, patients and cohorts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from rarecall.data.dataset import ArrayDataset


@dataclass(frozen=True, eq=False)
class VolumePool:
    """Studies on one grid.

    Attributes:
        volumes: For every modality float16, shape ``(n, C, D, H, W)``.
        labels: Class numbers, int64, shape ``(n,)``.
        studies: Names, str, shape ``(n,)``.
        groups: The patient of every study, str, shape ``(n,)``.
        parts: The cohort of every study, str, shape ``(n,)``.
        classes: Names of the classes, by number.
        read: Studies that were read from their files; the others came from the cache.
        seconds: That all of them took.

    >>> words = np.array(["a", "b"])
    >>> pool = VolumePool({"t2": np.zeros((2, 1, 2, 4, 4), np.float16)}, np.array([0, 1]),
    ...                   words, words, np.array(["train", "test"]))
    >>> pool.spec(), len(pool.part("train"))
    ({'kind': 'volumes', 'channels': {'t2': 1}, 'size': [2, 4, 4]}, 1)
    >>> pool.inputs([1])["t2"].shape
    torch.Size([1, 1, 2, 4, 4])
    """

    volumes: Mapping[str, NDArray[np.float16]]
    labels: NDArray[np.int64]
    studies: NDArray[np.str_]
    groups: NDArray[np.str_]
    parts: NDArray[np.str_]
    classes: tuple[str, ...] = ("negative", "positive")
    read: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        lengths = {
            **{name: len(array) for name, array in self.volumes.items()},
            "studies": len(self.studies),
            "groups": len(self.groups),
            "parts": len(self.parts),
        }
        wrong = [f"{name} {n}" for name, n in lengths.items() if n != len(self.labels)]
        if wrong or any(array.ndim != 5 for array in self.volumes.values()):
            shapes = {name: array.shape for name, array in self.volumes.items()}
            raise DataError(
                f"Volumes must have the shape (n, C, D, H, W) and a label, study, patient and "
                f"cohort each; {len(self.labels)} labels came with {shapes} and {wrong}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def rate(self) -> float | None:
        """Studies read from their files in a second; None where all came from the cache."""
        return self.read / self.seconds if self.read and self.seconds else None

    def spec(self) -> dict[str, Any]:
        """Describe the data to :func:`rarecall.models.build_network`."""
        first = next(iter(self.volumes.values()))
        return {
            "kind": "volumes",
            "channels": {name: int(array.shape[1]) for name, array in self.volumes.items()},
            "size": [int(side) for side in first.shape[2:]],
        }

    def take(self, positions: ArrayLike) -> VolumePool:
        """Select studies by position, in the order given."""
        rows = np.asarray(positions, dtype=np.int64)
        return VolumePool(
            {name: array[rows] for name, array in self.volumes.items()},
            self.labels[rows],
            self.studies[rows],
            self.groups[rows],
            self.parts[rows],
            self.classes,
        )

    def part(self, name: str) -> VolumePool:
        """Select a cohort, ``"train"`` or ``"test"``.

        Raises:
            DataError: It has no study.
        """
        return self.take(rows_of_part(self.parts, name))

    def inputs(self, positions: ArrayLike | None = None) -> dict[str, Tensor]:
        """Give what a network takes: a tensor a modality, float16, ``(n, C, D, H, W)``."""
        import torch

        rows = slice(None) if positions is None else np.asarray(positions, dtype=np.int64)
        return {name: torch.from_numpy(array[rows]) for name, array in self.volumes.items()}

    def dataset(
        self, positions: ArrayLike | None = None, targets: ArrayLike | None = None
    ) -> ArrayDataset:
        """Give studies as the trainer takes them, named by study.

        Args:
            positions: Of the studies; None for all.
            targets: 1 for critical ones, shape of ``positions``; None for the labels.
        """
        import torch

        from rarecall.data.dataset import ArrayDataset

        rows = np.arange(len(self)) if positions is None else np.asarray(positions, dtype=np.int64)
        chosen = self.labels[rows] if targets is None else np.asarray(targets, dtype=np.int64)
        return ArrayDataset(self.inputs(rows), torch.from_numpy(chosen), self.studies[rows])

    def digest(self) -> str:
        """SHA-256 of voxels, labels, studies, patients and cohorts."""
        found = hashlib.sha256()
        for name, array in sorted(self.volumes.items()):
            found.update(f"{name}{array.shape}".encode())
            found.update(np.ascontiguousarray(array).data)
        found.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        for words in (self.studies, self.groups, self.parts):
            found.update("\x1f".join(words.tolist()).encode() + b"\x1e")
        return found.hexdigest()


def rows_of_part(parts: NDArray[np.str_], name: str) -> NDArray[np.int64]:
    """Find the studies of a cohort.

    Raises:
        DataError: There is none.

    >>> rows_of_part(np.array(["train", "test", "train"]), "train")
    array([0, 2])
    """
    rows = np.flatnonzero(parts == name)
    if not len(rows):
        there = ", ".join(sorted(set(parts.tolist()))) or "none"
        raise DataError(f"There is no study in the cohort {name!r}; the cohorts are {there}.")
    return rows
