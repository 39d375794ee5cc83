"""Images inside HDF5 files, named as if the file were a folder.

``train-image.hdf5/ISIC_0015670`` is an encoded image under that key; ``split_train_x.h5/x/12`` is
row 12 of the array ``x``. The package h5py is imported only when such a file is opened.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import DataError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

ENDINGS = (".h5", ".hdf5")


def require_h5py() -> Any:
    """Give the package h5py.

    Raises:
        DataError: It is not installed.
    """
    try:
        return import_module("h5py")
    except ImportError as error:
        raise DataError(
            "The package h5py, which reads and writes HDF5 files, is not installed. Install it: "
            "pip install h5py."
        ) from error


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading.

    Returns:
        An ``h5py.File``, to be closed by the caller.

    Raises:
        DataError: The package h5py is not installed, or the file is missing, damaged or cut off.
    """
    h5py = require_h5py()
    try:
        return h5py.File(path, "r")
    except OSError as error:
        reason = "there is no such file" if not path.is_file() else "it is damaged or cut off"
        raise DataError(f"{path} cannot be read as HDF5: {reason}. Fetch it again.") from error


def container_of(path: Path) -> Path | None:
    """Give the HDF5 file that an image lies in, or None for a file of its own.

    >>> str(container_of(Path("data/train.hdf5/ISIC_1")))
    'data/train.hdf5'
    >>> container_of(Path("data/train/1.jpg")) is None
    True
    """
    # At most two names lie inside: a key, or an array and a row.
    for parent in (path.parent, path.parent.parent):
        if parent.suffix.lower() in ENDINGS:
            return parent
    return None


class OpenContainers:
    """HDF5 files that stay open while images are read out of them, from several threads.

    >>> with OpenContainers() as containers:
    ...     pass
    """

    def __init__(self) -> None:
        self._files: dict[Path, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def open(self, container: Path) -> Any:
        """Open a file, once."""
        if container not in self._files:
            self._files[container] = open_hdf5(container)
        return self._files[container]

    def read(self, container: Path, path: Path) -> bytes | NDArray[Any]:
        """Give what lies under a name: an encoded image, or its pixels.

        Raises:
            KeyError: Nothing lies there.
            OSError: It is damaged.
        """
        file = self._files[container]
        inside = path.relative_to(container).as_posix()
        if inside in file:
            value = np.asarray(file[inside][()])
            return value.tobytes() if value.ndim <= 1 else value
        name, _, row = inside.rpartition("/")
        if name not in file or not row.isdigit() or int(row) >= len(file[name]):
            raise KeyError(inside)
        return np.asarray(file[name][int(row)])
