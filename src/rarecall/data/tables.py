"""A table as samples: its columns told apart, checked, and described to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.data.answers import read_answers
from rarecall.data.columns import prepare_columns
from rarecall.data.request import read_aside, require_columns
from rarecall.data.samples import Samples
from rarecall.data.suspicions import common_classes, leaks, repeated_rows
from rarecall.data.wording import quoted
from rarecall.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from rarecall.data.request import Request


def samples_from_table(
    table: pd.DataFrame,
    request: Request,
    *,
    name: str,
    ids: NDArray[np.str_] | None = None,
    leave_out: tuple[str, ...] = (),
) -> Samples:
    """Make samples of a table whose columns are named by ``request``.

    Args:
        table: Rows are samples.
        request: Which column plays which part.
        name: Of the source, for messages.
        ids: Identifiers when the request names no id column.
        leave_out: Columns that are no features, besides those of the request.

    Raises:
        DataError: A column is missing, or its content cannot be used.
    """
    require_columns(table, request, name)
    if not request.target_columns:
        raise DataError(
            "Say which column holds the label: give `target` (--target). "
            f"The columns of {name} are {quoted([str(c) for c in table.columns], most=20)}."
        )
    answers = read_answers(table, request)
    aside = read_aside(table, request, ids)
    no_features = {
        *request.target_columns,
        request.group,
        request.time,
        request.id,
        request.split_column,
        *request.drop,
        *leave_out,
    }
    features = [column for column in table.columns if column not in no_features]
    prepared = prepare_columns(table[features])
    notes = [*answers.notes, *prepared.notes, *aside.notes, *common_classes(answers)]
    notes += leaks(prepared.table, answers)
    notes += repeated_rows(prepared.table, answers.targets, grouped=aside.groups is not None)
    return Samples(
        name=name,
        kind="table",
        features=prepared.table,
        targets=answers.targets,
        ids=aside.ids,
        critical=answers.critical,
        target_name=answers.target_name,
        class_counts=answers.class_counts,
        groups=aside.groups,
        times=aside.times,
        given_roles=aside.given_roles,
        subgroups=aside.subgroups,
        notes=tuple(notes),
        labels=answers.labels,
        task=answers.task,
        classes=answers.classes,
    )
