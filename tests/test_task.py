"""Kinds of problem: what they refuse, and what they tell losses of the training set."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from rarecall import BaseLoss, Objective, Task, Term
from rarecall.objective import Population, Scored, Update

NAN = math.nan


class AnyLoss(BaseLoss):
    """Reads any task: the mean square of the logits."""

    tasks = ("binary", "multiclass", "multilabel")

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return logits.square().reshape(len(logits), -1).mean(dim=1)


class Watcher(Term):
    """Keeps what it was shown."""

    tasks = ("binary", "multiclass", "multilabel")

    def bind(self, training: Population) -> None:
        self.training_set = training

    def forward(self, scored: Scored) -> tuple[Tensor, Update]:
        self.seen = scored
        return scored.scores.sum() * 0, {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ordinal",), "task must be one of"),
        (("binary", 3), "two classes"),
        (("multiclass", 3, ()), "one or\nmore|one or more"),
        (("multiclass", 3, (3,)), "from 0 to 2"),
        (("multiclass", 3, (1, 1)), "distinct"),
        (("multiclass", 2, (0, 1)), "not all of them"),
        (("multilabel", 3, (0,)), "every label is critical"),
    ],
)
def test_an_impossible_task_is_refused(arguments, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Task(*arguments)


@pytest.mark.parametrize(
    ("targets", "options", "words"),
    [
        ([0, 1, 2], {"task": "multiclass"}, r"critical=9"),
        ([0, 1, 1], {"critical": 1}, "belongs to a multi-class task"),
        ([0, 2, 2], {"task": "multiclass", "critical": 2}, r"\[1\] of 3 do not"),
        ([0.0, 1.0], {"task": "multiclass", "critical": 1}, "class numbers from 0 to 1"),
        ([[0, 1]], {"task": Task("multiclass", 2, (1,))}, "class numbers"),
        ([0, 1], {"task": "multilabel"}, "cannot have|multilabel"),
        ([[0.0, 2.0], [1.0, 0.0]], {"task": "multilabel"}, r"in \[0, 1\]"),
        ([[1.0, NAN], [0.0, 1.0]], {"task": "multilabel"}, "Label 1 needs samples with and"),
        ([0, 1], {"stream": [0.5]}, "2 shares above 0"),
        ([0, 1], {"stream": [1.0, 0.0]}, "2 shares above 0"),
    ],
)
def test_targets_that_do_not_fit_the_task_are_refused(targets, options, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Objective(AnyLoss()).bind(torch.tensor(targets), **options)


def test_a_part_that_is_not_made_for_the_task_says_so() -> None:
    class BinaryTerm(Watcher):
        tasks = ("binary",)

    with pytest.raises(ValueError, match="BinaryTerm is made for binary tasks"):
        Objective(AnyLoss(), BinaryTerm()).bind([0, 1, 2], "multiclass", critical=2)


def test_the_population_counts_what_the_batches_show() -> None:
    term = Watcher()
    objective = Objective(AnyLoss(), term).bind([0, 0, 0, 1])
    assert term.training_set.counts.tolist() == [3.0, 1.0]
    assert float(term.training_set.ratio) == 3.0
    objective.bind([0, 0, 0, 1], stream=[0.5, 0.5], steps=10)
    assert term.training_set.counts.tolist() == [3.0, 1.0]
    assert float(term.training_set.ratio) == 1.0
    assert term.training_set.steps == 10
    targets = torch.tensor([[1.0, 0.0], [0.0, NAN], [0.0, 1.0], [0.2, 0.0]])
    objective.bind(targets, "multilabel")
    torch.testing.assert_close(
        term.training_set.counts, torch.tensor([[2.8, 1.2], [2.0, 1.0]], dtype=torch.float64)
    )
    torch.testing.assert_close(
        term.training_set.ratio, torch.tensor([2.8 / 1.2, 2.0], dtype=torch.float64)
    )


def test_terms_see_each_critical_class_against_samples_of_none() -> None:
    term = Watcher()
    targets = torch.tensor([0, 1, 2, 3])
    objective = Objective(AnyLoss(), term).bind(targets, "multiclass", critical=(1, 3))
    logits = torch.randn(4, 4, dtype=torch.float64)
    objective(nn.Identity(), (logits, targets))
    first, second = term.seen.views()
    assert (first.number, second.number) == (1, 3)
    assert first.positive.tolist() == [False, True, False, False]
    assert first.negative.tolist() == second.negative.tolist() == [True, False, True, False]
    assert term.seen.critical.tolist() == [False, True, False, True]
    expected = torch.softmax(logits, dim=1)[:, [1, 3]]
    torch.testing.assert_close(term.seen.probabilities(), expected)
    torch.testing.assert_close(torch.stack([first.scores, second.scores], 1).sigmoid(), expected)


def test_a_label_that_is_missing_or_uncertain_is_in_neither_set() -> None:
    term = Watcher()
    targets = torch.tensor([[1.0, 0.0], [0.0, NAN], [0.0, 1.0], [0.2, 0.0]])
    objective = Objective(AnyLoss(), term).bind(targets, "multilabel")
    objective(nn.Identity(), (torch.zeros(4, 2), targets))
    first, second = term.seen.views()
    assert first.positive.tolist() == [True, False, False, False]
    assert first.negative.tolist() == [False, True, True, False]
    assert second.positive.tolist() == [False, False, True, False]
    assert second.negative.tolist() == [True, False, False, True]


def test_class_scores_do_not_change_when_a_constant_is_added_to_the_logits() -> None:
    loss = AnyLoss()
    logits = torch.randn(5, 3, dtype=torch.float64)
    torch.testing.assert_close(loss.class_scores(logits), loss.class_scores(logits + 7.0))
    assert torch.isfinite(loss.class_scores(logits * 1e4)).all()


def test_a_task_survives_its_json_form() -> None:
    task = Task("multiclass", 5, (1, 4))
    assert Task.from_json(task.to_json()) == task
