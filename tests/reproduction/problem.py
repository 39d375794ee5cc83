"""A protocol small enough for tests, on made-up data in the layout of CIFAR-10."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from rarecall.data.collections import find_source
from rarecall.reproduction.plan import Plan
from rarecall.reproduction.ways import Ways

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

IMBALANCE = {
    "protocol": "binary_pair",
    "negative": 1,
    "positive": 9,
    "ratio": 2,
    "validation": 4,
    "share": 1.0,
}
ROWS: dict[str, dict[str, Any]] = {
    "BCE": {"method": "bce"},
    "ALM + BCE": {
        "method": "bce+alm",
        "baseline": "BCE",
        "parameters": {"alm.margin": 0.5, "alm.penalty": 1e-3},
    },
}


def description(**changes: Any) -> dict[str, Any]:
    told = {
        "name": "alm-table-1",
        "paper": "alm-neurips2021",
        "place": "Table 1",
        "title": "A table",
        "kind": "table",
        "printed": ["alm-table-1"],
        "settings": {
            "1:100": {"collection": "cifar10", "task": "binary", "imbalance": dict(IMBALANCE)}
        },
        "measures": {
            "fpr@98": {"measure": "fpr_at_tpr", "tpr": 0.98},
            "auc": {"measure": "auc"},
        },
        "rows": deepcopy(ROWS),
        "network": {"name": "resnet-small", "options": {"widths": [2, 2, 2]}},
        "training": {
            "optimizer": "sgd",
            "learning_rate": 0.01,
            "momentum": 0.9,
            "batch_size": 8,
            "steps": 4,
            "schedule": "constant",
            "augment": "flip",
        },
        "members": 2,
        "splits": 1,
        "scale": "smoke",
        "mode": "strict",
        "doubts": ["a doubt"],
    }
    return {**told, **changes}


def plan_of(only: Sequence[str] | None = None, **changes: Any) -> Plan:
    return Plan.of(description(**changes), only)


def data_folder(root: Path) -> Path:
    find_source("cifar10").tiny(root / "cifar10")
    return root


def ways(root: Path, **changes: Any) -> Ways:
    return Ways(**{"data_root": root, "device": "cpu", "threads": 1, **changes})


COMPARED = ("settings", "search", "measures", "notes", "unfinished")


def same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether two results agree in all but what took how long."""

    def told(results: dict[str, Any]) -> str:
        kept = json.loads(json.dumps({name: results[name] for name in COMPARED}))
        for setting in kept["settings"]:
            for row in setting["rows"]:
                row["training"].pop("seconds")
        return json.dumps(kept)

    return told(one) == told(two)
