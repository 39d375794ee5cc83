"""New images of any number, decoded some at a time, each by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from PIL import Image

from rarecall.data.images import decode_each
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rarecall.data.image_preprocessor import ImagePreprocessor
    from rarecall.delivery.row_checks import Problems


@dataclass(frozen=True)
class ImageFiles:
    """Paths of image files under a folder, and how many files were passed over.

    Attributes:
        paths: Sorted.
        names: Relative to the folder, with slashes.
        passed_over: Files of other kinds.
    """

    paths: list[Path]
    names: list[str]
    passed_over: int


def image_files(folder: Path) -> ImageFiles:
    """Find the images in a folder and its subfolders; hidden ones are left out.

    Raises:
        DataError: There are none.
    """
    paths, passed_over, endings = [], 0, Image.registered_extensions()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if any(piece.startswith(".") for piece in inside.parts) or not path.is_file():
            continue
        if path.suffix.lower() in endings:
            paths.append(path)
        else:
            passed_over += 1
    if not paths:
        raise DataError(f"{folder} holds no images, in its subfolders neither.")
    names = [path.relative_to(folder).as_posix() for path in paths]
    return ImageFiles(paths, names, passed_over)


def read_images(
    paths: Sequence[Path | None], preprocessor: ImagePreprocessor, problems: Problems
) -> torch.Tensor:
    """Decode and encode images as in training; what cannot be read makes its row unusable.

    Args:
        paths: Files; None where a row names none.
        preprocessor: Of the model.
        problems: Of these rows; added to.

    Returns:
        uint8, shape ``(n, C, H, W)``; black where an image cannot be read.
    """
    channels = len(preprocessor.mean)
    pixels = np.zeros((len(paths), channels, *preprocessor.size), dtype=np.uint8)
    there = [(k, path) for k, path in enumerate(paths) if path is not None]
    decoded = decode_each([path for _, path in there], preprocessor.size, bits=preprocessor.bits)
    faults = {k: "no image is named" for k, path in enumerate(paths) if path is None}
    for (k, path), found in zip(there, decoded, strict=True):
        if isinstance(found, str):
            empty = path.is_file() and not path.stat().st_size
            told = "its file is empty" if empty else found
            faults[k] = f"the image cannot be read: {told}"
        elif found.shape[2] > channels:
            faults[k] = "the image has colours, and the model was trained on grey ones"
        else:
            pixels[k] = found.transpose(2, 0, 1)
    problems.block(list(faults), list(faults.values()))
    return torch.from_numpy(pixels)


def paths_of(column: pd.Series[str], root: Path) -> list[Path | None]:
    """Read a column of paths, relative to a folder."""
    return [None if pd.isna(name) or not str(name).strip() else root / str(name) for name in column]
