"""What a model card says, as plain values: read from the manifest and its certificates alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rarecall.delivery.delivered import Delivered
    from rarecall.thresholds import Certificate


def card_facts(model: Delivered) -> dict[str, Any]:
    """Gather the facts of a model card.

    Args:
        model: The delivered model.

    Returns:
        ``name``, ``model`` (method, network, members, fingerprint, how it scores), ``data``,
        ``classes``: for every critical class or label its ``threshold``, ``promise`` and, where
        the run measured them, ``test``, ``alarms``, ``probability``, ``subgroups`` and ``claims``;
        ``limits`` and ``versions``. Values that JSON can hold.
    """
    manifest = model.manifest
    summary = manifest.summary
    classes = []
    for one in manifest.thresholds:
        stored = _of_class(summary, one.number)
        insights = stored.get("insights") or {}
        certificate = model.certificates.get(one.number)
        classes.append(
            {
                "number": one.number,
                "name": one.name,
                "threshold": one.value,
                "guaranteed": one.guaranteed,
                "statement": one.statement,
                "promise": None if certificate is None else _promise(certificate),
                "assumption": one.choice.get("assumption"),
                "at_threshold": (stored.get("threshold") or {}).get("test"),
                "test": stored.get("test"),
                "alarms": insights.get("alarms"),
                "prevalence": insights.get("prevalence"),
                "probability": _probability(model, one.number, insights),
                "subgroups": insights.get("subgroups") or [],
                "claims": insights.get("claims") or [],
            }
        )
    return {
        "name": f"{manifest.method} on {manifest.data.get('name', 'unnamed data')}",
        "model": {
            "method": manifest.method,
            "parameters": manifest.parameters,
            "network": {
                **manifest.network.model_dump(),
                "built": type(model.members[0]).__name__,
                "weights": sum(tensor.numel() for tensor in model.members[0].parameters()),
            },
            "members": len(manifest.members),
            "seeds": [member.seed for member in manifest.members],
            "kind": manifest.kind,
            "task": manifest.task,
            "tta": manifest.tta,
            "fingerprint": model.fingerprint,
        },
        "data": {
            "target": manifest.target,
            "critical": manifest.critical,
            "classes": list(manifest.classes),
            "inputs": _inputs(model),
            **manifest.data,
        },
        "classes": classes,
        "question": summary.get("question"),
        "limits": list(summary.get("limits", [])),
        "check": None if manifest.check is None else manifest.check.model_dump(),
        "versions": {
            "rarecall": manifest.rarecall,
            "created": manifest.created,
            **manifest.environment,
        },
    }


def _of_class(summary: dict[str, Any], number: int) -> dict[str, Any]:
    if "classes" not in summary:
        return summary
    found: dict[str, Any] = next((one for one in summary["classes"] if one["number"] == number), {})
    return found


def _promise(certificate: Certificate) -> dict[str, Any]:
    return {
        "statement": certificate.statement,
        "guaranteed": certificate.guaranteed,
        "made": any(one.kind != "none" for one in certificate.promises),
        "assumptions": list(certificate.assumptions),
        "data_fingerprint": certificate.data_fingerprint,
        "created": certificate.created,
        "prevalence": certificate.prevalence,
        "positives": certificate.reference["positives"],
        "n": certificate.reference["n"],
    }


def _probability(model: Delivered, number: int, insights: dict[str, Any]) -> dict[str, Any] | None:
    fitted = model.calibrators.get(number)
    if fitted is None:
        return None
    judged = insights.get("probability") or {}
    return {
        "method": fitted.method,
        "fitted_on": fitted.role,
        "n": fitted.n,
        "positives": fitted.positives,
        "brier": judged.get("brier"),
        "error": judged.get("error"),
    }


def _inputs(model: Delivered) -> list[str]:
    spec = model.preprocessor.spec
    told = []
    images = spec.get("images", spec)
    if "size" in images:
        height, width = images["size"]
        colours = "grey" if images["channels"] == 1 else "colour"
        told.append(f"{colours} images of {height} x {width} pixels")
    table = getattr(model.preprocessor, "table", model.preprocessor)
    return [*told, *getattr(table, "columns", [])]
