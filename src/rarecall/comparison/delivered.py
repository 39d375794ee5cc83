"""The delivered model: a folder with a manifest, weights and a threshold; loading runs no code."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall import __version__
from rarecall.data import Preprocessor, encode
from rarecall.errors import RunError
from rarecall.files import read_json, write_atomically, write_json
from rarecall.methods import parse
from rarecall.models import build_network, load_weights
from rarecall.training import predict_scores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray
    from torch import nn

    from rarecall.comparison.material import Material
    from rarecall.comparison.results import Findings
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.config import CompareConfig
    from rarecall.data import Samples
    from rarecall.objective import Objective

FORMAT = 1
MANIFEST = "manifest.json"


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
    for k, seed in enumerate(winner.seeds):
        source = folder.unit(name, "seed", seed["number"]) / "weights.safetensors"
        path = target / f"member-{k}.safetensors"
        with write_atomically(path) as beside:
            shutil.copyfile(source, beside)
        members.append({"file": path.name, "sha256": _sha256(path), "seed": seed["seed"]})
    samples = material.samples
    manifest = {
        "format": FORMAT,
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
        "threshold": findings.threshold.to_dict(),
        "members": members,
        "data": {"name": samples.name, "fingerprint": samples.fingerprint},
        "environment": dict(environment),
    }
    write_json(target / MANIFEST, manifest)
    return target


@dataclass(frozen=True, eq=False)
class Delivered:
    """A delivered model: an ensemble, its preprocessing and its threshold.

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
        objective = method.build(own)
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
    def threshold(self) -> float:
        """A sample is critical when its score is at least this."""
        return float(self.manifest["threshold"]["value"])

    def score(self, samples: Samples, *, batch_size: int = 1024) -> NDArray[np.float64]:
        """Score samples: the mean over members, higher is more critical, shape ``(n,)``."""
        inputs = encode(self.preprocessor, samples).inputs
        scores = [
            predict_scores(member, self.objective, inputs, batch_size=batch_size)
            for member in self.members
        ]
        return np.asarray(np.mean(scores, axis=0), dtype=np.float64)

    def flag(self, samples: Samples) -> NDArray[np.bool_]:
        """Say which samples are critical at the delivered threshold, shape ``(n,)``."""
        return self.score(samples) >= self.threshold


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise RunError(f"{folder} holds no model: there is no {MANIFEST} in it.")
    try:
        manifest = read_json(path)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
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
    if _sha256(path) != member["sha256"]:
        raise RunError(
            f"{path} is not the file that the manifest describes (its SHA-256 differs): it was "
            "damaged or exchanged. Copy the model again from the run folder."
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
