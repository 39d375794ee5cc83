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
    assert term.multipliers.tolist() == pytest.approx([0.05, 0])


def test_accumulated_batches_add_up() -> None:
    objective, term = bound(margin=0.5, penalty=0.1)
    forward(objective, [0, 1])
    forward(objective, [0, 2, 3, 1])
    objective.step()
    assert term.multipliers.tolist() == pytest.approx([0.05 + 0.1, 0.1])


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


def test_an_equal_measure_is_no_fall() -> None:
    objective, term = bound(penalty=0.1)
    for score in (1 / 3, 1 / 3, 0.1 + 0.2, 0.3, 0.3):  # 0.3 is less than 0.1 + 0.2, by rounding
        objective.end_epoch(score)
    assert float(term.current_penalty) == pytest.approx(0.1 * 2**2)


def test_the_penalty_grows_at_the_first_comparison_in_any_case_where_asked_to() -> None:
    """As in the authors' code: the second epoch's measure is the first with a predecessor."""
    traces = {}
    for first in (False, True):
        objective, term = bound(penalty=0.1, first_increase=first)
        traces[first] = []
        for score in (0.5, 0.6, 0.7, 0.6):
            objective.end_epoch(score)
            traces[first].append(float(term.current_penalty))
    assert traces[False] == pytest.approx([0.1, 0.1, 0.1, 0.2])
    assert traces[True] == pytest.approx([0.1, 0.2, 0.2, 0.4])


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
    assert term.multipliers.tolist() == pytest.approx([0.7, 0])


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


@pytest.mark.parametrize(("constraints", "held"), [("positive", 1), ("negative", 3), ("pair", 3)])
@pytest.mark.parametrize("normalize", ["batch", "dataset"])
def test_a_mean_is_divided_by_the_number_of_constraints(
    constraints: str, held: int, normalize: str
) -> None:
    """Each of them violates by the margin alone, however many samples it is a mean over."""
    targets = torch.tensor([1, 0, 0, 0, 1, 0])
    term = ALMConstraint(
        0.5, 0.4, reduction="mean", constraints=constraints, normalize=normalize, scores="logit"
    )
    objective = Objective(BCELoss(), term).bind(targets)
    rows = torch.arange(4)
    logits = torch.zeros(4, dtype=torch.float64)
    total = objective(torch.nn.Identity(), (logits, targets[rows], rows))
    base = BCELoss()(logits, targets[rows]).mean()
    in_training = {"positive": 2, "negative": 4, "pair": 8}[constraints]
    divisor = held if normalize == "batch" else in_training
    assert (total - base).item() == pytest.approx(held * 0.4 * 0.5**2 / 2 / divisor)


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
        ALMConstraint(margin=1.5)
    ALMConstraint(margin=1.5, scores="logit")


def test_a_margin_that_only_saturated_probabilities_meet_is_remarked_on() -> None:
    """The paper searched δ = 1, so that it is no error; a run says what it means."""
    for scores, count in (("probability", 1), ("logit", 0)):
        objective, _ = bound(margin=1.0, penalty=0.1, scores=scores)
        forward(objective, [0, 1])
        objective.step()
        assert sum("asks probabilities for a margin" in r for r in objective.remarks()) == count


