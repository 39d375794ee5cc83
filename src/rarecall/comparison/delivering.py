"""The winner of a comparison as a delivered model: written, then checked against its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.comparison.ensembles import weight_files
from rarecall.comparison.networks import NetworkLearner
from rarecall.comparison.score_files import read_scores
from rarecall.delivery.delivered import Delivered
from rarecall.delivery.manifest import Check
from rarecall.delivery.writing import write_model
from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rarecall.calibration.base import Calibrator
    from rarecall.comparison.material import Material
    from rarecall.comparison.results import Findings
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.config import CompareConfig

_MOST_CHECKED = 2000
_SHOWN = ("misses", "false_alarms")
"""Findings that hold rows and pictures of samples; a model folder travels further than a run."""


def deliver(
    findings: Findings,
    material: Material,
    config: CompareConfig,
    folder: RunFolder,
    *,
    environment: Mapping[str, Any],
) -> Path:
    """Write the winner's seed ensemble into ``model/``, and score calibration rows with it.

    The folder's scores and those that chose the threshold must lead to the same decisions; where
    they do not (a model trained on another device, rows within rounding of the threshold), the
    manifest and the findings' limits say so.

    Returns:
        The model's folder.
    """
    winner, samples = findings.winner, material.samples
    learner, name = winner.learner, winner.learner.name
    # Others stand for scale only, and are never chosen.
    assert isinstance(learner, NetworkLearner)
    members = learner.members
    units = [(folder.unit(name, "seed", seed["number"]), seed["seed"]) for seed in winner.seeds]
    sources = [(file, seed) for unit, seed in units for file in weight_files(unit, members)]
    target = write_model(
        folder / "model",
        members=[file for file, _ in sources],
        seeds=[seed for _, seed in sources],
        groups=[place // members for place in range(len(sources))],
        method=learner.method.name,
        parameters=winner.parameters,
        tta=learner.tta,
        network=config.network,
        options=config.network_options,
        preprocessor=material.preprocessor,
        task=material.task,
        critical=samples.critical,
        classes=samples.classes if samples.classes else sorted(samples.class_counts),
        target=samples.target_name,
        thresholds=findings.thresholds,
        certificates=findings.certificates,
        calibrators=_calibrators(findings),
        data=_data(material, findings),
        environment=environment,
        summary=_summary(findings),
    )
    model = Delivered.load(target)
    check = _checked(model, material, folder, name)
    model.manifest.model_copy(update={"check": check}).write(target)
    if check.decisions_changed:
        findings.document["limits"].append(
            f"Scored anew from the model folder, {check.decisions_changed} of {check.rows} "
            f"calibration samples nearest the threshold changed sides (scores differ by up to "
            f"{check.largest_difference:.2g}): the guarantee is for the scores of the training "
            "machine. Train on the device that the model will be used on."
        )
    return target


def _calibrators(findings: Findings) -> dict[int, Calibrator]:
    from rarecall.calibration import load_calibrator

    stored = {
        number: (insights.get("probability") or {}).get("calibrator")
        for number, insights in findings.insights.items()
    }
    return {number: load_calibrator(given) for number, given in stored.items() if given}


def _data(material: Material, findings: Findings) -> dict[str, Any]:
    stored = dict(findings.document["data"])
    return {**stored, "name": material.samples.name, "fingerprint": material.samples.fingerprint}


def _summary(findings: Findings) -> dict[str, Any]:
    """Keep what the model card says of the test part; no row of it, and no picture."""
    document = findings.document
    name = findings.winner.learner.name
    (own,) = [method for method in document["methods"] if method["name"] == name]
    summary = {
        "question": document["question"],
        "test": own["test"],
        "seed_spread": own["seed_spread"],
        "limits": document["limits"],
    }
    if "classes" in document:
        summary["classes"] = [
            {
                "number": one["number"],
                "name": one["name"],
                "threshold": one["threshold"],
                "insights": _without_cases(one["insights"]),
                "test": next(m for m in one["methods"] if m["name"] == name)["test"],
            }
            for one in document["classes"]
        ]
    else:
        summary["threshold"] = document["threshold"]
        summary["insights"] = _without_cases(document["insights"])
    return summary


def _without_cases(insights: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in insights.items() if key not in _SHOWN}


def _checked(model: Delivered, material: Material, folder: RunFolder, name: str) -> Check:
    """Score the calibration rows nearest the thresholds with what lies in the folder."""
    part = material.parts[Role.CALIBRATION]
    before = read_scores(folder.scores(name), Role.CALIBRATION, part).scores
    columns = before if before.ndim == 2 else before[:, np.newaxis]
    numbers = [0] if before.ndim == 1 else list(material.task.critical)
    values = np.asarray(list(model.thresholds.values()))
    margins = np.abs(columns[:, numbers] - values).min(axis=1)
    rows = np.sort(np.argsort(margins, kind="stable")[:_MOST_CHECKED])
    after = model.score(part.take(rows))
    changed = model.flag_scores(after) != model.flag_scores(before[rows])
    if changed.ndim == 2:
        changed = changed.any(axis=1)
    return Check(
        rows=len(rows),
        largest_difference=float(np.abs(after - before[rows]).max(initial=0.0)),
        decisions_changed=int(changed.sum()),
    )
