"""Small pieces of sentences that messages and notes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def listed(words: Collection[str], *, most: int = 8) -> str:
    """Join words with commas, naming ``most`` of them at most.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = list(words)[:most]
    hidden = len(words) - len(shown)
    return ", ".join(shown) + (f" and {hidden:,} more" if hidden else "")


def quoted(words: Collection[str], *, most: int = 8) -> str:
    """Join quoted words with commas.

    >>> quoted(["a", "b"])
    "'a', 'b'"
    """
    return listed([repr(str(word)) for word in words], most=most)


def counted(number: int, noun: str) -> str:
    """Give a number with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
