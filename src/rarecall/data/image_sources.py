"""Where images come from: a folder a class, or a table of paths and labels."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from rarecall.data.answers import read_answers
from rarecall.data.images import decode_images, samples_from_stack
from rarecall.data.request import read_aside, require_columns, role_word
from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.data.request import Request
    from rarecall.data.samples import Samples

_PATH_NAMES = ("path", "image", "file", "filename", "filepath", "image_path", "file_name", "img")
_LABEL_NAMES = ("label", "target", "class", "y")


def load_folder(folder: Path, request: Request) -> Samples:
    """Load images whose folder is their class.

    Folders named train, val (or validation), calibration and test may stand between; they are the
    given split. Files that are no images, and hidden ones, are passed over.

    Raises:
        DataError: There are no class folders, or no images in them.
    """
    request.refuse_columns(
        f"The image folder {folder.name}",
        "Write a table with the columns path and label (and group and so on), and name that.",
    )
    parts = _subfolders(folder)
    roles = [role_word(part.name) for part in parts]
    split = len(parts) > 1 and all(role is not None for role in roles)
    rows: list[tuple[str, str, str]] = []
    ignored = 0
    for part in parts:
        for of_class in _subfolders(part) if split else [part]:
            for path in sorted(of_class.rglob("*")):
                inside = path.relative_to(folder)
                if any(piece.startswith(".") for piece in inside.parts) or not path.is_file():
                    continue
                if path.suffix.lower() not in _image_endings():
                    ignored += 1
                    continue
                rows.append((inside.as_posix(), of_class.name, part.name))
    if not rows:
        raise DataError(
            f"{folder} should hold one folder a class with images in it, but "
            f"{'its folders hold no images' if parts else 'it has no folders'}. "
            "Sort the images into folders, or write a table with the columns path and label."
        )
    table = pd.DataFrame(rows, columns=["path", "label", "part"])
    notes = [f"Passed over {counted(ignored, 'file')} of other kinds."] if ignored else []
    named = replace(request, target="label", split_column="part" if split else None)
    return _load(folder, table, "path", named, name=folder.name, notes=notes)


def load_manifest(source: Path, table: pd.DataFrame, column: str, request: Request) -> Samples:
    """Load images whose paths and labels stand in a table.

    Args:
        source: The table's file; relative paths start at its folder.
        table: Its content.
        column: The column of paths.
        request: Which other column plays which part.

    Raises:
        DataError: A path is missing or named twice, no column of labels is named, or an image
            cannot be read.
    """
    if not request.target_columns:
        found = [str(name) for name in table.columns if str(name).lower() in _LABEL_NAMES]
        if len(found) != 1:
            others = [str(name) for name in table.columns if name != column]
            raise DataError(
                f"Say which column of {source.name} holds the label: give `target` (--target). "
                f"Its other columns are {quoted(others)}."
            )
        request = replace(request, target=found[0])
    request = replace(request, metadata=metadata_columns(table, column, request))
    require_columns(table, request, source.name)
    missing = int(table[column].isna().sum())
    if missing:
        raise DataError(
            f"Every row of {source.name} needs an image, but the column {column!r} is empty in "
            f"{counted(missing, 'row')} of {len(table)}. Fill these in or delete the rows."
        )
    return _load(source.parent, table, column, request, name=source.name, notes=[])


def path_column(table: pd.DataFrame, *, by_name: bool) -> str | None:
    """Find the column that holds paths of image files, or None.

    Args:
        table: A table.
        by_name: Accept only columns that are named like one (path, image, file, ...).

    >>> path_column(pd.DataFrame({"path": ["a/1.png"], "label": ["cat"]}), by_name=True)
    'path'
    """
    for name, column in table.items():
        if by_name and str(name).lower() not in _PATH_NAMES:
            continue
        present = column.dropna()
        if not len(present) or not isinstance(present.iloc[0], str):
            continue
        endings = present.iloc[:100].astype(str).str.extract(r"(\.\w+)$")[0].str.lower()
        if endings.isin(_image_endings()).mean() > 0.5:
            return str(name)
    return None


def _load(
    root: Path,
    table: pd.DataFrame,
    column: str,
    request: Request,
    *,
    name: str,
    notes: list[str],
) -> Samples:
    names = table[column].astype(str).tolist()
    _check_before_decoding(table, request, np.asarray(names, dtype=np.str_))
    decoded = decode_images(
        [root / inside for inside in names],
        names,
        size=request.image_size,
        skip_unreadable=request.skip_unreadable,
    )
    return samples_from_stack(
        decoded.pixels,
        table.iloc[decoded.kept].reset_index(drop=True),
        replace(request, image_size=None),
        name=name,
        ids=np.asarray(names, dtype=np.str_)[decoded.kept],
        notes=[*notes, *decoded.notes],
    )


def metadata_columns(table: pd.DataFrame, path: str, request: Request) -> tuple[str, ...]:
    """Name the columns of patient data; ``"all"`` stands for those that play no other part.

    >>> from rarecall.data.request import Request
    >>> table = pd.DataFrame({"path": ["a.png"], "label": ["x"], "age": [40]})
    >>> metadata_columns(table, "path", Request(target="label", metadata=("all",)))
    ('age',)
    """
    if request.metadata != ("all",) or "all" in table.columns:
        return request.metadata
    taken = {
        path,
        request.group,
        request.time,
        request.id,
        request.split_column,
        *request.target_columns,
        *request.drop,
    }
    return tuple(str(name) for name in table.columns if name not in taken)


def _check_before_decoding(table: pd.DataFrame, request: Request, names: NDArray[np.str_]) -> None:
    # Decoding can take minutes; a misspelt label should not.
    read_answers(table, request)
    read_aside(table, request, names)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


@cache
def _image_endings() -> frozenset[str]:
    return frozenset(Image.registered_extensions())
