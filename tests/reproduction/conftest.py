from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reproduction.problem import data_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_folder(tmp_path_factory.mktemp("data"))
