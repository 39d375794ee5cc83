"""What the user asked of a source: which column plays which part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data.columns import as_text
from rarecall.data.dates import read_times
from rarecall.data.subgroups import subgroup_table
from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError, did_you_mean
from rarecall.roles import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall._asked import Kind

_ROLE_WORDS = {
    "train": Role.TRAIN,
    "training": Role.TRAIN,
    "validation": Role.VALIDATION,
    "valid": Role.VALIDATION,
    "val": Role.VALIDATION,
    "dev": Role.VALIDATION,
    "calibration": Role.CALIBRATION,
    "calib": Role.CALIBRATION,
    "cal": Role.CALIBRATION,
    "test": Role.TEST,
    "testing": Role.TEST,
}


@dataclass(frozen=True)
class Request:
    """Column names and options of one call of :func:`rarecall.data.load`.

    ``target`` and ``critical`` are of a binary or multi-class task, ``label_columns`` of a
    multi-label one; ``criticals`` holds all critical labels of a multi-class task.
    """

    target: str | None = None
    critical: str | None = None
    label_columns: tuple[str, ...] = ()
    criticals: tuple[str, ...] = ()
    task: Kind = "binary"
    group: str | None = None
    time: str | None = None
    id: str | None = None
    drop: tuple[str, ...] = ()
    split_column: str | None = None
    image_size: int | None = None
    skip_unreadable: bool = False
    metadata: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()

    @property
    def target_columns(self) -> tuple[str, ...]:
        """The label's column, or those of a multi-label table; empty where none is named."""
        if self.label_columns:
            return self.label_columns
        return () if self.target is None else (self.target,)

    def refuse_columns(self, source: str, remedy: str) -> None:
        """Refuse options that name columns, for a source that has none."""
        options = {
            "target": self.target_columns,
            "group": self.group,
            "time": self.time,
            "id": self.id,
            "split_column": self.split_column,
            "drop": self.drop,
            "metadata": self.metadata,
            "subgroups": self.subgroups,
        }
        given = [name for name, value in options.items() if value]
        if given:
            raise DataError(f"{source} has no columns, so {quoted(given)} cannot be used. {remedy}")


@dataclass(frozen=True, eq=False)
class Aside:
    """The columns of a table that are no features.

    Attributes:
        ids: Unique, str, shape ``(n,)``.
        groups: Shape ``(n,)``, or None.
        times: Shape ``(n,)``, or None.
        given_roles: Shape ``(n,)``, or None.
        subgroups: Text, ``n`` rows, or None.
        notes: For the user.
    """

    ids: NDArray[np.str_]
    groups: NDArray[np.str_] | None
    times: NDArray[Any] | None
    given_roles: NDArray[np.str_] | None
    subgroups: pd.DataFrame | None
    notes: list[str]


def require_columns(table: pd.DataFrame, request: Request, source: str) -> None:
    """Check that every named column is there, and named for one purpose.

    Raises:
        DataError: All columns that are missing, with the nearest names.
    """
    known = [str(name) for name in table.columns]
    wanted = {
        "group": request.group,
        "time": request.time,
        "id": request.id,
        "split": request.split_column,
    }
    named = [("target", name) for name in request.target_columns]
    named += [(part, name) for part, name in wanted.items() if name is not None]
    named += [("dropped", name) for name in request.drop]
    named += [("metadata", name) for name in request.metadata]
    named += [("subgroup", name) for name in request.subgroups]
    problems = [
        f"The {part} column {name!r} is not in {source}.{did_you_mean(name, known)}"
        for part, name in named
        if name not in known
    ]
    if problems:
        problems.append(f"Its columns are {quoted(known, most=20)}.")
        if len(known) > 1 and all(_is_number(name) for name in known):
            problems.append("They look like values: does the file lack a header line?")
        raise DataError(" ".join(problems))
    for part, name in named:
        if name in request.target_columns and part != "target":
            raise DataError(
                f"The column {name!r} is named as the target and as the {part} column. "
                "One column can play one part only."
            )


