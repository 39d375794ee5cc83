"""Tables from files: CSV, TSV (also compressed) and Parquet, checked before they are believed."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import re
import warnings
import zlib
from typing import TYPE_CHECKING, Any, TextIO, cast

import pandas as pd
from pandas.api import types

from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_OPENERS: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
_TEXT = (".csv", ".tsv", ".tab", ".txt")
_PARQUET = (".parquet", ".pq")
_DELIMITERS = (",", ";", "\t", "|")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+(,\d+)?\s*")


def is_table_file(path: Path) -> bool:
    """Tell by its name whether a file holds a table that :func:`read_table` knows."""
    return _suffix(path) in _TEXT + _PARQUET


def read_table(path: Path) -> pd.DataFrame:
    """Read a table; column names are text and unique.

    The delimiter of a text file is the one that its first line uses most of comma, semicolon,
    tab and bar. Cells that pandas takes for missing (empty, ``NA``, ``NaN``, ``null``, ...) are.

    Raises:
        DataError: The file is empty, no table, or has two columns of one name.
    """
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty. It should hold a table with a header line.")
    try:
        table = _read_parquet(path) if _suffix(path) in _PARQUET else _read_text(path)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start} is {error.object[error.start]:#04x}). "
            "Save the table as CSV in UTF-8, or as Parquet."
        ) from error
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        raise DataError(f"{path} is damaged and cannot be unpacked: {error}.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read as a table: {_first_line(error)}. "
            "Each line needs as many fields as the header; quote fields that hold the delimiter."
        ) from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} holds no table, only empty lines.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {_first_line(error)}.") from error
    if not len(table):
        raise DataError(
            f"{path} has a header ({counted(len(table.columns), 'column')}) but no rows."
        )
    return table


def _read_text(path: Path) -> pd.DataFrame:
    with cast("TextIO", _opener(path)(path, "rt", encoding="utf-8-sig", newline="")) as file:
        delimiter, header = _read_header(file)
    _refuse_duplicates(path, [name for name in header if name])
    options: dict[str, Any] = {
        "sep": delimiter,
        "encoding": "utf-8-sig",
        "low_memory": False,
        "skipinitialspace": delimiter != "\t",
        # A line with more fields than the header would otherwise shift every column by one.
        "index_col": False,
    }
    table = _parse(path, options)
    if delimiter == ";" and any(_has_decimal_comma(column) for _, column in table.items()):
        table = _parse(path, {**options, "decimal": ","})
    table.columns = pd.Index([str(name).strip() for name in table.columns])
    return table


def _parse(path: Path, options: dict[str, Any]) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # Opened here, so that what is read is what the header was read from.
        with _opener(path)(path, "rb") as file:
            return cast("pd.DataFrame", pd.read_csv(file, **options))


def _read_header(file: TextIO) -> tuple[str, list[str]]:
    line = next((line for line in file if line.strip()), "")
    outside_quotes = re.sub(r'"[^"]*"', "", line)
    delimiter = max(_DELIMITERS, key=outside_quotes.count)
    if "\0" in line:
        raise csv.Error("it holds zero bytes, so it is no text file")
    header = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    return delimiter, [name.strip() for name in header]


def _has_decimal_comma(column: pd.Series[Any]) -> bool:
    if types.is_numeric_dtype(column.dtype):
        return False
    words = column.dropna().astype(str)
    if not len(words) or not words.str.contains(",", regex=False).any():
        return False
    return bool(words.str.fullmatch(_DECIMAL_COMMA).all())


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow
    from pyarrow import parquet

    try:
        names = [str(name) for name in parquet.read_schema(path).names]
        _refuse_duplicates(path, names)
        table = parquet.read_table(path).to_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {_first_line(error)}.") from error
    if table.index.name is not None:
        table = table.reset_index()
    table = table.reset_index(drop=True)
    table.columns = pd.Index([str(name) for name in table.columns])
    return cast("pd.DataFrame", table)


def _refuse_duplicates(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"Every column needs a name of its own, but {path} has more than one column called "
            f"{quoted(twice)}. Rename or delete the repeated ones."
        )


def _opener(path: Path) -> Callable[..., Any]:
    return _OPENERS.get(path.suffix.lower(), open)


def _suffix(path: Path) -> str:
    name = path.name.lower()
    for compression in _OPENERS:
        name = name.removesuffix(compression)
    return "." + name.rpartition(".")[2] if "." in name else ""


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    text = text.removeprefix("Error tokenizing data. C error: ")
    return text.splitlines()[0].rstrip(".")
