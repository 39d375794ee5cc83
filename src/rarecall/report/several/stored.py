"""Stored results of several classes or labels: the whole, and a binary comparison for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rarecall.errors import RunError
from rarecall.report.stored import Comparison

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from rarecall.report.records import Method


@dataclass(frozen=True)
class One:
    """One critical class or label: its name, and all that was found of it as a binary question."""

    name: str
    number: int
    found: Comparison
    raw: dict[str, Any] = field(repr=False)

    def measures(self, method: str) -> dict[str, Any]:
        """Give what is stored of a method beside the binary measures."""
        return next((dict(one) for one in self.raw["methods"] if one["name"] == method), {})


@dataclass(frozen=True)
class Several:
    """A finished comparison of several critical classes or labels.

    Attributes:
        kind: ``"multiclass"`` or ``"multilabel"``.
        overall: Means over the classes, in the form of a binary comparison without threshold.
        classes: Every critical class or label.
        together: What all thresholds at once did on test.
        assignment: How samples given to one class fared; None in multi-label work.
    """

    kind: str
    overall: Comparison
    classes: tuple[One, ...]
    together: dict[str, Any]
    assignment: dict[str, Any] | None

    @classmethod
    def read(cls, results: Mapping[str, Any]) -> Self:
        """Order and type the content of ``results.json``.

        Raises:
            RunError: The content is of another format or incomplete.
        """
        overall = Comparison.read(results)
        try:
            classes = tuple(
                One(
                    str(record["name"]),
                    int(record["number"]),
                    Comparison.read(_as_binary(results, record)),
                    dict(record),
                )
                for record in results["classes"]
            )
            kind, together = str(results["task"]["kind"]), dict(results["together"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"The results are incomplete or damaged: cannot use {error}. "
                "Run the comparison again with --resume to write them anew."
            ) from error
        return cls(kind, overall, classes, together, results.get("assignment"))

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return "label" if self.kind == "multilabel" else "critical class"

    @property
    def nouns(self) -> str:
        """What several of them are called, or the one."""
        if len(self.classes) == 1:
            return f"1 {self.noun}"
        plural = "labels" if self.kind == "multilabel" else "critical classes"
        return f"{len(self.classes)} {plural}"

    @property
    def guaranteed(self) -> int:
        """How many of the thresholds carry a guarantee."""
        return sum(
            one.found.threshold is not None and one.found.threshold.guaranteed
            for one in self.classes
        )

    def stored(self, method: Method) -> dict[str, Any]:
        """Give what is stored of a method's test, as plain values."""
        for one in self.overall.raw["methods"]:
            if one["name"] == method.name:
                return dict(one["test"])
        return {}


def is_several(results: Mapping[str, Any]) -> bool:
    """Whether results are of a multi-class or multi-label task."""
    task = results.get("task")
    return isinstance(task, dict) and task.get("kind") in ("multiclass", "multilabel")


def _as_binary(results: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Bring one class into the form of a binary comparison."""
    of_class = {one["name"]: one for one in record["methods"]}
    methods = []
    for method in results["methods"]:
        own = of_class[method["name"]]
        seeds = [
            {**seed, "test": measures}
            for seed, measures in zip(method["seeds"], own["seeds"], strict=True)
        ]
        methods.append(
            {
                **method,
                "test": own["test"],
                "seed_spread": own["seed_spread"],
                "difference": own["difference"],
                "validation": {**method["validation"], **own["validation"]},
                "seeds": seeds,
            }
        )
    split = {**results["data"]["split"], "parts": record["parts"]}
    return {
        **results,
        "data": {**results["data"], "critical": record["name"], "split": split},
        "methods": methods,
        "threshold": record["threshold"],
        "insights": record.get("insights"),
    }
