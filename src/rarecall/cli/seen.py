"""Samples that training or tuning has seen, from the tables that ``--used`` names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.request import read_complete_text
from rarecall.data.score_parts import refuse_shared_samples
from rarecall.data.score_tables import read_score_table
from rarecall.data.table_files import is_table_file, read_table
from rarecall.data.wording import quoted
from rarecall.errors import DataError, did_you_mean
from rarecall.roles import TrainScores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rarecall.data.score_tables import ScoreTable


def seen_samples(
    files: Sequence[str], table: ScoreTable, columns: Mapping[str, str | None], score: str
) -> list[TrainScores]:
    """Read which samples were used before, by id and group; without ids compare the rows.

    Args:
        files: Tables; with ``id`` they need no other column.
        table: The calibration samples.
        columns: Which column plays which part there, ``id`` and ``group`` among them.
        score: The calibration table's column of scores.

    Returns:
        One a file, for ``certify(used_before=...)``; its scores mean nothing.

    Raises:
        DataError: A file cannot be compared, or holds rows of the calibration table.
    """
    return [_seen(file, table, columns, score) for file in files]


def _seen(
    file: str, table: ScoreTable, columns: Mapping[str, str | None], score: str
) -> TrainScores:
    path = Path(file).expanduser()
    if not path.is_file() or not is_table_file(path):
        raise DataError(f"There is no table {file!r} of samples used before (--used).")
    frame = read_table(path)
    known = [str(name) for name in frame.columns]
    name, group = columns["id"], columns["group"]
    if name is not None:
        if name not in known:
            raise DataError(
                f"The id column {name!r} is not in {path.name}, so its samples cannot be compared."
                f"{did_you_mean(name, known)} Its columns are {quoted(known, most=20)}."
            )
        ids = read_complete_text(frame[name], name, "id", "a name")
    else:
        try:
            other = read_score_table(
                frame,
                scores=[score],
                target=columns["target"],
                critical=columns["critical"],
                judge=False,
                name=path.name,
            )
        except DataError as error:
            raise DataError(
                f"Without ids the samples of {path.name} are compared by all of their content, so "
                "it needs the columns of the calibration table. Name the column of ids (--id) in "
                f"both. ({error})"
            ) from error
        refuse_shared_samples(table, other, use="were used for training or tuning")
        ids = other.unique_ids
    groups = None
    if group is not None and group in known:
        groups = read_complete_text(frame[group], group, "group", "a group")
    nothing = np.zeros(len(ids))
    return TrainScores(nothing, nothing.astype(np.int64), ids, groups)
