from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from rarecall.data import ArrayDataset, Indexed
from rarecall.objective import Batch


def _arrays(n=6) -> ArrayDataset:
    inputs = {"numeric": torch.arange(2.0 * n).reshape(n, 2), "codes": torch.arange(n)[:, None]}
    return ArrayDataset(inputs, torch.arange(n) % 2, [f"s{k}" for k in range(n)])


def test_gathered_rows_carry_their_positions():
    rows = torch.tensor([4, 1, 4])
    batch = _arrays().gather(rows)
    assert isinstance(batch, Batch)
    assert batch.index.tolist() == [4, 1, 4]
    assert batch.targets.tolist() == [0, 1, 0]
    assert batch.inputs["numeric"].tolist() == [[8, 9], [2, 3], [8, 9]]
    assert batch.inputs["codes"].tolist() == [[4], [1], [4]]


def test_a_loader_yields_the_same_batches_as_gather():
    data = _arrays()
    (batch,) = list(DataLoader(data, batch_size=6))
    expected = data.gather(torch.arange(6))
    assert isinstance(batch, Batch)
    assert batch.index.dtype == torch.int64
    assert batch.index.tolist() == expected.index.tolist()
    assert torch.equal(batch.inputs["numeric"], expected.inputs["numeric"])
    assert torch.equal(batch.targets, expected.targets)


def test_arrays_that_disagree_are_refused():
    with pytest.raises(ValueError, match="must agree"):
        ArrayDataset(torch.zeros(3, 1), torch.zeros(4), list("abcd"))
    with pytest.raises(ValueError, match="must agree"):
        ArrayDataset(torch.zeros(3, 1), torch.zeros(3), list("ab"))
    with pytest.raises(ValueError, match="must agree"):
        ArrayDataset(torch.zeros(3, 1), torch.zeros(3, 1), list("abc"))


def test_moving_gives_a_new_data_set():
    data = _arrays()
    moved = data.to("meta")
    assert moved.targets.device.type == "meta"
    assert moved.inputs["numeric"].device.type == "meta"
    assert data.targets.device.type == "cpu"
    assert moved.ids.tolist() == data.ids.tolist()


def test_indexed_adds_positions_that_survive_shuffling():
    plain = TensorDataset(torch.arange(20.0), torch.arange(20) % 3 == 0)
    loader = DataLoader(Indexed(plain), batch_size=5, shuffle=True)
    for inputs, targets, index in loader:
        assert index.dtype == torch.int64
        assert torch.equal(inputs, plain.tensors[0][index])
        assert torch.equal(targets, plain.tensors[1][index])


@pytest.mark.parametrize("inner", ["tensors", "arrays"])
def test_indexed_counts_a_subset_from_zero(inner):
    plain = _arrays() if inner == "arrays" else TensorDataset(torch.zeros(6), torch.arange(6) % 2)
    indexed = Indexed(Subset(plain, [5, 3, 0]))
    assert [int(item.index) for item in (indexed[k] for k in range(3))] == [0, 1, 2]
    assert [int(item.targets) for item in (indexed[k] for k in range(3))] == [1, 1, 0]
    assert indexed.targets.tolist() == [1, 1, 0]
    assert int(indexed[-1].index) == 2
    with pytest.raises(IndexError):
        indexed[3]


class _Plain(Dataset):
    def __init__(self, items, **attributes):
        self.items = items
        self.__dict__.update(attributes)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, position):
        return self.items[position]


@pytest.mark.parametrize("targets", [[0, 1, 1], np.array([0, 1, 1]), torch.tensor([0.0, 1.0, 1.0])])
def test_targets_are_found_where_data_sets_keep_them(targets):
    plain = _Plain([(0, 0)] * 3, targets=targets)
    assert Indexed(plain).targets.tolist() == [0, 1, 1]
    assert Indexed(plain).targets.dtype == torch.int64
    assert Indexed(ConcatDataset([plain, Subset(plain, [1])])).targets.tolist() == [0, 1, 1, 1]
    assert Indexed(Indexed(plain)).targets.tolist() == [0, 1, 1]


def test_targets_that_cannot_be_known_are_no_attribute():
    indexed = Indexed(_Plain([(0, 0)] * 3))
    assert not hasattr(indexed, "targets")
    with pytest.raises(AttributeError, match="collect them once"):
        _ = indexed.targets
    assert not hasattr(Indexed(ConcatDataset([_Plain([(0, 0)]), _arrays()])), "targets")


@pytest.mark.parametrize("item", [(1, 2, 3), (1,), 5, {"x": 1}])
def test_items_that_are_no_pair_are_refused(item):
    with pytest.raises(TypeError, match=r"yields \(inputs, targets\)"):
        Indexed(_Plain([item]))[0]


def test_a_data_set_without_length_is_refused():
    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(())

    with pytest.raises(TypeError, match="length"):
        Indexed(Endless())
