"""Image files of one size, decoded once: a memory-mapped array in the cache folder.

Decoding photographs takes hours; the array is then read as fast as the disk. It is named after the
identity of every file (path, bytes, time of change) and the size, so it never goes stale; what a
stopped run has decoded is kept.
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.cache_file import CacheFile
from rarecall.data.hdf5_images import OpenContainers, container_of
from rarecall.data.image_reading import Unreadable, read_image
from rarecall.data.wording import counted, listed
from rarecall.errors import DataError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_VERSION = 1
_CHUNK_BYTES = 2**24
_LARGEST = 2**14


@dataclass(frozen=True, eq=False)
class CachedImages:
    """Images of one size on disk.

    Attributes:
        pixels: uint8, shape ``(n, H, W, C)``, mapped read-only.
        path: The file that holds them.
        decoded: Images that had to be decoded now; 0 if all were there.
        seconds: That this took, checks included.
    """

    pixels: NDArray[np.uint8]
    path: Path
    decoded: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Images decoded a second; 0 if none had to be."""
        return self.decoded / max(self.seconds, 1e-9)


def cached_images(
    paths: Sequence[Path],
    size: int | tuple[int, int],
    *,
    names: Sequence[str] | None = None,
    channels: int = 3,
    bits: int = 8,
    cache: str | Path | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CachedImages:
    """Give images at one size, decoding those that are not in the cache yet.

    Images are turned upright and squeezed to the size by a bilinear filter as wide as the
    reduction, exactly as :func:`rarecall.data.images.decode_each` does for a delivered model.

    Args:
        paths: Files; an image inside an HDF5 file as :mod:`~rarecall.data.hdf5_images` names it.
        size: Height and width, in pixels, or one number for both.
        names: What to call them in messages; the file names if None.
        channels: 1 (grey) or 3.
        bits: A pixel of the files, 8 to 16; deeper images come down by ``bits - 8``.
        cache: Folder, see :func:`rarecall.data.collections.places.cache_root`.
        threads: That decode; as many as there are processors, 16 at most, if None.
        progress: Called with the images done and all of them, a few times a second.

    Raises:
        DataError: An image is missing or damaged (named, with the number of such). The others are
            kept: a second call decodes only these.
        StorageError: The cache cannot be written.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.png"
    ...     Image.new("RGB", (40, 30), (255, 0, 0)).save(path)
    ...     found = cached_images([path], 8, cache=Path(folder) / "cache")
    ...     found.pixels.shape, found.decoded, found.pixels[0, 4, 4].tolist()
    ((1, 8, 8, 3), 1, [255, 0, 0])
    """
    from rarecall.data.collections.places import cache_root

    began = time.perf_counter()
    shape = _checked(size, channels, bits)
    names = [path.name for path in paths] if names is None else names
    if not paths:
        raise DataError("There are no images to read.")
    threads = threads or min(16, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool, OpenContainers() as containers:
        digest = _identity(paths, names, f"{_VERSION}|{shape}|{channels}|{bits}|", pool)
        place = cache_root(cache) / "images" / f"{digest[:32]}.npy"
        done = 0
        if not place.is_file():
            for container in {found for path in paths if (found := container_of(path))}:
                containers.open(container)

            def decode(k: int) -> NDArray[np.uint8] | Unreadable:
                return read_image(paths[k], containers, shape, channels, bits)

            with CacheFile(place, (len(paths), *shape, channels)) as file:
                done = _fill(file, decode, names, pool, progress)
    try:
        pixels = np.load(place, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise StorageError(
            f"The cached images {place} cannot be read ({error}). Delete that file and run again."
        ) from error
    return CachedImages(pixels, place, done, time.perf_counter() - began)


def _checked(size: int | tuple[int, int], channels: int, bits: int) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if not (0 < height <= _LARGEST and 0 < width <= _LARGEST):
        raise DataError(f"Images need a size from 1 to {_LARGEST} pixels, not {size}.")
    if channels not in (1, 3) or not 8 <= bits <= 16:
        raise DataError(
            f"Images have 1 or 3 channels and 8 to 16 bits a pixel, not {channels} and {bits}."
        )
    return height, width


def _identity(
    paths: Sequence[Path], names: Sequence[str], asked: str, pool: ThreadPoolExecutor
) -> str:
    """Hash what tells one set of files from another, without reading them."""
    containers = [container_of(path) for path in paths]
    files = sorted({found or path for found, path in zip(containers, paths, strict=True)})
    facts = dict(zip(files, pool.map(_facts, files, chunksize=64), strict=True))
    missing = [
        name
        for name, path, container in zip(names, paths, containers, strict=True)
        if facts[container or path] is None
    ]
    if missing:
        raise DataError(
            f"{counted(len(missing), 'image')} of {len(paths)} cannot be read: there is no file "
            f"for {listed(missing, most=5)}. Fetch the data set again."
        )
    found = hashlib.sha256(asked.encode())
    for path, container in zip(paths, containers, strict=True):
        inside = "" if container is None else path.relative_to(container).as_posix()
        found.update(f"{container or path}|{inside}|{facts[container or path]}\n".encode())
    return found.hexdigest()


def _facts(path: Path) -> str | None:
    try:
        stored = path.stat()
    except OSError:
        return None
    return f"{path.absolute()}|{stored.st_size}|{stored.st_mtime_ns}"


def _fill(
    file: CacheFile,
    decode: Callable[[int], NDArray[np.uint8] | Unreadable],
    names: Sequence[str],
    pool: ThreadPoolExecutor,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Decode what is not there yet; give how many that were."""
    n, each = file.shape[0], int(np.prod(file.shape[1:]))
    chunk = max(16, min(1024, _CHUNK_BYTES // each))
    failures: dict[int, str] = {}
    decoded, told = 0, 0.0
    for start in range(0, n, chunk):
        stop = min(start + chunk, n)
        wanted = [start + int(k) for k in np.flatnonzero(~file.done(start, stop))]
        found = dict(zip(wanted, pool.map(decode, wanted), strict=True))
        good = {k: value for k, value in found.items() if not isinstance(value, Unreadable)}
        failures |= {k: value.reason for k, value in found.items() if isinstance(value, Unreadable)}
        file.write(good)
        decoded += len(good)
        if progress is not None and (time.perf_counter() - told > 0.2 or stop == n):
            told = time.perf_counter()
            progress(stop, n)
    if failures:
        text = [f"{names[k]} ({reason})" for k, reason in failures.items()]
        raise DataError(
            f"{counted(len(failures), 'image')} of {n} cannot be read: {listed(text, most=5)}. "
            "Fetch or repair these; the others are kept."
        )
    return decoded
