"""Boosted trees as a reference for tables: what a user would try instead of a network.

The same split, the same encoded columns, as many tuning trials and seeds as every method, and, as
for the networks, the number of rounds that is best on validation. Never delivered.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from rarecall.comparison.learner import SCORED, Outcome
from rarecall.comparison.tuning import Choice, LogRange
from rarecall.errors import Interrupted
from rarecall.metrics import selection_measure
from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from sklearn.ensemble import HistGradientBoostingClassifier

    from rarecall.comparison.learner import Unit
    from rarecall.comparison.material import Material
    from rarecall.comparison.tuning import Space
    from rarecall.data import ArrayDataset
    from rarecall.metrics import SelectionMeasure

    Scored = Mapping[Role, NDArray[np.float64]]

NAME = "boosted trees"
_ROUNDS = 300
_LOOK_EVERY = 10
_MOST_CATEGORIES = 255


class TreeLearner:
    """scikit-learn's histogram gradient boosting on the encoded table.

    In multi-class work its own multi-class form; in multi-label work a model a label, each on the
    rows where the label is known for sure.

    Args:
        material: Shared by all methods; a table.
    """

    name = NAME
    reference = True

    def __init__(self, material: Material) -> None:
        self.material = material
        self.space: Space = {
            "learning_rate": LogRange(0.01, 0.5),
            "max_leaf_nodes": Choice((4, 8, 16, 31, 63)),
            "min_samples_leaf": Choice((5, 10, 20, 50)),
            "l2_regularization": Choice((0.0, 0.1, 1.0, 10.0)),
            "max_features": Choice((0.3, 0.5, 1.0)),
            "class_weight": Choice((None, "balanced")),
        }
        self.defaults: dict[str, Any] = {
            "learning_rate": 0.1,
            "max_leaf_nodes": 31,
            "min_samples_leaf": 20,
            # With none, a leaf of twenty rows that holds a rare critical one takes a step of tens
            # of logits, and boosting never recovers: on eight rare tables 10 did best on
            # validation (mean AUC .927 against .922 for 1 and .869 for 0).
            "l2_regularization": 10.0,
            # Half of the columns a split, so that seeds differ and their mean is an ensemble.
            "max_features": 0.5,
            "class_weight": None,
        }

    def fit(
        self,
        unit: Unit,
        folder: Path,
        on_epoch: Callable[[Any], None],
        should_stop: Callable[[], bool],
    ) -> Outcome:
        """Fit one model and score all parts at the round that is best on validation."""
        # Images need none of it, and it takes a second.
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has no stubs

        del folder, on_epoch
        began = time.perf_counter()
        roles = SCORED if unit.kind == "seed" else (Role.VALIDATION,)
        with threadpool_limits(limits=self.material.settings.threads):
            if self.material.task.kind == "multilabel":
                scores, rounds = self._by_label(unit, roles, should_stop)
            else:
                scores, rounds = self._whole(unit, roles)
        return Outcome(
            scores=scores,
            best_epoch=max(rounds) // _LOOK_EVERY,
            steps=_ROUNDS * len(rounds),
            rows=None,
            seconds=time.perf_counter() - began,
        )

    def _whole(self, unit: Unit, roles: Sequence[Role]) -> tuple[Scored, list[int]]:
        """Fit one model of the two or all classes."""
        encoded, measure = self.material.encoded, self.material.measure
        part = encoded[Role.TRAIN]
        read = _log_odds if self.material.task.kind == "multiclass" else _flat
        model = _fitted(unit, part, part.targets.numpy())
        targets = encoded[Role.VALIDATION].targets.numpy()
        rounds = _best_rounds(
            model, encoded[Role.VALIDATION], lambda raw: measure(read(raw), targets)
        )
        scores = {role: read(_after(model, encoded[role], rounds)) for role in roles}
        return scores, [rounds]

    def _by_label(
        self, unit: Unit, roles: Sequence[Role], should_stop: Callable[[], bool]
    ) -> tuple[Scored, list[int]]:
        """Fit one model a label on the rows where it is known for sure."""
        encoded, samples = self.material.encoded, self.material.parts
        columns: dict[Role, list[NDArray[np.float64]]] = {role: [] for role in roles}
        found = []
        for number in self.material.task.critical:
            if should_stop():
                raise Interrupted("Stopped between two labels of the boosted trees.")
            train, seen = (samples[role].masks(number) for role in (Role.TRAIN, Role.VALIDATION))
            known = train.positive[train.rows].astype(np.int64)
            model = _fitted(unit, encoded[Role.TRAIN], known, train.rows)
            wanted = seen.positive[seen.rows].astype(np.int64)
            measure = selection_measure(int(wanted.sum()), self.material.tpr)
            rounds = _best_rounds(
                model, encoded[Role.VALIDATION], partial(_measured, measure, wanted), seen.rows
            )
            for role in roles:
                columns[role].append(_flat(_after(model, encoded[role], rounds)))
            found.append(rounds)
        return {role: np.stack(parts, axis=1) for role, parts in columns.items()}, found


def _fitted(
    unit: Unit,
    part: ArrayDataset,
    targets: NDArray[np.int64],
    rows: NDArray[np.bool_] | slice = slice(None),
) -> HistGradientBoostingClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns, categorical = _columns(part)
    model = HistGradientBoostingClassifier(
        **unit.parameters,
        max_iter=_ROUNDS,
        early_stopping=False,
        categorical_features=categorical if categorical.any() else None,
        random_state=unit.seed,
    )
    model.fit(columns[rows], targets)
    return model


def _measured(
    measure: SelectionMeasure, targets: NDArray[np.int64], raw: NDArray[np.float64]
) -> float:
    return measure(_flat(raw), targets)


def _best_rounds(
    model: HistGradientBoostingClassifier,
    part: ArrayDataset,
    measure: Callable[[NDArray[np.float64]], float],
    rows: NDArray[np.bool_] | slice = slice(None),
) -> int:
    stages = model.staged_decision_function(_columns(part)[0][rows])
    found = [measure(raw) for raw in islice(stages, _LOOK_EVERY - 1, None, _LOOK_EVERY)]
    return (int(np.argmax(found)) + 1) * _LOOK_EVERY


def _columns(part: ArrayDataset) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    numeric = part.inputs["numeric"].numpy().astype(np.float64)
    codes = part.inputs["categorical"].numpy().astype(np.float64)
    # A column with more categories than the trees have bins is split by its codes.
    few = np.asarray([codes[:, k].max(initial=0) < _MOST_CATEGORIES for k in range(codes.shape[1])])
    return np.hstack([numeric, codes]), np.concatenate(
        [np.zeros(numeric.shape[1], dtype=bool), few.astype(bool)]
    )


def _after(
    model: HistGradientBoostingClassifier, part: ArrayDataset, rounds: int
) -> NDArray[np.float64]:
    stages = model.staged_decision_function(_columns(part)[0])
    return np.asarray(next(islice(stages, rounds - 1, None)), dtype=np.float64)


def _log_odds(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn raw scores of all classes, or the one of two, into log-odds of each, ``(n, C)``."""
    if raw.ndim == 1 or raw.shape[1] == 1:
        flat = _flat(raw)
        return np.stack([-flat, flat], axis=1)
    columns = [
        raw[:, k] - logsumexp(np.delete(raw, k, axis=1), axis=1) for k in range(raw.shape[1])
    ]
    return np.stack(columns, axis=1)


def _flat(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(scores, dtype=np.float64).reshape(len(scores))
