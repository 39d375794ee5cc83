"""What the rank regularizer reports, and where its gradient goes."""

from __future__ import annotations

import pytest
import torch

from rarecall import BaseLoss, BCELoss, Objective, RankRegularizer, Task


class Softmax(BaseLoss):
    """Cross-entropy over classes."""

    tasks = ("multiclass",)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def trained(term: RankRegularizer, scores: list[float], targets: list[int]) -> Objective:
    labels = torch.tensor(targets)
    objective = Objective(BCELoss(), term).bind(labels)
    batch = (torch.tensor(scores, dtype=torch.float64), labels, torch.arange(len(labels)))
    objective(torch.nn.Identity(), batch)
    objective.step()
    return objective


def test_the_share_of_positives_that_were_pulled_is_counted() -> None:
    """Written out: of three positives the one on top overtakes nobody, two others do."""
    scores = [9.0, 3.0, 2.0, 1.0, 0.0, -5.0]
    # Ranks 1, 3 and 5 of 6 are pushed by 4 r / 9: 2 + 1.33 overtakes 3, and 0 + 2.22 overtakes 1.
    objective = trained(
        RankRegularizer(capacity=0, strength=4.0, scores="logit"), scores, [1, 0, 1, 0, 1, 0]
    )
    assert objective.monitor()["RankRegularizer.share_pulled"] == pytest.approx(2 / 3)
    assert objective.remarks() == []


@pytest.mark.parametrize(
    ("strength", "share"), [(1e-3, 0.0), (4.0, 2 / 3)], ids=["too small", "enough"]
)
def test_the_interpolation_strength_decides_how_many_are_pulled(strength, share) -> None:
    term = RankRegularizer(capacity=0, strength=strength, scores="logit")
    objective = trained(term, [9.0, 3.0, 2.0, 1.0, 0.0, -5.0], [1, 0, 1, 0, 1, 0])
    assert objective.monitor()["RankRegularizer.share_pulled"] == pytest.approx(share)
    said = any(f"strength={strength:g} is too small" in r for r in objective.remarks())
    assert said == (share < 0.5)


def test_a_pulled_positive_rises_and_who_is_overtaken_falls() -> None:
    targets = torch.tensor([0, 1, 0])
    logits = torch.tensor([0.5, 0.0, -3.0], dtype=torch.float64, requires_grad=True)
    term = RankRegularizer(capacity=0, strength=1.0, scores="logit")
    objective = Objective(BCELoss(), term).bind(targets)
    total = objective(torch.nn.Identity(), (logits, targets, torch.arange(3)))
    base = BCELoss()(logits, targets).mean()
    (gradient,) = torch.autograd.grad(total - base, logits)
    # Two thirds squared has the slope 4/3: 0 + 1.33 overtakes 0.5, one rank of three.
    assert gradient.tolist() == pytest.approx([1 / 3, -1 / 3, 0])


def test_a_positive_overtaken_by_another_one_is_pushed_down_where_the_strength_is_too_large() -> (
    None
):
    targets = torch.tensor([1, 1, 0, 0, 0])
    logits = torch.tensor([0.9, 0.0, 0.5, 0.4, 0.3], dtype=torch.float64, requires_grad=True)
    term = RankRegularizer(capacity=0, strength=1e3, scores="logit")
    objective = Objective(BCELoss(), term).bind(targets)
    total = objective(torch.nn.Identity(), (logits, targets, torch.arange(5)))
    base = BCELoss()(logits, targets).mean()
    (gradient,) = torch.autograd.grad(total - base, logits)
    assert gradient[1] < 0 < gradient[0]


def test_default_strengths_depend_on_what_is_ranked() -> None:
    assert RankRegularizer().strength == 10
    assert RankRegularizer(scores="logit").strength == 100


def test_positives_of_every_critical_class_are_counted() -> None:
    targets = torch.tensor([0, 1, 2, 0])
    term = RankRegularizer(capacity=0)
    objective = Objective(Softmax(), term).bind(targets, Task("multiclass", 3, (1, 2)))
    logits = torch.zeros(4, 3, dtype=torch.float64)
    logits[1, 1] = 5.0  # on top of its class; sample 2 is not, in its
    logits[0, 2] = 0.5
    objective(torch.nn.Identity(), (logits, targets, torch.arange(4)))
    objective.step()
    assert term.pulled.tolist() == [2, 1]


@pytest.mark.parametrize("scores", ["probability", "logit"])
def test_extreme_logits_of_several_classes_stay_finite(scores: str) -> None:
    targets = torch.tensor([0, 1, 2, 0])
    objective = Objective(Softmax(), RankRegularizer(capacity=2, scores=scores))
    objective.bind(targets, Task("multiclass", 3, (1, 2)))
    for sign in (1, -1):
        logits = sign * 1e4 * (torch.eye(4, 3) - 0.5)
        logits.requires_grad_()
        prepared = objective.prepare((logits.detach(), targets, torch.arange(4)))
        total = objective.evaluate(logits, prepared)
        (gradient,) = torch.autograd.grad(total, logits)
        objective.step()
        assert torch.isfinite(total)
        assert torch.isfinite(gradient).all()


def test_a_batch_without_the_critical_class_adds_nothing() -> None:
    targets = torch.tensor([0, 1, 2, 0])
    term = RankRegularizer(capacity=0)
    objective = Objective(Softmax(), term).bind(targets, Task("multiclass", 3, (1, 2)))
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    index = torch.tensor([0, 3])
    total = objective(torch.nn.Identity(), (logits, targets[index], index))
    assert total.item() == pytest.approx(Softmax()(logits, targets[index]).mean().item())


@pytest.mark.parametrize(
    "wrong", [{"weight": -1.0}, {"strength": 0.0}, {"scores": "rank"}, {"penalty": "root"}]
)
def test_impossible_arguments_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RankRegularizer(**wrong)
