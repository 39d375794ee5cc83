"""Rows known by what they hold: the same rows, in whatever order, are the same data."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray


def content_keys(features: Any) -> NDArray[np.uint64]:
    """Hash every row; rows that hold the same have the same number.

    Args:
        features: A frame, or images of shape ``(n, H, W, C)``.

    Returns:
        Shape ``(n,)``.

    >>> keys = content_keys(pd.DataFrame({"a": [1.0, 0.0, -0.0], "b": ["x", "y", "y"]}))
    >>> bool(keys[0] == keys[1]), bool(keys[1] == keys[2])
    (False, True)
    """
    if isinstance(features, pd.DataFrame):
        # + 0.0 turns minus zero into zero.
        same = {
            name: column + 0.0 if pd.api.types.is_float_dtype(column.dtype) else column
            for name, column in features.items()
        }
        frame = pd.DataFrame(same, copy=False)
        return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)
    digests = [hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in features]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def sample_ids(keys: NDArray[np.uint64], labels: NDArray[np.int64]) -> NDArray[np.str_]:
    """Name rows by content, label and, where these repeat, by a count from 0.

    >>> ids = sample_ids(np.array([10, 10, 11], dtype=np.uint64), np.array([0, 0, 1]))
    >>> ids.tolist()
    ['000000000000000a-0-0', '000000000000000a-0-1', '000000000000000b-1-0']
    """
    frame = pd.DataFrame({"key": keys, "label": labels})
    count = frame.groupby(["key", "label"]).cumcount()
    return np.asarray(
        [f"{key:016x}-{label}-{k}" for key, label, k in zip(keys, labels, count, strict=True)],
        dtype=np.str_,
    )


def units(keys: NDArray[np.uint64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give every row the number of its content and label, shape ``(n,)``.

    >>> units(np.array([7, 5, 7, 7], dtype=np.uint64), np.array([0, 0, 0, 1]))
    array([1, 0, 1, 2])
    """
    frame = pd.DataFrame({"key": keys, "label": labels})
    return np.asarray(frame.groupby(["key", "label"], sort=True).ngroup(), dtype=np.int64)
