"""Files against their published sums."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def file_sum(path: Path, kind: str = "sha256") -> str:
    """Hash a file.

    Args:
        path: Of the file.
        kind: ``"sha256"`` or ``"md5"``.

    Returns:
        The kind and the sum, as ``"md5:900150…"``.
    """
    with path.open("rb") as file:
        if kind == "md5":
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        else:
            found = hashlib.file_digest(file, "sha256")
    return f"{kind}:{found.hexdigest()}"


def check_sum(path: Path, wanted: str) -> None:
    """Refuse a file that is not the published one.

    Args:
        path: Of the file.
        wanted: As :func:`file_sum` gives it.

    Raises:
        DataError: Its sum is another; both are told.
    """
    came = file_sum(path, wanted.split(":", maxsplit=1)[0])
    if came != wanted:
        raise DataError(
            f"{path} is not the published file: its sum is {came}, not {wanted}. Fetch it again."
        )
