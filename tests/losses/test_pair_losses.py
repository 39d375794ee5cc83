"""Pairwise and AUC losses: what they lower in training, their variables, what they refuse."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rarecall import Objective, Task
from rarecall.functional import batch_normalized
from rarecall.losses import AUCMarginLoss, AUCSquareLoss, MiniBatchAUCLoss, PairwiseHingeLoss
from rarecall.methods import parse
from rarecall.metrics import auc
from rarecall.optim import PESG

DOUBLE = torch.float64
WORDS = ("mbauc", "pairwise", "auc-square", "auc-margin")
MIN_MAX = (AUCSquareLoss, AUCMarginLoss)
OPTIMISERS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.5),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.02),
    "pesg": lambda groups: PESG(groups, lr=0.5, proximal=0.0, weight_decay=0.0),
}


def problem() -> tuple[Tensor, Tensor]:
    """400 rows, one in ten critical; the first column tells the classes apart, with overlap."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(400, 4, generator=generator, dtype=DOUBLE)
    targets = (torch.arange(400) % 10 == 0).long()
    rows[:, 0] += 2 * targets
    return rows, targets


def trace(objective: Objective, make: Any, steps: int) -> list[np.ndarray]:
    """Scores on all rows at the start and after every tenth of a training in batches of 40."""
    rows, targets = problem()
    model = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[-0.3, 0.4, -0.4, 0.4]]))
        model[0].bias.zero_()
    objective.bind(targets)
    optimizer = make([{"params": model.parameters()}, *objective.param_groups()])
    generator = torch.Generator().manual_seed(1)
    found = [model(rows).detach().numpy()]
    for step in range(steps):
        index = torch.randperm(400, generator=generator)[:40]
        loss = objective(model, (rows[index], targets[index], index))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.step()
        if (step + 1) % (steps // 10) == 0:
            found.append(model(rows).detach().numpy())
    return found


def violated(scores: np.ndarray, margin: float = 0.0) -> float:
    """Share of pairs that miss the margin."""
    critical = problem()[1].numpy() == 1
    gaps = scores[critical][:, None] - scores[~critical][None, :]
    return float((gaps < margin).mean())


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("word", WORDS)
def test_training_lowers_one_minus_the_area(word: str, optimiser: str) -> None:
    found = trace(parse(word).build(), OPTIMISERS[optimiser], 600)
    lost = [1 - auc(scores, problem()[1].numpy()) for scores in found]
    assert lost[0] > 0.5
    assert lost[-1] < 0.12
    assert lost[-1] < 0.25 * lost[0]


@pytest.mark.parametrize("margin", [0.5, 2.0])
def test_pairwise_lowers_the_share_of_pairs_that_miss_its_margin(margin: float) -> None:
    found = trace(Objective(PairwiseHingeLoss(margin)), OPTIMISERS["adamw"], 600)
    shares = [violated(scores, margin) for scores in found]
    assert shares[0] > 0.6
    assert shares[-1] < 0.45 * shares[0]
    assert violated(found[-1]) < 0.12


def test_pairwise_leaves_pairs_alone_that_are_the_margin_apart() -> None:
    logits = torch.tensor([3.0, 1.5, 0.0], requires_grad=True)
    loss = PairwiseHingeLoss(margin=1.0)(logits, torch.tensor([1, 1, 0]))
    (slope,) = torch.autograd.grad(loss, logits)
    assert (loss.item(), slope.tolist()) == (0.0, [0.0, 0.0, 0.0])


# One class, extreme logits ------------------------------------------------------------------------


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("loss", [MiniBatchAUCLoss(), PairwiseHingeLoss()])
def test_without_a_pair_the_loss_is_a_zero_with_a_gradient(
    loss: Any, count: int, target: int
) -> None:
    logits = torch.linspace(-1, 1, count).requires_grad_()
    value = loss(logits, torch.full((count,), target))
    (slope,) = torch.autograd.grad(value, logits)
    assert value.item() == 0.0
    assert slope.tolist() == [0.0] * count


@pytest.mark.parametrize("kind", MIN_MAX)
def test_one_class_batches_move_the_min_max_losses(kind: Any) -> None:
    logits = torch.zeros(3, requires_grad=True)
    slopes = []
    for targets in (torch.zeros(3), torch.ones(3)):
        (slope,) = torch.autograd.grad(
            kind(start="zero", imbalance=9.0)(logits, targets).sum(), logits
        )
        slopes.append(slope)
    assert (slopes[0] > 0).all()  # towards b = 0: 2 p h σ'
    torch.testing.assert_close(slopes[1], 9 * slopes[0])


@pytest.mark.parametrize("normalize", ["sigmoid", "batch", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("logits", [[1e4, -1e4, 1e4], [0.0, 0.0, 0.0], [5.0], [1e-30, -1e-30]])
def test_value_and_gradients_are_finite_whatever_the_scale(
    logits: list[float], dtype: torch.dtype, normalize: Any
) -> None:
    loss = AUCMarginLoss(0.5, normalize, imbalance=3.0)
    values = torch.tensor(logits, dtype=dtype, requires_grad=True)
    targets = torch.arange(len(logits)) % 2
    total = loss(values, targets).sum()
    total.backward()
    assert total.dtype == dtype
    for gradient in (values.grad, loss.a.grad, loss.b.grad, loss.alpha.grad):
        assert gradient is not None
        assert torch.isfinite(gradient).all()


def test_scores_that_are_all_zero_stay_zero_and_can_leave() -> None:
    scores = torch.zeros(4, requires_grad=True)
    normalised = batch_normalized(scores)
    normalised.sum().backward()
    assert normalised.tolist() == [0.0] * 4
    assert scores.grad is not None
    assert scores.grad.tolist() == [1.0] * 4


@pytest.mark.parametrize("normalize", ["sigmoid", "batch", "none"])
@pytest.mark.parametrize("kind", MIN_MAX)
def test_the_gradient_of_the_logits_is_the_loss_s_own(kind: Any, normalize: Any) -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(6, dtype=DOUBLE, generator=generator).requires_grad_()
    loss = kind(normalize=normalize, imbalance=2.0)
    with torch.no_grad():
        loss.a.fill_(0.5), loss.b.fill_(-0.25), loss.alpha.fill_(0.75)
    assert torch.autograd.gradcheck(lambda z: loss(z, torch.arange(6) % 3 == 0), logits)


# The variables of the min-max forms ---------------------------------------------------------------


@pytest.mark.parametrize("kind", MIN_MAX)
def test_a_and_b_descend_and_alpha_ascends(kind: Any) -> None:
    loss = kind(0.5, "none", imbalance=3.0)
    with torch.no_grad():
        loss.a.fill_(0.1), loss.b.fill_(0.2), loss.alpha.fill_(0.3)
    logits, targets = torch.tensor([0.4, -0.1]), torch.tensor([1, 0])
    loss(logits, targets).mean().backward()
    p, h, k = 0.25, 0.4, -0.1
    assert loss.a.grad.item() == pytest.approx(-2 * (1 - p) * (h - 0.1) / 2)
    assert loss.b.grad.item() == pytest.approx(-2 * p * (k - 0.2) / 2)
    up = -2 * p * (1 - p) * 0.3 + 2 * p * (1 - p) * 0.5 + 2 * (p * k - (1 - p) * h) / 2
    assert loss.alpha.grad.item() == pytest.approx(-up)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize(("kind", "margin"), [(AUCSquareLoss, 0.2), (AUCMarginLoss, 0.2)])
def test_any_optimiser_finds_the_saddle_of_fixed_scores(
    kind: Any, margin: float, optimiser: str
) -> None:
    """α ascends to m - a + b; here below 0, where the margin form stops."""
    generator = torch.Generator().manual_seed(6)
    targets = (torch.arange(40) % 4 == 0).long()
    logits = torch.randn(40, generator=generator) + 2 * targets
    objective = Objective(kind(margin, "none")).bind(targets)
    make = OPTIMISERS[optimiser]
    optimizer = make(objective.param_groups())
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0
    for _ in range(600):
        loss = objective(nn.Identity(), (logits, targets, torch.arange(40)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.step()
    one, other = logits[targets == 1].mean().item(), logits[targets == 0].mean().item()
    gap = margin - one + other
    assert gap < -0.5
    numbers = {key.partition(".")[2]: value for key, value in objective.monitor().items()}
    assert numbers["a"] == pytest.approx(one, abs=1e-3)
    assert numbers["b"] == pytest.approx(other, abs=1e-3)
    assert numbers["alpha"] == pytest.approx(gap if kind is AUCSquareLoss else 0.0, abs=1e-3)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_alpha_rises_from_zero_while_the_classes_are_not_apart(optimiser: str) -> None:
    objective = Objective(AUCMarginLoss())
    trace(objective, OPTIMISERS[optimiser], 10)
    assert objective.loss.alpha.item() > 0


def test_with_probabilities_and_a_margin_of_one_both_forms_train_alike() -> None:
    """On whole passes over the data: α is never held at 0."""
    rows, targets = problem()
    weights = []
    for kind in MIN_MAX:
        model = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)).double()
        with torch.no_grad():
            model[0].weight.fill_(0.5), model[0].bias.zero_()
        objective = Objective(kind(margin=1.0)).bind(targets)
        groups = [{"params": model.parameters()}, *objective.param_groups()]
        optimizer = torch.optim.SGD(groups, lr=0.5)
        for _ in range(200):
            loss = objective(model, (rows, targets, torch.arange(400)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            objective.step()
        weights.append(model[0].weight.detach())
        assert objective.loss.alpha.item() > 0
    assert torch.equal(*weights)


def test_alpha_is_in_the_group_of_duals_and_the_centres_are_not() -> None:
    objective = Objective(AUCMarginLoss()).bind(problem()[1])
    others, duals = objective.param_groups()
    assert [id(p) for p in others["params"]] == [id(objective.loss.a), id(objective.loss.b)]
    assert [id(p) for p in duals["params"]] == [id(objective.loss.alpha)]
    assert (duals["dual"], duals["weight_decay"]) == (True, 0.0)
    assert all(p.shape == (1,) for p in objective.parameters())


def test_the_share_is_the_training_set_s_or_the_stream_s_and_never_the_batch_s() -> None:
    targets = problem()[1]
    loss = AUCMarginLoss()
    objective = Objective(loss).bind(targets)
    assert loss.share == pytest.approx(0.1)
    objective(nn.Identity(), (torch.zeros(2), torch.tensor([1, 0]), torch.tensor([0, 1])))
    objective.step()
    assert loss.share == pytest.approx(0.1)
    objective.bind(targets, stream=[0.6, 0.4])
    assert loss.share == pytest.approx(0.4)
    assert AUCMarginLoss(imbalance=9.0).share == pytest.approx(0.1)
    with pytest.raises(RuntimeError, match=r"imbalance=99\.0"):
        AUCMarginLoss()(torch.zeros(2), torch.tensor([1, 0]))


def test_binding_starts_the_variables_afresh_in_place() -> None:
    loss = AUCMarginLoss()
    kept = list(loss.parameters())
    with torch.no_grad():
        for parameter in kept:
            parameter.fill_(2.0)
    Objective(loss).bind(problem()[1])
    assert all(one is other for one, other in zip(kept, loss.parameters(), strict=True))
    torch.testing.assert_close(torch.cat(kept).detach(), torch.tensor([0.5, 0.5, loss.margin]))
    loss = AUCMarginLoss(start="zero")
    Objective(loss).bind(problem()[1])
    assert [float(parameter.detach()) for parameter in loss.parameters()] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("normalize", ["sigmoid", "batch", "none"])
@pytest.mark.parametrize("kind", [AUCSquareLoss, AUCMarginLoss])
def test_the_start_is_the_saddle_of_a_network_that_scores_all_alike(kind, normalize) -> None:
    targets = (torch.arange(40) % 5 == 0).long()
    loss = kind(0.6, normalize)
    objective = Objective(loss).bind(targets)
    logits = torch.zeros(40, requires_grad=True)
    objective(lambda inputs: inputs, (logits, targets)).backward()
    for parameter in (loss.a, loss.b, loss.alpha):
        torch.testing.assert_close(parameter.grad, torch.zeros(1), atol=1e-7, rtol=0)
    pulled = logits.grad
    assert (pulled[targets == 1] < 0).all()
    assert (pulled[targets == 0] > 0).all()


@pytest.mark.parametrize("kind", [AUCSquareLoss, AUCMarginLoss])
def test_from_the_saddle_a_network_does_not_collapse_at_once(kind) -> None:
    """From zero, rare critical samples follow the others down, and the order is lost."""
    generator = torch.Generator().manual_seed(0)
    targets = (torch.arange(600) % 30 == 0).long()
    rows = torch.randn(600, 4, generator=generator) + 1.5 * targets[:, None]
    areas = {}
    for start in ("saddle", "zero"):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
        objective = Objective(kind(start=start)).bind(targets)
        optimizer = torch.optim.Adam([*model.parameters(), *objective.parameters()], lr=0.01)
        for _ in range(60):
            loss = objective(model, (rows, targets))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            objective.step()
        scores = model(rows).detach()
        pairs = scores[targets == 1][:, None] > scores[targets == 0][None, :]
        areas[start] = float(pairs.float().mean())
    assert areas["saddle"] > 0.95
    assert areas["zero"] < areas["saddle"]


def test_the_score_is_the_logit_however_the_loss_normalises() -> None:
    logits = torch.tensor([2.0, -30.0, 50.0])
    for normalize in ("sigmoid", "batch", "none"):
        loss = AUCMarginLoss(normalize=normalize)
        assert torch.equal(loss.score(logits), logits)


def test_the_variables_follow_no_cast() -> None:
    loss = AUCMarginLoss()
    with torch.no_grad():
        loss.a.fill_(1 / 3)
    assert loss.half().a.dtype == torch.float32
    assert loss.a.item() == pytest.approx(1 / 3, abs=1e-7)


def test_a_margin_that_alpha_never_reaches_is_remarked_on() -> None:
    assert "auc-square" in AUCMarginLoss(margin=1.0).remarks()[0]
    assert not AUCMarginLoss(margin=0.7).remarks()
    assert not AUCMarginLoss(margin=1.0, normalize="batch").remarks()
    assert not AUCSquareLoss(margin=1.0).remarks()


# Several labels -----------------------------------------------------------------------------------


def labels() -> tuple[Tensor, Tensor]:
    """60 rows of logits and of three labels, some of them missing or uncertain."""
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(60, 3, generator=generator, dtype=DOUBLE)
    targets = (torch.rand(60, 3, generator=generator) < torch.tensor([0.5, 0.2, 0.1])).double()
    targets[::7, 0] = math.nan
    targets[::11, 2] = 0.25
    return logits, targets


def test_each_label_has_variables_and_a_share_of_its_own() -> None:
    logits, targets = labels()
    loss = AUCMarginLoss()
    objective = Objective(loss)
    kept = list(loss.parameters())
    optimizer = torch.optim.SGD(objective.param_groups(), lr=0.1)  # made before the task is known
    objective.bind(targets, task="multilabel")
    assert all(one is other for one, other in zip(kept, loss.parameters(), strict=True))
    assert [tuple(p.shape) for p in kept] == [(3,)] * 3
    known = targets[~targets[:, 0].isnan(), 0]
    assert loss.share[0].item() == pytest.approx(known.mean().item())
    assert loss.share[2].item() == pytest.approx(targets[:, 2].mean().item())
    value = objective(nn.Identity(), (logits, targets, torch.arange(60)))
    value.backward()
    optimizer.step()
    objective.step()
    assert (loss.alpha > 0).all()
    assert "AUCMarginLoss.alpha[2]" in objective.monitor()


@pytest.mark.parametrize("normalize", ["sigmoid", "batch", "none"])
@pytest.mark.parametrize("word", WORDS)
def test_several_labels_are_the_mean_of_single_ones(word: str, normalize: str) -> None:
    """And the variables of a label move as if it were alone."""
    logits, targets = labels()
    targets = targets.nan_to_num(0.0).round()
    given = {f"{word}.normalize": normalize} if word.startswith("auc") else {}
    together = parse(word).build(given).bind(targets, task="multilabel")
    row = torch.arange(60)
    value = together(nn.Identity(), (logits, targets, row))
    if word.startswith("auc"):
        value.backward()
    values = []
    for label in range(3):
        column = targets[:, label].long()
        alone = parse(word).build(given).bind(column)
        one = alone(nn.Identity(), (logits[:, label], column, row))
        values.append(one)
        if word.startswith("auc"):
            one.backward()
            for name in ("a", "b", "alpha"):
                expected = getattr(alone.loss, name).grad
                torch.testing.assert_close(
                    getattr(together.loss, name).grad[label : label + 1], expected
                )
    torch.testing.assert_close(value, torch.stack(values).mean())


@pytest.mark.parametrize("word", WORDS)
def test_a_missing_label_has_no_say(word: str) -> None:
    logits, targets = labels()
    objective = parse(word).build().bind(targets, task="multilabel")
    logits.requires_grad_()
    index = torch.arange(60)
    first = objective(nn.Identity(), (logits, targets, index))
    (slope,) = torch.autograd.grad(first, logits)
    assert (slope[targets.isnan()] == 0).all()
    other = torch.where(targets.isnan(), 9.0, logits.detach())
    torch.testing.assert_close(objective(nn.Identity(), (other, targets, index)), first)


@pytest.mark.parametrize("word", WORDS)
def test_a_batch_whose_labels_are_all_missing_is_a_zero(word: str) -> None:
    _, targets = labels()
    objective = parse(word).build().bind(targets, task="multilabel")
    logits = torch.ones(2, 3, requires_grad=True)
    value = objective.loss(logits, torch.full((2, 3), math.nan)).sum()
    (slope,) = torch.autograd.grad(value, logits)
    assert value.item() == 0.0
    assert not slope.any()


def test_a_state_of_several_labels_loads_into_a_fresh_objective() -> None:
    targets = labels()[1]

    def made() -> Objective:
        return Objective(AUCMarginLoss()).bind(targets, task="multilabel")

    objective = made()
    with torch.no_grad():
        objective.loss.alpha.copy_(torch.tensor([0.1, 0.2, 0.3]))
    fresh = made()
    fresh.load_state_dict(copy.deepcopy(objective.state_dict()))
    assert torch.equal(fresh.loss.alpha, objective.loss.alpha)
    back = Objective(objective.loss).bind(targets[:, 1].round())
    assert back.loss.alpha.tolist() == pytest.approx([back.loss.margin])


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PairwiseHingeLoss(margin=-1.0), "margin=-1.0"),
        (lambda: PairwiseHingeLoss(scores="rank"), "'logit' or 'probability', not 'rank'"),
        (lambda: AUCMarginLoss(margin=-0.5), "AUCMarginLoss needs margin=-0.5"),
        (lambda: AUCSquareLoss(normalize="l2"), "'sigmoid' or 'batch' or 'none', not 'l2'"),
        (lambda: AUCMarginLoss(imbalance=0.0), "imbalance > 0"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        make()


@pytest.mark.parametrize("word", WORDS)
def test_a_problem_of_many_classes_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="not for a multiclass one"):
        parse(word).build().for_task(Task("multiclass", 3, (1,)))


@pytest.mark.parametrize("loss", [MiniBatchAUCLoss(), AUCMarginLoss(imbalance=1.0)])
def test_logits_that_would_broadcast_are_refused(loss: Any) -> None:
    with pytest.raises(ValueError, match="need logits of shape"):
        loss(torch.zeros(3, 1), torch.tensor([1, 0, 0]))
