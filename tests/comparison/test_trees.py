"""The boosted-tree reference is strong enough to be one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rarecall.comparison.learner import Unit
from rarecall.comparison.material import prepare, split_samples
from rarecall.comparison.trees import TreeLearner
from rarecall.config import CompareConfig
from rarecall.data import Samples
from rarecall.metrics import accuracy, auc, label_aucs
from rarecall.roles import Role
from rarecall.task import Task


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


def of_task(task, targets, classes, rng, n=1200):
    features = rng.normal(size=(n, 4))
    return Samples(
        name="made",
        kind="table",
        features=pd.DataFrame(features, columns=[*"abcd"]),
        targets=targets(features),
        ids=np.arange(n).astype(str),
        critical="x",
        target_name="y",
        class_counts={},
        task=task,
        classes=classes,
    )


def scores_of(samples, tmp_path, tpr=0.8):
    config = CompareConfig(data="made", tpr=tpr)
    material = prepare(config, samples, split_samples(config, samples), threads=1)
    learner = TreeLearner(material)
    unit = Unit("trees", "seed", 0, of=1, seed=0, parameters=learner.defaults)
    outcome = learner.fit(unit, tmp_path, lambda record: None, lambda: False)
    return outcome.scores[Role.TEST], material.parts[Role.TEST]


@pytest.mark.parametrize("number", [2, 3])
def test_scores_of_all_classes_are_their_log_odds(tmp_path, number):
    def targets(features):
        return (features[:, 0] > 0.8).astype(int) + (number - 2) * (features[:, 1] > 0.5)

    classes = tuple("abc"[:number])
    samples = of_task(
        Task("multiclass", number, (number - 1,)), targets, classes, np.random.default_rng(0)
    )
    scores, part = scores_of(samples, tmp_path)
    probabilities = 1 / (1 + np.exp(-scores))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-9)
    assert accuracy(scores, part.targets) > 0.9


def test_a_tree_of_a_label_sees_only_samples_whose_label_is_known(tmp_path):
    def targets(features):
        known = np.stack([features[:, 0] > 0.8, features[:, 1] > 0.5], axis=1).astype(float)
        # Where the first label is not known it would teach the opposite.
        hidden = features[:, 2] > 0
        known[hidden, 0] = np.nan
        return known

    rng = np.random.default_rng(0)
    samples = of_task(Task.multilabel(2), targets, ("p", "q"), rng)
    scores, part = scores_of(samples, tmp_path)
    assert scores.shape == (len(part), 2)
    assert min(label_aucs(scores, part.targets)) > 0.97
