"""What the readers of medical data sets share: tables, files beside them, groups, checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from rarecall.data.collections.source import Expected, Look, is_made_up
from rarecall.data.wording import counted, listed, quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.data.collections.file_collection import FileCollection


def first_there(folder: Path, names: Sequence[str]) -> Path:
    """Give the first of several places that is there.

    Raises:
        DataError: None is.
    """
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise DataError(f"{folder} holds no {' nor '.join(names)}.")


def read_table(path: Path, columns: Sequence[str], *, text: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV file that must have some columns.

    Args:
        path: Of the file.
        columns: That must be there.
        text: Columns whose values stay text, such as identifiers.

    Raises:
        DataError: It is missing, damaged, empty, or of another form.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(text, "str"), low_memory=False)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing.") from error
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path} cannot be read as a table ({error}).") from error
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        has = quoted([str(name) for name in table.columns])
        raise DataError(f"{path} has no column {quoted(lacking)}; it has {has}.")
    if table.empty:
        raise DataError(f"{path} has no rows.")
    return table


def files_of(folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """Give the files of some names in a folder, looking at the folder once.

    Raises:
        DataError: Some are not there: how many, and the first of them.
    """
    there = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    require(folder, names, [name for name in names if name not in there])
    return tuple(folder / name for name in names)


def require(folder: Path, names: Sequence[str], missing: Sequence[str]) -> None:
    """Refuse a data set of which files are missing."""
    if missing:
        raise DataError(
            f"{folder} holds only a part of the data set: {counted(len(missing), 'image')} of "
            f"{len(names):,} missing, as {listed(missing, most=3)}."
        )


def class_numbers(column: pd.Series, numbers: Mapping[str, int], path: Path) -> NDArray[np.int64]:
    """Translate words into class numbers.

    Raises:
        DataError: A word is none of those.
    """
    found = column.astype(str).str.strip().map(numbers)
    if found.isna().any():
        raise DataError(
            f"{path} has {str(column[found.isna()].iloc[0])!r} in the column {column.name!r}, "
            f"which should be one of {quoted(list(numbers))}."
        )
    # A copy: pandas gives out views that may not be written to, which PyTorch warns of.
    return np.array(found, dtype=np.int64)


def grouped(column: pd.Series, names: Sequence[str]) -> NDArray[np.str_]:
    """Give groups; an image without one is a group of its own."""
    given = column.astype("str").str.strip()
    known = column.notna() & (given != "")
    own = [f"alone:{name}" for name in names]
    return np.where(known.to_numpy(dtype=bool), given.to_numpy(dtype=object), own).astype(np.str_)


def write_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a made-up image in the format of its ending; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=90)


def counts_of(found: FileCollection, groups: str = "patients") -> dict[str, int]:
    """Count images: all, those of every class and official part, and the groups.

    >>> from pathlib import Path
    >>> from rarecall.data.collections.file_collection import FileCollection
    >>> paths, labels = [Path("a.png"), Path("b.png")], np.array([0, 1])
    >>> counts_of(FileCollection(name="x", paths=paths, labels=labels, classes=("no", "yes")))
    {'images': 2, 'no images': 1, 'yes images': 1}
    """
    counts = {"images": len(found)}
    counts |= {f"{name} images": count for name, count in found.counts.items()}
    if found.parts is not None:
        names, many = np.unique(found.parts, return_counts=True)
        counts |= {str(name): int(k) for name, k in zip(names, many, strict=True)}
    if found.groups is not None:
        counts[groups] = len(np.unique(found.groups))
    return counts


def checked(
    found: FileCollection, expected: Expected, folder: Path, groups: str = "patients"
) -> FileCollection:
    """Refuse a data set of other counts than the published ones, unless it is made up.

    Raises:
        DataError: Says what should be there and what is.
    """
    counts = counts_of(found, groups)
    wrong = [
        f"{counts[part]:,} {part} instead of {wanted:,}"
        for part, wanted in expected.counts.items()
        if part in counts and counts[part] != wanted
    ]
    if wrong and not is_made_up(folder):
        raise DataError(f"{folder} does not hold the published data set: {'; '.join(wrong)}.")
    return found


def look_by(
    read: Callable[[Path], FileCollection], groups: str = "patients"
) -> Callable[[Path], Look]:
    """Make the glance of a data set of its tables, and the names of its files."""

    def look(folder: Path) -> Look:
        return Look(counts_of(read(folder), groups))

    return look
