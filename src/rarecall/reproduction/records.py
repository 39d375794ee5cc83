"""What a finished unit leaves in its folder: scores, history, and the record that closes it."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.comparison.events import finite
from rarecall.errors import RunError
from rarecall.files import read_json, read_npz, write_atomically, write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.reproduction.training import Job, Trained
    from rarecall.reproduction.units import Unit

FORMAT = 1
RECORD = "record.json"
SCORES = "scores.npz"


def digest(positions: NDArray[np.int64]) -> str:
    """Name a set of positions, so that scores of the same samples are known to be.

    >>> digest(np.array([1, 2]))
    '0c730b69905c5ef7'
    """
    content = np.ascontiguousarray(positions, dtype="<i8").tobytes()
    return hashlib.sha256(content).hexdigest()[:16]


def write_record(folder: Path, method: str, job: Job, trained: Trained, fingerprint: str) -> None:
    """Write what a training gave; the record last, since it says that all the rest is there.

    Raises:
        StorageError: The file system refused.
    """
    ground, unit = job.ground, job.unit
    manifest = ground.manifest
    arrays: dict[str, Any] = {
        "validation_scores": trained.validation,
        "validation_targets": ground.validation.targets.numpy(),
        "validation_positions": manifest.validation,
    }
    if trained.test is not None:
        arrays |= {
            "test_scores": trained.test,
            "test_targets": ground.test.targets.numpy(),
            "test_positions": manifest.test,
        }
    if trained.views is not None:
        arrays["test_view_scores"] = trained.views
    with write_atomically(folder / SCORES) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)
    lines = [json.dumps(finite(record)) for record in trained.history]
    write_text(folder / "history.jsonl", "".join(line + "\n" for line in lines))
    write_json(
        folder / RECORD,
        {
            **_opening(unit, method),
            "failed": None,
            "data": fingerprint,
            "manifest": manifest.digest,
            "counts": ground.counts(),
            "sizes": ground.sizes(),
            "classes": list(ground.classes) if ground.task.kind == "multilabel" else None,
            "validation": digest(manifest.validation),
            "test": digest(manifest.test) if trained.test is not None else None,
            "made_up": ground.made_up,
            "task": ground.task.to_json(),
            "selection": _number(trained.selection),
            "best_epoch": trained.best_epoch,
            "steps": trained.steps,
            "rows": trained.rows,
            "seconds": trained.seconds,
            "remarks": trained.remarks,
            "conditions": finite(trained.conditions),
        },
    )


def write_failure(folder: Path, unit: Unit, method: str, why: str) -> None:
    """Close a unit that cannot be trained: it is counted, told of, and not tried again."""
    write_json(folder / RECORD, {**_opening(unit, method), "failed": why})


def read_record(folder: Path) -> dict[str, Any] | None:
    """Read the record of a unit, or None while it is not finished.

    Raises:
        RunError: The file is damaged.
    """
    path = folder / RECORD
    try:
        record = read_json(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}). Delete {folder} and run again.") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunError(f"{path} is no record of this version. Delete {folder} and run again.")
    return record


def read_scores(folder: Path) -> dict[str, NDArray[Any]]:
    """Read the scores of a finished unit.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        return read_npz(folder / SCORES)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{folder / SCORES} cannot be read ({error}). Delete {folder} and run again."
        ) from error


def _opening(unit: Unit, method: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        **unit.to_json(),
        "method": method,
        "seed": unit.seed,
        "host": platform.node(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
