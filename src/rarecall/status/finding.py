"""Which folders hold runs, and how each stands."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rarecall.errors import RarecallError, RunError
from rarecall.status.signs import last_sign
from rarecall.work.claims import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.status.model import RunStatus

USUAL = "runs"


def statuses(folders: Sequence[str | Path] = (USUAL,)) -> list[RunStatus]:
    """Say how runs stand.

    Args:
        folders: Run folders, or folders that hold some.

    Raises:
        RunError: A folder is none and holds none.

    >>> statuses(["nowhere"])
    Traceback (most recent call last):
        ...
    rarecall.errors.RunError: nowhere holds no run of `rarecall compare` or `rarecall reproduce`.
    Name a run folder, or one that holds some.
    """
    found: list[Path] = []
    for given in folders:
        folder = Path(given)
        if _is_run(folder):
            found.append(folder)
            continue
        below = sorted(path for path in _folders(folder) if _is_run(path))
        if not below:
            raise RunError(
                f"{folder} holds no run of `rarecall compare` or `rarecall reproduce`. "
                "Name a run folder, or one that holds some."
            )
        found += below
    return [status_of(folder) for folder in dict.fromkeys(found)]


def status_of(folder: str | Path) -> RunStatus:
    """Say how the run in a folder stands; what cannot be read makes it ``damaged``.

    Raises:
        RunError: The folder holds no run.
    """
    folder = Path(folder)
    if not _is_run(folder):
        raise RunError(f"{folder} holds no run of `rarecall compare` or `rarecall reproduce`.")
    # Each loads what only its kind needs.
    if (folder / "run.json").exists():
        from rarecall.status.reproductions import reproduction_status as read
    else:
        from rarecall.status.comparisons import comparison_status as read
    found = read(folder)
    sign = last_sign(folder)
    silent = None if sign is None else max(0.0, clock(folder) - sign)
    return replace(found, last_sign=sign, silent=silent)


def _is_run(folder: Path) -> bool:
    if (folder / "run.json").is_file():
        return True
    # A configuration alone may be anybody's.
    beside = ("status.json", "work.json", "environment.json", "log.jsonl")
    return (folder / "config.yaml").is_file() and any((folder / name).exists() for name in beside)


def _folders(folder: Path) -> list[Path]:
    with suppress(OSError, RarecallError):
        return [path for path in folder.iterdir() if path.is_dir()]
    return []
