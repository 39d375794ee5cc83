"""The cases of the battery: every objective that the library can name, and worthwhile variants."""

from __future__ import annotations

import pytest

from .problem import CASES, COMBINED


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, cases in (("case", CASES + COMBINED), ("simple_case", CASES)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, cases, ids=[case.label for case in cases])
