"""The measures cost about as much as one sort: no copies, no Python lists, no second sort."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
import torch

from rarecall.errors import MetricError
from rarecall.metrics import auc, average_precision, fpr_at_tpr, roc_curve, tpr_at_fpr
from rarecall.metrics.inputs import checked_scores, checked_targets

N = 400_000


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(0)
    targets = (rng.random(N) < 0.01).astype(np.int64)
    return rng.normal(2.0 * targets), targets


def seconds(call, rounds=7):
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)


@pytest.mark.parametrize(
    ("measure", "sorts"),
    [
        (lambda s, y: fpr_at_tpr(s, y, 0.95), 3),
        (lambda s, y: tpr_at_fpr(s, y, 0.01), 6),
        (auc, 6),
        (average_precision, 6),
        (roc_curve, 15),
    ],
    ids=["fpr_at_tpr", "tpr_at_fpr", "auc", "average_precision", "roc_curve"],
)
def test_a_measure_costs_a_few_sorts_of_its_scores_at_most(sample, measure, sorts):
    # About a third of these bounds where sorts are fastest, a tenth elsewhere.
    assert seconds(lambda: measure(*sample)) < sorts * seconds(lambda: np.sort(sample[0]))


def test_the_fpr_at_a_tpr_copies_less_than_half_of_its_scores(sample):
    fpr_at_tpr(*sample, 0.95)
    tracemalloc.start()
    try:
        fpr_at_tpr(*sample, 0.95)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.6 * sample[0].nbytes


def test_scores_and_targets_of_the_right_kind_are_checked_and_not_copied(sample):
    assert checked_scores(sample[0]) is sample[0]
    flags = sample[1] == 1
    assert checked_targets(flags, N) is flags
    tensor = torch.tensor([0.5, 1.5], dtype=torch.float64)
    assert np.shares_memory(checked_scores(tensor), tensor.numpy())


def test_read_only_scores_are_fine(sample):
    scores, targets = (part.copy() for part in sample)
    scores.flags.writeable = targets.flags.writeable = False
    assert auc(scores, targets) == auc(*sample)
    assert roc_curve(scores, targets).tpr[-1] == 1.0


def test_a_million_ties_are_counted_in_integers():
    scores = np.repeat([0.0, 1.0], 500_000)
    targets = np.tile([0, 1], 500_000)
    assert auc(scores, targets) == 0.5
    assert auc(np.zeros(1_000_000), targets) == 0.5


def test_what_torch_and_pandas_cannot_give_is_refused_in_words():
    import pandas as pd

    with pytest.raises(MetricError, match=r"detach\(\)"):
        auc(torch.tensor([0.1, 0.2], requires_grad=True), [0, 1])
    with pytest.raises(MetricError, match="scores must be"):
        auc(pd.Series([0.1, pd.NA], dtype="Float64"), [0, 1])
    with pytest.raises(MetricError, match="targets must be 1"):
        auc([0.1, 0.2], pd.Series([0, pd.NA], dtype="Int64"))
    with pytest.raises(MetricError, match="scores must be real numbers"):
        auc([10**400, 1], [0, 1])
    assert auc(pd.Series([0.1, 0.2]), pd.Series([0, 1], dtype="Int64")) == 1.0
