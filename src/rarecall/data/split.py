"""A split: which sample plays which role, kept by sample id."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError
from rarecall.files import write_atomically, write_json
from rarecall.metrics.views import any_critical
from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rarecall.data.samples import Samples


@dataclass(frozen=True, eq=False)
class Split:
    """Positions of the samples of each role; made by :func:`rarecall.data.make_split`.

    Attributes:
        positions: Ascending, int64, without overlap; samples in none are not used.
        how: In one sentence, how it was made.
        seed: What the random choices started from.
    """

    positions: dict[Role, NDArray[np.int64]]
    how: str
    seed: int

    def summary(self, samples: Samples) -> dict[str, Any]:
        """Count samples and positives of each part, in plain values that JSON can hold.

        Args:
            samples: Those that were split.

        Returns:
            ``how``, ``seed`` and ``parts`` (``n``, ``positives`` and, with groups,
            ``groups`` of each role; in multi-class and multi-label work ``classes``, the samples
            of every critical one).
        """
        parts = {}
        for role in Role:
            rows = self.positions[role]
            critical = any_critical(samples.targets[rows], samples.task).positive
            part: dict[str, Any] = {"n": len(rows), "positives": int(critical.sum())}
            if samples.task.kind != "binary":
                part["classes"] = samples.take(rows).critical_counts
            if samples.groups is not None:
                part["groups"] = len(np.unique(samples.groups[rows]))
            parts[role.value] = part
        return {"how": self.how, "seed": self.seed, "parts": parts}

    def save(self, path: str | Path, samples: Samples) -> None:
        """Store the split as ``id,role``, and beside it (``.json``) how it was made.

        Args:
            path: A ``.csv`` file; written whole or not at all.
            samples: Those that were split.
        """
        path = Path(path)
        about = {**self.summary(samples), "fingerprint": samples.fingerprint}
        write_json(path.with_suffix(".json"), about)
        order = np.argsort(np.concatenate([self.positions[role] for role in Role]), kind="stable")
        places = np.concatenate([self.positions[role] for role in Role])[order]
        roles = np.repeat([role.value for role in Role], [len(self.positions[r]) for r in Role])
        with (
            write_atomically(path) as beside,
            beside.open("w", newline="", encoding="utf-8") as out,
        ):
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(["id", "role"])
            writer.writerows(zip(samples.ids[places].tolist(), roles[order].tolist(), strict=True))

    @classmethod
    def load(cls, path: str | Path, samples: Samples) -> Split:
        """Read a stored split of these very samples.

        Args:
            path: File of :meth:`save`; the ``.json`` beside it may lack.
            samples: Those that were split.

        Raises:
            DataError: The file is damaged, or is of other samples.
        """
        path = Path(path)
        how, seed = f"As stored in {path.name}.", 0
        beside = path.with_suffix(".json")
        try:
            if beside.is_file():
                about = json.loads(beside.read_text(encoding="utf-8"))
                how, seed = str(about["how"]), int(about["seed"])
                if about["fingerprint"] != samples.fingerprint:
                    raise DataError(
                        f"The split {path} belongs to other data: {samples.name} has changed since "
                        "it was made. Restore the data, or start a new run."
                    )
            with path.open(newline="", encoding="utf-8") as file:
                ids, roles = _columns(csv.reader(file))
        except DataError:
            raise
        except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
            raise DataError(f"The split {path} cannot be read: {error}.") from error
        known = {name: position for position, name in enumerate(samples.ids.tolist())}
        strange = [name for name in ids if name not in known]
        if strange:
            raise DataError(
                f"The split {path} names {counted(len(strange), 'sample')} that {samples.name} "
                f"does not have: {quoted(strange, most=3)}. It belongs to other data."
            )
        if len(set(ids)) < len(ids):
            raise DataError(f"The split {path} names a sample twice.")
        where = np.asarray([known[name] for name in ids], dtype=np.int64)
        of_role = np.asarray(roles)
        positions = {role: np.sort(where[of_role == role.value]) for role in Role}
        empty = [role.value for role in Role if not len(positions[role])]
        if empty:
            raise DataError(f"The split {path} has no samples for {quoted(empty)}.")
        return cls(positions, how, seed)


def _columns(rows: Iterator[list[str]]) -> tuple[list[str], list[str]]:
    """Read ids and roles; a dictionary a row would take several times as long.

    Raises:
        ValueError: A column lacks, a row is cut off, or a role is none.
    """
    header = next(rows, [])
    lacking = [name for name in ("id", "role") if name not in header]
    if lacking:
        raise ValueError(f"it has no column {quoted(lacking)}")
    id_at, role_at = header.index("id"), header.index("role")
    full = [row for row in rows if row]
    if any(len(row) <= max(id_at, role_at) for row in full):
        raise ValueError("a row of it is cut off")
    roles = [row[role_at] for row in full]
    for role in dict.fromkeys(roles):
        Role(role)
    return [row[id_at] for row in full], roles
