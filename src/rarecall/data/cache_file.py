"""An array file that is filled piece by piece and appears only when it is whole.

While it grows, ``NAME.npy.part`` holds the array and, behind it, a byte for every row that says
whether the row is there. A stopped run leaves it for the next one, and several may fill it at once:
they write the same bytes to the same places.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from rarecall.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray


class CacheFile:
    """A uint8 array on its way to disk; use it as a context.

    Args:
        path: Where the whole array goes, ``….npy``.
        shape: Of the array, rows first.

    Raises:
        StorageError: The file system refused (disk full, no permission).

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.npy"
    ...     with CacheFile(path, (2, 3)) as file:
    ...         file.write({1: np.full(3, 7, np.uint8)})
    ...     path.exists()
    ...     with CacheFile(path, (2, 3)) as file:
    ...         first = file.done(0, 2).tolist()
    ...         file.write({0: np.zeros(3, np.uint8)})
    ...     first, np.load(path).tolist()
    False
    ([False, True], [[0, 0, 0], [7, 7, 7]])
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path, self.shape = path, shape
        self.part = path.with_name(f"{path.name}.part")
        self.each = int(np.prod(shape[1:]))
        self._file: BinaryIO | None = None
        self._offset = 0

    def __enter__(self) -> Self:
        with self._told():
            self._file = self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        whole = kind is None and bool(self.done(0, self.shape[0]).all())
        if self._file is not None:
            with self._told():
                os.fsync(self._file.fileno())
                self._file.close()
                self._file = None
                if whole:
                    self._publish()

    def done(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Say which rows from ``start`` to ``stop`` are there, shape ``(stop - start,)``."""
        self._seek(self._offset + self.shape[0] * self.each + start)
        noted = np.frombuffer(self._opened.read(stop - start), dtype=np.uint8)
        return noted.astype(np.bool_)

    def write(self, rows: Mapping[int, NDArray[np.uint8]]) -> None:
        """Write rows, then note that they are there, in this order even if the machine stops."""
        with self._told():
            for k, row in rows.items():
                self._seek(self._offset + k * self.each)
                self._opened.write(np.ascontiguousarray(row).tobytes())
            self._opened.flush()
            os.fsync(self._opened.fileno())
            for k in rows:
                self._seek(self._offset + self.shape[0] * self.each + k)
                self._opened.write(b"\1")
            self._opened.flush()

    @property
    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("A CacheFile is read and written inside its `with` block.")
        return self._file

    def _seek(self, place: int) -> None:
        self._opened.seek(place)

    def _open(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        fresh = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
                np.lib.format.write_array_header_2_0(file, header)
                self._offset = file.tell()
                size = self._offset + self.shape[0] * (self.each + 1)
                file.truncate(size)
            if self.part.exists() and self.part.stat().st_size != size:
                self.part.unlink()
            # Linking fails where another process was first; replacing would pull its file away.
            try:
                os.link(fresh, self.part)
            except FileExistsError:
                pass
            except OSError:
                if not self.part.exists():
                    fresh.replace(self.part)
        finally:
            fresh.unlink(missing_ok=True)
        return self.part.open("r+b")

    def _publish(self) -> None:
        try:
            self.part.replace(self.path)
        except FileNotFoundError:
            if not self.path.exists():
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"Cannot write {self.path}: {error.strerror or error}. What was decoded so far is "
                "kept. Free space or choose another cache folder, then run again."
            ) from error
