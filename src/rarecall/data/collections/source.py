"""A published data set as rarecall knows it: where it is had, how its files lie, how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rarecall.files import write_text

Kind = Literal["images", "image files", "volumes"]

MARK = "MADE-UP.txt"
"""File that every folder of made-up data holds."""


class Look(NamedTuple):
    """What a glance at a folder found, without decoding anything.

    Attributes:
        counts: Samples, images or files, by the words that :attr:`Expected.counts` uses.
        problems: What is missing or of the wrong size, a sentence each; empty if nothing.
    """

    counts: dict[str, int]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What a complete data set is known to hold.

    Attributes:
        counts: Samples by part, in the words of :class:`Look`.
        sums: Published sums of files, by their path in the folder: ``"md5:…"`` or ``"sha256:…"``. A
            file that is not there is not missed by this; :attr:`Source.look` says what is needed.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)


def count_files(folder: Path) -> Look:
    """Count the files of a folder, at any depth; the look of a source that has none of its own."""
    return Look({"files": sum(path.is_file() and path.name != MARK for path in folder.rglob("*"))})


@dataclass(frozen=True)
class Source:
    """A published data set: facts and two functions, no data.

    Attributes:
        name: As commands and protocol files call it; also the folder's name below the root.
        title: For people.
        kind: ``"images"`` are read as a :class:`Collection`, ``"image files"`` as a
            ``FileCollection``, ``"volumes"`` as a ``VolumeCollection``.
        layout: The files below ``<root>/<name>/``, in words.
        origin: Who gives it out, what to accept there, its licence.
        read: From the folder to the collection. Raises :class:`DataError` if it is not whole.
            Made-up data (:func:`is_made_up`) is read without comparing sums.
        tiny: ``tiny(folder, seed=0)`` writes a small made-up data set in the same layout, for
            tests and smoke runs; the folder is marked as made up. Some take sizes besides.
        expected: Counts and sums, where they are known for certain.
        look: A cheap look at what is there.
        needs: Optional package without which it cannot be read, or None.

    >>> def write(folder, *, seed=0):
    ...     _ = (folder / "a.txt").write_text("a")
    >>> one = Source("a", "A", "images", "a.txt", "nobody", read=count_files, tiny=write)
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one.tiny(Path(folder) / "a")
    ...     one.read(Path(folder) / "a").counts, is_made_up(Path(folder) / "a")
    ({'files': 1}, True)
    """

    name: str
    title: str
    kind: Kind
    layout: str
    origin: str
    read: Callable[[Path], Any]
    tiny: Callable[..., None]
    expected: Expected = field(default_factory=Expected)
    look: Callable[[Path], Look] = count_files
    needs: str | None = None

    def __post_init__(self) -> None:
        # Here, so that no made-up data can be written without the mark that reports rely on.
        object.__setattr__(self, "tiny", _marking(self.tiny))


def _marking(write: Callable[..., None]) -> Callable[..., None]:
    @wraps(write)
    def tiny(folder: Path, *, seed: int = 0, **sizes: int) -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(
            folder / MARK,
            "The files in this folder were made up by rarecall to try programs with. "
            "Numbers that come of them mean nothing.\n",
        )
        write(folder, seed=seed, **sizes)

    return tiny


def is_made_up(folder: Path) -> bool:
    """Say whether a folder holds made-up data."""
    return (folder / MARK).is_file()
