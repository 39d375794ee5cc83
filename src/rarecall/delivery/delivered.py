"""The delivered model: a folder with a manifest, weights and a threshold; loading runs no code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data import Preprocessor, encode
from rarecall.errors import RunError
from rarecall.files import read_json
from rarecall.methods import parse
from rarecall.metrics import assign_classes
from rarecall.models import build_network, load_weights
from rarecall.task import BINARY, Task
from rarecall.training import predict_scores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray
    from torch import nn

    from rarecall.data import Samples
    from rarecall.objective import Objective

FORMAT = 1
FORMAT_OF_SEVERAL = 2
"""Several thresholds: versions that know one threshold only must not read it."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, eq=False)
class Delivered:
    """A delivered model: an ensemble, its preprocessing and its threshold or thresholds.

    Attributes:
        manifest: Everything that is known of it.
        preprocessor: Fitted on the training part.
        members: The networks.
        objective: Reads a network's logits as scores.
    """

    manifest: dict[str, Any]
    preprocessor: Preprocessor
    members: list[nn.Module]
    objective: Objective

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder; nothing in it is executed, and every weights file is checked.

        Raises:
            RunError: There is no model, it is of another format, or a file is not what the
                manifest says.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        try:
            return cls._assemble(folder, manifest)
        except (KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"{folder / MANIFEST} is damaged ({type(error).__name__}: {error}). "
                "Copy the model again from the run folder."
            ) from error

    @classmethod
    def _assemble(cls, folder: Path, manifest: dict[str, Any]) -> Self:
        method = parse(manifest["method"])
        own = {k: v for k, v in manifest["parameters"].items() if k in method.parameters}
        objective = method.build(own).for_task(_task_of(manifest))
        network = manifest["network"]
        members = []
        for member in manifest["members"]:
            path = _checked(folder, member)
            model = build_network(
                network["spec"],
                name=network["name"],
                outputs=objective.outputs,
                seed=0,
                options=network["options"],
            )
            model = objective.adapt(model)
            load_weights(model, path)
            members.append(model.eval())
        return cls(manifest, Preprocessor.from_json(manifest["preprocessing"]), members, objective)

    @property
    def task(self) -> Task:
        """The kind of problem."""
        return _task_of(self.manifest)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes or labels by number; empty in binary work."""
        return tuple(self.manifest.get("class_names", ()))

    @property
    def threshold(self) -> float:
        """A sample is critical when its score is at least this; only in binary work.

        Raises:
            RunError: There are several; :attr:`thresholds` has them.
        """
        if self.task.kind != "binary":
            raise RunError("This model has a threshold a critical class: see `thresholds`.")
        return float(self.manifest["threshold"]["value"])

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of every critical class or label, by its name."""
        if self.task.kind == "binary":
            return {str(self.manifest["critical"]): self.threshold}
        return {one["name"]: float(one["value"]) for one in self.manifest["thresholds"]}

    def score(self, samples: Samples, *, batch_size: int = 1024) -> NDArray[np.float64]:
        """Score samples: the mean over members, higher is more critical.

        Returns:
            Shape ``(n,)``; log-odds of every class ``(n, C)`` in multi-class work, a score of
            every label ``(n, L)`` in multi-label work.
        """
        inputs = encode(self.preprocessor, samples).inputs
        scores = [
            predict_scores(member, self.objective, inputs, batch_size=batch_size)
            for member in self.members
        ]
        return np.asarray(np.mean(scores, axis=0), dtype=np.float64)

    def flag(self, samples: Samples) -> NDArray[np.bool_]:
        """Say which samples are critical at the delivered threshold, shape ``(n,)``.

        With several critical classes or labels: which are flagged for which, a column each in the
        order of :attr:`thresholds`, shape ``(n, K)``. A sample may be flagged for several.
        """
        scores = self.score(samples)
        if self.task.kind == "binary":
            return scores >= self.threshold
        columns = scores[:, list(self.task.critical)]
        return np.asarray(columns >= np.asarray(list(self.thresholds.values())))

    def assign(self, samples: Samples) -> NDArray[np.str_]:
        """Give every sample to one class; only in multi-class work.

        A sample flagged for one critical class goes there; flagged for several, to the one whose
        threshold it exceeds most; flagged for none, to the best-scored of the other classes.

        Returns:
            Names of classes, shape ``(n,)``.

        Raises:
            RunError: The model is of another kind.
        """
        if self.task.kind != "multiclass":
            raise RunError(f"Classes are assigned in multi-class work; this is {self.task.kind}.")
        values = {self.classes.index(name): value for name, value in self.thresholds.items()}
        return np.asarray(self.classes)[assign_classes(self.score(samples), values)]


def _task_of(manifest: Mapping[str, Any]) -> Task:
    return Task.from_json(manifest["task"]) if "task" in manifest else BINARY


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise RunError(f"{folder} holds no model: there is no {MANIFEST} in it.")
    try:
        manifest = read_json(path)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}.") from error
    known = (FORMAT, FORMAT_OF_SEVERAL)
    if not isinstance(manifest, dict) or manifest.get("format") not in known:
        raise RunError(
            f"{path} is not a model of format {FORMAT}. "
            "It was written by another version of rarecall; load it with that one."
        )
    return manifest


def _checked(folder: Path, member: Mapping[str, str]) -> Path:
    # Only the name counts: a manifest must not reach outside its folder.
    path = folder / Path(member["file"]).name
    if not path.is_file():
        raise RunError(f"The model in {folder} lacks {path.name}. Copy the whole folder again.")
    if sha256(path) != member["sha256"]:
        raise RunError(
            f"{path} is not the file that the manifest describes (its SHA-256 differs): it was "
            "damaged or exchanged. Copy the model again from the run folder."
        )
    return path


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
