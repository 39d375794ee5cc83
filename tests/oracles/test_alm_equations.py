"""The ALM constraint against equations 4 to 7 and algorithm 1, written as naive loops."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rarecall import ALMConstraint, BaseLoss, Objective, Task
from rarecall.functional import class_violations, count_violated, pair_violations

DOUBLE = torch.float64
MARGIN, PENALTY = 0.3, 0.4
NAN = math.nan

CLASSES = [0, 3, 1, 2, 0, 3, 1, 1, 2, 0, 3, 0]
LABELS = [
    [1, 0, NAN],
    [0, 1, 1],
    [0.3, 0, 0],
    [0, NAN, 1],
    [1, 0, 0],
    [0, 0.6, 0],
    [NAN, 1, 0],
    [0, 0, 1],
]
ROWS = ([0, 1, 2, 3, 4, 5, 6, 7], [7, 3, 6, 1, 0], [5, 4, 6, 7, 1, 2, 0, 3])
"""Batches of three steps, in orders of their own."""


class Nothing(BaseLoss):
    """A base loss of zero, so that the objective's value is the term's."""

    tasks = ("binary", "multiclass", "multilabel")

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return 0 * (logits if logits.ndim == 1 else logits.sum(dim=1))


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def softmax(z: list[float]) -> list[float]:
    weights = [math.exp(value) for value in z]
    return [weight / sum(weights) for weight in weights]


def augmented(violation: dict, multipliers: dict, pairs: int) -> float:
    """μ Σ q² / (2 |P| |N|) + Σ λ q / (|P| |N|), then λ ← λ + μ q (algorithm 1)."""
    total = 0.0
    for key, q in violation.items():
        total += PENALTY * q * q / (2 * pairs) + multipliers.get(key, 0.0) * q / pairs
        multipliers[key] = multipliers.get(key, 0.0) + PENALTY * q
    return total


def summed(kind: str, c: int, positives: list, negatives: list, h, rows: list) -> dict:
    """Violations of one constraint for each positive (the paper), each negative, or each pair."""
    if kind == "positive":
        return {(c, rows[j]): sum(h(j, k) for k in negatives) for j in positives}
    if kind == "negative":
        return {(c, rows[k]): sum(h(j, k) for j in positives) for k in negatives}
    return {(c, rows[j], rows[k]): h(j, k) for j in positives for k in negatives}


def multiclass_by_loops(
    f: list, targets: list, critical: tuple, multipliers: dict, form: str, kind: str, rows: list
) -> float:
    negatives = [k for k, t in enumerate(targets) if t not in critical]
    total = 0.0
    for c in critical:
        positives = [j for j, t in enumerate(targets) if t == c]

        def h(j: int, k: int, c: int = c) -> float:
            value = max(0.0, -(f[j][c] - f[k][c]) + MARGIN)
            if form == "second":
                own = targets[k]  # the non-critical class that x_k belongs to
                value += max(0.0, (f[j][own] - f[k][own]) + MARGIN)
            return value

        pairs = max(len(positives), 1) * max(len(negatives), 1)
        total += augmented(summed(kind, c, positives, negatives, h, rows), multipliers, pairs)
    return total


@pytest.mark.parametrize("scores", ["probability", "logit"])
@pytest.mark.parametrize("kind", ["positive", "negative", "pair"])
@pytest.mark.parametrize("form", ["first", "second"])
@pytest.mark.parametrize("critical", [(3,), (3, 2), (0, 1, 3)])
def test_the_multiclass_forms_follow_equations_6_and_7_for_three_steps(
    critical: tuple[int, ...], form: str, kind: str, scores: str
) -> None:
    term = ALMConstraint(MARGIN, PENALTY, scores=scores, form=form, constraints=kind)
    objective = Objective(Nothing(), term).bind(
        torch.tensor(CLASSES), Task("multiclass", 4, critical)
    )
    generator = torch.Generator().manual_seed(2)
    multipliers: dict = {}
    for rows in ([*range(12)], [9, 2, 1, 6, 0, 3], [*range(11, -1, -1)]):
        logits = torch.randn(len(rows), 4, dtype=DOUBLE, generator=generator)
        targets = [CLASSES[row] for row in rows]
        f = [softmax(row) for row in logits.tolist()]
        if scores == "logit":
            f = [[math.log(p / (1 - p)) for p in row] for row in f]
        expected = multiclass_by_loops(f, targets, critical, multipliers, form, kind, rows)
        value = objective(torch.nn.Identity(), (logits, torch.tensor(targets), torch.tensor(rows)))
        assert value.item() == pytest.approx(expected, rel=1e-11)
        objective.step()
        assert sorted(term.multipliers[term.multipliers > 0].tolist()) == pytest.approx(
            sorted(value for value in multipliers.values() if value > 0), rel=1e-11
        )


@pytest.mark.parametrize("scores", ["probability", "logit"])
@pytest.mark.parametrize("kind", ["positive", "negative", "pair"])
def test_every_label_has_constraints_of_its_own_that_leave_out_what_is_not_known(
    kind: str, scores: str
) -> None:
    term = ALMConstraint(MARGIN, PENALTY, scores=scores, constraints=kind)
    all_targets = torch.tensor(LABELS, dtype=DOUBLE)
    objective = Objective(Nothing(), term).bind(all_targets, "multilabel")
    generator = torch.Generator().manual_seed(3)
    multipliers: dict = {}
    for rows in ROWS:
        logits = torch.randn(len(rows), 3, dtype=DOUBLE, generator=generator)
        f = logits.tolist()
        if scores == "probability":
            f = [[sigmoid(z) for z in row] for row in f]
        expected = 0.0
        for label in range(3):
            known = [LABELS[row][label] for row in rows]
            positives = [j for j, t in enumerate(known) if t == 1]
            negatives = [k for k, t in enumerate(known) if t == 0]

            def h(j: int, k: int, label: int = label, f: list = f) -> float:
                return max(0.0, -(f[j][label] - f[k][label]) + MARGIN)

            pairs = max(len(positives), 1) * max(len(negatives), 1)
            violation = summed(kind, label, positives, negatives, h, rows)
            expected += augmented(violation, multipliers, pairs)
        value = objective(torch.nn.Identity(), (logits, all_targets[rows], torch.tensor(rows)))
        assert value.item() == pytest.approx(expected, rel=1e-11)
        objective.step()


@pytest.mark.parametrize("kind", ["negative", "pair"])
@pytest.mark.parametrize("scores", ["probability", "logit"])
def test_binary_constraints_of_negatives_and_pairs_follow_the_paper_for_three_steps(
    kind: str, scores: str
) -> None:
    all_targets = [1, 0, 0, 1, 0, 1, 0, 0]
    term = ALMConstraint(MARGIN, PENALTY, scores=scores, constraints=kind)
    objective = Objective(Nothing(), term).bind(torch.tensor(all_targets))
    generator = torch.Generator().manual_seed(4)
    multipliers: dict = {}
    for rows in ROWS:
        logits = torch.randn(len(rows), dtype=DOUBLE, generator=generator)
        s = [sigmoid(z) if scores == "probability" else z for z in logits.tolist()]
        positives = [j for j, row in enumerate(rows) if all_targets[row]]
        negatives = [k for k, row in enumerate(rows) if not all_targets[row]]

        def h(j: int, k: int, s: list = s) -> float:
            return max(0.0, -(s[j] - s[k]) + MARGIN)

        violation = summed(kind, 1, positives, negatives, h, rows)
        expected = augmented(violation, multipliers, len(positives) * len(negatives))
        batch = (logits, torch.tensor([all_targets[row] for row in rows]), torch.tensor(rows))
        assert objective(torch.nn.Identity(), batch).item() == pytest.approx(expected, rel=1e-11)
        objective.step()


def test_classes_that_tie_in_the_first_form_may_differ_in_the_second() -> None:
    """Written out: the critical class's probability is met, that of the other's class is not."""
    logits = torch.log(torch.tensor([[0.7, 0.1, 0.2], [0.0625, 0.6875, 0.25]], dtype=DOUBLE))
    targets, index = torch.tensor([0, 2]), torch.arange(2)
    values = {}
    for form in ("first", "second"):
        term = ALMConstraint(0.125, 2.0, form=form)
        objective = Objective(Nothing(), term).bind(
            torch.tensor([0, 2, 1]), Task("multiclass", 3, (0,))
        )
        values[form] = objective(torch.nn.Identity(), (logits, targets, index)).item()
    # q = max(0, 0.2 - 0.25 + 0.125), and μ / 2 = 1 with one pair
    assert values == {"first": 0.0, "second": pytest.approx(0.075**2)}


SCORES = arrays.arrays("float64", st.integers(0, 9), elements=st.floats(-2, 2, width=16))


@given(critical=SCORES, others=SCORES, margin=st.floats(0, 2, width=16))
@settings(max_examples=80, deadline=None)
def test_violated_pairs_are_counted_as_a_double_loop_counts_them(critical, others, margin) -> None:
    expected = sum(1 for s in critical for n in others if margin - (s - n) > 0)
    one, two = torch.from_numpy(critical), torch.from_numpy(others)
    assert count_violated(one, two, margin=margin).item() == expected
    assert (pair_violations(one, two, margin=margin) > 0).sum().item() == expected


@given(data=st.data(), n_critical=st.integers(0, 4), n_others=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_class_violations_are_the_second_term_of_equation_7(data, n_critical, n_others) -> None:
    values = arrays.arrays("float64", (n_critical + n_others, 3), elements=st.floats(0, 1))
    f = data.draw(values)
    classes = data.draw(st.lists(st.integers(0, 2), min_size=n_others, max_size=n_others))
    result = class_violations(
        torch.from_numpy(f[:n_critical]),
        torch.from_numpy(f[n_critical:]),
        torch.tensor(classes, dtype=torch.int64),
        margin=0.1,
    )
    expected = [
        [max(0.0, f[j][c] - f[n_critical + k][c] + 0.1) for k, c in enumerate(classes)]
        for j in range(n_critical)
    ]
    assert result.shape == (n_critical, n_others)
    for row, right in zip(result.tolist(), expected, strict=True):
        assert row == pytest.approx(right, abs=1e-12)
