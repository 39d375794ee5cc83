"""Where rows to predict come from: a table, a folder of images, or a table of image paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import pandas as pd

from rarecall.data.fusion_preprocessor import FusionPreprocessor
from rarecall.data.image_preprocessor import ImagePreprocessor
from rarecall.data.image_sources import path_column
from rarecall.data.table_files import is_table_file
from rarecall.data.table_preprocessor import TablePreprocessor
from rarecall.data.wording import counted
from rarecall.delivery.image_chunks import image_files, paths_of, read_images
from rarecall.delivery.row_checks import Problems, TableChecks
from rarecall.delivery.table_rows import Aside, TableRows
from rarecall.errors import ConfigurationError, DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rarecall.delivery.delivered import Delivered

_BYTES = 64_000_000
"""About as many bytes of images are held at once."""
_LOOKED_AT = 1000
"""First rows that show what a column holds."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows, encoded.

    Attributes:
        ids: What the rows are called, text, shape ``(n,)``.
        kept: Columns to write beside the scores, text, ``n`` rows.
        inputs: As the model's preprocessor gives them.
        problems: What is wrong with the rows.
        done: Share of the source that was read, in [0, 1].
    """

    ids: NDArray[np.object_]
    kept: pd.DataFrame
    inputs: Any
    problems: Problems
    done: float


class Source(Protocol):
    """Rows to predict, in order, some at a time."""

    notes: list[str]

    def parts(self) -> Iterator[Part]:
        """Give the rows; none is left out."""


def open_source(
    model: Delivered,
    data: Path,
    *,
    id: str | None = None,  # noqa: A002  (the users' word for it)
    keep: Sequence[str] = (),
    rows: int | None = None,
) -> Source:
    """Find out what the data is, and check that the model takes it.

    Args:
        model: That will score the rows.
        data: A table of features (CSV, TSV, also packed; Parquet), an image folder, or a table of
            image paths, as the model needs it.
        id: Column that names a row; by default rows are numbered from 0, images named by path.
        keep: Columns to write beside the scores.
        rows: About as many come at once.

    Raises:
        DataError: The data cannot be found or read, or lacks columns.
        ConfigurationError: An option does not fit the data.
    """
    if not data.exists():
        near = [entry.name for entry in data.parent.iterdir()] if data.parent.is_dir() else []
        raise DataError(f"There is no file or folder {str(data)!r}.{did_you_mean(data.name, near)}")
    preprocessor = model.preprocessor
    if data.is_dir():
        if not isinstance(preprocessor, ImagePreprocessor):
            needs = "a table" if model.manifest.kind == "table" else "a table of image paths"
            raise DataError(f"The model takes {needs}, but {data} is a folder.")
        if id is not None or keep:
            raise ConfigurationError(
                "Images in a folder have no columns: leave out --id and --keep."
            )
        return FolderSource(preprocessor, data, rows)
    if not is_table_file(data):
        raise DataError(
            f"{data.name} is of no known kind. Known are .csv, .tsv, .txt (also .gz, .bz2, .xz), "
            ".parquet, and folders of images."
        )
    if isinstance(preprocessor, TablePreprocessor):
        return TableSource(preprocessor, data, id=id, keep=keep, rows=rows)
    return ImageTableSource(preprocessor, data, id=id, keep=keep, rows=rows)


class TableSource:
    """Rows of a table of features; arguments as for :func:`open_source`."""

    def __init__(
        self,
        preprocessor: TablePreprocessor,
        path: Path,
        *,
        id: str | None,  # noqa: A002
        keep: Sequence[str],
        rows: int | None,
    ) -> None:
        self.table = TableRows(path, rows)
        self.checks = TableChecks(preprocessor, comma=self.table.comma, typed=self.table.typed)
        self.checks.refuse_lacking(self.table.columns, path.name)
        _refuse_retyped(self.checks, path)
        self.aside = Aside(self.table, id, keep)
        needed = list(self.checks.kinds)
        self.columns = list(dict.fromkeys([*needed, *self.aside.columns]))
        numbers = {name for name, kind in self.checks.kinds.items() if kind == "number"}
        self.numbers = sorted(numbers - set(self.aside.columns))
        self.notes = self.table.passed_over(self.columns)

    def parts(self) -> Iterator[Part]:
        """Give the rows."""
        for start, chunk in self.table.chunks(self.columns, self.numbers):
            problems = Problems.none(len(chunk.table))
            inputs = self.checks.read(chunk.table, problems)
            self.table.tell_misfits(chunk, problems)
            ids, kept = self.aside.take(chunk.table, start)
            yield Part(ids, kept, inputs, problems, chunk.done)


class FolderSource:
    """Images of a folder and its subfolders; arguments as for :func:`open_source`."""

    def __init__(self, preprocessor: ImagePreprocessor, folder: Path, rows: int | None) -> None:
        self.preprocessor = preprocessor
        self.files = image_files(folder)
        self.rows = rows or _image_rows(preprocessor)
        passed = self.files.passed_over
        self.notes = [f"Passed over {counted(passed, 'file')} of other kinds."] if passed else []

    def parts(self) -> Iterator[Part]:
        """Give the images, sorted by path."""
        total = len(self.files.paths)
        for start in range(0, total, self.rows):
            stop = min(start + self.rows, total)
            problems = Problems.none(stop - start)
            inputs = read_images(self.files.paths[start:stop], self.preprocessor, problems)
            ids = np.asarray(self.files.names[start:stop], dtype=object)
            kept = pd.DataFrame(index=range(stop - start))
            yield Part(ids, kept, inputs, problems, stop / total)


class ImageTableSource:
    """Images named by a table, with patient data where the model takes some."""

    def __init__(
        self,
        preprocessor: Any,
        path: Path,
        *,
        id: str | None,  # noqa: A002
        keep: Sequence[str],
        rows: int | None,
    ) -> None:
        fusion = preprocessor if isinstance(preprocessor, FusionPreprocessor) else None
        self.images = cast("ImagePreprocessor", fusion.images if fusion else preprocessor)
        self.table = TableRows(path, rows or _image_rows(self.images))
        self.checks = None
        needed: list[str] = []
        if fusion is not None:
            self.checks = TableChecks(fusion.table, comma=self.table.comma, typed=self.table.typed)
            self.checks.refuse_lacking(self.table.columns, path.name)
            _refuse_retyped(self.checks, path)
            needed = list(self.checks.kinds)
        self.path_column = self._find_paths(path)
        self.aside = Aside(self.table, self.path_column if id is None else id, keep)
        self.columns = list(dict.fromkeys([self.path_column, *needed, *self.aside.columns]))
        self.notes = self.table.passed_over(self.columns)

    def parts(self) -> Iterator[Part]:
        """Give the rows."""
        for start, chunk in self.table.chunks(self.columns, []):
            problems = Problems.none(len(chunk.table))
            paths = paths_of(chunk.table[self.path_column], self.table.path.parent)
            inputs: Any = read_images(paths, self.images, problems)
            if self.checks is not None:
                inputs = {"image": inputs, "table": self.checks.read(chunk.table, problems)}
            self.table.tell_misfits(chunk, problems)
            ids, kept = self.aside.take(chunk.table, start)
            yield Part(ids, kept, inputs, problems, chunk.done)

    def _find_paths(self, path: Path) -> str:
        first = next(iter(self.table.chunks(self.table.columns, [])), None)
        column = None
        if first is not None:
            table = first[1].table.astype(object)
            column = path_column(table, by_name=True) or path_column(table, by_name=False)
        if column is None:
            raise DataError(
                f"The model takes images, but no column of {path.name} holds paths of image files. "
                "Add a column `path`, relative to the table's folder."
            )
        return column


def _refuse_retyped(checks: TableChecks, path: Path) -> None:
    """Look at the first rows, whatever number of them is read at once later."""
    found: list[pd.DataFrame] = []
    columns = list(checks.kinds)
    for _, chunk in TableRows(path, _LOOKED_AT).chunks(columns, []):
        found.append(chunk.table)
        if sum(map(len, found)) >= _LOOKED_AT:
            break
    if found:
        checks.refuse_retyped(pd.concat(found, ignore_index=True))


def _image_rows(preprocessor: ImagePreprocessor) -> int:
    height, width = preprocessor.size
    return max(1, min(512, _BYTES // (height * width * len(preprocessor.mean))))
