"""Who enters the buffer of positives, who leaves, and what is replayed."""

from __future__ import annotations

import pytest
import torch

from rarecall import BaseLoss, BCELoss, Objective, RankRegularizer, Replay, Task, Term
from rarecall.terms import PositiveBuffer

TARGETS = torch.tensor([1] * 8 + [0] * 8)


def objective(**arguments) -> tuple[Objective, PositiveBuffer]:
    term = Replay(**arguments)
    return Objective(BCELoss(), term).bind(TARGETS), term.buffer


def train(target: Objective, scores: dict[int, float]) -> None:
    """Train one step on these samples; the model gives the input back as its score."""
    index = torch.tensor(list(scores))
    target(torch.nn.Identity(), (torch.tensor(list(scores.values())), TARGETS[index], index))
    target.step()


def held(buffer: PositiveBuffer) -> list[int]:
    return sorted(buffer.index.tolist())


def test_only_positives_enter_and_up_to_capacity() -> None:
    target, buffer = objective(capacity=3)
    train(target, {0: 0.0, 9: 1.0, 1: 2.0})
    assert held(buffer) == [0, 1]
    train(target, {2: 1.0, 10: 5.0})
    assert held(buffer) == [0, 1, 2]


@pytest.mark.parametrize(
    ("evict", "left"),
    [("most_confident", [0, 2, 3]), ("oldest", [1, 2, 3]), ("least_confident", [0, 1, 3])],
)
def test_a_new_positive_replaces_the_one_that_evict_names(evict: str, left: list[int]) -> None:
    target, buffer = objective(capacity=3, evict=evict)
    for row, score in ((0, 1.0), (1, 5.0), (2, 0.5)):
        train(target, {row: score})
    train(target, {3: 2.0})
    assert held(buffer) == left


def test_scores_are_refreshed_whenever_the_buffer_is_forwarded() -> None:
    target, buffer = objective(capacity=2)
    train(target, {0: 1.0, 1: 2.0})
    prepared = target.prepare((torch.tensor([0.0]), torch.tensor([0]), torch.tensor([9])))
    assert prepared.index.tolist() == [9, 0, 1]
    target.evaluate(torch.tensor([0.0, 7.0, -7.0]), prepared)
    target.step()
    assert dict(zip(buffer.index.tolist(), buffer.scores.tolist(), strict=True)) == {0: 7, 1: -7}


def test_a_sample_met_again_is_refreshed_not_doubled() -> None:
    target, buffer = objective(capacity=3)
    train(target, {0: 1.0, 1: 2.0})
    train(target, {0: 4.0})
    assert held(buffer) == [0, 1]
    slot = buffer.index.tolist().index(0)
    assert buffer.leaves[0][slot] == 4.0
    assert buffer.scores[slot] == 4.0


def test_a_sample_in_the_batch_is_not_also_replayed() -> None:
    target, _ = objective(capacity=3)
    train(target, {0: 1.0, 1: 2.0})
    prepared = target.prepare((torch.tensor([3.0]), torch.tensor([1]), torch.tensor([0])))
    assert prepared.index.tolist() == [0, 1]
    assert prepared.fresh == 1


def test_more_new_positives_than_room_keep_the_capacity() -> None:
    target, buffer = objective(capacity=3)
    train(target, {row: float(row) for row in range(8)})
    assert len(buffer) == 3
    train(target, {row: float(row) for row in range(8)})
    assert len(buffer) == 3
    assert len(set(held(buffer))) == 3


def test_no_sample_stays_longer_than_its_age() -> None:
    target, buffer = objective(capacity=3, max_age=2)
    train(target, {0: 1.0})
    train(target, {9: 0.0})
    assert held(buffer) == []


def test_the_base_loss_counts_replayed_rows_only_where_told() -> None:
    def total(term) -> float:
        target = Objective(BCELoss(), term).bind(TARGETS)
        train(target, {0: 3.0})
        batch = (torch.tensor([0.0]), torch.tensor([0]), torch.tensor([9]))
        return target(torch.nn.Identity(), batch).item()

    zero = BCELoss()(torch.tensor([0.0, 3.0]), torch.tensor([0, 1]))
    assert total(Replay(2)) == pytest.approx(zero.mean().item())
    assert total(RankRegularizer(0.0, 2)) == pytest.approx(zero[0].item())
    assert total(RankRegularizer(0.0, 2, replay_in_base_loss=True)) == pytest.approx(
        zero.mean().item()
    )


def test_replay_with_weightless_rank_term_is_replay_alone() -> None:
    """The control differs from the method by the rank term only."""
    states = []
    for term in (Replay(2), RankRegularizer(0.0, 2, replay_in_base_loss=True)):
        target = Objective(BCELoss(), term).bind(TARGETS)
        weight = torch.ones((), requires_grad=True)
        model = lambda x, w=weight: x * w
        for row in (0, 8, 1, 9, 2):
            batch = (torch.tensor([float(row)]), TARGETS[[row]], torch.tensor([row]))
            target(model, batch).backward()
            target.step()
        states.append((weight.grad.item(), held(term.buffer)))
    assert states[0] == states[1]


