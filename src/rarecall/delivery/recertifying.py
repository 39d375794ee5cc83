"""A delivered model with test-time augmentation: its scores are others, so its promise is too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rarecall.delivery.augmented import check_tta
from rarecall.delivery.delivered import Delivered
from rarecall.delivery.writing import write_model
from rarecall.errors import ConfigurationError
from rarecall.roles import CalibrationScores, Role, TaskScores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from rarecall.data import Samples
    from rarecall.roles import Scores


def augment_model(
    folder: str | Path,
    out: str | Path,
    *,
    tta: str,
    calibration: Samples,
    tpr: float | None = None,
    confidence: float | None = None,
    used_before: Sequence[Scores | str | ArrayLike] = (),
) -> Path:
    """Write a model that averages several views of every image, with thresholds of its own.

    The old thresholds were certified for other scores and would promise nothing. New ones, their
    certificates and the maps to probabilities are made anew.

    Args:
        folder: A model for images.
        out: Where to write the new one.
        tta: Name of the augmentation, see :data:`rarecall.delivery.TTA`.
        calibration: Samples untouched by training and tuning, such as the calibration part of the
            run that the model comes from.
        tpr: To promise; by default what the old thresholds were to keep.
        confidence: Of the promise; by default that of the old ones.
        used_before: What training and tuning have seen, as for
            :func:`rarecall.thresholds.certify`.

    Returns:
        The new model's folder.

    Raises:
        ConfigurationError: The augmentation is unknown or not for such data, or the task differs.
        DataError: Samples that do not fit, or that were used before.
        RunError: The model cannot be read.
    """
    from rarecall.calibration import fit_calibrator
    from rarecall.thresholds import certify, guaranteed_threshold

    folder = Path(folder)
    model = Delivered.load(folder)
    manifest = model.manifest
    if calibration.task != model.task or calibration.critical_names != {
        one.number: one.name for one in manifest.thresholds
    }:
        raise ConfigurationError(
            "The calibration samples are of another task than the model. Load them with the same "
            "target and critical label."
        )
    check_tta(tta, model.preprocessor.spec)
    changed = Delivered(
        manifest.model_copy(update={"tta": tta}), model.preprocessor, model.members, model.objective
    )
    scores = TaskScores(
        changed.score(calibration),
        calibration.targets,
        calibration.ids,
        calibration.groups,
        Role.CALIBRATION,
        model.task,
    )
    thresholds, certificates, calibrators = {}, {}, {}
    for one in manifest.thresholds:
        part = scores.view(one.number)
        assert isinstance(part, CalibrationScores)  # their role says so
        rate = tpr or float(one.choice["tpr"])
        sure = confidence or float(one.choice.get("confidence", 0.95))
        thresholds[one.number] = guaranteed_threshold(part, tpr=rate, confidence=sure)
        certificates[one.number] = certify(
            part, tpr=rate, confidence=sure, used_before=used_before, score_name="score"
        )
        calibrators[one.number] = fit_calibrator(part)
    return write_model(
        out,
        members=[folder / member.file for member in manifest.members],
        seeds=[member.seed for member in manifest.members],
        groups=[member.group for member in manifest.members],
        method=manifest.method,
        parameters=manifest.parameters,
        network=manifest.network.name,
        options=manifest.network.options,
        preprocessor=model.preprocessor,
        task=model.task,
        critical=manifest.critical,
        classes=manifest.classes,
        target=manifest.target,
        thresholds=thresholds,
        certificates=certificates,
        calibrators=calibrators,
        tta=tta,
        data=manifest.data,
        environment=manifest.environment,
    )
