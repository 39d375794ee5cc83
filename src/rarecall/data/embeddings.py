"""Arrays from NumPy files: precomputed embeddings as tables, stacks of images as images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data.table_files import read_table
from rarecall.data.tables import samples_from_table
from rarecall.data.wording import quoted
from rarecall.errors import DataError
from rarecall.files import read_npz

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.data.request import Request
    from rarecall.data.samples import Samples

_FEATURES = ("features", "X", "x", "embeddings", "images")
_TARGETS = ("targets", "y", "labels")
_BESIDE = ("targets", "labels", "y")


def load_arrays(path: Path, request: Request) -> Samples:
    """Load ``.npz`` (features, targets, optional ids, groups, times, split) or ``.npy``.

    The labels of ``x.npy`` are looked for beside it, in ``x.targets.npy``, ``x_targets.npy``,
    ``targets.npy`` (or ``labels``, ``y``), or in a table ``x.csv`` whose columns also serve as
    group, time and id. Nothing in the files can run code: pickled objects are refused.

    Raises:
        DataError: An array is missing, of the wrong shape, or holds pickled objects.
    """
    arrays = _read_npz(path) if path.suffix.lower() == ".npz" else _read_beside(path, request)
    features = arrays.pop("features")
    table = pd.DataFrame({name: _flat(path, name, array) for name, array in arrays.items()})
    if len(table) != len(features):
        raise DataError(
            f"{path.name} has {len(features)} samples but {len(table)} labels; they must agree."
        )
    named = _with_defaults(request, list(table.columns))
    if features.ndim in (3, 4) and features.dtype == np.uint8:
        from rarecall.data.images import samples_from_stack

        return samples_from_stack(features, table, named, name=path.name)
    if features.ndim != 2 or features.dtype.kind not in "fiub":
        raise DataError(
            f"{path.name} must hold numbers, shape (n, d), or images, uint8, shape (n, H, W) or "
            f"(n, H, W, C); it holds {features.dtype}, shape {features.shape}."
        )
    columns = _names(features.shape[1], taken=set(table.columns))
    values = features.astype(np.float32) if features.dtype == np.float16 else features
    joined = pd.concat([pd.DataFrame(values, columns=columns), table], axis=1)
    others = tuple(name for name in table.columns if name not in request.drop)
    return samples_from_table(joined, named, name=path.name, leave_out=others)


def _with_defaults(request: Request, columns: list[str]) -> Request:
    from dataclasses import replace

    def default(given: str | None, name: str) -> str | None:
        return given if given is not None or name not in columns else name

    return replace(
        request,
        target=None if request.label_columns else default(request.target, "targets"),
        id=default(request.id, "ids"),
        group=default(request.group, "groups"),
        time=default(request.time, "times"),
        split_column=default(request.split_column, "split"),
    )


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        found = read_npz(path)
    except (ValueError, OSError) as error:
        raise _unreadable(path, error) from error
    features = [name for name in _FEATURES if name in found]
    targets = [name for name in _TARGETS if name in found]
    if len(features) != 1 or len(targets) != 1:
        raise DataError(
            f"{path.name} must hold one array 'features' (or 'X') and one 'targets' (or 'y'); "
            f"it holds {quoted(list(found)) or 'nothing'}."
        )
    arrays = {"features": found[features[0]], "targets": found[targets[0]]}
    arrays |= {name: found[name] for name in ("ids", "groups", "times", "split") if name in found}
    return arrays


def _read_beside(path: Path, request: Request) -> dict[str, NDArray[Any]]:
    features = _open(path)
    stem = path.stem
    names = [f"{stem}{mark}{word}.npy" for mark in "._-" for word in _BESIDE]
    names += [f"{word}.npy" for word in _BESIDE]
    for name in names:
        beside = path.with_name(name)
        if beside != path and beside.is_file():
            return {"features": features, "targets": _open(beside)}
    for ending in (".csv", ".csv.gz", ".tsv", ".parquet"):
        beside = path.with_name(stem + ending)
        if beside.is_file():
            table = read_table(beside)
            if not request.target_columns:
                raise DataError(
                    f"Say which column of {beside.name} holds the label of {path.name}: give "
                    f"`target` (--target). Its columns are {quoted(list(table.columns))}."
                )
            columns = {str(name): column.to_numpy() for name, column in table.items()}
            return {**columns, "features": features}
    raise DataError(
        f"{path.name} holds no labels, and none lie beside it. Save them as "
        f"{stem}.targets.npy, or as {stem}.csv with a target column, or both arrays in one .npz "
        "file as 'features' and 'targets'."
    )


def _open(path: Path) -> Any:
    try:
        # Pickled objects run code when loaded; never accept them.
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    if "allow_pickle" in str(error) or "pickled" in str(error):
        return DataError(
            f"{path.name} holds Python objects, which could run code when loaded and are refused. "
            "Save plain arrays: numbers as float, labels and ids as str (array.astype(str))."
        )
    text = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return DataError(f"{path} cannot be read as a NumPy file: {text}.")


def _flat(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    # Labels are often stored as a column, shape (n, 1).
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1:
        raise DataError(
            f"{name!r} of {path.name} must have shape (n,), one value a sample; "
            f"it has {array.shape}."
        )
    return flat


def _names(width: int, taken: set[str]) -> list[str]:
    stem = "x"
    while any(f"{stem}{k}" in taken for k in range(width)):
        stem += "_"
    return [f"{stem}{k}" for k in range(width)]
