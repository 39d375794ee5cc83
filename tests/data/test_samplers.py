"""The sampler of batches: a guaranteed number of positives, one joint stream, exact resume."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from rarecall import Objective
from rarecall.data import BalancedSampler, Indexed
from rarecall.losses import WeightedBCELoss

TARGETS = torch.tensor([1] * 4 + [0] * 60)
CLASSES = torch.tensor([0] * 40 + [1] * 20 + [2] * 6 + [3] * 2)


def flat(sampler: BalancedSampler, epochs: int = 1) -> list[list[int]]:
    return [batch for _ in range(epochs) for batch in sampler]


@pytest.mark.parametrize(
    ("more", "positives"),
    [({}, 8), ({"share": 0.25}, 4), ({"share": 0.01}, 1), ({"count": 3}, 3), ({"count": 15}, 15)],
)
def test_every_batch_holds_the_positives_asked_for(more: dict[str, Any], positives: int) -> None:
    sampler = BalancedSampler(TARGETS, 16, **more)
    batches = flat(sampler, epochs=5)
    assert len(batches) == 5 * len(sampler) == 20
    assert {int(TARGETS[batch].sum()) for batch in batches} == {positives}
    assert sampler.stream.tolist() == [1 - positives / 16, positives / 16]


def test_a_loader_yields_its_batches_and_a_loss_learns_the_shares_they_show() -> None:
    dataset = Indexed(TensorDataset(torch.randn(64, 2), TARGETS))
    sampler = BalancedSampler(TARGETS, 8, share=0.25)
    loss = WeightedBCELoss()
    objective = Objective(loss).bind(TARGETS, stream=sampler.stream)
    loader = DataLoader(dataset, batch_sampler=sampler)
    assert len(loader) == 8
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Flatten(0))
    for batch in loader:
        assert int(batch[1].sum()) == 2
        objective(model, batch).backward()
        objective.step()
    # Three others for each critical sample in a batch, fifteen in the data.
    assert float(loss.imbalance) == pytest.approx(3.0)


def test_critical_classes_share_the_positives_part_equally() -> None:
    sampler = BalancedSampler(CLASSES, 10, share=0.4, critical=(2, 3))
    assert sampler.stream.tolist() == pytest.approx([0.4, 0.2, 0.2, 0.2])
    shown = torch.bincount(CLASSES[torch.tensor(flat(sampler, epochs=30)).flatten()])
    torch.testing.assert_close(shown / shown.sum(), sampler.stream.float(), atol=0.01, rtol=0)
    assert all(
        torch.bincount(CLASSES[batch], minlength=4)[2:].tolist() == [2, 2]
        for batch in flat(sampler)
    )


def test_the_processes_of_a_job_deal_one_joint_stream_among_them() -> None:
    alone = BalancedSampler(TARGETS, 8, share=0.25, seed=3, batches=12)
    ranks = [
        BalancedSampler(TARGETS, 8, share=0.25, seed=3, batches=4, rank=rank, world_size=3)
        for rank in range(3)
    ]
    dealt = [batch for step in zip(*ranks, strict=True) for batch in step]
    assert dealt == list(alone)
    # Twelve batches hold 72 other samples: each of the 60 once before any comes again.
    others = Counter(row for batch in dealt for row in batch if row >= 4)
    assert len(others) == 60
    assert set(others.values()) == {1, 2}


@pytest.mark.parametrize("drawn", [0, 3, 4, 9])
def test_a_stored_sampler_goes_on_bit_for_bit(drawn: int) -> None:
    whole = BalancedSampler(TARGETS, 16, seed=1)
    batches = flat(whole, epochs=4)
    stopped = BalancedSampler(TARGETS, 16, seed=1)
    taken: list[list[int]] = []
    while len(taken) < drawn:
        for batch in stopped:
            taken.append(batch)
            if len(taken) == drawn:
                break
    state = torch.tensor(list(stopped.state_dict().values()))  # plain numbers
    resumed = BalancedSampler(TARGETS, 16, seed=1)
    resumed.load_state_dict({"drawn": int(state[0])})
    rest = list(resumed)
    # First to the end of the epoch that was under way.
    assert (drawn + len(rest)) % len(whole) == 0
    assert (
        taken + rest + flat(resumed, epochs=4)
        == (batches + flat(whole, 8))[: drawn + 16 + len(rest)]
    )


def test_what_workers_drew_ahead_can_be_left_out_of_the_state() -> None:
    sampler = BalancedSampler(TARGETS, 16)
    batches = list(sampler)
    resumed = BalancedSampler(TARGETS, 16)
    resumed.load_state_dict(sampler.state_dict(used=1))
    assert list(resumed) == batches[1:]


def test_seeds_differ() -> None:
    assert list(BalancedSampler(TARGETS, 16)) != list(BalancedSampler(TARGETS, 16, seed=1))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"share": 1.0}, "between 0 and 1"),
        ({"count": 16}, "cannot hold 16"),
        ({"batch_size": 1}, "room for a critical and another"),
        ({"targets": CLASSES}, "more than two classes"),
        ({"targets": TARGETS.float()}, "whole number"),
        ({"rank": 2, "world_size": 2}, "rank must be from 0 to 1"),
        ({"batches": 0}, "one batch or more"),
        ({"targets": torch.zeros(5, dtype=torch.int64)}, "of the critical class 1"),
    ],
)
def test_what_cannot_be_sampled_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BalancedSampler(**({"targets": TARGETS, "batch_size": 16} | more))
