"""The file of predictions: a row a row of the data, written as they come, whole or absent."""

from __future__ import annotations

import gzip
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from rarecall.errors import ConfigurationError
from rarecall.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rarecall.delivery.delivered import Delivered
    from rarecall.delivery.sources import Part

_ENDINGS = (".csv", ".csv.gz", ".parquet")


class Rows(Protocol):
    """Something that rows are written to."""

    def write(self, frame: pd.DataFrame) -> None:
        """Append rows; the columns are always the same."""


def check_out(out: Path, *, overwrite: bool) -> None:
    """Make sure that the file may be written, before anything is scored.

    Raises:
        ConfigurationError: Its ending says no known format, or it is there already.
    """
    if not out.name.lower().endswith(_ENDINGS):
        raise ConfigurationError(
            f"Predictions are written as {', '.join(_ENDINGS)}; {out.name!r} ends otherwise."
        )
    if out.is_dir() or (out.exists() and not overwrite):
        raise ConfigurationError(
            f"{out} is there already, and nothing is overwritten unless asked for. "
            "Choose another --out, or give --overwrite."
        )


@contextmanager
def prediction_file(out: Path) -> Iterator[Rows]:
    """Open the file; it takes its place only when all rows are in it.

    Raises:
        StorageError: The file system refused.
    """
    with write_atomically(out) as beside:
        if out.name.lower().endswith(".parquet"):
            rows: _Parquet | _Text = _Parquet(beside)
        else:
            rows = _Text(beside, packed=out.name.lower().endswith(".gz"))
        try:
            yield rows
        finally:
            rows.close()


def laid_out(model: Delivered, part: Part, scores: NDArray[np.float64]) -> pd.DataFrame:
    """Make the rows of the file from scores.

    Args:
        model: That scored them.
        part: The rows.
        scores: Of all rows, NaN where one could not be scored.

    Returns:
        In binary work ``id``, ``score``, ``probability``, ``decision``, ``problem``; with several
        critical classes or labels ``score NAME``, ``probability NAME`` and ``flag NAME`` of each,
        and as ``decision`` the class that a row is given to, or the labels that it is flagged for.
        Kept columns stand behind the id. Without a score everything but the problem is empty.

    Raises:
        ConfigurationError: A kept column is called as one of these.
    """
    usable = ~part.problems.unusable
    good = scores[usable]
    found: dict[str, Any] = {}
    several = model.task.kind != "binary"
    flags = as_columns(model.flag_scores(good))
    columns = good[:, list(model.task.critical)] if several else good[:, np.newaxis]
    for place, one in enumerate(model.manifest.thresholds):
        name = f" {one.name}" if several else ""
        found[f"score{name}"] = _spread(columns[:, place], usable)
        fitted = model.calibrators.get(one.number)
        chances = np.full(len(good), np.nan)
        if fitted is not None and len(good):
            chances = fitted.probability(columns[:, place])
        found[f"probability{name}"] = _spread(chances, usable)
        if several:
            words = np.where(flags[:, place], "yes", "no").astype(object)
            found[f"flag{name}"] = _spread(words, usable)
    found["decision"] = _spread(_decisions(model, good, flags), usable)
    found["problem"] = part.problems.told
    clash = [name for name in part.kept if name == "id" or name in found]
    if clash:
        raise ConfigurationError(
            f"The column {clash[0]!r} cannot be kept: predictions have a column of that name. "
            "Rename it in the data, or join the files by id."
        )
    kept = {str(name): column.to_numpy() for name, column in part.kept.items()}
    return pd.DataFrame({"id": part.ids, **kept, **found})


def as_columns(values: NDArray[Any]) -> NDArray[Any]:
    """Give ``(n,)`` as ``(n, 1)``, and ``(n, K)`` as it is."""
    return values[:, np.newaxis] if values.ndim == 1 else values


def _decisions(
    model: Delivered, scores: NDArray[np.float64], flags: NDArray[np.bool_]
) -> NDArray[np.object_]:
    if model.task.kind == "multiclass":
        return model.assign_scores(scores).astype(object)
    if model.task.kind == "multilabel":
        names = list(model.thresholds)
        told = ["; ".join(n for n, f in zip(names, row, strict=True) if f) for row in flags]
        return np.asarray([words or "none" for words in told], dtype=object)
    critical = model.manifest.critical
    others = [name for name in model.manifest.classes if name != critical]
    other = others[0] if len(others) == 1 else f"not {critical}"
    return np.where(flags[:, 0], critical, other).astype(object)


def _spread(values: NDArray[Any], usable: NDArray[np.bool_]) -> NDArray[Any]:
    nothing: Any = np.nan if values.dtype.kind == "f" else None
    full = np.full(len(usable), nothing, dtype=values.dtype)
    full[usable] = values
    return full


class _Text:
    def __init__(self, path: Path, *, packed: bool) -> None:
        opener: Any = gzip.open if packed else open
        self._file = opener(path, "wt", encoding="utf-8", newline="")
        self._begun = False

    def write(self, frame: pd.DataFrame) -> None:
        frame.to_csv(self._file, index=False, header=not self._begun, lineterminator="\n")
        self._begun = True

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, frame: pd.DataFrame) -> None:
        import pyarrow
        from pyarrow import parquet

        if self._writer is None:
            kinds = {
                str(name): pyarrow.float64() if column.dtype.kind == "f" else pyarrow.string()
                for name, column in frame.items()
            }
            self._schema = pyarrow.schema(list(kinds.items()))
            self._writer = parquet.ParquetWriter(self._path, self._schema)
        self._writer.write_table(
            pyarrow.Table.from_pandas(frame, schema=self._schema, preserve_index=False)
        )

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
