"""What is there of a data set: at a glance, or every file against its published sum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rarecall.data.collections.catalogue import absence, find_source
from rarecall.data.collections.checksums import check_sum
from rarecall.data.collections.places import data_root
from rarecall.data.collections.source import is_made_up
from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Presence:
    """What is there of a data set.

    Attributes:
        name: Of the catalogue.
        present: It is there and nothing was found wrong with it.
        folder: Where it was looked for.
        counts: What was counted, by part.
        problems: A sentence each.
        made_up: It was written by ``Source.tiny``: results on it mean nothing.
    """

    name: str
    present: bool
    folder: Path
    counts: dict[str, int]
    problems: tuple[str, ...]
    made_up: bool


def presence(name: str, root: str | Path | None = None) -> Presence:
    """Look, cheaply, at what is there of a data set: file names, counts and sizes.

    Args:
        name: Of the catalogue.
        root: See :func:`data_root`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     found = presence("stl10", root)
    >>> found.present, found.counts, "stl10" in found.problems[0]
    (False, {}, True)
    """
    source = find_source(name)
    folder = data_root(root) / name
    if not folder.is_dir():
        return Presence(name, False, folder, {}, (absence(source, folder),), False)
    made_up = is_made_up(folder)
    try:
        counts, problems = source.look(folder)
    except (DataError, OSError) as error:
        counts, problems = {}, (str(error),)
    if not made_up and not problems:
        problems = tuple(
            f"{source.title} has {wanted:,} {part}; {counts[part]:,} are in {folder}."
            for part, wanted in source.expected.counts.items()
            if part in counts and counts[part] != wanted
        )
    return Presence(name, not problems, folder, dict(counts), tuple(problems), made_up)


def check_collection(name: str, root: str | Path | None = None) -> Presence:
    """Read a whole data set and compare every file that has a published sum with it.

    It takes as long as reading everything does. Made-up data has no published sums: it is read.

    Args:
        name: Of the catalogue.
        root: See :func:`data_root`.

    Returns:
        As :func:`presence` does, with every problem found.
    """
    found = presence(name, root)
    if not found.folder.is_dir():
        return found
    source = find_source(name)
    problems = list(found.problems)
    if not found.made_up:
        for file, wanted in source.expected.sums.items():
            try:
                if (found.folder / file).is_file():
                    check_sum(found.folder / file, wanted)
            except DataError as error:
                problems.append(str(error))
    if not problems:
        try:
            source.read(found.folder)
        except DataError as error:
            problems.append(str(error))
    return replace(found, present=not problems, problems=tuple(problems))
