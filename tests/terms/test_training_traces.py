"""On a small fixed problem each term lowers what it is made to lower, at equal steps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from rarecall import ALMConstraint, BaseLoss, BCELoss, Objective, RankRegularizer, Task, Term
from rarecall.functional import descending_ranks, hinge_violations

N = 400
MARGIN = 0.25


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """These networks are far too small to share among threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def problem() -> tuple[torch.Tensor, torch.Tensor]:
    """A twentieth is critical; a line separates it from the others but for a few samples."""
    generator = torch.Generator().manual_seed(11)
    targets = (torch.arange(N) % 20 == 0).long()
    inputs = torch.randn(N, 2, dtype=torch.float64, generator=generator)
    # Critical samples come in two groups, of which the smaller one is hard to reach.
    inputs[:, 0] += 2.0 * targets
    hard = torch.arange(N) % 80 == 0
    inputs[hard] = inputs[hard] * 0.5 + torch.tensor([-0.5, 2.0], dtype=torch.float64)
    return inputs, targets


def train(*terms: Term, batch: int = N, steps: int = 150) -> torch.Tensor:
    """Scores of the training set after so many steps of plain gradient descent."""
    inputs, targets = problem()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)).double()
    objective = Objective(BCELoss(), *terms).bind(targets)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        rows = torch.randperm(N, generator=generator)[:batch]
        loss = objective(model, (inputs[rows], targets[rows], rows))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.step()
    with torch.no_grad():
        return model(inputs)


def violated(scores: torch.Tensor) -> float:
    critical = problem()[1] == 1
    p = torch.sigmoid(scores)
    return hinge_violations(p[critical], p[~critical], margin=MARGIN).sum().item()


def mean_squared_rank(scores: torch.Tensor) -> float:
    critical = problem()[1] == 1
    return descending_ranks(scores, critical)[critical].double().square().mean().item()


@pytest.mark.parametrize("batch", [N, 64])
@pytest.mark.parametrize("constraints", ["positive", "negative", "pair"])
def test_the_constraint_lowers_the_summed_violations(batch: int, constraints: str) -> None:
    term = ALMConstraint(MARGIN, 1.0, constraints=constraints, reduction="mean")
    assert violated(train(term, batch=batch)) < 0.95 * violated(train(batch=batch))


def test_violations_fall_over_the_training_as_the_multipliers_rise() -> None:
    ends = [violated(train(ALMConstraint(MARGIN, 1e-4), steps=n)) for n in (10, 50, 150, 300)]
    assert ends == sorted(ends, reverse=True)


@pytest.mark.parametrize("scores", ["probability", "logit"])
def test_the_rank_regularizer_lowers_the_mean_squared_rank_of_positives(scores: str) -> None:
    term = RankRegularizer(weight=3.0, capacity=0, scores=scores)
    assert mean_squared_rank(train(term)) < 0.95 * mean_squared_rank(train())


def test_the_rank_regularizer_with_its_buffer_lowers_it_on_small_batches() -> None:
    plain = mean_squared_rank(train(batch=32, steps=300))
    term = RankRegularizer(capacity=16)
    assert mean_squared_rank(train(term, batch=32, steps=300)) < 0.95 * plain


# Several classes ----------------------------------------------------------------------------------


class Softmax(BaseLoss):
    """Cross-entropy over classes."""

    tasks = ("multiclass",)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits, targets, reduction="none")


def train_classes(*terms: Term) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-odds of two critical classes, 2 and 3, after training; and the targets."""
    inputs, critical = problem()
    targets = torch.where(critical == 1, 2 + torch.arange(N) // 20 % 2, torch.arange(N) % 2)
    torch.manual_seed(0)
    model = nn.Linear(2, 4).double()
    objective = Objective(Softmax(), *terms).bind(targets, Task("multiclass", 4, (2, 3)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(150):
        loss = objective(model, (inputs, targets, torch.arange(N)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.step()
    with torch.no_grad():
        return objective.score(model(inputs)), targets


@pytest.mark.parametrize("form", ["first", "second"])
def test_the_constraint_of_several_classes_lowers_their_violations(form: str) -> None:
    def total(scores: torch.Tensor, targets: torch.Tensor) -> float:
        p = torch.sigmoid(scores)
        return sum(
            hinge_violations(p[targets == c, k], p[targets < 2, k], margin=MARGIN).sum().item()
            for k, c in enumerate((2, 3))
        )

    term = ALMConstraint(MARGIN, 1.0, reduction="mean", form=form)
    assert total(*train_classes(term)) < 0.9 * total(*train_classes())


def test_the_rank_regularizer_of_several_classes_lowers_their_ranks() -> None:
    def total(scores: torch.Tensor, targets: torch.Tensor) -> float:
        ranks = [
            descending_ranks(scores[:, k], targets == c)[targets == c].double().square().mean()
            for k, c in enumerate((2, 3))
        ]
        return float(sum(ranks))

    term = RankRegularizer(weight=3.0, capacity=0)
    assert total(*train_classes(term)) < 0.95 * total(*train_classes())