@pytest.mark.parametrize(
    "wrong",
    [
        {"margin": -1},
        {"penalty": -1e-3},
        {"growth": 0.5},
        {"scores": "rank"},
        {"form": "third"},
        {"constraints": "both"},
        {"normalize": "all"},
        {"reduction": "max"},
    ],
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


# What fades and what explodes ---------------------------------------------------------------------


def step_at(objective: Objective, logits: list[float], rows: list[int]) -> None:
    index = torch.tensor(rows)
    objective(torch.nn.Identity(), (torch.tensor(logits), TARGETS[index], index))
    objective.step()


def test_the_share_of_violated_pairs_that_move_is_reported() -> None:
    """Written out: of four pairs two are violated, and one of these has a moving member."""
    objective, _ = bound(margin=0.1, penalty=0.1)
    # Positives 0 and 2 at p = 0 and 1; negatives 1 and 3 at p = 0 and 1/2.
    step_at(objective, [-20.0, -20.0, 20.0, 0.0], [0, 1, 2, 3])
    assert objective.monitor()["ALMConstraint.share_moving"] == pytest.approx(1 / 2)
    assert not any("has faded" in remark for remark in objective.remarks())


def test_a_module_that_has_moved_on_still_counts_its_latest_batch() -> None:
    objective, term = bound(margin=0.5)
    forward(objective, [0, 1])
    objective.step()
    assert term.counted_pairs().tolist() == [1, 0]
    assert term.to("meta").counted_pairs().device.type == "meta"


def test_a_pair_is_stuck_exactly_where_its_gradient_is_below_the_bound() -> None:
    for z in (9.0, 9.4):  # p (1 - p) = 1.2e-4 and 0.8e-4
        objective, _ = bound(margin=0.5, penalty=0.1)
        step_at(objective, [-z, z], [0, 1])
        slope = torch.sigmoid(torch.tensor(z)) * torch.sigmoid(torch.tensor(-z))
        moving = objective.monitor()["ALMConstraint.share_moving"]
        assert moving == float(slope > 1e-4)


def test_saturated_probabilities_are_remarked_on_and_logits_do_not_fade() -> None:
    for scores in ("probability", "logit"):
        term = ALMConstraint(margin=0.5, penalty=1e-3, scores=scores)
        objective = Objective(BCELoss(), term).bind(TARGETS)
        logits = torch.tensor([-30.0, 30.0, -30.0, 30.0], requires_grad=True)
        total = objective(torch.nn.Identity(), (logits, TARGETS, torch.arange(4)))
        base = BCELoss()(logits, TARGETS).mean()
        (gradient,) = torch.autograd.grad(total - base, logits)
        objective.step()
        faded = any("has faded" in remark for remark in objective.remarks())
        assert faded == (scores == "probability")
        assert (gradient.abs().max() < 1e-6) == faded
        assert ("ALMConstraint.share_moving" in objective.monitor()) == faded


def test_a_multiplier_that_grows_without_end_is_remarked_on_unless_capped() -> None:
    for cap, count in ((None, 1), (200.0, 0)):
        objective, term = bound(margin=0.5, penalty=50.0, max_multiplier=cap)
        for _ in range(8):
            forward(objective, [0, 1])
            objective.step()
        assert float(term.multipliers.max()) == (200.0 if cap else 50.0 * 0.5 * 8)
        assert sum("multiplier has grown to" in r for r in objective.remarks()) == count


def test_a_term_that_outweighs_the_base_loss_is_remarked_on() -> None:
    remarked = []
    for penalty in (1e-3, 50.0):
        objective, _ = bound(margin=0.5, penalty=penalty)
        for _ in range(30):
            forward(objective, [0, 1])
            objective.step()
        remarked.append(any("outweighs the base loss" in r for r in objective.remarks()))
    assert remarked == [False, True]


def test_the_recent_value_follows_the_term() -> None:
    objective, _ = bound(margin=0.5, penalty=0.1)
    values = []
    for _ in range(100):
        index = torch.tensor([0, 1])
        total = objective(torch.nn.Identity(), (torch.zeros(2), TARGETS[index], index))
        values.append(total.item() - BCELoss()(torch.zeros(1), torch.ones(1)).item())
        objective.step()
    expected = 0.0
    for value in values:
        expected += 0.02 * (value - expected)
    assert objective.monitor()["ALMConstraint.recent_value"] == pytest.approx(expected, rel=1e-4)


def test_a_penalty_of_zero_is_named_as_the_reason_that_nothing_happened() -> None:
    objective, _ = bound(margin=0.5, penalty=0.0)
    forward(objective, [0, 1])
    objective.step()
    assert objective.remarks() == ["The ALM constraint did nothing: its penalty is 0."]


def test_a_constraint_that_met_few_positives_says_so() -> None:
    objective, _ = bound(margin=0.5, penalty=0.1)
    for rows in ([0, 1], [1, 3], [3], [1]):
        forward(objective, rows)
        objective.step()
    assert "acted in 1 of 4 batches" in objective.remarks()[0]


def test_a_constraint_that_was_never_trained_has_no_remarks() -> None:
    assert bound()[0].remarks() == []
