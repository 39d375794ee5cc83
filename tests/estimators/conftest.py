"""Rows that the estimators are tested on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.datasets import make_classification

Table = tuple[NDArray[np.float64], NDArray[np.int64]]


@pytest.fixture(scope="session")
def rare() -> Table:
    """2,000 rows of numbers, 20% of them critical, hard to tell apart."""
    X, y = make_classification(
        2000, n_features=6, n_informative=4, weights=[0.8], class_sep=0.8, random_state=3
    )
    return X, y


@pytest.fixture(scope="session")
def frame() -> tuple[pd.DataFrame, NDArray[np.str_]]:
    """Give 600 rows of mixed columns, with gaps, labelled ``ill`` and ``well``."""
    rng = np.random.default_rng(0)
    n = 600
    table = pd.DataFrame(
        {
            "age": rng.integers(20, 90, n),
            "site": rng.choice(["north", "south", "west"], n),
            "lab": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "seen": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 500, n), "D"),
            "smoker": rng.random(n) < 0.5,
        }
    )
    risk = table.age / 40 + (table.site == "north") + table.lab.fillna(0.0)
    return table, np.where(risk + rng.normal(size=n) * 0.3 > 2.9, "ill", "well")


@pytest.fixture(scope="session")
def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give 400 small images of the digits 0 to 3."""
    from sklearn.datasets import load_digits

    data = load_digits()
    chosen = np.flatnonzero(data.target < 4)[:400]
    return (data.images[chosen] * 15).astype(np.uint8), data.target[chosen]
