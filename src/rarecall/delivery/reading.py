"""Reading a model folder: every file is checked against its hash, and none is executed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from rarecall.calibration import load_calibrator
from rarecall.data import Preprocessor
from rarecall.delivery.augmented import check_tta
from rarecall.delivery.delivered import Delivered
from rarecall.delivery.manifest import MANIFEST
from rarecall.delivery.manifest_reading import read_manifest
from rarecall.delivery.scoring import scoring_network
from rarecall.delivery.writing import sha256
from rarecall.errors import PackageError, RarecallError, RunError
from rarecall.methods import parse
from rarecall.models import build_network, load_weights
from rarecall.thresholds import Certificate

if TYPE_CHECKING:
    from torch import nn

    from rarecall.delivery.manifest import Manifest
    from rarecall.objective import Objective


def read_model(folder: str | Path) -> Delivered:
    """Read a model folder.

    Raises:
        RunError: There is no model, it is of another format, damaged, changed, or what it
            describes cannot be built.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    for name, stated in manifest.files.items():
        _check_file(folder / name, stated)
    try:
        return _assembled(folder, manifest)
    except (RunError, PackageError):
        raise
    except (
        RarecallError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        RuntimeError,
        MemoryError,
        OverflowError,
    ) as error:
        # It was written by somebody else than this library: whatever its values break.
        raise RunError(
            f"{folder / MANIFEST} is damaged ({type(error).__name__}: {error}). "
            "Copy the whole model folder again from where it was made."
        ) from error


def _assembled(folder: Path, manifest: Manifest) -> Delivered:
    method = parse(manifest.method)
    own = {k: v for k, v in manifest.parameters.items() if k in method.parameters}
    objective = method.build(own).for_task(manifest.problem)
    preprocessor = Preprocessor.from_json(manifest.preprocessing)
    if preprocessor.spec["kind"] != manifest.kind:
        raise RunError(f"{folder / MANIFEST} is damaged: its preprocessing is of another kind.")
    check_tta(manifest.tta, preprocessor.spec)
    return Delivered(
        manifest=manifest,
        preprocessor=preprocessor,
        members=[
            _network(folder / member.file, manifest, preprocessor, objective)
            for member in manifest.members
        ],
        objective=objective,
        certificates=_certificates(folder, manifest),
        calibrators={one.number: load_calibrator(one.map) for one in manifest.calibrators},
    )


def _network(
    path: Path, manifest: Manifest, preprocessor: Preprocessor, objective: Objective
) -> nn.Module:
    _refuse_oversized(path, manifest, preprocessor.spec)
    model = build_network(
        preprocessor.spec,
        name=manifest.network.name,
        outputs=objective.outputs,
        seed=0,
        options=manifest.network.options,
    )
    model = objective.adapt(model)
    load_weights(model, path)
    return scoring_network(model, preprocessor.spec)


def _certificates(folder: Path, manifest: Manifest) -> dict[int, Certificate]:
    values = {one.number: one.value for one in manifest.thresholds}
    found = {}
    for one in manifest.certificates:
        certificate = Certificate.load(folder / one.file)
        certificate.check_model(manifest.fingerprint)
        if certificate.threshold != values[one.number]:
            raise RunError(f"{folder / one.file} is the certificate of another threshold.")
        found[one.number] = certificate
    return found


def _check_file(path: Path, stated: str) -> None:
    if not path.is_file():
        raise RunError(
            f"The model in {path.parent} lacks {path.name}. Copy the whole folder again."
        )
    if sha256(path) != stated:
        raise RunError(
            f"{path} is not the file that the manifest describes (its SHA-256 differs): it was "
            "damaged or exchanged. Copy the whole model folder again from where it was made."
        )


def _refuse_oversized(path: Path, manifest: Manifest, spec: dict[str, Any]) -> None:
    """Refuse sizes that the weights do not have, before memory is taken for them."""
    try:
        with safe_open(path, framework="pt") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise RunError(f"Cannot read weights from {path}: {error}") from error
    sizes = {size for shape in shapes for size in shape}
    counts = [*_whole(manifest.network.options), *_whole(spec.get("cardinalities", []))]
    largest = max([len(shapes), *sizes])
    odd = [count for count in counts if count > largest]
    if odd:
        raise RunError(
            f"{path} holds no network of the size {odd[0]} that the manifest names: its largest "
            f"dimension is {largest}. Copy the whole model folder again from where it was made."
        )


def _whole(values: Any) -> list[int]:
    """All whole numbers in nested options."""
    if isinstance(values, bool):
        return []
    if isinstance(values, int):
        return [values]
    if isinstance(values, dict):
        return [number for value in values.values() for number in _whole(value)]
    if isinstance(values, list | tuple):
        return [number for value in values for number in _whole(value)]
    return []
