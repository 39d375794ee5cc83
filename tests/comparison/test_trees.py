"""The boosted-tree reference is strong enough to be one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rarecall.comparison.learner import Unit
from rarecall.comparison.material import prepare, split_samples
from rarecall.comparison.trees import TreeLearner
from rarecall.config import CompareConfig
from rarecall.data import Samples
from rarecall.metrics import auc
from rarecall.roles import Role


def test_boosting_does_not_blow_up_where_one_row_in_700_is_critical(tmp_path):
    rng = np.random.default_rng(0)
    targets = np.zeros(40_000, dtype=np.int64)
    targets[:60] = 1
    rng.shuffle(targets)
    table = pd.DataFrame(rng.normal(size=(len(targets), 6)) + targets[:, None], columns=[*"abcdef"])
    samples = Samples(
        name="made",
        kind="table",
        features=table,
        targets=targets,
        ids=np.arange(len(targets)).astype(str),
        critical="1",
        target_name="state",
        class_counts={"0": len(targets) - 60, "1": 60},
    )
    config = CompareConfig(data="made", tpr=0.9)
    material = prepare(config, samples, split_samples(config, samples), threads=1)
    learner = TreeLearner(material)

    def area(**changed):
        parameters = {**learner.defaults, **changed}
        unit = Unit(method="trees", kind="seed", number=0, seed=0, of=1, parameters=parameters)
        outcome = learner.fit(unit, tmp_path, lambda record: None, lambda: False)
        return auc(outcome.scores[Role.TEST], material.parts[Role.TEST].targets)

    # The best possible is .96: two normal classes 6 ** .5 standard deviations apart.
    assert area() > 0.92
    assert area(l2_regularization=0.0) < area()
