"""The command line: one file a command; it parses, calls the library and prints."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rarecall.errors import RarecallError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code; a user's error is one clear message.

    Args:
        arguments: Words after the program's name; those of the process by default.

    Raises:
        SystemExit: Always, with the exit code that ``rarecall --help`` lists.
    """
    from rarecall.cli.app import app

    try:
        app(args=None if arguments is None else list(arguments), prog_name="rarecall")
    except RarecallError as error:
        _leave(str(error), error.exit_code)
    except MemoryError:
        _leave("Out of memory. A smaller --batch-size, --image-size or --chunk-rows may help.", 1)
    except Exception as error:
        if os.environ.get("RARECALL_TRACEBACK"):
            raise
        _leave(
            f"Unexpected {type(error).__name__}: {error}\n"
            "This is a fault of rarecall, not yours. RARECALL_TRACEBACK=1 shows where it happened.",
            1,
        )
    sys.exit(0)


def _leave(message: str, code: int) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"rarecall: {message}\n")
    sys.exit(code)
