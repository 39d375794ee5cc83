"""What the findings say of the data and its split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rarecall.comparison.material import Material
    from rarecall.data import Samples


def data_record(material: Material) -> dict[str, Any]:
    """Describe the data, and count samples and positives of each part."""
    samples, split = material.samples, material.split
    return {
        **samples.summary(),
        "name": samples.name,
        "kind": samples.kind,
        "n": len(samples),
        "positives": samples.positives,
        "critical": samples.critical,
        "target": samples.target_name,
        "fingerprint": samples.fingerprint,
        "notes": list(samples.notes),
        "class_counts": dict(samples.class_counts),
        "split": {
            "how": split.how,
            "seed": split.seed,
            "parts": {str(role): _part(part) for role, part in material.parts.items()},
        },
    }


def _part(part: Samples) -> dict[str, Any]:
    sizes: dict[str, Any] = {"n": len(part), "positives": part.positives}
    if part.task.kind != "binary":
        sizes["classes"] = part.critical_counts
    return sizes
