"""The cases of the battery: every objective that the library can name, and worthwhile variants."""

from __future__ import annotations

import pytest

from .problem import CASES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.label for case in CASES])
