"""Reading a manifest that somebody else may have written: nothing in it is believed unchecked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rarecall.delivery.manifest import FORMAT, MANIFEST, Manifest
from rarecall.errors import RunError
from rarecall.thresholds.certificate_fields import seal

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 2**29
"""Bytes."""


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a model folder; nothing in it is executed.

    Raises:
        RunError: There is none, it is of another format, damaged, or was changed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise RunError(f"{folder} holds no model: there is no {MANIFEST} in it.")
    given = _parsed(path)
    _refuse_other_format(path, given)
    try:
        stated = given.pop("seal")
        found = Manifest.model_validate(given)
        if stated != seal(given):
            raise ValueError("its seal does not fit: it was changed after it was written")
        _refuse_unlisted(found)
    except KeyError as error:
        raise _damaged(path, f"the field {error} is missing") from error
    except ValidationError as error:
        raise _damaged(path, _told(error)) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    return found


def _parsed(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise RunError(f"Cannot read {path}: {error.strerror or error}.") from error
    if len(raw) > _LARGEST:
        raise _damaged(path, "it is larger than any manifest")
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_number)
    # A text may nest deeper than the parser can follow.
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"it is cut off or no JSON, {error}") from error


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _refuse_other_format(path: Path, given: Any) -> None:
    form = given.get("format") if isinstance(given, dict) else None
    if type(form) is not int:
        raise _damaged(path, "it names no format")
    if form == FORMAT:
        return
    wrote = str(given.get("rarecall", "another version"))[:40]
    if form > FORMAT:
        raise RunError(
            f"{path} has format {form}, of another version of rarecall ({wrote}), newer than this "
            f"one, which reads format {FORMAT}. Update rarecall."
        )
    raise RunError(
        f"{path} has format {form}, of another version of rarecall ({wrote}); this one reads "
        f"format {FORMAT}. Deliver the model again: rarecall compare --resume --out RUN."
    )


def _refuse_unlisted(found: Manifest) -> None:
    names = [member.file for member in found.members]
    names += [certificate.file for certificate in found.certificates]
    unlisted = [name for name in names if name not in found.files]
    if unlisted:
        raise ValueError(f"it has no SHA-256 of {unlisted[0]}")
    critical = list(found.problem.critical)
    for part in (found.certificates, found.calibrators):
        numbers = [one.number for one in part]
        if len(set(numbers)) < len(numbers) or not set(numbers) <= set(critical):
            raise ValueError(f"it has certificates or maps of the classes {numbers}")
    if [one.number for one in found.thresholds] != critical:
        raise ValueError("its thresholds are not those of its critical classes")


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    if first["type"] == "missing":
        return f"the field {place!r} is missing"
    if first["type"] == "extra_forbidden":
        return f"the field {place!r} is unknown"
    return f"{place!r}: {first['msg'].lower()}"


def _damaged(path: Path, what: str) -> RunError:
    return RunError(
        f"{path} is damaged ({re.sub(r'[^ -~λ]', '?', what)[:300]}). "
        "Copy the whole model folder again from where it was made."
    )
