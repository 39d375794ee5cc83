"""Writing a model folder: weights and certificates first, hashed; the manifest last, sealed."""

from __future__ import annotations

import hashlib
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import rarecall
from rarecall.delivery.augmented import check_tta
from rarecall.delivery.manifest import (
    FORMAT,
    MANIFEST,
    Calibration,
    CertificateFile,
    Manifest,
    Member,
    Network,
    Threshold,
    plain,
)
from rarecall.delivery.scoring import portion_rows
from rarecall.errors import ConfigurationError, RunError
from rarecall.files import write_atomically
from rarecall.models import save_weights
from rarecall.task import BINARY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from rarecall.calibration.base import Calibrator
    from rarecall.data import Preprocessor
    from rarecall.task import Task
    from rarecall.thresholds import Certificate

_OWN = re.compile(r"member-\d+\.safetensors|certificate(-\d+)?\.json")


class Choice(Protocol):
    """What a threshold is written from: any choice of :mod:`rarecall.thresholds` with a value."""

    @property
    def value(self) -> float:
        """A sample is critical when its score is at least this."""

    @property
    def statement(self) -> str:
        """What is promised, in words."""

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain values."""


def write_model(
    folder: str | Path,
    *,
    members: Sequence[nn.Module | Path],
    method: str,
    preprocessor: Preprocessor,
    thresholds: Mapping[int, Choice],
    critical: str,
    classes: Sequence[str],
    parameters: Mapping[str, Any] | None = None,
    network: str = "auto",
    options: Mapping[str, Any] | None = None,
    seeds: Sequence[int | None] | None = None,
    groups: Sequence[int] | None = None,
    task: Task = BINARY,
    certificates: Mapping[int, Certificate] | None = None,
    calibrators: Mapping[int, Calibrator] | None = None,
    target: str = "label",
    tta: str = "none",
    data: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] | None = None,
    summary: Mapping[str, Any] | None = None,
) -> Path:
    """Write a model folder that is complete in itself; the manifest comes last.

    A model that lies there is replaced. Until the manifest is written there is none.

    Args:
        folder: Where to write; new, empty, or holding a model.
        members: The networks of an ensemble whose scores are averaged, adapted to the method, or
            files of their weights.
        method: Name in the grammar of methods, ``"bce+alm"``.
        preprocessor: Fitted on the training part.
        thresholds: One for every critical class or label, by number; 1 in binary work.
        critical: The critical label, or all of them, as text.
        classes: Both labels in binary work; else the classes or labels by number.
        parameters: Of the method, as ``Method.build`` takes them; others are kept for the record.
        network: Name, as :func:`rarecall.models.build_network` knows it.
        options: Of the network.
        seeds: Of the members, for the record.
        groups: A number a member; those of one number count as one and are averaged first. By
            default every member counts by itself.
        task: The kind of problem.
        certificates: Of thresholds that have one; each is tied to this model.
        calibrators: From scores to probabilities, where there are any.
        target: Name of the label's column.
        tta: Test-time augmentation that the thresholds were chosen with.
        data: Of the training: ``name``, ``fingerprint`` and the like, plain values.
        environment: Versions and machine, plain values.
        summary: Measures for the model card, plain values.

    Returns:
        The folder.

    Raises:
        ConfigurationError: Thresholds are missing or superfluous, or the augmentation does not fit.
        RunError: The folder holds something else; a certificate is of another model or threshold.
        StorageError: The file system refused.
    """
    folder = Path(folder)
    certificates = certificates or {}
    _check_numbers(task, thresholds, certificates, calibrators or {})
    check_tta(tta, preprocessor.spec)
    _make_room(folder)
    sealed: dict[str, str] = {}
    written = []
    each = zip(members, seeds or [None] * len(members), groups or range(len(members)), strict=True)
    for place, (member, seed, group) in enumerate(each):
        path = folder / f"member-{place}.safetensors"
        if isinstance(member, Path):
            with write_atomically(path) as beside:
                shutil.copyfile(member, beside)
        else:
            save_weights(member, path)
        sealed[path.name] = sha256(path)
        written.append(Member(file=path.name, seed=seed, group=group))
    names = {1: critical} if task.kind == "binary" else dict(enumerate(classes))
    manifest = Manifest(
        format=FORMAT,
        rarecall=rarecall.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        method=method,
        parameters=plain(parameters or {}),
        network=Network(name=network, options=plain(options or {})),
        members=written,
        preprocessing=plain(preprocessor.to_json()),
        portion=portion_rows(preprocessor.spec),
        tta=tta,
        kind=str(preprocessor.spec["kind"]),
        task=plain(task.to_json()),
        critical=critical,
        classes=[str(name) for name in classes],
        target=target,
        thresholds=[_threshold(k, names[k], thresholds[k]) for k in task.critical],
        certificates=[],
        calibrators=[
            Calibration(number=k, map=plain(fitted.to_json()))
            for k, fitted in (calibrators or {}).items()
        ],
        data=plain(data or {}),
        environment=plain(environment or {}),
        summary=plain(summary or {}),
        check=None,
        files=dict(sealed),
    )
    files = []
    for number, certificate in certificates.items():
        path = folder / (
            "certificate.json" if task.kind == "binary" else f"certificate-{number}.json"
        )
        tied = certificate.for_model(manifest.fingerprint)
        if tied.threshold != float(thresholds[number].value):
            raise RunError(
                f"The certificate is about the threshold {tied.threshold!r}, but the model is to "
                f"use {thresholds[number].value!r}. Give the certificate of that threshold."
            )
        tied.save(path)
        sealed[path.name] = sha256(path)
        files.append(CertificateFile(number=number, file=path.name))
    manifest.model_copy(update={"certificates": files, "files": sealed}).write(folder)
    return folder


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _threshold(number: int, name: str, choice: Choice) -> Threshold:
    told = choice.to_dict()
    return Threshold(
        number=number,
        name=str(name),
        value=float(choice.value),
        guaranteed=bool(told.get("guaranteed", False)),
        statement=str(choice.statement),
        choice=plain(told),
    )


def _check_numbers(
    task: Task,
    thresholds: Mapping[int, Any],
    certificates: Mapping[int, Any],
    calibrators: Mapping[int, Any],
) -> None:
    critical = set(task.critical)
    if set(thresholds) != critical:
        raise ConfigurationError(
            f"A model needs a threshold for each of its critical classes {sorted(critical)}, and "
            f"for no other; there are some for {sorted(thresholds)}."
        )
    if not set(certificates) | set(calibrators) <= critical:
        raise ConfigurationError(
            f"Certificates and maps belong to the critical classes {sorted(critical)}."
        )


def _make_room(folder: Path) -> None:
    """Remove the model that lies there, its manifest first."""
    if folder.is_file():
        raise RunError(f"{folder} is a file, but a model needs a folder. Choose another one.")
    if not folder.is_dir():
        return
    manifest = folder / MANIFEST
    lying = [path for path in folder.iterdir() if path.name != MANIFEST]
    if not manifest.is_file() and not all(_OWN.fullmatch(path.name) for path in lying):
        raise RunError(
            f"{folder} is not empty and holds no model, so nothing is written there. Choose "
            "another folder."
        )
    manifest.unlink(missing_ok=True)
    for path in lying:
        if _OWN.fullmatch(path.name):
            path.unlink()