def read_aside(
    table: pd.DataFrame, request: Request, default_ids: NDArray[np.str_] | None = None
) -> Aside:
    """Read identifiers, groups, times, given roles and subgroups from the columns that hold them.

    Args:
        table: The whole table.
        request: Names the columns.
        default_ids: Identifiers when no column is named; row numbers from 0 if None.

    Raises:
        DataError: A value is missing, repeated where it must not be, or not understood.
    """
    ids = row_numbers(len(table)) if default_ids is None else default_ids
    if request.id is not None:
        ids = read_complete_text(table[request.id], request.id, "id", "a name")
    refuse_repeated_ids(ids, request.id)
    groups = None
    if request.group is not None:
        groups = read_complete_text(table[request.group], request.group, "group", "a group")
    times: NDArray[Any] | None = None
    notes: list[str] = []
    if request.time is not None:
        times, notes = read_times(table[request.time], request.time)
    roles = None
    if request.split_column is not None:
        name = request.split_column
        roles = read_roles(read_complete_text(table[name], name, "split", "a part"), name)
    parted = None
    if request.subgroups:
        parted = subgroup_table(table, request.subgroups, "the table")
    return Aside(ids, groups, times, roles, parted, notes)


def row_numbers(count: int) -> NDArray[np.str_]:
    """Give the numbers of rows as texts, from 0, no wider than the last of them.

    >>> row_numbers(11)[[0, -1]], row_numbers(11).itemsize
    (array(['0', '10'], dtype='<U2'), 8)
    """
    # NumPy alone would make every text as wide as the widest number that there is, 84 bytes.
    return np.arange(count).astype(f"<U{len(str(max(count - 1, 0)))}")


def refuse_repeated_ids(ids: NDArray[np.str_], column: str | None) -> None:
    """Refuse identifiers that name more than one sample.

    Raises:
        DataError: Names the repeated ones.
    """
    names, counts = np.unique(ids, return_counts=True)
    repeated = names[counts > 1]
    if len(repeated):
        where = "" if column is None else f" in the id column {column!r}"
        raise DataError(
            f"Every sample needs an id of its own, but {counted(len(repeated), 'id')} "
            f"{'stands' if len(repeated) == 1 else 'stand'} for more than one sample{where}: "
            f"{quoted(list(repeated), most=5)}. Delete the repeated rows"
            + (
                "."
                if column is None
                else ", or name another column; for patients or accounts that "
                "have several rows, use `group` (--group)."
            )
        )


def read_roles(words: NDArray[np.str_], name: str) -> NDArray[np.str_]:
    """Understand the words of a given split, as ``train``, ``val``, ``test``.

    Raises:
        DataError: A word names no role.

    >>> read_roles(np.array(["Train", "val"]), "split").tolist()
    ['train', 'validation']
    """
    distinct, inverse = np.unique(words, return_inverse=True)
    known = [role_word(str(word)) for word in distinct]
    unknown = [str(word) for word, role in zip(distinct, known, strict=True) if role is None]
    if unknown:
        raise DataError(
            f"The split column {name!r} holds {quoted(unknown, most=5)}; it may hold "
            f"{quoted([role.value for role in Role])} (also 'val', 'dev', 'cal')."
        )
    return np.asarray([str(role) for role in known], dtype=np.str_)[inverse]


def role_word(word: str) -> Role | None:
    """Give the role that a word names, or None."""
    return _ROLE_WORDS.get(word.strip().lower())


def read_complete_text(column: pd.Series[Any], name: str, part: str, what: str) -> NDArray[np.str_]:
    """Read a column as text, no cell of which may be empty.

    Args:
        column: Of the table.
        name: Of the column.
        part: That it plays, for the message.
        what: Every sample needs, for the message.

    Raises:
        DataError: A cell is empty.
    """
    missing = int(column.isna().sum())
    if missing:
        first = int(np.flatnonzero(column.isna())[0]) + 1
        raise DataError(
            f"Every sample needs {what}, but the {part} column {name!r} is missing in "
            f"{counted(missing, 'row')} of {len(column)} (first at row {first}). "
            "Fill these in or delete the rows."
        )
    return as_text(column).astype(np.str_)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
