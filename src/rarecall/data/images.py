"""Images of any size and mode as one array of bytes."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rarecall.data.answers import read_answers
from rarecall.data.columns import prepare_columns
from rarecall.data.request import read_aside, require_columns
from rarecall.data.samples import Samples
from rarecall.data.suspicions import common_classes, leaks, repeated_rows
from rarecall.data.wording import counted, listed
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from rarecall.data.request import Request

DEFAULT_SIZE = 64
"""Height and width of images that are not all of one size, or larger."""

_SWAPPED = (5, 6, 7, 8)
_ORIENTATION = 0x0112
_GREY = ("1", "L", "LA", "La")
_DEPTH = re.compile(r"with up to (\d+) bits a pixel came down to 8\.$")
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I")


@dataclass(frozen=True, eq=False)
class Decoded:
    """Images that could be read.

    Attributes:
        pixels: uint8, shape ``(m, H, W, C)``, one channel when all are grey, else three.
        kept: Positions of the images that could be read, shape ``(m,)``.
        notes: For the user.
    """

    pixels: NDArray[np.uint8]
    kept: NDArray[np.int64]
    notes: list[str]


@dataclass(frozen=True)
class _Failure:
    reason: str


def decode_images(
    paths: Sequence[Path],
    names: Sequence[str],
    *,
    size: int | None = None,
    skip_unreadable: bool = False,
) -> Decoded:
    """Read images, turn them upright, and bring them to one size.

    An image keeps its orientation tag's meaning, loses transparency, and is squeezed to a square
    unless all are of one size of at most 64 x 64 and no size is asked for.

    Args:
        paths: Files.
        names: What to call them in messages.
        size: Height and width, in pixels.
        skip_unreadable: Leave out what cannot be read instead of raising.

    Raises:
        DataError: An image cannot be read (named, with the number of such), or none can.
    """
    sizes = _in_threads(_size_of, paths)
    known = {found for found in sizes if not isinstance(found, _Failure)}
    shape = _common_shape(known, size)
    read = _in_threads(lambda path: _decode(path, shape), paths)
    failures = {k: found.reason for k, found in enumerate(read) if isinstance(found, _Failure)}
    notes = []
    if failures:
        told = [f"{names[k]} ({reason})" for k, reason in failures.items()]
        if not skip_unreadable or len(failures) == len(paths):
            raise DataError(
                f"{counted(len(failures), 'image')} of {len(paths)} cannot be read: "
                f"{listed(told, most=5)}. Repair or delete them, or leave them out with "
                "`skip_unreadable` (--skip-unreadable)."
            )
        notes.append(
            f"Left out {counted(len(failures), 'image')} of {len(paths)} that cannot be read: "
            f"{listed(told, most=5)}."
        )
    images = [found for found in read if not isinstance(found, _Failure)]
    kept = np.asarray([k for k in range(len(paths)) if k not in failures], dtype=np.int64)
    if known != {shape}:
        notes.append(
            f"Images were resized to {shape[0]} x {shape[1]} pixels (height x width) from "
            f"{_told(known)}; `image_size` (--image-size) asks for another size."
        )
    return Decoded(_stack(images, shape, notes), kept, notes)


def decode_each(
    paths: Sequence[Path], shape: tuple[int, int], *, bits: int
) -> list[NDArray[np.uint8] | str]:
    """Read images as :func:`decode_images` would, but each by itself.

    Args:
        paths: Files.
        shape: Height and width, in pixels.
        bits: A pixel of the images that the scale was taken from, 8 to 16; see :func:`depth_of`.

    Returns:
        For each uint8, shape ``(H, W, C)``, one channel when it is grey, else three; or why it
        cannot be read.
    """
    return [_shallow(found, bits) for found in _in_threads(lambda p: _decode(p, shape), paths)]


def depth_of(notes: Sequence[str]) -> int:
    """Bits a pixel of the images that samples were loaded from: what their notes say, else 8.

    >>> depth_of(["3 images with up to 12 bits a pixel came down to 8."])
    12
    """
    found = [match for note in notes if (match := _DEPTH.search(note))]
    return int(found[0].group(1)) if found else 8


def _shallow(found: NDArray[Any] | _Failure, bits: int) -> NDArray[np.uint8] | str:
    if isinstance(found, _Failure):
        return found.reason
    if found.dtype == np.uint16:
        own = int(found.max(initial=0)).bit_length()
        if own > bits:
            return f"it has {own} bits a pixel, and the images of the training had {bits}"
        found = (found >> (bits - 8)).astype(np.uint8)
    return found if found.ndim == 3 else found[..., np.newaxis]


def samples_from_stack(
    images: NDArray[np.uint8],
    table: pd.DataFrame,
    request: Request,
    *,
    name: str,
    ids: NDArray[np.str_] | None = None,
    notes: Sequence[str] = (),
) -> Samples:
    """Make samples of decoded images and a table that describes them.

    Args:
        images: uint8, shape ``(n, H, W)`` or ``(n, H, W, C)``, C being 1 or 3.
        table: Columns for target, group and the like, ``n`` rows.
        request: Which column plays which part.
        name: Of the source, for messages.
        ids: Identifiers when the request names no id column.
        notes: Collected so far.

    Raises:
        DataError: The shape cannot be an image's, or the table is wrong.
    """
    pixels = images[..., np.newaxis] if images.ndim == 3 else images
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or 0 in pixels.shape:
        raise DataError(
            f"Images must have shape (n, H, W) or (n, H, W, C) with 1 or 3 channels; {name} has "
            f"{images.shape}."
        )
    require_columns(table, request, name)
    if not request.target_columns:
        raise DataError(f"Say which column of {name} holds the label: give `target` (--target).")
    answers = read_answers(table, request)
    aside = read_aside(table, request, ids)
    size = request.image_size
    if size is not None and pixels.shape[1:3] != (size, size):
        pixels = _resize(pixels, size)
    told = [*notes, *answers.notes, *aside.notes, *common_classes(answers)]
    beside = None
    if request.metadata:
        prepared = prepare_columns(table[list(request.metadata)])
        beside = prepared.table
        told += [*prepared.notes, *leaks(beside, answers)]
    told += repeated_rows(pixels, answers.targets, grouped=aside.groups is not None)
    return Samples(
        name=name,
        kind="images",
        features=np.ascontiguousarray(pixels),
        targets=answers.targets,
        ids=aside.ids,
        critical=answers.critical,
        target_name=answers.target_name,
        class_counts=answers.class_counts,
        groups=aside.groups,
        times=aside.times,
        given_roles=aside.given_roles,
        subgroups=aside.subgroups,
        notes=tuple(told),
        labels=answers.labels,
        task=answers.task,
        classes=answers.classes,
        metadata=beside,
    )


def _in_threads(work: Callable[[Path], Any], paths: Sequence[Path]) -> list[Any]:
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) * 2)) as pool:
        return list(pool.map(work, paths))


def _size_of(path: Path) -> tuple[int, int] | _Failure:
    try:
        with Image.open(path) as image:
            width, height = image.size
            # A PNG would be decoded whole to look for a tag that it hardly ever has.
            tagged = image.format != "PNG" or "exif" in image.info
            turned = tagged and image.getexif().get(_ORIENTATION) in _SWAPPED
    except MemoryError:
        raise
    except Exception as error:  # decoders raise errors of many kinds on damaged files
        return _Failure(_reason(error))
    return (width, height) if turned else (height, width)


def _decode(path: Path, shape: tuple[int, int]) -> NDArray[Any] | _Failure:
    height, width = shape
    try:
        with Image.open(path) as image:
            # A JPEG can be decoded small at once; twice the size leaves the resizing exact enough.
            image.draft(None, (2 * width, 2 * height))
            upright = ImageOps.exif_transpose(image)
            if upright.mode == "F":
                return _Failure("floating-point pixels; save it with 8 or 16 bits a channel")
            if upright.mode in _DEEP:
                return _decode_deep(upright, shape)
            ready = upright.convert("L" if upright.mode in _GREY else "RGB")
            if ready.size != (width, height):
                ready = ready.resize((width, height), Image.Resampling.BILINEAR)
            pixels = np.asarray(ready, dtype=np.uint8)
    except MemoryError:
        raise
    except Exception as error:  # as above
        return _Failure(_reason(error))
    if pixels.ndim == 3 and np.all(pixels == pixels[..., :1]):
        return pixels[..., 0]
    return pixels


def _decode_deep(image: Image.Image, shape: tuple[int, int]) -> NDArray[Any]:
    values = np.asarray(image).astype(np.float32)
    if values.shape != shape:
        flat = Image.fromarray(values)
        values = np.asarray(flat.resize(shape[::-1], Image.Resampling.BILINEAR))
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


def _common_shape(known: set[tuple[int, int]], size: int | None) -> tuple[int, int]:
    if size is not None:
        return size, size
    if len(known) == 1:
        (only,) = known
        if max(only) <= DEFAULT_SIZE:
            return only
    return DEFAULT_SIZE, DEFAULT_SIZE


def _told(known: set[tuple[int, int]]) -> str:
    heights, widths = [h for h, _ in known], [w for _, w in known]
    if len(known) == 1:
        return f"{heights[0]} x {widths[0]}"
    return (
        f"heights of {min(heights)} to {max(heights)} and widths of {min(widths)} to {max(widths)}"
    )


def _stack(
    images: Sequence[NDArray[Any]], shape: tuple[int, int], notes: list[str]
) -> NDArray[np.uint8]:
    deep = [image for image in images if image.dtype == np.uint16]
    shift = 0
    if deep:
        # One scale for all of them, so that brightness stays comparable.
        top = max(int(image.max()) for image in deep)
        shift = max(top.bit_length() - 8, 0)
        notes.append(
            f"{counted(len(deep), 'image')} with up to {max(top.bit_length(), 8)} bits a pixel "
            "came down to 8."
        )
    channels = 3 if any(image.ndim == 3 for image in images) else 1
    pixels = np.empty((len(images), *shape, channels), dtype=np.uint8)
    for k, image in enumerate(images):
        small = (image >> shift).astype(np.uint8) if image.dtype == np.uint16 else image
        pixels[k] = small if small.ndim == 3 else small[..., np.newaxis]
    return pixels


def _resize(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    resized = np.empty((len(pixels), size, size, pixels.shape[3]), dtype=np.uint8)
    for k, image in enumerate(pixels):
        flat = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        small = np.asarray(flat.resize((size, size), Image.Resampling.BILINEAR))
        resized[k] = small.reshape(size, size, -1)
    return resized


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        return "it is no image"
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
