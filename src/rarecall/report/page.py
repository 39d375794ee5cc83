"""The self-contained HTML report of a finished run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rarecall.files import write_text
from rarecall.report.conditions import condition_maps
from rarecall.report.several import Several, is_several
from rarecall.report.stored import read_comparison
from rarecall.report.view import page_content

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Environment

    from rarecall.report.curves import TestScores
    from rarecall.report.stored import Comparison

NAME = "report.html"
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")
_TOGETHER = re.compile(r"\[[−+\d., ]+\]|\([^()\s]{1,24} = \d+\)|(TPR )?≥ \d|p [=<] \d")


def write_report(run_folder: str | Path) -> Path:
    """Write ``report.html`` into a run folder, from its stored results only.

    The file needs no network and no other file, and holds no script. Results without stored scores
    give a report without curves.

    Args:
        run_folder: The folder of a finished comparison, with ``results.json`` and ``scores/``.

    Returns:
        The path of the report.

    Raises:
        RunError: The folder holds no finished comparison, or one of another format.
        StorageError: The report cannot be written.
    """
    from rarecall.report.curves import read_scores

    folder = Path(run_folder)
    comparison = read_comparison(folder)
    if is_several(comparison.raw):
        from rarecall.report.several.page import render_several

        several = Several.read(comparison.raw)
        html = render_several(_environment(), several, folder, certificates(folder))
        write_text(folder / NAME, _as_text(html))
        return folder / NAME
    scores = {
        method.name: found
        for method in comparison.methods
        if (found := read_scores(folder, method)) is not None
    }
    write_text(folder / NAME, render(comparison, scores, certificates(folder)))
    return folder / NAME


def certificates(folder: Path) -> list[str]:
    """Name the certificates in a run folder and its model, by path from the folder."""
    found = [*folder.glob("certificate*.json"), *folder.glob("model/certificate*.json")]
    return sorted(path.relative_to(folder).as_posix() for path in found)


def render(
    comparison: Comparison, scores: Mapping[str, TestScores], certified: Sequence[str] = ()
) -> str:
    """Lay out the page.

    Args:
        comparison: What was stored.
        scores: Test scores by method name; those that are missing are not drawn.
        certified: Certificates in the run folder.

    Returns:
        HTML in which every text from the user is escaped.
    """
    from rarecall.report.charts import rates_chart, roc_chart, score_chart
    from rarecall.report.curves import histogram
    from rarecall.report.in_use.drawings import in_use_drawings

    mine = scores.get(comparison.winner.name)
    cut = None if comparison.threshold is None else comparison.threshold.value
    content = page_content(comparison)
    told = content["in_use"]
    if told is not None:
        in_use_drawings(comparison, told)
    html = (
        _environment()
        .get_template("report.html.j2")
        .render(
            **content,
            certificates=certified,
            pictures=told is not None and any(kind["pictures"] for kind in told["cases"]),
            rates=rates_chart(comparison),
            conditions=condition_maps(comparison.raw),
            roc=roc_chart(comparison, scores),
            histograms=None if mine is None else score_chart(comparison, mine),
            clipped=mine is not None and histogram(mine, cut).clipped,
        )
    )
    return _as_text(html)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rarecall.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["proper"] = proper
    return environment


def _as_text(html: str) -> str:
    # A file name may hold bytes that are no text; they must not keep the report from being written.
    return html.encode("utf-8", "replace").decode("utf-8")


def proper(text: str) -> str:
    """Set the signs that terminals may lack, and keep together what belongs together.

    >>> proper("TPR >= 95%: -3.1 [-5.2, -1.0]").replace("\u00a0", "~")
    'TPR~≥~95%: −3.1 [−5.2,~−1.0]'
    """
    text = _MINUS.sub("−", text.replace(">=", "≥"))
    return _TOGETHER.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
