"""Training the networks of a method on the parts that the classifier was given."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.comparison.ensembles import weight_files
from rarecall.comparison.learner import Unit
from rarecall.comparison.material import Material
from rarecall.config import load_config
from rarecall.data import Split, encode, fit_preprocessor
from rarecall.delivery.augmented import views
from rarecall.delivery.scoring import portion_rows, scoring_network, steady_scores
from rarecall.estimators.weighted_measure import WeightedMeasure
from rarecall.estimators.weighting import WeightedLearner
from rarecall.methods import parse
from rarecall.metrics.several import task_measure
from rarecall.models import load_weights
from rarecall.recipes import RECIPES
from rarecall.roles import Role
from rarecall.training import default_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import nn

    from rarecall.data import Preprocessor, Samples
    from rarecall.estimators.part import Part
    from rarecall.objective import Objective
    from rarecall.task import Task


@dataclass(frozen=True, eq=False)
class Learnt:
    """Trained networks and all that scoring takes.

    Attributes:
        method: Name of the method.
        parameters: Its parameters, and learning rate and weight decay.
        preprocessor: Fitted on the training part.
        members: The networks, as trained.
        scoring: The same, as they score.
        objective: Reads logits as scores.
        seed: Of the first member.
        steps: Optimiser steps done.
        remarks: Sentences that a user should read.
        history: One record an evaluation; of an ensemble, its first member's.
        tta: Views of an image whose scores are averaged.
    """

    method: str
    parameters: dict[str, Any]
    preprocessor: Preprocessor
    members: list[nn.Module]
    scoring: list[nn.Module]
    objective: Objective
    seed: int
    steps: int
    remarks: tuple[str, ...]
    history: list[dict[str, Any]]
    tta: str = "none"

    def scores(self, samples: Samples) -> NDArray[np.float64]:
        """Score samples: the mean over members, each row as if it were the only one.

        Returns:
            Shape ``(n,)``; log-odds of every class, ``(n, C)``, in multi-class work.
        """
        inputs = encode(self.preprocessor, samples).inputs
        portion = portion_rows(self.preprocessor.spec)
        found = [
            steady_scores(network, self.objective, view, portion=portion)
            for view in views(self.tta, inputs)
            for network in self.scoring
        ]
        return np.asarray(np.mean(found, axis=0), dtype=np.float64)


def method_for(name: str, task: Task) -> str:
    """Name the method for the kind of problem: ``bce`` of several classes is ``ce``.

    >>> from rarecall.task import BINARY, Task
    >>> method_for("bce>vs", Task("multiclass", 3, (2,))), method_for("bce", BINARY)
    ('ce>vs', 'bce')
    """
    if task.kind == "binary":
        return name
    return re.sub(r"(?<![\w-])bce(?![\w-])", "ce", name)


def learn(
    parts: Mapping[Role, Part],
    samples: Mapping[Role, Samples],
    *,
    method: str,
    tpr: float,
    seed: int,
    parameters: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> Learnt:
    """Train the networks of a method.

    Args:
        parts: The training part, and validation where there is one; without, the weights are
            chosen on the training rows.
        samples: The same as samples.
        method: Its name, or that of a recipe.
        tpr: The target true positive rate.
        seed: Of everything that is drawn, in [0, 2³¹).
        parameters: Of the method, by name, as ``{"alm.margin": 0.5}``.
        options: As :class:`rarecall.config.CompareConfig` knows them, such as ``steps``; None
            where not given.

    Raises:
        ConfigurationError: The method is unknown or not made for the task, an option cannot be
            used, or training diverged.
        DataError: No column varies in the training part.
    """
    train = samples[Role.TRAIN]
    # First, as its own error says more than that of an option.
    method = method if method in RECIPES else parse(method).name
    config = load_config(
        {
            "data": "X",
            "methods": (method,),
            "task": train.task.kind,
            "tpr": tpr,
            "seed": seed,
            "parameters": None if parameters is None else {method: dict(parameters)},
            **options,
        }
    )
    preprocessor = fit_preprocessor(train)
    training = encode(preprocessor, train)
    held = samples.get(Role.VALIDATION, train)
    validation = training if held is train else encode(preprocessor, held)
    of_held = parts.get(Role.VALIDATION, parts[Role.TRAIN]).weights
    measure = task_measure(held.targets, train.task, tpr, train.classes)
    if of_held is not None:
        measure = WeightedMeasure("weighted AUC", tpr, False, weights=of_held, task=train.task)
    material = Material(
        samples=train,
        split=Split({Role.TRAIN: np.arange(len(train))}, "As given.", seed),
        parts={Role.TRAIN: train, Role.VALIDATION: held},
        preprocessor=preprocessor,
        # The learner scores the later parts too; here that is done once the networks are there.
        encoded=dict.fromkeys(Role, validation) | {Role.TRAIN: training},
        measure=measure,
        settings=default_settings(
            train.kind,
            len(train),
            device=config.device,
            precision=config.precision,
            **({} if config.threads is None else {"threads": config.threads}),
            **config.training_options(),
        ),
        tpr=tpr,
        task=train.task,
    )
    learner = WeightedLearner(method, material, config, parts[Role.TRAIN].weights)
    unit = Unit(method, "seed", 0, 1, seed, learner.defaults)
    with tempfile.TemporaryDirectory(prefix="rarecall-") as folder:
        outcome = learner.fit(unit, Path(folder), lambda _: None, lambda: False)
        members = []
        for path in weight_files(Path(folder), learner.members):
            network, objective = learner.build(learner.defaults, seed)
            load_weights(network, path)
            members.append(network.eval())
    return Learnt(
        method=learner.method.name,
        parameters=dict(learner.defaults),
        preprocessor=preprocessor,
        members=members,
        scoring=[scoring_network(network, preprocessor.spec) for network in members],
        objective=objective.eval(),
        seed=seed,
        steps=outcome.steps,
        remarks=tuple(outcome.remarks),
        history=outcome.history,
        tta=learner.tta,
    )
