"""The machine and versions of a run, and the thread count that a resumed run must share."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "lightning-fabric",
    "optuna",
    "safetensors",
)


def environment(threads: int) -> dict[str, Any]:
    """Versions, platform and threads, JSON-ready."""
    import torch

    from rarecall import __version__

    return {
        "rarecall": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        **{name: _version(name) for name in _PACKAGES},
    }


def default_threads(asked: int | None, kind: str) -> int:
    """Give the number of CPU threads to use: as asked, else one for tables, else as torch would.

    A table's small tensors gain nothing from a second thread, and where the processor is busy
    with something else threads that wait for each other cost several times as much. Sums are cut
    up by thread, so a resumed run needs the same number to be the same bit for bit.
    """
    import torch

    if asked is not None:
        return asked
    return 1 if kind == "table" else torch.get_num_threads()


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Run the body with this many CPU threads, scoring included."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what differs from the environment that the run was started in."""
    return [
        f"{name}: {before.get(name)} before, {now[name]} now"
        for name in now
        if before.get(name) != now[name]
    ]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
