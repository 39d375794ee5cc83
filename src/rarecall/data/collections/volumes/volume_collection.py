"""Studies on disk: the files of every modality, and their way onto one grid in memory."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.collections.places import cache_root
from rarecall.data.collections.volumes.nifti import nibabel, read_affine
from rarecall.data.collections.volumes.one_study import VolumeFile, on_grid, study_key
from rarecall.data.collections.volumes.volume_pool import VolumePool, rows_of_part
from rarecall.data.volumes import VolumeGrid, spacing_of
from rarecall.errors import ConfigurationError, DataError, StorageError
from rarecall.files import read_npz, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from rarecall.data.volumes import Scaling

USUAL_SIZE = (24, 96, 96)


@dataclass(frozen=True, eq=False)
class VolumeCollection:
    """A data set of studies, each a volume a channel of several modalities.

    Attributes:
        name: As ``rarecall`` calls it.
        files: For every modality, for every study, the files of its channels.
        labels: Class numbers, int64, shape ``(n,)``.
        studies: Names, str, shape ``(n,)``.
        groups: The patient of every study, str, shape ``(n,)``.
        parts: The cohort of every study, ``"train"`` or ``"test"``, shape ``(n,)``.
        reference: The modality around whose first channel a study's grid is laid.
        classes: Names of the classes, by number.
    """

    name: str
    files: Mapping[str, tuple[tuple[VolumeFile, ...], ...]]
    labels: NDArray[np.int64]
    studies: NDArray[np.str_]
    groups: NDArray[np.str_]
    parts: NDArray[np.str_]
    reference: str
    classes: tuple[str, ...] = ("negative", "positive")

    def __post_init__(self) -> None:
        if self.reference not in self.files:
            raise ConfigurationError(
                f"The reference must be one of the modalities {', '.join(self.files)}, not "
                f"{self.reference!r}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def counts(self) -> dict[str, int]:
        """Studies of every class."""
        found = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, found, strict=True)}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of studies, labels, patients and cohorts: which these are, without voxels."""
        found = hashlib.sha256("\x1f".join(self.files).encode())
        found.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        for words in (self.studies, self.groups, self.parts):
            found.update("\x1f".join(words.tolist()).encode() + b"\x1e")
        return found.hexdigest()

    def take(self, positions: ArrayLike) -> VolumeCollection:
        """Select studies by position, in the order given."""
        rows = np.asarray(positions, dtype=np.int64)
        return replace(
            self,
            files={
                modality: tuple(channels[row] for row in rows.tolist())
                for modality, channels in self.files.items()
            },
            labels=self.labels[rows],
            studies=self.studies[rows],
            groups=self.groups[rows],
            parts=self.parts[rows],
        )

    def part(self, name: str) -> VolumeCollection:
        """Select a cohort, ``"train"`` or ``"test"``.

        Raises:
            DataError: It has no study.
        """
        return self.take(rows_of_part(self.parts, name))

    def spacings(self, modality: str | None = None) -> NDArray[np.float64]:
        """Millimetres between voxels as stored, shape ``(n, 3)``, read from the headers alone.

        Args:
            modality: Of whose first channel; None for the reference.

        Raises:
            DataError: A file is missing or damaged, or nibabel is not installed.
        """
        chosen = self.files[modality or self.reference]
        return np.array([spacing_of(read_affine(channels[0].path)) for channels in chosen])

    def to_pool(
        self,
        size: tuple[int, int, int] = USUAL_SIZE,
        *,
        spacing: tuple[float, float, float] | None = None,
        scaling: Scaling = "modality",
        cache: str | Path | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> VolumePool:
        """Read all studies onto one grid.

        Every study is kept in the cache folder as soon as it is ready, under the name of its files
        (path, size, time) and of the grid: whoever is interrupted goes on from there, and the next
        reading takes a moment.

        Args:
            size: Depth, height and width in voxels.
            spacing: As of :class:`~rarecall.data.volumes.VolumeGrid`, and so is ``scaling``.
            scaling: What is brought to zero mean and unit variance together.
            cache: Folder of the cache; None for ``RARECALL_CACHE`` or the user's own.
            threads: Studies read at once, >= 1; None for one a processor, four at most.
            progress: Called with the studies done and all of them.

        Raises:
            DataError: A study cannot be used: which, which file of it, and why.
            ConfigurationError: The grid cannot be.
        """
        threads = min(os.cpu_count() or 1, 4) if threads is None else threads
        if threads < 1:
            raise ConfigurationError(f"threads must be 1 or more, not {threads}.")
        grid = VolumeGrid(size, spacing, scaling)
        nibabel()
        folder = cache_root(cache) / "volumes" / self.name
        began = time.perf_counter()
        stacks = {
            modality: np.empty((len(self), len(studies[0]), *grid.size), dtype=np.float16)
            for modality, studies in self.files.items()
            if len(self)
        }

        def fill(row: int) -> bool:
            made, anew = self._study(row, grid, folder)
            for modality, channels in made.items():
                stacks[modality][row] = channels
            return anew

        with ThreadPoolExecutor(threads) as workers:
            jobs = [workers.submit(fill, row) for row in range(len(self))]
            try:
                read = 0
                for done, job in enumerate(jobs, start=1):
                    read += job.result()
                    if progress is not None:
                        progress(done, len(self))
            except BaseException:
                workers.shutdown(cancel_futures=True)
                raise
        return VolumePool(
            stacks,
            self.labels,
            self.studies,
            self.groups,
            self.parts,
            self.classes,
            read,
            time.perf_counter() - began,
        )

    def _study(
        self, row: int, grid: VolumeGrid, folder: Path
    ) -> tuple[dict[str, NDArray[np.float16]], bool]:
        files = {modality: studies[row] for modality, studies in self.files.items()}
        kept = folder / f"{study_key(files, grid, self.reference)}.npz"
        shapes = {name: (len(channels), *grid.size) for name, channels in files.items()}
        # A damaged file of the cache is made anew, like one that is not there.
        with suppress(OSError, ValueError):
            stored = read_npz(kept)
            if {name: array.shape for name, array in stored.items()} == shapes:
                return stored, False
        try:
            made = on_grid(files, grid, self.reference)
        except DataError as error:
            raise DataError(f"The study {self.studies[row]} cannot be used: {error}") from error
        # The cache only saves time: where it cannot be written, studies are read each time.
        with suppress(StorageError), write_atomically(kept) as beside:
            np.savez(beside, **made)  # type: ignore[arg-type]  # its stub takes names for options
        return made, True
