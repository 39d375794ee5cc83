"""Tables from files: CSV, TSV (also compressed) and Parquet, checked before they are believed."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import re
import warnings
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

import pandas as pd
from pandas.api import types

from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


def is_parquet(path: Path) -> bool:
    """Tell by its name whether a file is Parquet."""
    return _suffix(path) in _PARQUET


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
    with told_as_data_errors(path):
        table = _read_parquet(path) if is_parquet(path) else _read_text(path)
    if not len(table):
        raise DataError(
            f"{path} has a header ({counted(len(table.columns), 'column')}) but no rows."
        )
    return table


@contextmanager
def told_as_data_errors(path: Path) -> Iterator[None]:
    """Turn what readers raise on a damaged file into one error that says what to do.

    Raises:
        DataError: The body could not read the file.
    """
    try:
        yield
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


def text_header(path: Path) -> tuple[str, list[str]]:
    """Find the delimiter and the column names in the first line of a text file.

    Raises:
        DataError: Two columns have one name.
    """
    # Bytes that are no text are refused here only where they stand in the header itself.
    text = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
    with cast("TextIO", open_file(path, "rt", **text)) as file:
        delimiter, header = _read_header(file)
    "".join(header).encode("utf-8", errors="surrogateescape").decode("utf-8")
    refuse_duplicates(path, [name for name in header if name])
    return delimiter, header


def open_file(path: Path, mode: str, **options: Any) -> IO[Any]:
    """Open a file, unpacking what its name says is packed."""
    opener = _OPENERS.get(path.suffix.lower(), open)
    return cast("IO[Any]", opener(path, mode, **options))


def unpacked(path: Path, raw: IO[bytes]) -> IO[bytes]:
    """Unpack an open file as the name of its path says."""
    opener = _OPENERS.get(path.suffix.lower())
    return raw if opener is None else cast("IO[bytes]", opener(raw, "rb"))


def _read_text(path: Path) -> pd.DataFrame:
    delimiter, _ = text_header(path)
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
        with open_file(path, "rb") as file:
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
        refuse_duplicates(path, names)
        table = parquet.read_table(path).to_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {_first_line(error)}.") from error
    if table.index.name is not None:
        table = table.reset_index()
    table = table.reset_index(drop=True)
    table.columns = pd.Index([str(name) for name in table.columns])
    return cast("pd.DataFrame", table)


def refuse_duplicates(path: Path, names: list[str]) -> None:
    """Refuse a table two of whose columns have one name.

    Raises:
        DataError: Names them.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"Every column needs a name of its own, but {path} has more than one column called "
            f"{quoted(twice)}. Rename or delete the repeated ones."
        )


def _suffix(path: Path) -> str:
    name = path.name.lower()
    for compression in _OPENERS:
        name = name.removesuffix(compression)
    return "." + name.rpartition(".")[2] if "." in name else ""


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    text = text.removeprefix("Error tokenizing data. C error: ")
    return text.splitlines()[0].rstrip(".")
