"""Parts of score tables by role, and whether two of them share samples that they must not share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError
from rarecall.roles import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.data.score_tables import ScoreTable

_ALIKE = 0.1
"""Share of equal rows from which two files without ids are taken to share samples."""
_CHANCE = 5
"""So few equal rows may be chance in any file."""


def part_by_role(table: ScoreTable) -> tuple[dict[Role, ScoreTable], list[str]]:
    """Part a table by the column that says what a row may be used for.

    Args:
        table: Labelled, with roles.

    Returns:
        The test part and, where there is one, the calibration part; and notes for the user: rows
        of other parts are left out, since a model has seen them.

    Raises:
        DataError: There are no test rows, or a part lacks a class.

    >>> import pandas as pd
    >>> from rarecall.data.score_tables import read_score_table
    >>> frame = pd.DataFrame({"s": range(4), "y": [0, 1, 0, 1], "for": ["test"] * 2 + ["cal"] * 2})
    >>> table = read_score_table(frame, scores=["s"], target="y", split="for")
    >>> parts, notes = part_by_role(table)
    >>> {str(role): len(part) for role, part in parts.items()}, notes
    ({'test': 2, 'calibration': 2}, [])
    """
    assert table.roles is not None
    parts, notes = {}, []
    for role in (Role.TEST, Role.CALIBRATION):
        rows = np.flatnonzero(table.roles == role.value)
        if not len(rows):
            continue
        part = table.take(rows)
        if part.positives in {0, len(part)}:
            lacking = "critical" if part.positives == 0 else "other"
            raise DataError(
                f"The {role} part of {table.name} has no {lacking} sample, so nothing can be "
                "measured there. Split the samples so that each part has both classes."
            )
        parts[role] = part
    if Role.TEST not in parts:
        raise DataError(
            f"No row of {table.name} is of the test part, so there is nothing to measure on: the "
            f"parts are {quoted(sorted(set(table.roles.tolist())))}."
        )
    others = len(table) - sum(len(part) for part in parts.values())
    if others:
        notes.append(
            f"Left out {counted(others, 'row')} of the train and validation parts: the model has "
            "seen them."
        )
    return parts, notes


def refuse_shared_samples(calibration: ScoreTable, other: ScoreTable, *, use: str) -> None:
    """Refuse calibration samples that another table holds too.

    Rows are told apart by their ids where both tables have them, otherwise by their content; of
    contents that stand once only in each table, a tenth must be equal to count as shared, since
    coarse scores are equal by chance.

    Args:
        calibration: Samples of which a promise is wanted.
        other: Samples used for something else.
        use: What for, as the end of a sentence.

    Raises:
        DataError: Names a few of the samples.
    """
    named = calibration.named and other.named
    shared = np.intersect1d(_known(calibration, named=named), _known(other, named=named))
    smaller = min(len(calibration), len(other))
    enough = 1 if named else min(smaller, max(_CHANCE, _ALIKE * smaller))
    if len(shared) < enough:
        return
    share = "has" if len(shared) == 1 else "have"
    who = (
        f"{counted(len(shared), 'sample')} of {calibration.name} {share} an id that stands in "
        f"{other.name} too ({quoted(shared.tolist(), most=3)})"
        if named
        else f"{counted(len(shared), 'row')} of {calibration.name} {share} an equal row in "
        f"{other.name}"
    )
    raise DataError(
        f"{who}, but the samples there {use}. A promise needs samples that were used for nothing "
        "else: part them, and give each part its own rows."
    )


def shared_groups(calibration: ScoreTable, other: ScoreTable) -> int:
    """Count the groups (patients, accounts) that stand in both tables."""
    if calibration.groups is None or other.groups is None:
        return 0
    return len(np.intersect1d(calibration.groups, other.groups))


def _known(table: ScoreTable, *, named: bool) -> NDArray[Any]:
    return table.ids if named else table.content_keys
