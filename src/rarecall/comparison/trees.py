"""Boosted trees as a reference for tables: what a user would try instead of a network.

The same split, the same encoded columns, as many tuning trials and seeds as every method, and, as
for the networks, the number of rounds that is best on validation. Never delivered.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.comparison.learner import SCORED, Outcome
from rarecall.comparison.tuning import Choice, LogRange
from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from sklearn.ensemble import HistGradientBoostingClassifier

    from rarecall.comparison.learner import Unit
    from rarecall.comparison.material import Material
    from rarecall.comparison.tuning import Space
    from rarecall.data import ArrayDataset

NAME = "boosted trees"
_ROUNDS = 300
_LOOK_EVERY = 10
_MOST_CATEGORIES = 255


class TreeLearner:
    """scikit-learn's histogram gradient boosting on the encoded table.

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
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has no stubs

        del folder, on_epoch, should_stop
        began = time.perf_counter()
        encoded = self.material.encoded
        columns, categorical = _columns(encoded[Role.TRAIN])
        model = HistGradientBoostingClassifier(
            **unit.parameters,
            max_iter=_ROUNDS,
            early_stopping=False,
            categorical_features=categorical if categorical.any() else None,
            random_state=unit.seed,
        )
        with threadpool_limits(limits=self.material.settings.threads):
            model.fit(columns, encoded[Role.TRAIN].targets.numpy())
            rounds = self._best_rounds(model)
            roles = SCORED if unit.kind == "seed" else (Role.VALIDATION,)
            scores = {role: _after(model, _columns(encoded[role])[0], rounds) for role in roles}
        return Outcome(
            scores=scores,
            best_epoch=rounds // _LOOK_EVERY,
            steps=_ROUNDS,
            rows=None,
            seconds=time.perf_counter() - began,
        )

    def _best_rounds(self, model: HistGradientBoostingClassifier) -> int:
        part = self.material.encoded[Role.VALIDATION]
        targets = part.targets.numpy()
        stages = model.staged_decision_function(_columns(part)[0])
        found = [
            self.material.measure(_flat(scores), targets)
            for scores in islice(stages, _LOOK_EVERY - 1, None, _LOOK_EVERY)
        ]
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
    model: HistGradientBoostingClassifier, columns: NDArray[np.float64], rounds: int
) -> NDArray[np.float64]:
    return _flat(next(islice(model.staged_decision_function(columns), rounds - 1, None)))


def _flat(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(scores, dtype=np.float64).reshape(len(scores))
