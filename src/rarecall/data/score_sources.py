"""Where a table of scores comes from, and whether it has the columns that are named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data.columns import as_text
from rarecall.data.table_files import is_table_file, read_table
from rarecall.data.wording import quoted
from rarecall.errors import ConfigurationError, DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


def comparable(column: object) -> pd.Series[Any]:
    """Give numbers as floats and all else as text, so that equal cells are equal values.

    >>> comparable([1, 2]).tolist(), comparable(["a", None]).tolist()
    ([1.0, 2.0], ['a', ''])
    """
    values = pd.Series(column)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype(np.float64).reset_index(drop=True)
    words = ["" if word is None else word for word in as_text(values)]
    return pd.Series(words, dtype=object)


def open_table(source: str | Path | pd.DataFrame, name: str | None) -> tuple[pd.DataFrame, str]:
    """Read a file, or take a table in memory; give it with a name for messages.

    Raises:
        DataError: There is no such file, it is of another kind, or holds no usable table.
    """
    if isinstance(source, pd.DataFrame):
        table = source.reset_index(drop=True)
        table.columns = pd.Index([str(column) for column in table.columns])
        twice = sorted({str(c) for c in table.columns[table.columns.duplicated()]})
        if twice:
            raise DataError(
                f"Every column needs a name of its own, but {quoted(twice)} stands more than once."
            )
        if not len(table):
            raise DataError("The table has no rows. Give one row a sample.")
        return table, name or "the table"
    path = Path(source).expanduser()
    if not path.is_file():
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"There is no file {str(path)!r}.{did_you_mean(path.name, near)}")
    if not is_table_file(path):
        raise DataError(
            f"{path.name} is of no known kind. Scores are read from .csv, .tsv, .txt (also .gz, "
            ".bz2, .xz) and .parquet. Save a spreadsheet as CSV first."
        )
    return read_table(path), name or path.name


def check_columns(
    table: pd.DataFrame, scores: Sequence[str], parts: dict[str, str], source: str
) -> None:
    """Check that every named column is there, and named for one part only.

    Args:
        table: Whose columns.
        scores: Names of score columns.
        parts: Names of the others by the part that they play.
        source: Of the table, for messages.

    Raises:
        DataError: All columns that are missing, with the nearest names.
        ConfigurationError: No score is named, or a column twice.
    """
    known = [str(name) for name in table.columns]
    if not scores:
        raise ConfigurationError(
            "Say which columns hold scores: give `scores` (--score). "
            f"The columns of {source} are {quoted(known, most=20)}."
        )
    named = [("score", name) for name in scores] + list(parts.items())
    problems = [
        f"The {part} column {name!r} is not in {source}.{did_you_mean(name, known)}"
        for part, name in named
        if name not in known
    ]
    if problems:
        raise DataError(" ".join(problems) + f" Its columns are {quoted(known, most=20)}.")
    seen: dict[str, str] = {}
    for part, name in named:
        if name in seen:
            before = seen[name]
            what = f"{before} and as the {part}" if before != part else f"{part} twice"
            raise ConfigurationError(
                f"The column {name!r} is named as the {what}. One column can play one part only."
            )
        seen[name] = part
