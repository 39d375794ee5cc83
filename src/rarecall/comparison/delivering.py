"""The winner of a comparison as a delivered model: copied, named and described in a folder."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rarecall import __version__
from rarecall.comparison.ensembles import weight_files
from rarecall.delivery.delivered import FORMAT, FORMAT_OF_SEVERAL, MANIFEST, sha256
from rarecall.files import write_atomically, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rarecall.comparison.material import Material
    from rarecall.comparison.results import Findings
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.config import CompareConfig
    from rarecall.data import Samples


def deliver(
    findings: Findings,
    material: Material,
    config: CompareConfig,
    folder: RunFolder,
    *,
    environment: Mapping[str, Any],
) -> Path:
    """Write the winner's seed ensemble into ``model/``; the manifest comes last.

    Returns:
        The model's folder.
    """
    winner = findings.winner
    name, target = winner.learner.name, folder / "model"
    (target / MANIFEST).unlink(missing_ok=True)
    members = []
    sources = [
        (file, seed["seed"])
        for seed in winner.seeds
        for file in weight_files(folder.unit(name, "seed", seed["number"]), config.members)
    ]
    for k, (source, seed) in enumerate(sources):
        path = target / f"member-{k}.safetensors"
        with write_atomically(path) as beside:
            shutil.copyfile(source, beside)
        members.append({"file": path.name, "sha256": sha256(path), "seed": seed})
    samples, task = material.samples, material.task
    several = task.kind != "binary"
    thresholds = {number: choice.to_dict() for number, choice in findings.thresholds.items()}
    manifest = {
        "format": FORMAT_OF_SEVERAL if several else FORMAT,
        "rarecall": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": name,
        "parameters": winner.parameters,
        "network": {
            "name": config.network,
            "options": config.network_options,
            "spec": material.preprocessor.spec,
        },
        "preprocessing": material.preprocessor.to_json(),
        "critical": samples.critical,
        "classes": sorted(samples.class_counts),
        "target": samples.target_name,
        "kind": samples.kind,
        "threshold": None if several else thresholds[1],
        **(_of_task(samples, thresholds) if several else {}),
        "members": members,
        "data": {"name": samples.name, "fingerprint": samples.fingerprint},
        "environment": dict(environment),
    }
    write_json(target / MANIFEST, manifest)
    return target


def _of_task(samples: Samples, thresholds: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        "task": samples.task.to_json(),
        "class_names": list(samples.classes),
        "thresholds": [
            {"number": number, "name": samples.classes[number], **choice}
            for number, choice in thresholds.items()
        ],
    }
