"""The page of a reproduction: one HTML file that needs no network and holds no script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.files import write_text
from rarecall.report.page import _as_text, _environment
from rarecall.report.reproduction.drawings import figure_drawings, setting_drawings
from rarecall.report.reproduction.view import reproduction_content
from rarecall.reproduction.stored import Reproduction

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "report.html"


def write_reproduction_report(results: Mapping[str, Any], folder: str | Path) -> Path:
    """Write ``report.html`` of a reproduction, finished or not, into its folder.

    Args:
        results: The content of ``results.json``.
        folder: Where the page goes; made where it is missing.

    Returns:
        The path of the page.

    Raises:
        RunError: The results are no reproduction, of another format, or incomplete.
        StorageError: The page cannot be written.
    """
    path = Path(folder) / NAME
    write_text(path, render_reproduction(Reproduction.read(results)))
    return path


def render_reproduction(found: Reproduction) -> str:
    """Lay out the page; every text from the results is escaped."""
    content = reproduction_content(found)
    for place, (setting, told) in enumerate(zip(found.settings, content["settings"], strict=True)):
        told.update(setting_drawings(found, setting, place))
    template = _environment().get_template("reproduction.html.j2")
    return _as_text(
        template.render(
            **content,
            figures=figure_drawings(found),
            undrawn=any(not told["beside"] and told["sides"] for told in content["settings"]),
            pictures=False,
        )
    )
