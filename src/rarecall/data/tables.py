"""A table as samples: its columns told apart, checked, and described to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.data.columns import prepare_columns
from rarecall.data.labels import binary_targets, read_labels
from rarecall.data.request import read_aside, require_columns
from rarecall.data.samples import Samples
from rarecall.data.suspicions import common_class, leaking_columns, repeated_rows
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
    if request.target is None:
        raise DataError(
            "Say which column holds the label: give `target` (--target). "
            f"The columns of {name} are {quoted([str(c) for c in table.columns], most=20)}."
        )
    labels = read_labels(table[request.target], request.target)
    targets, critical, counts = binary_targets(labels, request.critical, target=request.target)
    aside = read_aside(table, request, ids)
    no_features = {
        request.target,
        request.group,
        request.time,
        request.id,
        request.split_column,
        *request.drop,
        *leave_out,
    }
    features = [column for column in table.columns if column not in no_features]
    prepared = prepare_columns(table[features])
    notes = [*prepared.notes, *aside.notes, *common_class(targets, critical)]
    notes += leaking_columns(prepared.table, targets)
    notes += repeated_rows(prepared.table, targets, grouped=aside.groups is not None)
    return Samples(
        name=name,
        kind="table",
        features=prepared.table,
        targets=targets,
        ids=aside.ids,
        critical=critical,
        target_name=request.target,
        class_counts=counts,
        groups=aside.groups,
        times=aside.times,
        given_roles=aside.given_roles,
        notes=tuple(notes),
        labels=labels,
    )
