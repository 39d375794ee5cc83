"""The table of studies: whose they are, which cohort they belong to, and their labels."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TABLE = "studies.csv"
COLUMNS = ("study", "patient", "cohort", "label")
COHORTS = ("train", "test")
SHOWN = 8


@dataclass(frozen=True, eq=False)
class StudyTable:
    """What the table says, a row a study.

    Attributes:
        studies: Names, in the table's order.
        patients: The patient of every study, str, shape ``(n,)``.
        cohorts: ``"train"`` or ``"test"``, str, shape ``(n,)``.
        labels: 1 for the critical class, else 0, int64, shape ``(n,)``.
    """

    studies: tuple[str, ...]
    patients: NDArray[np.str_]
    cohorts: NDArray[np.str_]
    labels: NDArray[np.int64]

    @property
    def names(self) -> NDArray[np.str_]:
        """The studies as an array."""
        return np.array(self.studies, dtype=np.str_)


def read_table(folder: Path) -> StudyTable:
    """Read ``studies.csv`` of a folder.

    Raises:
        DataError: It is missing, has other columns, or rows that cannot be: all of them at once. A
            patient in both cohorts is one, since the test would no longer be one of new patients.
    """
    path = folder / TABLE
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            absent = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if absent:
                raise DataError(
                    f"{path} must have the columns {', '.join(COLUMNS)}; "
                    f"{', '.join(absent)} missing, and it has "
                    f"{', '.join(reader.fieldnames or ()) or 'none'}."
                )
            rows = [{name: (row[name] or "").strip() for name in COLUMNS} for row in reader]
    except FileNotFoundError:
        others = sorted(other.name for other in folder.glob("*.csv"))
        near = f" The folder has {', '.join(others)}: rename it if it is the one." if others else ""
        raise DataError(f"{path}, the table of studies, is missing.{near}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table ({error}).") from error
    wrong = _mistakes(rows)
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise DataError("\n  ".join([f"{path} cannot be used:", *wrong[:SHOWN], *more]))
    return StudyTable(
        tuple(row["study"] for row in rows),
        np.array([row["patient"] for row in rows], dtype=np.str_),
        np.array([row["cohort"] for row in rows], dtype=np.str_),
        np.array([int(row["label"]) for row in rows], dtype=np.int64),
    )


def _mistakes(rows: list[dict[str, str]]) -> list[str]:
    wrong = [] if rows else ["it names no study"]
    seen: set[str] = set()
    home: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        study, patient, cohort, label = (row[name] for name in COLUMNS)
        # The name becomes a path: it must not lead out of the folder.
        if not study or study in {".", ".."} or "/" in study or "\\" in study:
            wrong.append(f"line {number}: study must be the name of a folder, not {study!r}")
        elif study in seen:
            wrong.append(f"line {number}: the study {study} is there twice")
        seen.add(study)
        if not patient:
            wrong.append(f"line {number}: patient is empty; with one study each, repeat its name")
        if cohort not in COHORTS:
            wrong.append(f"line {number}: cohort must be train or test, not {cohort!r}")
        elif patient and home.setdefault(patient, cohort) != cohort:
            wrong.append(f"line {number}: the patient {patient} is in both cohorts")
        if label not in {"0", "1"}:
            wrong.append(f"line {number}: label must be 0 or 1, not {label!r}")
    return wrong
