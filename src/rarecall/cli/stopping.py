"""Ctrl-C and SIGTERM: the first asks the run to stop at a safe place, the second leaves at once."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rarecall.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@contextmanager
def stopping(
    again: str = "What was finished is kept; --resume continues.",
) -> Iterator[Callable[[], bool]]:
    """Give a function that says whether a stop was asked for.

    Args:
        again: What a user who stops twice is told of what is kept, and how to go on.

    An :class:`~rarecall.errors.Interrupted` that leaves the block carries the signal's exit code,
    130 for SIGINT and 143 for SIGTERM.
    """
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        if asked:
            # Every file is whole or absent, so leaving in the middle is safe too.
            raise Interrupted(f"Stopped at once. {again}")
        asked.append(number)
        sys.stderr.write("\nStopping at the next safe place; once more stops at once.\n")

    before = {number: signal.signal(number, ask) for number in _EXIT_CODES}
    try:
        yield lambda: bool(asked)
    except Interrupted as interrupted:
        if asked:
            interrupted.exit_code = _EXIT_CODES[signal.Signals(asked[0])]
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
