"""One image of a published data set as an array of one size."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rarecall.data.hdf5_images import OpenContainers, container_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GREY = ("1", "L", "LA", "La")


@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be read, and why."""

    reason: str


def read_image(
    path: Path, containers: OpenContainers, shape: tuple[int, int], channels: int, bits: int
) -> NDArray[np.uint8] | Unreadable:
    """Read an image, turn it upright and squeeze it to a size.

    Args:
        path: Of the file, or of the image inside an open HDF5 file.
        containers: The HDF5 files that are open.
        shape: Height and width, in pixels.
        channels: 1 (grey) or 3.
        bits: A pixel of the files of this data set, 8 to 16; deeper ones come down by ``bits - 8``.

    Returns:
        uint8, shape ``(H, W, C)``, or why it cannot be read.

    >>> read_image(Path("absent"), OpenContainers(), (8, 8), 3, 8)
    Unreadable(reason="[Errno 2] No such file or directory: 'absent'")
    """
    try:
        container = container_of(path)
        stored: Any = path if container is None else containers.read(container, path)
        if isinstance(stored, np.ndarray):
            return _finished(Image.fromarray(stored), shape, channels, bits)
        if path.suffix.lower() == ".png":
            stored = path.read_bytes()
            # Damage within a PNG decodes to noise; only its check sums tell.
            with Image.open(BytesIO(stored)) as image:
                image.verify()
        with Image.open(stored if isinstance(stored, Path) else BytesIO(stored)) as image:
            # A JPEG can be decoded small at once; twice the size leaves the resizing exact enough.
            image.draft(None, (2 * shape[1], 2 * shape[0]))
            return _finished(ImageOps.exif_transpose(image), shape, channels, bits)
    except MemoryError:
        raise
    except KeyError as error:
        return Unreadable(f"there is no {error} in the file")
    except UnidentifiedImageError:
        return Unreadable("it is no image")
    except Exception as error:  # decoders raise errors of many kinds on damaged files
        return Unreadable((str(error).strip() or type(error).__name__).splitlines()[0].rstrip("."))


def _finished(
    image: Image.Image, shape: tuple[int, int], channels: int, bits: int
) -> NDArray[np.uint8]:
    if image.mode == "F":
        raise ValueError("floating-point pixels; save it with 8 or 16 bits a channel")
    size = shape[::-1]
    if image.mode.startswith("I"):
        deep = Image.fromarray(np.asarray(image).astype(np.float32))
        values = np.asarray(deep.resize(size, Image.Resampling.BILINEAR)).round()
        if values.max(initial=0) >= 2**bits:
            raise ValueError(f"more than the {bits} bits a pixel that its data set has")
        pixels = (values.clip(min=0).astype(np.int64) >> (bits - 8)).astype(np.uint8)
    else:
        mode = "L" if channels == 1 or image.mode in _GREY else "RGB"
        ready = image.convert(mode)
        if ready.size != size:
            ready = ready.resize(size, Image.Resampling.BILINEAR)
        pixels = np.asarray(ready, dtype=np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    return np.broadcast_to(pixels, (*shape, channels))
