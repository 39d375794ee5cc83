"""Units of work: one training each, known by a name that is also its folder."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_APART = 1_009
_TRIALS = 700_001
_SHORT = 6


@dataclass(frozen=True)
class Unit:
    """One training of a protocol.

    Attributes:
        setting: As printed.
        row: As printed.
        split: Number of the redraw, from 0.
        member: Number of the network in its ensemble, from 0.
        kind: ``"final"``, or ``"trial"`` of a search.
        stage: Name of the search's stage, empty for final ones.
        number: Of the trial in its stage, from 0.
        parameters: What differs from the defaults, of the method and of the training.

    >>> unit = Unit("1:50", "BCE+ALM", split=0, member=3)
    >>> unit.name, Unit.of(unit.to_json()) == unit
    ('1-50-25d306/BCE+ALM-a90413/split-0/member-03', True)
    """

    setting: str
    row: str
    split: int = 0
    member: int = 0
    kind: Literal["final", "trial"] = "final"
    stage: str = ""
    number: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Folder of the unit below ``units``; no two units share one."""
        place = f"{slug(self.setting)}/{slug(self.row)}"
        if self.kind == "trial":
            return f"{place}/search-{slug(self.stage)}/trial-{self.number:03d}"
        return f"{place}/split-{self.split}/member-{self.member:02d}"

    @property
    def seed(self) -> int:
        """Of first weights, row order and all else; the same for every row, so that they pair.

        Trials have seeds of their own: no final number was chosen by.

        >>> seeds = {Unit("a", "b", s, m).seed for s in range(20) for m in range(20)}
        >>> len(seeds | {Unit("a", "b", kind="trial").seed})
        401
        """
        return self.split * _APART + self.member + (_TRIALS if self.kind == "trial" else 0)

    def __str__(self) -> str:
        """Name it for a reader, counting from 1.

        >>> str(Unit("1:50", "BCE", split=1))
        '1:50 BCE, split 2, network 1'
        """
        if self.kind == "trial":
            return f"{self.setting} {self.row}, {self.stage}, trial {self.number + 1}"
        return f"{self.setting} {self.row}, split {self.split + 1}, network {self.member + 1}"

    def folder(self, run: Path) -> Path:
        """Where its checkpoint, scores and record lie."""
        return run / "units" / self.name

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "parameters": dict(self.parameters)}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Unit:
        """Read what :meth:`to_json` gave."""
        return cls(**stored)


def slug(text: str) -> str:
    """Turn any label into a file name, without collisions, on any file system.

    >>> slug("1:50")
    '1-50-25d306'
    >>> slug("Avg. Δ") != slug("Avg. δ")
    True
    """
    digest = hashlib.sha256(text.encode()).hexdigest()[:_SHORT]
    return f"{re.sub(r'[^A-Za-z0-9.+]+', '-', text).strip('-.')[:60]}-{digest}"
