"""The cases that a person should look at: the hardest misses and the worst false alarms."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.roles import Scores

_MOST_COLUMNS = 40
_MOST_LETTERS = 120
_SIDE = 96
"""Longest side of a thumbnail in pixels."""


@dataclass(frozen=True, eq=False)
class Looks:
    """What can be shown of samples beside their scores, in the order of the scores.

    Attributes:
        rows: A row a sample, or None.
        images: Uint8, shape ``(n, H, W, C)``, or None.
    """

    rows: pd.DataFrame | None = None
    images: NDArray[np.uint8] | None = None

    def take(self, positions: NDArray[np.int64]) -> Looks:
        """Select samples by position."""
        rows = None if self.rows is None else self.rows.iloc[positions]
        return Looks(rows, None if self.images is None else self.images[positions])


def hardest_cases(
    scores: Scores, threshold: float | None, looks: Looks, most: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """List the critical cases with the lowest scores and the harmless ones with the highest.

    Args:
        scores: Of the test part.
        threshold: Only what it gets wrong is listed; without one, the extremes whatever they are.
        looks: Of the same samples.
        most: How many of each kind; 0 gives none, so that no data of a person are stored.

    Returns:
        Misses and false alarms, worst first, each with ``id``, ``score``, ``margin`` (score minus
        threshold), ``group``, ``row`` (text by column) and ``thumbnail`` (a data URI).

    >>> from rarecall.roles import TestScores
    >>> parts = np.array([0.2, 0.9, 0.6]), np.array([1, 1, 0]), np.array(["a", "b", "c"])
    >>> misses, alarms = hardest_cases(TestScores(*parts), 0.5, Looks(), 8)
    >>> [case["id"] for case in misses], [case["id"] for case in alarms]
    (['a'], ['c'])
    """
    order = np.argsort(scores.scores, kind="stable")
    flagged = np.zeros(len(order), bool) if threshold is None else scores.scores >= threshold
    critical = scores.targets == 1
    missed = critical if threshold is None else critical & ~flagged
    alarmed = ~critical if threshold is None else ~critical & flagged
    lowest = order[missed[order]][:most]
    highest = order[::-1][alarmed[order[::-1]]][:most]
    return (
        [_case(scores, int(row), threshold, looks) for row in lowest],
        [_case(scores, int(row), threshold, looks) for row in highest],
    )


def _case(scores: Scores, row: int, threshold: float | None, looks: Looks) -> dict[str, Any]:
    score = float(scores.scores[row])
    margin = None if threshold is None else score - threshold
    return {
        "id": str(scores.ids[row]),
        "score": score,
        "margin": margin if margin is None or np.isfinite(margin) else None,
        "group": None if scores.groups is None else str(scores.groups[row]),
        "row": {} if looks.rows is None else row_text(looks.rows, row),
        "thumbnail": None if looks.images is None else thumbnail(looks.images[row]),
    }


def row_text(rows: pd.DataFrame, position: int) -> dict[str, str]:
    """Write one row as short text by column; what is missing is empty.

    >>> row_text(pd.DataFrame({"age": [41.0], "note": [None]}), 0)
    {'age': '41', 'note': ''}
    """
    shown = list(rows.columns)[:_MOST_COLUMNS]
    texts = {str(name): _text(rows[name].iloc[position]) for name in shown}
    hidden = len(rows.columns) - len(shown)
    return texts | ({"…": f"and {hidden} more columns"} if hidden else {})


def _text(value: Any) -> str:
    if not isinstance(value, (list, dict, np.ndarray)) and pd.isna(value):
        return ""
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    if isinstance(value, date):
        return value.isoformat().removesuffix("T00:00:00")
    text = str(value)
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"


def thumbnail(image: NDArray[np.uint8]) -> str:
    """Draw an image small, as a PNG in a data URI.

    Args:
        image: Shape ``(H, W, C)``; with another number of channels than 3 the first is drawn in
            grey. Tiny images are enlarged by a whole factor, so that their pixels can be seen.

    >>> thumbnail(np.zeros((8, 8, 1), np.uint8))[:22]
    'data:image/png;base64,'
    """
    from PIL import Image

    colour = image.shape[2] == 3
    picture = Image.fromarray(np.ascontiguousarray(image if colour else image[..., 0]))
    longest = max(picture.size)
    if longest > _SIDE:
        picture.thumbnail((_SIDE, _SIDE))
    elif 2 * longest <= _SIDE:
        factor = _SIDE // longest
        width, height = picture.size
        picture = picture.resize((width * factor, height * factor), Image.Resampling.NEAREST)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
