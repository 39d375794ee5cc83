"""From what was asked to one checked configuration and one folder, before anything heavy loads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rarecall.comparison.run_folder import RunFolder, default_root
from rarecall.config import CompareConfig, load_config, read_yaml
from rarecall.errors import ConfigurationError


def settle(
    options: Mapping[str, Any],
    config: str | Path | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    join: bool = False,
) -> tuple[CompareConfig, RunFolder]:
    """Find the configuration and the folder of a run; nothing is written.

    What a run was started with counts when it is resumed; what is given beside it must agree.

    Args:
        options: Names of :class:`~rarecall.config.CompareConfig` and values; they win.
        config: YAML file or mapping with the same names.
        out: Run folder; wins over one in ``options`` or ``config``.
        resume: Continue the run in the folder if there is one.
        join: Join the run in the folder if there is one that was started with the same options.

    Raises:
        ConfigurationError: All options that cannot be used.
        RunError: The folder is taken, holds nothing to resume, or a run with other options.
    """
    written = config if isinstance(config, Mapping) else read_yaml(config) if config else {}
    sources: list[Mapping[str, Any]] = [
        written,
        options,
        {"out": None if out is None else str(out)},
    ]
    given = {
        name: value for source in sources for name, value in source.items() if value is not None
    }
    if resume:
        if "out" not in given:
            raise ConfigurationError(
                "To resume, name the run folder: --out runs/... (out= in Python)."
            )
        folder = RunFolder(str(given["out"]))
        # A command with --resume from the start is fine: it begins where nothing is yet.
        if folder.config_file.is_file() or "data" not in given:
            settings = load_config({**folder.stored_config(), **given})
            folder.refuse_if_changed(settings)
            return settings, folder
    settings = load_config(given)
    folder = RunFolder(settings.out or default_root(settings.data))
    if join and folder.config_file.is_file():
        folder.refuse_if_changed(settings)
    else:
        folder.refuse_if_taken()
    return settings, folder
