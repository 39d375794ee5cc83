"""The catalogue of data sets: by name, from one folder a data set below a root.

>>> find_source("cifar10").title
'CIFAR-10'
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rarecall.data.collections.places import data_root
from rarecall.data.collections.source import Expected, Kind, Look, Source, is_made_up
from rarecall.errors import ConfigurationError, DataError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Expected",
    "Kind",
    "Look",
    "Source",
    "collection_names",
    "find_source",
    "is_made_up",
    "read_collection",
]

_MODULES = (
    "rarecall.data.collections.cifar_sources",
    "rarecall.data.collections.small_images",
    "rarecall.data.collections.medical",
    "rarecall.data.collections.volumes",
)

_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip", ".7z")


@cache
def _catalogue() -> dict[str, Source]:
    # Modules are imported on demand: some bring pandas, and naming a data set needs none of it.
    sources: list[Source] = []
    for name in _MODULES:
        sources.extend(import_module(name).SOURCES)
    found = {source.name: source for source in sources}
    if len(found) < len(sources):
        raise RuntimeError("Two data sets of the catalogue have one name.")
    return found


def __getattr__(name: str) -> Any:
    if name == "CATALOGUE":
        return tuple(_catalogue().values())
    raise AttributeError(name)


def collection_names() -> list[str]:
    """Name all data sets of the catalogue.

    >>> {"cifar10", "cifar100", "stl10", "cats-and-dogs"} <= set(collection_names())
    True
    """
    return list(_catalogue())


def find_source(name: str) -> Source:
    """Give what is known of a data set.

    Raises:
        ConfigurationError: There is none of this name; near names are offered.
    """
    try:
        return _catalogue()[name]
    except KeyError:
        raise ConfigurationError(
            f"There is no data set {name!r}.{did_you_mean(name, _catalogue())} "
            f"There are {', '.join(_catalogue())}."
        ) from None


def read_collection(name: str, root: str | Path | None = None) -> Any:
    """Read a data set from ``<root>/<name>/``.

    Args:
        name: Of the catalogue.
        root: Folder of all data sets; see :func:`data_root` for what None means.

    Returns:
        A :class:`Collection`, ``FileCollection`` or ``VolumeCollection``, as the source's kind
        says.

    Raises:
        ConfigurationError: There is no such data set in the catalogue.
        DataError: It is not there, not whole, or not the published one: what is missing, where it
            is to be had and what to accept.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as root:
    ...     find_source("cifar10").tiny(Path(root) / "cifar10")
    ...     read_collection("cifar10", root).train.images.shape[1:]
    (32, 32, 3)
    """
    source = find_source(name)
    folder = data_root(root) / name
    if not folder.is_dir():
        raise DataError(absence(source, folder))
    try:
        return source.read(folder)
    except DataError as error:
        raise DataError(f"{error} {how_to_get(source, folder)}") from error


def absence(source: Source, folder: Path) -> str:
    """Say that a data set is not there, what lies there that may be it, and what to fetch."""
    root = folder.parent
    there = [path.name for path in sorted(root.glob("*")) if path.is_dir()]
    there = [word for word in there if word not in _catalogue()]
    bare = {word: word.lower().replace("-", "").replace("_", "") for word in there}
    wanted = source.name.replace("-", "")
    near = [word for word, short in bare.items() if wanted in short or short in wanted]
    if near:
        found = f"The folder {near[0]} there may be it: rename it to {source.name}. "
    elif not root.is_dir():
        found = f"There is no folder {root}. "
    else:
        found = ""
    return f"{source.title} is not in {folder}. {found}{how_to_get(source, folder)}"


def how_to_get(source: Source, folder: Path) -> str:
    """Say where a data set is to be had, what to accept, and where its files go."""
    packed = [path.name for path in sorted(folder.glob("*")) if path.name.endswith(_ARCHIVES)]
    unpack = f"Unpack {', '.join(packed)} there. " if packed else ""
    return f"{unpack}{source.origin} Files of {folder}: {source.layout}"
