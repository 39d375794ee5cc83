"""The end of a comparison: every training is stored; findings, model and report are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.comparison.delivering import deliver
from rarecall.comparison.results import find
from rarecall.files import read_json, write_json
from rarecall.report import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rarecall.comparison.planning import RunPlan
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.comparison.runner import Trained


def finish(
    plan: RunPlan, folder: RunFolder, trained: Sequence[Trained], notes: Sequence[str] = ()
) -> tuple[dict[str, Any], Path]:
    """Judge, deliver and report.

    Args:
        plan: Of the run.
        folder: Of the run.
        trained: Every method.
        notes: More than those of the plan.

    Returns:
        The content of ``results.json``, and the report.
    """
    material, config = plan.material, plan.config
    findings = find(
        trained,
        material,
        config,
        folder,
        environment=plan.environment,
        notes=[*plan.notes, *notes],
    )
    deliver(findings, material, config, folder, environment=plan.environment)
    write_json(folder / "results.json", findings.document)
    return findings.document, write_report(folder.root)


def finished(folder: RunFolder) -> tuple[dict[str, Any], Path] | None:
    """Give what :func:`finish` gave, or None while the run is not finished."""
    if not folder.finished:
        return None
    return read_json(folder / "results.json"), folder / "report.html"
