"""Names of units, and the records that close them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rarecall.errors import RunError
from rarecall.reproduction.records import RECORD, read_record
from rarecall.reproduction.units import Unit, slug

if TYPE_CHECKING:
    from pathlib import Path


def test_names_of_units_never_collide() -> None:
    labels = ["ALM + BCE", "ALM+BCE", "ALM  + BCE", "Δ", "δ", "1:50", "1-50", "../x", ""]
    assert len({slug(label) for label in labels}) == len(labels)
    assert all("/" not in slug(label) and ".." not in slug(label) for label in labels)
    names = {
        Unit(s, r, k, m, kind, stage, n).name
        for s in ("a", "b")
        for r in ("a", "b")
        for k in (0, 1)
        for m in (0, 1)
        for kind, stage, n in (("final", "", 0), ("trial", "x", 0), ("trial", "x", 1))
        if kind == "final" or (k, m) == (0, 0)
    }
    assert len(names) == 4 * 4 + 4 * 2


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text('{"format": 1, ')
    with pytest.raises(RunError, match="is damaged"):
        read_record(tmp_path)
    (tmp_path / RECORD).write_text("[]")
    with pytest.raises(RunError, match="no record of this version"):
        read_record(tmp_path)
    assert read_record(tmp_path / "nothing") is None
