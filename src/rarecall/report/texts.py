"""Stored values of any shape as short texts."""

from __future__ import annotations

from typing import Any

_MOST_NAMES = 30


def flat(stored: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Turn nested mappings into dotted names and short texts.

    >>> flat({"a": {"b": 1, "c": [1, 2]}, "d": None})
    [('a.b', '1'), ('a.c', '1, 2'), ('d', 'none')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in stored.items():
        if isinstance(value, dict) and value:
            rows += flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            rows.append((f"{prefix}{key}", names([text_of(item) for item in value]) or "none"))
        else:
            rows.append((f"{prefix}{key}", text_of(value)))
    return rows


def names(listed: list[str]) -> str:
    """Join names, cutting a very long list short and saying so."""
    shown = ", ".join(listed[:_MOST_NAMES])
    hidden = len(listed) - _MOST_NAMES
    return f"{shown} and {hidden:,} more" if hidden > 0 else shown


def text_of(value: Any) -> str:
    """Write one stored value.

    >>> text_of(None), text_of(True), text_of(0.1234567)
    ('none', 'yes', '0.123457')
    """
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def join(*texts: str, sep: str = " ") -> str:
    """Join the texts that say something.

    >>> join("a", "", "b")
    'a b'
    """
    return sep.join(filter(None, texts))
