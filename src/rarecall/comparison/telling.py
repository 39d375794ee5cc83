"""The state of a run, kept in its folder, and the command that continues it."""

from __future__ import annotations

import shlex
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rarecall.errors import ConfigurationError, DataError, Interrupted, RarecallError
from rarecall.work.presence import others_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rarecall.comparison.run_folder import RunFolder


@contextmanager
def told(folder: RunFolder, *, fresh: bool, more: str = "") -> Iterator[None]:
    """Keep ``status.json`` true while the block runs, and tell whoever stops how to go on.

    Args:
        folder: Of the run.
        fresh: Whether it was made just now; then it goes again if nothing can be trained at all.
        more: Options that go on with it beside its name.
    """
    folder.status("running")
    try:
        yield
    except BaseException as error:
        useless = isinstance(error, ConfigurationError | DataError)
        if fresh and useless and not _kept(folder):
            # Found by the first training only, as a device that is not there: nothing to continue.
            shutil.rmtree(folder.root, ignore_errors=True)
            raise
        stopped = isinstance(error, Interrupted | KeyboardInterrupt)
        how = f"rarecall compare --resume --out {shlex.quote(str(folder.root))}{more}"
        # The disk may be full; then the first error is the one to tell.
        with suppress(RarecallError):
            if not others_alive(folder.root):
                folder.status("interrupted" if stopped else "failed", reason=str(error), resume=how)
        if isinstance(error, RarecallError):
            error.args = (f"{error}\nContinue with: {how}",)
        raise
    folder.status("finished")


def _kept(folder: RunFolder) -> bool:
    """Whether something in the folder is worth keeping, or somebody works there."""
    return any(folder.root.glob("units/*/*/result.json")) or bool(others_alive(folder.root))
