"""Members of a seed: their rows, their weights and what is told of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rarecall.comparison.ensembles import member_seeds, redrawn, weight_files
from rarecall.data import ArrayDataset
from rarecall.errors import ConfigurationError
from rarecall.task import BINARY, Task


def dataset(n=100, every=5):
    targets = (torch.arange(n) % every == 0).long()
    return ArrayDataset(torch.arange(n)[:, None].float(), targets, [f"r{k}" for k in range(n)])


def test_the_first_member_is_the_network_alone():
    assert member_seeds(3, 4)[0] == 3
    seeds = [seed for first in range(50) for seed in member_seeds(first, 20)]
    assert len(set(seeds)) == len(seeds)


def test_weights_of_one_network_keep_their_usual_name(tmp_path):
    assert [path.name for path in weight_files(tmp_path, 1)] == ["weights.safetensors"]
    assert len({path.name for path in weight_files(tmp_path, 3)}) == 3


def test_a_redrawn_split_holds_every_row_once_and_keeps_the_shares_of_the_classes():
    data = dataset()
    kept, out = redrawn(data, None, BINARY, share=0.25, seed=1)
    assert sorted([*kept.ids, *out.ids]) == sorted(data.ids)
    assert len(out) == 25
    assert int(out.targets.sum()) == 5
    assert all(f"r{int(x)}" == name for x, name in zip(out.inputs[:, 0], out.ids, strict=True))
    other, _ = redrawn(data, None, BINARY, share=0.25, seed=2)
    assert set(kept.ids) != set(other.ids)


def test_a_group_stays_on_one_side_of_a_redrawn_split():
    groups = np.array([f"g{k // 5}" for k in range(100)])
    data = dataset()
    kept, out = redrawn(data, groups, BINARY, share=0.25, seed=1)
    where = dict(zip(data.ids, groups, strict=True))
    assert not {where[name] for name in kept.ids} & {where[name] for name in out.ids}


def test_labels_are_redrawn_by_whether_a_row_has_any():
    targets = torch.zeros(60, 2)
    targets[::6, 0], targets[1::6, 1] = 1, torch.nan
    targets[2::6, 1] = 1
    data = ArrayDataset(torch.zeros(60, 1), targets, [str(k) for k in range(60)])
    _, out = redrawn(data, None, Task.multilabel(2), share=0.25, seed=0)
    assert int((out.targets == 1).any(dim=1).sum()) == 5


def test_too_few_critical_rows_to_redraw_are_refused():
    with pytest.raises(ConfigurationError, match="rarest class has 2"):
        redrawn(dataset(10), None, BINARY, share=0.25, seed=0)
