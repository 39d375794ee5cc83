"""The findings of a finished run as one JSON document, and what a reader must know beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from rarecall import __version__
from rarecall.comparison import judging
from rarecall.comparison.learner import SCORED
from rarecall.comparison.score_files import read_scores, write_scores
from rarecall.methods import parse
from rarecall.metrics import auc, fpr_at_tpr
from rarecall.metrics.inputs import as_percent
from rarecall.roles import CalibrationScores, Role, TestScores, ValidationScores
from rarecall.thresholds import guaranteed_threshold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rarecall.comparison.material import Material
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.comparison.runner import Trained
    from rarecall.config import CompareConfig
    from rarecall.methods import Method
    from rarecall.roles import Scores
    from rarecall.thresholds import ThresholdChoice

FORMAT = 1
T = TypeVar("T", bound="Scores")


@dataclass(frozen=True)
class Findings:
    """What is delivered: the winner, its trainings and its threshold; and the whole document."""

    winner: Trained
    threshold: ThresholdChoice
    document: dict[str, Any]


def find(
    trained: Sequence[Trained],
    material: Material,
    config: CompareConfig,
    folder: RunFolder,
    *,
    environment: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> Findings:
    """Choose the winner on validation, certify it on calibration, and measure all on test.

    Args:
        trained: Every method, all seeds trained and stored.
        material: Shared by all methods.
        config: Of the run.
        folder: Where the scores of seeds lie and those of ensembles are written.
        environment: Versions and machine, for the document.
        notes: More that a reader must know.
    """
    by_name = {one.learner.name: one for one in trained}
    ensembles = {
        name: {role: _ensemble(one, material, folder, role) for role in SCORED}
        for name, one in by_name.items()
    }
    for name, parts in ensembles.items():
        scores = {role: part.scores for role, part in parts.items()}
        write_scores(folder.scores(name), scores, material.parts)

    validation = {
        name: _typed(parts[Role.VALIDATION], ValidationScores) for name, parts in ensembles.items()
    }
    references = {name for name, one in by_name.items() if one.learner.reference}
    candidates = {name: part for name, part in validation.items() if name not in references}
    winner, values = judging.choose_winner(candidates, material.measure)
    values |= {
        name: material.measure(part.scores, part.targets)
        for name, part in validation.items()
        if name not in values
    }
    threshold = guaranteed_threshold(
        _typed(ensembles[winner][Role.CALIBRATION], CalibrationScores),
        tpr=config.tpr,
        confidence=config.confidence,
    )
    test = {name: _typed(parts[Role.TEST], TestScores) for name, parts in ensembles.items()}
    against = judging.differences(
        test,
        config.baseline_name,
        config.tpr,
        confidence=config.confidence,
        seed=config.seed,
    )
    methods = [
        {
            **_method(
                one,
                material,
                config,
                folder,
                test=test[name],
                validation=validation[name],
                selection=values[name],
            ),
            "difference": against.get(name),
            "remarks": _remarks(one, by_name),
        }
        for name, one in by_name.items()
    ]
    document = {
        "format": FORMAT,
        "rarecall": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": _data(material),
        "question": {
            "tpr": config.tpr,
            "confidence": config.confidence,
            "levels": list(config.levels),
            "seeds": config.seeds,
            "tune": config.tune,
            "baseline": config.baseline_name,
        },
        "selection": {"measure": material.measure.name, "message": material.measure.message},
        "methods": methods,
        "winner": {
            "name": winner,
            "why": judging.reason(winner, values, references, material.measure),
        },
        "threshold": {
            **threshold.to_dict(),
            "test": judging.threshold_on_test(threshold, test[winner]),
        },
        "config": config.model_dump(mode="json", exclude={"out"}),
        "environment": dict(environment),
        "limits": [*_limits(material, config, threshold), *notes],
    }
    return Findings(by_name[winner], threshold, document)


def _typed(scores: Scores, kind: type[T]) -> T:
    if not isinstance(scores, kind):
        raise TypeError(f"{kind.__name__} needed, {type(scores).__name__} came.")
    return scores


def _ensemble(one: Trained, material: Material, folder: RunFolder, role: Role) -> Scores:
    members = [
        read_scores(
            folder.unit(one.learner.name, "seed", seed["number"]) / "scores.npz",
            role,
            material.parts[role],
        )
        for seed in one.seeds
    ]
    return type(members[0]).mean(members)


def _method(
    one: Trained,
    material: Material,
    config: CompareConfig,
    folder: RunFolder,
    *,
    test: TestScores,
    validation: ValidationScores,
    selection: float,
) -> dict[str, Any]:
    name, levels = one.learner.name, config.levels
    by_seed = []
    for seed in one.seeds:
        path = folder.unit(name, "seed", seed["number"]) / "scores.npz"
        scores = _typed(read_scores(path, Role.TEST, material.parts[Role.TEST]), TestScores)
        by_seed.append(judging.seed_measures(scores, levels))
    rows = [seed["rows"] for seed in one.seeds]
    return {
        "name": name,
        "reference": one.learner.reference,
        "parameters": one.parameters,
        "tuned": one.trials > 0,
        "trials": one.trials,
        "test": judging.test_measures(test, levels, confidence=config.confidence),
        "seed_spread": judging.seed_spread(by_seed, levels),
        "validation": {
            "selection": selection,
            "fpr": fpr_at_tpr(validation.scores, validation.targets, config.tpr),
            "auc": auc(validation.scores, validation.targets),
        },
        "cost": {
            "seconds": sum(seed["seconds"] for seed in one.seeds),
            "tuning_seconds": one.tuning_seconds,
            "steps": sum(seed["steps"] for seed in one.seeds),
            "rows": None if None in rows else sum(rows),
        },
        "seeds": [
            {
                "seed": seed["seed"],
                "best_epoch": seed["best_epoch"],
                "steps": seed["steps"],
                "seconds": seed["seconds"],
                "test": measures,
                "validation": seed["validation"],
            }
            for seed, measures in zip(one.seeds, by_seed, strict=True)
        ],
        "scores": folder.scores(name).relative_to(folder.root).as_posix(),
    }


def _remarks(one: Trained, by_name: Mapping[str, Trained]) -> list[str]:
    # A dictionary keeps the order and drops what several seeds say alike.
    remarks = dict.fromkeys(remark for seed in one.seeds for remark in seed["remarks"])
    if not one.learner.reference:
        method = parse(one.learner.name)
        control = method.control(one.parameters)
        if control is not None and control not in by_name:
            remarks[
                f"The rank term of {one.learner.name} is confounded with its buffer: add its "
                f"control {control} to the methods to see what the ranks contribute."
            ] = None
        elif control is not None and "replay" not in control and _replays(method, one.parameters):
            remarks[
                f"At equal rows a step {one.learner.name} replays earlier ones in place of new "
                f"ones, so it saw fewer new rows than {control}; a difference may come from that."
            ] = None
    return list(remarks)


def _replays(method: Method, parameters: Mapping[str, Any]) -> bool:
    default = method.parameters["rankreg.capacity"].default
    return bool(parameters.get("rankreg.capacity", default))


def _data(material: Material) -> dict[str, Any]:
    samples, split = material.samples, material.split
    return {
        **samples.summary(),
        "name": samples.name,
        "kind": samples.kind,
        "n": len(samples),
        "positives": int(samples.targets.sum()),
        "critical": samples.critical,
        "target": samples.target_name,
        "fingerprint": samples.fingerprint,
        "notes": list(samples.notes),
        "class_counts": dict(samples.class_counts),
        "split": {
            "how": split.how,
            "seed": split.seed,
            "parts": {
                str(role): {"n": len(part), "positives": int(part.targets.sum())}
                for role, part in material.parts.items()
            },
        },
    }


def _limits(material: Material, config: CompareConfig, threshold: ThresholdChoice) -> list[str]:
    limits = [
        "Intervals say how far other test samples from the same source would move a value; how far "
        "other seeds would move it is the spread beside it.",
        "One split was used. Another would give somewhat other numbers.",
    ]
    if material.measure.message:
        limits.append(material.measure.message)
    if not threshold.guaranteed:
        limits.append(threshold.statement)
    positives = int(material.parts[Role.TEST].targets.sum())
    if positives * (1.0 - config.tpr) < 5:
        limits.append(
            f"The test part has {positives} positives, so the false positive rate at TPR "
            f"{as_percent(config.tpr)} hangs on very few of them; its interval is wide."
        )
    if material.samples.times is not None:
        limits.append(
            "The split is by time: if the source changes, calibration samples no longer stand for "
            "the newest ones, and neither does the guarantee."
        )
    if material.samples.groups is not None:
        limits.append(
            "Intervals of single rates count rows as independent, which rows of one group are not: "
            "with few large groups they are too narrow. Differences and the threshold count groups."
        )
    if config.train_positives is not None:
        limits.append(
            f"Only {config.train_positives} positives were kept for training, to make it rare; "
            "validation, calibration and test keep theirs."
        )
    return limits
