"""Pickles of arrays and plain containers, read without running what else they may hold.

Some data sets are published as pickles, a format that can name any function to call. Here only the
few names are looked up that rebuild NumPy arrays and bytes; any other ends the reading.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


def _bytes_of(text: str, encoding: str) -> bytes:
    # How Python 3 writes bytes in the oldest protocols.
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in the encoding {encoding!r} is not expected")
    return text.encode("latin1")


def _array(kind: type, shape: tuple[int, ...], code: bytes | str) -> np.ndarray[Any, Any]:
    if kind is not np.ndarray or shape != (0,) or code not in (b"b", "b"):
        raise pickle.UnpicklingError("an array is not written as arrays are")
    return np.ndarray((0,), dtype="b")


def _dtype(code: str | bytes, *flags: Any) -> np.dtype[Any]:
    kind = np.dtype(code.decode("ascii") if isinstance(code, bytes) else code)
    if kind.kind not in "biuf":
        raise pickle.UnpicklingError(f"an array of {kind} is not expected")
    return kind


_ALLOWED: dict[tuple[str, str], Any] = {
    **{(module, "_reconstruct"): _array for module in _MODULES},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _bytes_of,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside of the file")


def read_arrays(path: Path) -> Any:
    """Read a pickle that holds arrays of numbers, text and plain containers, and nothing else.

    Text of Python 2 comes as bytes.

    Raises:
        DataError: The file is damaged, cut off, or holds anything else; nothing of it was run.
    """
    try:
        with path.open("rb") as file:
            return _Reader(file, encoding="bytes").load()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # A damaged pickle may fail in any way while its opcodes are followed.
        raise DataError(
            f"{path} is not the file that was published ({type(error).__name__}: {error}); "
            "nothing in it was run. Fetch it again from the data set's own page."
        ) from error
