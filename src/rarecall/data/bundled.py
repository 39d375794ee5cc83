"""Real data that comes with scikit-learn: no network, no files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rarecall.data.tables import samples_from_table
from rarecall.data.wording import quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    from rarecall.data.request import Request
    from rarecall.data.samples import Samples

_TARGETS = {"digits": "digit", "breast-cancer": "diagnosis"}
_CRITICAL = {"digits": "8", "breast-cancer": "malignant"}

BUNDLED = tuple(_TARGETS)
"""Names of the bundled sets."""


def load_bundled(name: str, request: Request) -> Samples:
    """Load a bundled set; target and critical label have defaults.

    Args:
        name: One of :data:`BUNDLED`.
        request: May name another critical label, and columns to drop of ``breast-cancer``.

    Raises:
        DataError: The request names a target that the set does not have.
    """
    target = _TARGETS[name]
    if request.target_columns not in ((), (target,)):
        raise DataError(
            f"The bundled set {name!r} has one target, {target!r}, not "
            f"{quoted(request.target_columns)}. Leave `target` (--target) out."
        )
    named = replace(
        request,
        target=target,
        critical=request.critical or _CRITICAL[name],
        criticals=request.criticals or (_CRITICAL[name],),
    )
    return _digits(named) if name == "digits" else _breast_cancer(named)


def _digits(request: Request) -> Samples:
    from sklearn.datasets import load_digits

    from rarecall.data.images import samples_from_stack

    found = load_digits()
    # Counts of dark pixels in 4x4 cells, 0 to 16.
    images = np.rint(found.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    table = pd.DataFrame({"digit": found.target})
    return samples_from_stack(images, table, request, name="digits")


def _breast_cancer(request: Request) -> Samples:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    table = pd.DataFrame(found.data, columns=[str(name) for name in found.feature_names])
    table["diagnosis"] = np.asarray(found.target_names, dtype=np.str_)[found.target]
    return samples_from_table(table, request, name="breast-cancer")
