from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def table() -> pd.DataFrame:
    """Give 200 rows of mixed columns, a tenth of them critical."""
    rng = np.random.default_rng(7)
    n = 200
    return pd.DataFrame(
        {
            "amount": rng.normal(size=n).round(4),
            "count": rng.integers(0, 30, size=n),
            "online": rng.random(n) < 0.4,
            "colour": rng.choice(["red", "green", "blue"], size=n),
            "label": np.where(np.arange(n) % 10 == 3, "fraud", "fine"),
        }
    )


@pytest.fixture
def write(tmp_path: Path) -> Callable[[pd.DataFrame | str], Path]:
    """Write a table, or text as it is, to a CSV file."""

    def _write(content: pd.DataFrame | str, name: str = "data.csv") -> Path:
        path = tmp_path / name
        text = content if isinstance(content, str) else content.to_csv(index=False)
        path.write_text(text, encoding="utf-8")
        return path

    return _write
