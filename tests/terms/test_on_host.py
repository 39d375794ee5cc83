"""A buffer whose rows are picked on the host later, as on an accelerator."""

from __future__ import annotations

import copy

import pytest
import torch

from rarecall import BCELoss, Objective, RankRegularizer, Replay, Term
from rarecall.functional import shapes

TARGETS = torch.tensor([1, 0, 0, 1] * 8)


def train(term: Term, steps: int) -> Objective:
    objective = Objective(BCELoss(), term).bind(TARGETS)
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(len(TARGETS), generator=generator)
    for _ in range(steps):
        rows = torch.randperm(len(TARGETS), generator=generator)[:6]
        inputs = {"score": scores[rows], "row": rows[:, None].float()}
        batch = objective.prepare((inputs, TARGETS[rows], rows))
        objective.evaluate(batch.inputs["score"], batch)
        for leaf in inputs.values():
            leaf.fill_(-99.0)  # the memory of a batch may be used again
        objective.step()
    return objective


@pytest.mark.parametrize("evict", ["most_confident", "oldest", "least_confident"])
@pytest.mark.parametrize("make", [Replay, RankRegularizer])
def test_it_holds_the_same_samples(make, evict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for fix in (False, True):
        monkeypatch.setattr(shapes, "fixed_shapes", lambda _, fix=fix: fix)
        term = make(capacity=5, evict=evict, max_age=9)
        train(term, 12)
        states.append(term.buffer.get_extra_state())
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)


def test_what_is_on_its_way_is_part_of_copies_and_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "fixed_shapes", lambda _: True)
    objective = train(Replay(capacity=5), 3)
    term = objective.terms[0]
    assert term.buffer._waiting
    other = copy.deepcopy(objective).terms[0]
    assert other.buffer.index.tolist() == term.buffer.index.tolist()
    state = train(Replay(capacity=5), 3).state_dict()
    loaded = Objective(BCELoss(), Replay(capacity=5)).bind(TARGETS)
    loaded.load_state_dict(state)
    assert loaded.terms[0].buffer.scores.tolist() == term.buffer.scores.tolist()
    assert len(term.buffer) == 5


def test_the_index_may_lie_elsewhere_than_the_rows() -> None:
    objective = Objective(BCELoss()).bind(TARGETS).to("meta")
    objective._checked = True
    index = torch.arange(4)
    prepared = objective.prepare((torch.empty(4, device="meta"), TARGETS[:4].to("meta"), index))
    assert prepared.index is not None
    assert prepared.index.device.type == "meta"
