"""One missed case or false alarm, as it may be shown: short texts, and a picture that is one."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rarecall.report.records import number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

_PREFIX = "data:image/png;base64,"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_LETTERS = 60_000
"""Of a picture: 96 x 96 pixels in colour take 37,000 at worst."""


@dataclass(frozen=True)
class Case:
    """One case: ``row`` is text by column, ``margin`` its score minus the threshold."""

    id: str
    score: float | None
    margin: float | None
    group: str | None
    row: dict[str, str]
    thumbnail: str | None

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Type an entry of ``misses`` or ``false_alarms``."""
        row, group = stored.get("row"), stored.get("group")
        texts = row.items() if isinstance(row, dict) else ()
        return cls(
            id=str(stored.get("id", "")),
            score=number(stored.get("score")),
            margin=number(stored.get("margin")),
            group=None if group is None else str(group),
            row={str(key): "" if value is None else str(value) for key, value in texts},
            thumbnail=picture(stored.get("thumbnail")),
        )


def picture(stored: object) -> str | None:
    """Let a picture through if it is a small PNG in a data URI, and nothing else.

    >>> picture("https://example.org/spy.png") is None
    True
    >>> picture("data:image/png;base64,iVBORw0KGgo=")
    'data:image/png;base64,iVBORw0KGgo='
    """
    if not isinstance(stored, str) or not stored.startswith(_PREFIX):
        return None
    if len(stored) > _MOST_LETTERS:
        return None
    try:
        content = base64.b64decode(stored[len(_PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        return None
    return stored if content.startswith(_SIGNATURE) else None
