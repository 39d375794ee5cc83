"""One small table and one budget for all end-to-end tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rarecall.comparison import compare

COMMON = {
    "target": "label",
    "critical": "fraud",
    "tpr": 0.9,
    "methods": "bce,bce+rankreg,vs+alm",
    "seeds": 2,
    "steps": 24,
    "evaluate_every": 8,
    "batch_size": 64,
    "network_options": {"width": 16, "depth": 1},
    "threads": 1,
    "drop": ["account"],
}


def make_table(path, *, rows=420, seed=0):
    random = np.random.default_rng(seed)
    critical = np.arange(rows) % 5 == 0
    columns = {f"x{k}": random.normal(size=rows) + (1.2 - 0.4 * k) * critical for k in range(3)}
    columns["place"] = np.where(random.random(rows) < 0.3, "north", "south")
    columns["account"] = [f"a{k // 3}" for k in range(rows)]
    columns["label"] = np.where(critical, "fraud", "fine")
    frame = pd.DataFrame(columns)
    frame.loc[random.random(rows) < 0.1, "x1"] = np.nan
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    return make_table(tmp_path_factory.mktemp("data") / "claims.csv")


@pytest.fixture(scope="session")
def common():
    return COMMON


@pytest.fixture
def budget():
    return dict(COMMON)


def without_wall_clock(value):
    """Drop what two equal runs may differ in."""
    if isinstance(value, dict):
        return {
            key: without_wall_clock(item)
            for key, item in value.items()
            if key not in ("created", "seconds", "tuning_seconds")
        }
    return [without_wall_clock(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="session")
def comparable():
    return without_wall_clock


@pytest.fixture(scope="session")
def run(table, tmp_path_factory):
    """One undisturbed run with tuning."""
    return compare(
        table,
        out=tmp_path_factory.mktemp("runs") / "whole",
        tune=2,
        **COMMON,
    )
