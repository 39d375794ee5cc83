"""From ``X`` and ``y`` to a trained model with its thresholds: what ``fit`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state

from rarecall.errors import ConfigurationError, DataError
from rarecall.estimators.dividing import checked_shares, divide
from rarecall.estimators.given import given_part, refuse_shared, row_weights
from rarecall.estimators.labels import as_targets, checked_labels, critical_labels, task_of
from rarecall.estimators.layout import first_look, later_look
from rarecall.estimators.learning import learn, method_for
from rarecall.estimators.operating import operate
from rarecall.estimators.part import Part
from rarecall.metrics.inputs import checked_share
from rarecall.roles import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.estimators.critical_classifier import CriticalClassifier
    from rarecall.estimators.layout import Layout
    from rarecall.estimators.learning import Learnt
    from rarecall.estimators.operating import Operation

# ruff: noqa: N803  (X is scikit-learn's name)

_OPTIONS = (
    "members",
    "network",
    "network_options",
    "steps",
    "learning_rate",
    "weight_decay",
    "batch_size",
    "device",
    "threads",
)


@dataclass(frozen=True, eq=False)
class Fitting:
    """All that a fitted classifier knows.

    Attributes:
        layout: What ``X`` was.
        classes: Labels, sorted.
        critical: Numbers of the critical ones among them.
        learnt: The networks and what scoring takes.
        operation: From scores to decisions and probabilities.
        sizes: Rows of each part, by role.
        fingerprint: Of the training rows.
        notes: Sentences that a user should read.
    """

    layout: Layout
    classes: NDArray[Any]
    critical: tuple[int, ...]
    learnt: Learnt
    operation: Operation
    sizes: dict[str, int]
    fingerprint: str
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Labels as text."""
        return tuple(str(label) for label in self.classes.tolist())

    def scores(self, model: CriticalClassifier, X: Any) -> NDArray[np.float64]:
        """Score rows as given to the classifier, shape ``(n,)``, or ``(n, C)``."""
        features = later_look(model, X, self.layout)
        n = len(features)
        if not n:
            raise DataError("X holds no row to score.")
        part = Part(features, np.zeros(n, dtype=np.int64), np.arange(n, dtype=np.uint64))
        critical = self.names[self.critical[0]]
        return self.learnt.scores(part.samples(self.operation.task, self.names, critical))


def fitted(
    model: CriticalClassifier,
    X: Any,
    y: Any,
    *,
    sample_weight: Any,
    groups: Any,
    eval_set: Any,
    calibration_set: Any,
) -> Fitting:
    """Train and choose the thresholds; arguments as :meth:`CriticalClassifier.fit` has them."""
    tpr = checked_share(model.target_tpr, "target_tpr", one=False)
    confidence = checked_share(model.confidence, "confidence", one=False)
    if model.probabilities not in ("calibrated", "agreeing"):
        raise ConfigurationError(
            f"probabilities must be calibrated or agreeing, not {model.probabilities!r}."
        )
    layout, features = first_look(model, X)
    labels = checked_labels(model, y)
    check_consistent_length(features, labels, groups)
    weights, weighted = row_weights(sample_weight, features)
    # A class whose rows all weigh nothing is none.
    present = np.ones(len(labels), dtype=bool) if weights is None else weights > 0
    classes, critical = critical_labels(model.critical, labels[present])
    targets = np.zeros(len(labels), dtype=np.int64)
    targets[present] = as_targets(labels[present], classes, critical)
    task = task_of(classes, critical)
    everything = Part.of(features, targets, groups, weights)

    sets = {Role.VALIDATION: ("eval_set", eval_set)}
    sets[Role.CALIBRATION] = ("calibration_set", calibration_set)
    given: dict[Role, Part] = {}
    for role, (name, content) in sets.items():
        part = given_part(model, content, name, layout=layout, classes=classes, critical=critical)
        if part is not None:
            given[role] = part
    seed = int(check_random_state(model.random_state).randint(np.iinfo(np.int32).max))
    shares = checked_shares(
        everything,
        task,
        validation=None if Role.VALIDATION in given else model.validation_share,
        calibration=0.0 if Role.CALIBRATION in given else model.calibration_share,
        enlarge=(tpr, confidence) if model.threshold == "guaranteed" else None,
    )
    positions = divide(everything, task, shares, seed)
    parts = {role: everything.take(rows) for role, rows in positions.items()} | given
    if Role.CALIBRATION in given and model.threshold != "empirical":
        refuse_shared(parts, layout)

    names = tuple(str(label) for label in classes.tolist())
    told = ", ".join(names[number] for number in critical)
    samples = {role: part.samples(task, names, told) for role, part in parts.items()}
    learnt = learn(
        parts,
        samples,
        method=method_for(model.method, task),
        tpr=tpr,
        seed=seed,
        parameters=model.parameters,
        options={name: getattr(model, name) for name in _OPTIONS},
    )
    # Training rows have better scores than new ones; they judge where there are no others.
    judging = list(parts) if len(parts) == 1 else [r for r in parts if r is not Role.TRAIN]
    operation = operate(
        {role: learnt.scores(samples[role]) for role in judging},
        parts,
        task,
        rule=model.threshold,
        tpr=tpr,
        confidence=confidence,
        calibrator=model.calibrator,
        weighted=weighted,
        names=names,
    )
    sizes = {role.value: len(part) for role, part in parts.items()}
    notes = [*layout.notes, *learnt.remarks, *operation.unpromised]
    if groups is None and any(one.unit == "group" for one in operation.choices.values()):
        notes.append(
            "Some critical rows that the threshold was chosen on are copies of others. Copies are "
            "no further evidence: what is counted as groups are distinct rows."
        )
    fingerprint = samples[Role.TRAIN].fingerprint
    return Fitting(layout, classes, critical, learnt, operation, sizes, fingerprint, tuple(notes))
