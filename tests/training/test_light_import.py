"""What importing the library for training loads: PyTorch, and nothing else that is slow."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["rarecall.training", "rarecall.conditioning", "rarecall.methods", "rarecall.data"]
)
def test_importing_loads_nothing_that_a_step_does_not_need(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "heavy = {'pandas', 'scipy', 'sklearn', 'PIL', 'lightning_fabric', 'torch._dynamo'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
