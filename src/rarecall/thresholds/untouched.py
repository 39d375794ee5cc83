"""Calibration samples that training or tuning has seen are found by id, group or fingerprint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import ConfigurationError, DataError
from rarecall.roles import Scores, TaskScores
from rarecall.thresholds.certificate_fields import is_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from rarecall.roles import CalibrationScores


def refuse_used(
    calibration: CalibrationScores, used_before: Sequence[Scores | str | ArrayLike]
) -> int:
    """Refuse samples that training or tuning has seen; count the ids that were looked through.

    Args:
        calibration: The samples that must be new; their ids may repeat only within groups.
        used_before: Scores (their ids and groups are compared), fingerprints, or arrays of ids.

    Raises:
        DataError: An id, a group or the fingerprint was used before; ids repeat.
        ConfigurationError: A text that is no fingerprint.
    """
    own, groups = _as_text(calibration.ids), _as_text(calibration.groups)
    if groups is None and own is not None and len(np.unique(own)) < len(own):
        raise DataError(
            "Ids repeat in the calibration part, so its rows are no independent samples. Name the "
            "group that they belong to, or give every sample an id of its own."
        )
    if isinstance(used_before, str | Scores | TaskScores):
        used_before = [used_before]
    looked = 0
    for used in used_before:
        if isinstance(used, str):
            if not is_digest(used):
                raise ConfigurationError(
                    "used_before takes scores, fingerprints of 64 hexadecimal digits, or arrays "
                    f"of ids; the text {used[:40]!r} is none. Give ids as one array or list."
                )
            if used == calibration.fingerprint:
                raise DataError(
                    _used("All", len(calibration.ids), "samples", "as the fingerprint says")
                )
            continue
        ids = _as_text(used.ids if isinstance(used, Scores | TaskScores) else used)
        looked += 0 if ids is None else len(ids)
        _refuse_common(own, ids, "samples")
        if isinstance(used, Scores | TaskScores):
            _refuse_common(groups, _as_text(used.groups), "groups")
    return looked


def _refuse_common(own: NDArray[np.str_] | None, used: NDArray[np.str_] | None, what: str) -> None:
    if own is None or used is None:
        return
    common = np.intersect1d(own, used)
    if len(common):
        some = ", ".join(map(repr, common[:3].tolist()))
        raise DataError(_used(str(len(common)), len(np.unique(own)), what, f"such as {some}"))


def _used(number: str, of: int, what: str, such: str) -> str:
    return (
        f"{number} of the {of} calibration {what} were used before, {such}. What training or "
        "tuning has seen looks better than new samples will, so nothing can be promised on it. "
        "Set aside data of its own for calibration."
    )


def _as_text(values: Any) -> NDArray[np.str_] | None:
    return None if values is None else np.atleast_1d(np.asarray(values)).astype(str)
