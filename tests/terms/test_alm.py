"""What the ALM constraint keeps between steps, and how its penalty grows."""

from __future__ import annotations

import copy

import pytest
import torch

from rarecall import ALMConstraint, BCELoss, Objective

TARGETS = torch.tensor([1, 0, 1, 0])


def bound(**arguments) -> tuple[Objective, ALMConstraint]:
    term = ALMConstraint(**arguments)
    return Objective(BCELoss(), term).bind(TARGETS), term


def forward(objective: Objective, rows: list[int]) -> None:
    index = torch.tensor(rows)
    objective(torch.nn.Identity(), (torch.zeros(len(rows)), TARGETS[index], index))


def test_an_index_twice_in_a_batch_counts_its_mean_once() -> None:
    objective, term = bound(margin=0.5, penalty=0.1)
    forward(objective, [0, 0, 1])
    objective.step()
    assert term.multipliers.tolist() == pytest.approx([0.05, 0, 0, 0])


def test_accumulated_batches_add_up() -> None:
    objective, term = bound(margin=0.5, penalty=0.1)
    forward(objective, [0, 1])
    forward(objective, [0, 2, 3, 1])
    objective.step()
    assert term.multipliers.tolist() == pytest.approx([0.05 + 0.1, 0, 0.1, 0])


def test_discarded_batches_leave_no_trace() -> None:
    objective, term = bound(margin=0.5, penalty=0.1)
    forward(objective, [0, 1])
    objective.discard()
    objective.step()
    assert term.multipliers.abs().sum() == 0


def test_the_penalty_grows_after_a_fall_and_only_then() -> None:
    objective, term = bound(penalty=0.1, growth=2.0, tolerance=0.05)
    trace = []
    for score in (0.5, 0.9, 0.86, 0.80, 0.9, 0.1):
        objective.end_epoch(score)
        trace.append(float(term.current_penalty))
    assert trace == pytest.approx([0.1, 0.1, 0.1, 0.2, 0.2, 0.4])


def test_the_penalty_stops_at_its_cap() -> None:
    objective, term = bound(penalty=0.1, growth=2.0)
    for score in range(20, 0, -1):
        objective.end_epoch(score / 20)
    assert float(term.current_penalty) == pytest.approx(0.1 * 2**5)


def test_multipliers_stop_at_their_cap() -> None:
    objective, term = bound(margin=0.5, penalty=1.0, max_multiplier=0.7)
    for _ in range(5):
        forward(objective, [0, 1])
        objective.step()
    assert term.multipliers.tolist() == pytest.approx([0.7, 0, 0, 0])


def test_a_mean_reduction_carries_over_between_numbers_of_negatives() -> None:
    values = []
    for copies in (1, 3):
        targets = torch.tensor([1, *[0] * copies])
        term = ALMConstraint(margin=0.5, penalty=0.4, reduction="mean")
        objective = Objective(BCELoss(), term).bind(targets)
        rows = torch.arange(len(targets))
        objective(torch.nn.Identity(), (torch.zeros(len(targets)), targets, rows))
        objective.step()
        total = objective(torch.nn.Identity(), (torch.zeros(len(targets)), targets, rows))
        values.append((total - BCELoss()(torch.zeros(1), torch.ones(1))).item())
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    assert values[0] == pytest.approx(0.4 * 0.25 / 2 + 0.2 * 0.5, rel=1e-5)


def test_dataset_normalisation_divides_by_all_pairs() -> None:
    objective, _ = bound(margin=0.5, penalty=0.4, normalize="dataset")
    rows = torch.tensor([0, 1])
    total = objective(torch.nn.Identity(), (torch.zeros(2), TARGETS[rows], rows))
    expected = 0.4 * 0.25 / (2 * 2 * 2)
    base = BCELoss()(torch.zeros(1), torch.ones(1)).item()
    assert total.item() - base == pytest.approx(expected, rel=1e-4)


def test_a_cast_of_the_model_leaves_the_multipliers_in_double_precision() -> None:
    objective, term = bound(margin=0.5, penalty=0.123456789)
    forward(objective, [0, 1])
    objective.step()
    before = copy.deepcopy(term.multipliers)
    objective.to(torch.bfloat16)
    assert term.multipliers.dtype == torch.float64
    assert torch.equal(term.multipliers, before)


def test_a_margin_that_probabilities_cannot_meet_is_warned_about() -> None:
    with pytest.warns(UserWarning, match="cannot be met by probabilities"):
        ALMConstraint(margin=1.0)
    ALMConstraint(margin=1.0, scores="logit")


@pytest.mark.parametrize(
    "wrong", [{"margin": -1}, {"penalty": -1e-3}, {"growth": 0.5}, {"scores": "rank"}]
)
def test_impossible_arguments_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ALMConstraint(**wrong)


def test_a_constraint_that_never_saw_a_critical_sample_says_so() -> None:
    objective, _ = bound()
    forward(objective, [1, 3])
    objective.step()
    assert "no training batch held a critical sample" in objective.remarks()[0]


def test_a_constraint_that_was_never_violated_says_so() -> None:
    objective, _ = bound(margin=0.1)
    rows = torch.tensor([0, 1])
    objective(torch.nn.Identity(), (torch.tensor([9.0, -9.0]), TARGETS[rows], rows))
    objective.step()
    assert "no pair ever violated" in objective.remarks()[0]
