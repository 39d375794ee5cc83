"""Packages whose names load when they are used, so that importing one stays light."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def lazily(
    package: str, homes: Mapping[str, str], *, also: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the functions ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: Its ``__name__``.
        homes: The module of every public name, seen from ``rarecall``: ``"data.split"``.
        also: Public names that are there already.

    >>> get, names = lazily("rarecall.data", {"Split": "data.split"})
    >>> get("Split").__name__, names()
    ('Split', ['Split'])
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"rarecall.{homes[name]}"), name)

    return get, lambda: sorted([*homes, *also])
