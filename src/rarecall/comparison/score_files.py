"""Scores on disk: one compressed file a model or ensemble, with targets and sample ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.comparison.learner import SCORED
from rarecall.errors import RunError
from rarecall.evaluation.score_storage import StoredPart, store_scores
from rarecall.files import read_npz
from rarecall.roles import Role, TaskScores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.data import Samples


def write_scores(
    path: Path, scores: Mapping[Role, NDArray[np.float64]], parts: Mapping[Role, Samples]
) -> None:
    """Store raw scores of each role with targets and ids, whole or not at all."""
    stored = {
        role: StoredPart(values, parts[role].targets, parts[role].ids)
        for role, values in scores.items()
    }
    store_scores(path, stored)


def read_scores(path: Path, role: Role, part: Samples) -> TaskScores:
    """Read one role's scores, with the role that says what they may be used for.

    Args:
        path: File of :func:`write_scores`.
        role: Validation, calibration or test.
        part: The samples of that role; their ids must be those of the file.

    Raises:
        RunError: The file is missing, damaged, or of other samples.
    """
    if role not in SCORED:
        raise ValueError(f"Scores of the {role} part are not stored.")
    try:
        names = (f"{role}_scores", f"{role}_ids")
        stored = read_npz(path, names)
        values, ids = (stored[name] for name in names)
    except (OSError, ValueError, KeyError) as error:
        raise RunError(
            f"{path} cannot be read ({error}). Delete its folder and continue with --resume."
        ) from error
    if not np.array_equal(ids, part.ids.astype(np.str_)):
        raise RunError(f"{path} holds scores of other samples than this run's {role} part.")
    return TaskScores(values, part.targets, part.ids, part.groups, role, part.task)
