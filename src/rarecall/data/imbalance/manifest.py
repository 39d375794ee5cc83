"""A manifest: which samples of a pool one network is trained, chosen and tested on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rarecall.data.imbalance.checks import checked_pool, digest_of
from rarecall.errors import ConfigurationError, DataError
from rarecall.files import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from numpy.typing import ArrayLike, NDArray

Mode = Literal["strict", "as-published"]
TestPool = Literal["test", "train"]
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Manifest:
    """Positions of a pool that one network is trained, chosen and tested on.

    Attributes:
        protocol: Name of the function that made it.
        parameters: What it was called with, in plain values.
        mode: ``"strict"`` or ``"as-published"``.
        member: Number of the ensemble member, from 0.
        train: Positions in the training pool, int64.
        validation: Positions in the training pool, int64.
        test: Positions in the test pool, int64.
        critical: Labels that count as critical (1); in multi-class work those named critical, in
            multi-label work none.
        labels: SHA-256 of the labels of both pools, which says what the positions refer to.
        test_pool: ``"train"`` where there is no test pool, and ``test`` are positions in the
            training pool, disjoint from the other parts.
        flipped: Positions of ``train`` whose target is wrong on purpose.

    >>> from rarecall.data.imbalance import binary_pair
    >>> pool = [0, 1] * 60
    >>> one = binary_pair(pool, pool, negative=0, positive=1, ratio=10, validation=5)[0]
    >>> len(one.train), len(one.validation), len(one.test)
    (53, 10, 120)
    """

    protocol: str
    parameters: dict[str, Any]
    mode: Mode
    member: int
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    critical: tuple[int, ...]
    labels: str
    test_pool: TestPool = "test"
    flipped: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def digest(self) -> str:
        """SHA-256 of the positions of all parts and of what they refer to."""
        found = hashlib.sha256(self.labels.encode())
        for part in (self.train, self.validation, self.test):
            found.update(np.ascontiguousarray(part, dtype="<i8").tobytes() + b"|")
        found.update(json.dumps(self.critical).encode())
        if self.test_pool != "test":
            found.update(self.test_pool.encode())
        if len(self.flipped):
            found.update(np.ascontiguousarray(self.flipped, dtype="<i8").tobytes())
        return found.hexdigest()

    def targets(self, labels: ArrayLike, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give 1 for critical labels and 0 for others, for the samples at ``positions``.

        These are the true ones, also where some are wrong on purpose in training:
        :meth:`train_targets` gives those to train on.

        Raises:
            ConfigurationError: There are several labels a sample.
        """
        array = np.asarray(labels)
        if array.ndim != 1:
            raise ConfigurationError(
                f"Several labels a sample, shape {array.shape}, have no single target: take the "
                "rows, labels[positions]."
            )
        return np.isin(array[positions], self.critical).astype(np.int64)

    def train_targets(self, labels: ArrayLike) -> NDArray[np.int64]:
        """Give the targets of the training part, those of ``flipped`` turned over."""
        found = self.targets(labels, self.train)
        wrong = np.isin(self.train, self.flipped)
        return np.where(wrong, 1 - found, found)

    def check(self, labels: ArrayLike, test_labels: ArrayLike | None) -> None:
        """Refuse pools other than those that the positions refer to.

        ``test_labels`` is None where there is no test pool.

        Raises:
            DataError: The labels are not those that the manifest was made from.
        """
        given = np.empty(0, dtype=np.int64) if test_labels is None else test_labels
        if digest_of(checked_pool(labels), checked_pool(given)) != self.labels:
            raise DataError(
                f"This manifest ({self.protocol}, {self.digest[:12]}) was made from other data: "
                "the labels differ in number, order or value. Make it anew, or use the data it was "
                "made from."
            )

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all."""
        parts = {name: getattr(self, name).tolist() for name in ("train", "validation", "test")}
        write_json(
            path,
            {
                "format": FORMAT,
                "protocol": self.protocol,
                "parameters": self.parameters,
                "mode": self.mode,
                "member": self.member,
                "critical": list(self.critical),
                "labels": self.labels,
                "test_pool": self.test_pool,
                "flipped": self.flipped.tolist(),
                "digest": self.digest,
                **parts,
            },
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            DataError: The file is no manifest, is damaged, or was edited.
        """
        try:
            stored = read_json(path)
            if stored["format"] != FORMAT:
                raise ValueError(f"format {stored['format']!r} is unknown")
            manifest = cls(
                protocol=str(stored["protocol"]),
                parameters=dict(stored["parameters"]),
                mode=stored["mode"],
                member=int(stored["member"]),
                train=np.asarray(stored["train"], dtype=np.int64),
                validation=np.asarray(stored["validation"], dtype=np.int64),
                test=np.asarray(stored["test"], dtype=np.int64),
                critical=tuple(int(label) for label in stored["critical"]),
                labels=str(stored["labels"]),
                test_pool=stored.get("test_pool", "test"),
                flipped=np.asarray(stored.get("flipped", []), dtype=np.int64),
            )
            if manifest.digest != stored["digest"]:
                raise ValueError("its digest is not that of its positions")
        except (OSError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"{path} is not a manifest that can be used ({error}). Make it anew."
            ) from error
        return manifest
