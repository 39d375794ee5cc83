"""Processes that each make their part of the joint batch train what one makes of all of it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rarecall.data import ArrayDataset
from rarecall.errors import ConfigurationError
from rarecall.training.devices_start import kept

from .devices_problem import SETS, fit, furthest

WAYS: list[tuple[str, dict[str, Any]]] = [
    ("bce+blend+balanced", {"augment": "melanoma+color"}),
    ("bce+blend+rankreg+swa", {"augment": "crop+flips"}),
]


@pytest.fixture(scope="module", autouse=True)
def _kept() -> Iterator[None]:
    # Helpers take seconds to start.
    with kept():
        yield


@pytest.mark.parametrize("devices", [2, 3])
@pytest.mark.parametrize(("method", "changes"), WAYS)
def test_augmented_and_blended_parts_give_the_network_of_one_process(
    method: str, changes: dict[str, Any], devices: int
) -> None:
    alone, several = (fit(count, method, "images", **changes) for count in (1, devices))
    assert furthest(alone, several) < 1e-10
    assert alone.rows_forwarded == several.rows_forwarded


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux tells mapped files.")
def test_the_first_process_reads_its_part_of_a_file_ahead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alone = fit(1, "bce", "images")
    plain, validation = SETS["images"]
    np.save(tmp_path / "images.npy", plain.inputs.numpy())
    pixels = torch.from_numpy(np.load(tmp_path / "images.npy", mmap_mode="c").view(np.ndarray))
    monkeypatch.setitem(
        SETS, "images", (ArrayDataset(pixels, plain.targets, plain.ids), validation)
    )
    gathered, gather = [], ArrayDataset.gather

    def counting(data: ArrayDataset, rows: torch.Tensor) -> Any:
        gathered.append((len(rows), threading.current_thread().name[:13]))
        return gather(data, rows)

    monkeypatch.setattr(ArrayDataset, "gather", counting)
    assert furthest(alone, fit(2, "bce", "images")) < 1e-10
    assert gathered == [(16, "rarecall-rows")] * 12
    assert not [t for t in threading.enumerate() if t.name.startswith("rarecall-rows")]


class _Stored(ArrayDataset):
    """Its inputs only say what its rows look like."""

    def gather(self, rows: torch.Tensor) -> Any:
        return super().gather(rows)


def test_rows_that_other_processes_cannot_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, validation = SETS["table"]
    stored = _Stored(plain.inputs, plain.targets, plain.ids)
    monkeypatch.setitem(SETS, "table", (stored, validation))
    with pytest.raises(ConfigurationError, match="_Stored gathers its rows in its own way"):
        fit(2)
