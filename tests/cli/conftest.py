"""One small delivered model for the commands that put a model to use."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rarecall.cli import main
from rarecall.comparison import compare


def make_claims(rows=300, seed=0):
    """Numbers and a category; one row in four is critical."""
    random = np.random.default_rng(seed)
    critical = np.arange(rows) % 4 == 0
    return pd.DataFrame(
        {
            "account": [f"a{k}" for k in range(rows)],
            "amount": np.round(random.normal(size=rows) + 1.5 * critical, 3),
            "age": random.integers(18, 90, rows),
            "place": random.choice(["north", "south"], rows),
            "label": np.where(critical, "fraud", "fine"),
        }
    )


@pytest.fixture(scope="session")
def claims():
    return make_claims()


@pytest.fixture(scope="session")
def delivered(tmp_path_factory, claims):
    """The model folder of a real, small run."""
    folder = tmp_path_factory.mktemp("cli")
    claims.to_csv(folder / "claims.csv", index=False)
    run = compare(
        folder / "claims.csv",
        target="label",
        critical="fraud",
        drop=["account"],
        tpr=0.8,
        methods="bce",
        seeds=1,
        steps=10,
        trees=False,
        threads=1,
        network_options={"width": 8, "depth": 1},
        out=folder / "run",
    )
    return run.model_folder


@pytest.fixture
def say(capsys, tmp_path, monkeypatch):
    """Type a command in an empty folder: exit code, what it printed, what it complained of."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return left.value.code, printed.out, printed.err

    return call
