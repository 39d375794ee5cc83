"""The findings of a finished run as one JSON document, and what a reader must know beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rarecall import __version__
from rarecall.comparison.data_record import data_record
from rarecall.comparison.in_use import winner_certificate, winner_insights
from rarecall.comparison.learner import SCORED
from rarecall.comparison.limits import comparison_limits
from rarecall.comparison.score_files import read_scores, write_scores
from rarecall.comparison.views import judge, means, task_records, typed
from rarecall.evaluation import judging
from rarecall.methods import parse
from rarecall.recipes import RECIPES
from rarecall.roles import CalibrationScores, Role, TaskScores, TestScores
from rarecall.thresholds import guaranteed_threshold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rarecall.comparison.material import Material
    from rarecall.comparison.run_folder import RunFolder
    from rarecall.comparison.runner import Trained
    from rarecall.config import CompareConfig
    from rarecall.methods import Method
    from rarecall.thresholds import Certificate, ThresholdChoice

FORMAT = 1


@dataclass(frozen=True)
class Findings:
    """What is delivered: the winner, its trainings and its thresholds; and the whole document.

    ``thresholds`` has one of every critical class or label, by its number; 1 in binary work; and so
    have ``certificates``.
    """

    winner: Trained
    thresholds: dict[int, ThresholdChoice]
    certificates: dict[int, Certificate]
    document: dict[str, Any]

    @property
    def insights(self) -> dict[int, dict[str, Any]]:
        """What the document says of the winner in use, by the number of the class or label."""
        if "classes" in self.document:
            return {one["number"]: one["insights"] for one in self.document["classes"]}
        return {1: self.document["insights"]}


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

    validation = {name: parts[Role.VALIDATION] for name, parts in ensembles.items()}
    references = {name for name, one in by_name.items() if one.learner.reference}
    candidates = {name: part for name, part in validation.items() if name not in references}
    winner, values = judging.choose_winner(candidates, material.measure)
    values |= {
        name: material.measure(part.scores, part.targets)
        for name, part in validation.items()
        if name not in values
    }
    test = {name: parts[Role.TEST] for name, parts in ensembles.items()}
    by_seed = {name: _seeds_on_test(one, material, folder) for name, one in by_name.items()}
    thresholds, certificates, classes = {}, {}, []
    for number in material.samples.critical_names:
        calibration = typed(ensembles[winner][Role.CALIBRATION].view(number), CalibrationScores)
        thresholds[number] = guaranteed_threshold(
            calibration,
            tpr=config.tpr,
            confidence=config.confidence,
            time_split=material.samples.times is not None,
        )
        certificates[number] = winner_certificate(calibration, material, config, "score")
        judged = judge(number, test, validation, by_seed, config)
        counted = typed(test[winner].view(number), TestScores)
        threshold = {
            **thresholds[number].to_dict(),
            "test": judging.threshold_on_test(thresholds[number], counted),
        }
        closely = winner_insights(
            winner,
            number,
            ensembles[winner],
            thresholds[number],
            material=material,
            config=config,
        )
        classes.append((judged, threshold, closely))
    several = material.task.kind != "binary"
    methods = []
    for name, one in by_name.items():
        measured = classes[0][0][name]
        if several:
            each = [judged[name] for judged, *_ in classes]
            measured = means(each, test[name], by_seed[name], material.task, config.levels)
        methods.append(
            {
                **_method(one, measured, config, folder, selection=values[name]),
                "difference": measured["difference"],
                "remarks": _remarks(one),
            }
        )
    document = {
        "format": FORMAT,
        "rarecall": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": data_record(material),
        "question": {
            "tpr": config.tpr,
            "confidence": config.confidence,
            "levels": list(config.levels),
            "seeds": config.seeds,
            "members": config.members,
            "redraw": config.redraw,
            "tune": config.tune,
            "baseline": config.baseline_name,
        },
        "selection": {"measure": material.measure.name, "message": material.measure.message},
        "methods": methods,
        "winner": {
            "name": winner,
            "why": judging.reason(winner, values, references, material.measure),
        },
        "threshold": None if several else classes[0][1],
        "insights": None if several else classes[0][2],
        **(task_records(material, classes, test[winner], thresholds) if several else {}),
        "config": config.model_dump(mode="json", exclude={"out"}),
        "environment": dict(environment),
        "limits": [*comparison_limits(material, config, thresholds), *notes],
    }
    return Findings(by_name[winner], thresholds, certificates, document)


def _ensemble(one: Trained, material: Material, folder: RunFolder, role: Role) -> TaskScores:
    members = [
        read_scores(
            folder.unit(one.learner.name, "seed", seed["number"]) / "scores.npz",
            role,
            material.parts[role],
        )
        for seed in one.seeds
    ]
    return TaskScores.mean(members)


def _seeds_on_test(one: Trained, material: Material, folder: RunFolder) -> list[TaskScores]:
    paths = [folder.unit(one.learner.name, "seed", seed["number"]) for seed in one.seeds]
    part = material.parts[Role.TEST]
    return [read_scores(path / "scores.npz", Role.TEST, part) for path in paths]


def _method(
    one: Trained,
    measured: Mapping[str, Any],
    config: CompareConfig,
    folder: RunFolder,
    *,
    selection: float,
) -> dict[str, Any]:
    name = one.learner.name
    rows = [seed["rows"] for seed in one.seeds]
    return {
        "name": name,
        "reference": one.learner.reference,
        "parameters": one.parameters,
        "tuned": one.trials > 0,
        "trials": one.trials,
        "test": measured["test"],
        "seed_spread": judging.seed_spread(measured["seeds"], config.levels),
        "validation": {"selection": selection, **measured["validation"]},
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
                **({"conditions": seed["conditions"]} if "conditions" in seed else {}),
            }
            for seed, measures in zip(one.seeds, measured["seeds"], strict=True)
        ],
        "scores": folder.scores(name).relative_to(folder.root).as_posix(),
    }


def _remarks(one: Trained) -> list[str]:
    # A dictionary keeps the order and drops what several seeds say alike.
    remarks = dict.fromkeys(remark for seed in one.seeds for remark in seed["remarks"])
    # A recipe has no control beside it: it is an offer, not a question.
    if not one.learner.reference and one.learner.name not in RECIPES:
        method = parse(one.learner.name)
        control = method.control(one.parameters)
        if control is not None and "replay" not in control and _replays(method, one.parameters):
            remarks[
                f"At equal rows a step {one.learner.name} replays earlier ones in place of new "
                f"ones, so it saw fewer new rows than {control}; a difference may come from that."
            ] = None
    return list(remarks)


def _replays(method: Method, parameters: Mapping[str, Any]) -> bool:
    default = method.parameters["rankreg.capacity"].default
    return bool(parameters.get("rankreg.capacity", default))
