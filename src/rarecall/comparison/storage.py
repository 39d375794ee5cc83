"""A disk that fills while a library writes from compiled code."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rarecall.errors import RarecallError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# torch's archive writer tells of a failed write by its own position only; safetensors by Rust's
# words for the system's error.
_MARKS = ("inline_container", "PytorchStreamWriter", "No space left on device", "(os error ")


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn failed writes that come as other errors into a :class:`StorageError`.

    Args:
        folder: Where the body writes, for the message.
    """
    try:
        yield
    except RarecallError:
        raise
    except Exception as error:
        if not any(mark in str(error) for mark in _MARKS):
            raise
        raise StorageError(
            f"Cannot write in {folder}: the disk is full or refuses ({error}). "
            "What was finished is kept. Free space, then run again."
        ) from error
