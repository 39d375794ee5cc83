"""Scores on disk: one compressed file a model, with targets and sample ids of each part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np

from rarecall.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.roles import Role


_LEVEL = 1


class StoredPart(NamedTuple):
    """One part's raw scores, targets and ids, a row a sample."""

    scores: NDArray[np.float64]
    targets: NDArray[Any]
    ids: NDArray[np.str_]


def store_scores(path: Path, parts: Mapping[Role, StoredPart]) -> None:
    """Store the parts in one ``.npz`` file, whole or not at all; nothing in it is pickled.

    Args:
        path: Of the file.
        parts: By role; the arrays are named ``test_scores``, ``test_targets``, ``test_ids``, ...
    """
    arrays: dict[str, NDArray[Any]] = {}
    for role, part in parts.items():
        arrays[f"{role}_scores"] = np.asarray(part.scores, dtype=np.float64)
        arrays[f"{role}_targets"] = part.targets
        arrays[f"{role}_ids"] = part.ids.astype(np.str_)
    with write_atomically(path) as beside, ZipFile(beside, "w", ZIP_DEFLATED, True, _LEVEL) as file:
        for name, array in arrays.items():
            # As NumPy writes it, which knows no level but the slowest.
            with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