def test_alm_does_not_see_replayed_rows() -> None:
    from rarecall import ALMConstraint

    alm = ALMConstraint(margin=0.5, penalty=1.0, scores="logit")
    target = Objective(BCELoss(), alm, Replay(4)).bind(TARGETS)
    train(target, {0: -9.0, 9: -9.0})
    before = alm.multipliers.clone()
    train(target, {10: 9.0})
    assert torch.equal(alm.multipliers, before)


def test_of_a_sample_twice_in_a_batch_the_last_row_counts() -> None:
    target, buffer = objective(capacity=3)
    index = torch.tensor([0, 1, 0])
    target(torch.nn.Identity(), (torch.tensor([1.0, 2.0, 3.0]), TARGETS[index], index))
    target.step()
    assert dict(zip(buffer.index.tolist(), buffer.leaves[0].tolist(), strict=True)) == {1: 2, 0: 3}


def test_a_refreshed_score_decides_who_leaves() -> None:
    target, buffer = objective(capacity=2)
    train(target, {0: 1.0, 1: 5.0})
    prepared = target.prepare((torch.tensor([0.0]), torch.tensor([1]), torch.tensor([2])))
    assert prepared.index.tolist() == [2, 0, 1]
    target.evaluate(torch.tensor([0.0, 9.0, -9.0]), prepared)  # now 0 is the more confident one
    target.step()
    assert held(buffer) == [1, 2]


# Several classes ----------------------------------------------------------------------------------

CLASSES = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])


class Softmax(BaseLoss):
    """Cross-entropy over classes."""

    tasks = ("multiclass",)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def multiclass(term: Term, rows: list[int], logits: torch.Tensor) -> Objective:
    """Bind, with classes 3 and 1 critical, and train one step."""
    target = Objective(Softmax(), term).bind(CLASSES, Task("multiclass", 4, (3, 1)))
    index = torch.tensor(rows)
    target(torch.nn.Identity(), (logits, CLASSES[index], index))
    target.step()
    return target


@pytest.mark.parametrize("make", [Replay, lambda n: RankRegularizer(capacity=n)])
def test_samples_of_every_critical_class_are_kept_and_replayed_with_their_targets(make) -> None:
    logits = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    target = multiclass(make(8), list(range(8)), logits)
    prepared = target.prepare((torch.zeros(1, 4), torch.tensor([2]), torch.tensor([2])))
    assert prepared.index.tolist() == [2, 1, 3, 5, 7]
    assert prepared.targets.tolist() == [2, 1, 3, 1, 3]
    assert prepared.targets.dtype == torch.int64
    torch.testing.assert_close(prepared.inputs[1:], logits[[1, 3, 5, 7]])


def test_a_sample_is_as_confident_as_its_own_class_says() -> None:
    logits = torch.zeros(3, 4)
    logits[0] = torch.tensor([0.0, 9.0, 0.0, -9.0])  # class 1: sure
    logits[1] = torch.tensor([0.0, 9.0, 0.0, -9.0])  # class 3: sure that it is class 1
    logits[2] = torch.tensor([0.0, 0.0, 0.0, 1.0])  # class 3
    term = Replay(3)
    target = multiclass(term, [1, 3, 7], logits)
    odds = Softmax.class_scores(target.loss, logits)
    expected = [odds[0, 1].item(), odds[1, 3].item(), odds[2, 3].item()]
    assert term.buffer.scores.tolist() == pytest.approx(expected)
    index = torch.tensor([5])
    prepared = target.prepare((torch.zeros(1, 4), CLASSES[index], index))
    target.evaluate(torch.cat([torch.zeros(1, 4), logits]), prepared)
    target.step()
    assert held(term.buffer) == [3, 5, 7]  # sample 1 was the most confident


def test_targets_survive_a_saved_state() -> None:
    logits = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    first = multiclass(Replay(8), list(range(8)), logits)
    second = Objective(Softmax(), Replay(8)).bind(CLASSES, Task("multiclass", 4, (3, 1)))
    second.load_state_dict(first.state_dict())
    batch = (torch.zeros(1, 4), torch.tensor([0]), torch.tensor([0]))
    assert torch.equal(second.prepare(batch).targets, first.prepare(batch).targets)


@pytest.mark.parametrize("term", [Replay(2), RankRegularizer()], ids=["replay", "rankreg"])
def test_multilabel_work_is_refused(term: Term) -> None:
    with pytest.raises(ValueError, match="binary and multiclass tasks, not for a multilabel one"):
        term.for_task(Task.multilabel(3))


def test_two_buffers_in_one_objective_are_refused() -> None:
    with pytest.raises(ValueError, match="Only one term may replay"):
        Objective(BCELoss(), Replay(2), RankRegularizer())


def test_replay_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity >= 1"):
        Replay(capacity=0)


def test_a_rank_term_that_pulls_few_positives_says_so() -> None:
    target = Objective(BCELoss(), RankRegularizer(strength=1e-6)).bind(TARGETS)
    train(target, {0: 0.0, 1: 1.0, 9: 2.0})
    assert target.monitor()["RankRegularizer.share_pulled"] == 0
    assert "gave a gradient to 0%" in target.remarks()[0]
