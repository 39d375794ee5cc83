"""Files that are whole or absent: written beside their place, then renamed."""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from rarecall.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success it takes the place of ``path``.

    If the body fails, ``path`` is left as it was and the temporary file is removed.

    Raises:
        StorageError: The file system refused (disk full, no permission).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with write_atomically(Path(folder) / "a.txt") as beside:
    ...         _ = beside.write_text("whole")
    ...     (Path(folder) / "a.txt").read_text()
    'whole'
    """
    path = Path(path)
    beside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        beside = Path(name)
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.chmod(0o666 & ~_umask())
        beside.replace(path)
    except OSError as error:
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}. "
            "Nothing was overwritten. Free space or choose another folder, then run again."
        ) from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with write_atomically(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def read_npz(path: str | Path, names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """Read arrays of an ``.npz`` file; Python objects, whose loading runs code, are refused.

    Args:
        path: Of the file.
        names: Of the arrays; all of them by default. What the file does not have is left out.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, is no archive of arrays, or holds Python objects.

    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "a.npz", x=[1, 2])
    ...     read_npz(Path(folder) / "a.npz")
    {'x': array([1, 2])}
    """
    import numpy as np

    try:
        # Opened here: NumPy leaves a damaged archive open.
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            wanted = [name for name in stored.files if names is None or name in names]
            return {name: stored[name] for name in wanted}
    except FileNotFoundError:
        raise
    except (OSError, EOFError, BadZipFile, KeyError, AttributeError, zlib.error) as error:
        raise ValueError(str(error).strip() or type(error).__name__) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
