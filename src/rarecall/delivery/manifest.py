"""The manifest of a model folder: every field checked, every file hashed, the whole sealed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from rarecall.files import write_json
from rarecall.task import BINARY, Task
from rarecall.thresholds.certificate_fields import seal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 3
"""Of the model folder; a reader refuses every other one."""

MANIFEST = "manifest.json"

_DIGEST = r"^[0-9a-f]{64}$"
# Names of files beside the manifest: a manifest must not reach outside its folder.
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"

Digest = Annotated[str, Field(pattern=_DIGEST)]
FileName = Annotated[str, Field(pattern=_NAME)]
Number = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Network(_Strict):
    """Which network the members are; what it must know of the data is the preprocessing's."""

    name: str
    options: dict[str, Any]


class Member(_Strict):
    """One network of the ensemble: the file of its weights, and the seed that it grew from.

    The members of one ``group`` count as one: they are averaged first.
    """

    file: FileName
    seed: int | None
    group: Number


class Threshold(_Strict):
    """The threshold of one critical class or label, 1 in binary work.

    ``choice`` is all that is known of how it was chosen, as its ``to_dict`` gave it.
    """

    number: Number
    name: str
    value: float
    guaranteed: bool
    statement: str
    choice: dict[str, Any]


class CertificateFile(_Strict):
    """Where the certificate of a threshold lies."""

    number: Number
    file: FileName


class Calibration(_Strict):
    """The map from scores to probabilities of one critical class or label."""

    number: Number
    map: dict[str, Any]


class Check(_Strict):
    """How the folder scored calibration rows, beside the scores that chose the threshold."""

    rows: Number
    largest_difference: Annotated[float, Field(ge=0)]
    decisions_changed: Number


class Manifest(_Strict):
    """Everything that is known of a delivered model.

    Attributes:
        format: Of the folder.
        rarecall: Version that wrote it.
        created: When, ISO 8601 in UTC.
        method: Name in the grammar of methods.
        parameters: Of the method and its training.
        network: Of all members.
        members: The ensemble.
        preprocessing: What the preprocessor's ``to_json`` gave.
        portion: Rows forwarded at once, see :func:`rarecall.delivery.steady_scores`.
        tta: Test-time augmentation, ``"none"`` or a name of :data:`rarecall.delivery.TTA`.
        kind: ``"table"``, ``"images"`` or ``"images+table"``.
        task: Of :class:`rarecall.Task`.
        critical: The critical label, or all of them, as text.
        classes: Both labels in binary work, or all that stand against the critical one; else the
            classes or labels by number.
        target: Name of the label's column.
        thresholds: One a critical class or label.
        certificates: Of the thresholds that have one.
        calibrators: Of the scores that have one.
        data: Of the training: name, fingerprint, sizes of the parts.
        environment: Versions and machine of the training.
        summary: Measures on the test part, for the model card; empty where there are none.
        check: None where it was not made.
        files: SHA-256 of every other file.
    """

    format: int
    rarecall: str
    created: str
    method: str
    parameters: dict[str, Any]
    network: Network
    members: Annotated[list[Member], Field(min_length=1)]
    preprocessing: dict[str, Any]
    portion: Annotated[int, Field(ge=1, le=2**16)]
    tta: str
    kind: str
    task: dict[str, Any]
    critical: str
    classes: list[str]
    target: str
    thresholds: list[Threshold]
    certificates: list[CertificateFile]
    calibrators: list[Calibration]
    data: dict[str, Any]
    environment: dict[str, Any]
    summary: dict[str, Any]
    check: Check | None
    files: dict[FileName, Digest]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the scores: what a certificate is tied to."""
        weights = [[self.files[member.file], member.group] for member in self.members]
        own = {
            "method": self.method,
            "parameters": self.parameters,
            "network": self.network.model_dump(),
            "weights": weights,
            "preprocessing": self.preprocessing,
            "portion": self.portion,
            "tta": self.tta,
            "task": self.task,
        }
        return seal(own)

    @property
    def problem(self) -> Task:
        """The kind of problem."""
        return Task.from_json(self.task) if self.task else BINARY

    def write(self, folder: Path) -> None:
        """Write it into the folder, sealed; the last step of writing a model.

        Raises:
            StorageError: The file system refused.
        """
        content = self.model_dump(mode="json")
        write_json(folder / MANIFEST, {**content, "seal": seal(content)})


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Give a mapping in plain JSON values: keys are text, tuples are lists.

    >>> plain({"a": (1, 2.5)})
    {'a': [1, 2.5]}
    """
    found: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    return found
