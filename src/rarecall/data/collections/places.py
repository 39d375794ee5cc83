"""Where data sets lie, and where what was decoded from them is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_root(given: str | Path | None = None) -> Path:
    """Give the folder that holds one folder a data set.

    The argument, else the environment's ``RARECALL_DATA``, else ``data`` in the working folder.

    >>> data_root("somewhere").name
    'somewhere'
    """
    return Path(given or os.environ.get("RARECALL_DATA") or "data").expanduser()


def cache_root(given: str | Path | None = None) -> Path:
    """Give the folder for what can be made again: decoded sheets, resized images.

    The argument, else the environment's ``RARECALL_CACHE``, else the user's cache folder as the
    platform has it. It may be deleted at any time.

    >>> cache_root("somewhere").name
    'somewhere'
    """
    chosen = given or os.environ.get("RARECALL_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rarecall"
