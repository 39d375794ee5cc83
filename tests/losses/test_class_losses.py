"""Losses of single samples: hazards, what they learn of the training set, what they refuse."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from rarecall import Batch, Objective, Task
from rarecall.losses import (
    AsymmetricFocalLoss,
    AsymmetricMarginLoss,
    BCELoss,
    ClassBalancedBCELoss,
    ClassBalancedCELoss,
    CrossEntropyLoss,
    DeferredLDAMLoss,
    FocalLoss,
    LDAMLoss,
    LogitAdjustmentLoss,
    MFELoss,
    MSELoss,
    MSFELoss,
    SymmetricFocalLoss,
    SymmetricMarginLoss,
    VectorScalingLoss,
    WeightedBCELoss,
)
from rarecall.methods import parse
from rarecall.methods.catalog.class_losses import LOSSES

DOUBLE = torch.float64
TARGETS = torch.tensor([1, 0, 0, 0])
CLASSES = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])
TASK = Task("multiclass", 3, (2,))
LABELS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [torch.nan, 0.3]])
PROBLEMS = {
    "binary": (TARGETS, Task()),
    "multiclass": (CLASSES, TASK),
    "multilabel": (LABELS, Task.multilabel(2)),
}
CASES = [(word.name, kind) for word in LOSSES for kind in word.tasks]


def bound(name: str, kind: str, **arguments: object) -> Objective:
    targets, task = PROBLEMS[kind]
    given = {f"{name}.{key}": value for key, value in arguments.items()}
    return parse(name).build(given).bind(targets, task, steps=10)


def logits_of(objective: Objective, rows: int) -> tuple[int, ...]:
    flat = objective.outputs == 1 and objective.task.kind != "multilabel"
    return (rows,) if flat else (rows, objective.outputs)


# Hazards ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_every_pattern_of_extreme_logits_gives_a_finite_loss_and_gradient(
    name: str, kind: str, dtype: torch.dtype
) -> None:
    objective, (targets, _) = bound(name, kind), PROBLEMS[kind]
    generator = torch.Generator().manual_seed(0)
    for size in (1e4, 200.0, 0.0):
        signs = torch.randint(-1, 2, logits_of(objective, len(targets)), generator=generator)
        logits = (size * signs).to(dtype).requires_grad_()
        losses = objective.loss(logits, targets.to(dtype) if kind == "multilabel" else targets)
        (gradient,) = torch.autograd.grad(losses.sum(), logits)
        assert losses.dtype == dtype
        assert torch.isfinite(losses).all()
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_gradient_is_the_one_of_the_loss(name: str, kind: str) -> None:
    objective, (targets, _) = bound(name, kind), PROBLEMS[kind]
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(logits_of(objective, len(targets)), generator=generator, dtype=DOUBLE)
    assert torch.autograd.gradcheck(lambda z: objective.loss(z, targets), logits.requires_grad_())


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[0][-2:] != "fe"])
def test_a_sample_alone_has_the_loss_that_it_has_among_others(name: str, kind: str) -> None:
    objective, (targets, _) = bound(name, kind), PROBLEMS[kind]
    logits = torch.randn(logits_of(objective, len(targets)), dtype=DOUBLE)
    together = objective.loss(logits, targets)
    alone = [objective.loss(logits[i : i + 1], targets[i : i + 1]) for i in range(len(targets))]
    torch.testing.assert_close(together, torch.cat(alone))


def test_softmax_losses_do_not_change_when_a_constant_is_added_to_all_logits() -> None:
    logits = torch.randn(8, 3, dtype=DOUBLE)
    for name in ("ce", "cb-ce", "s-fl", "a-fl", "focal", "s-ml", "a-ml", "la", "ldam"):
        loss = bound(name, "multiclass").loss
        torch.testing.assert_close(loss(logits, CLASSES), loss(logits + 7, CLASSES))


def test_a_sample_without_labels_has_a_connected_zero_loss() -> None:
    nothing = torch.full((1, 2), torch.nan)
    for word in LOSSES:
        if "multilabel" in word.tasks:
            logits = torch.randn(1, 2, requires_grad=True)
            loss = bound(word.name, "multilabel").loss(logits, nothing).sum()
            (gradient,) = torch.autograd.grad(loss, logits)
            assert loss.item() == 0
            assert (gradient == 0).all()


# Reductions to one another ------------------------------------------------------------------------


def test_losses_at_their_neutral_values_are_cross_entropy() -> None:
    one = torch.randn(4, dtype=DOUBLE)
    expected = BCELoss()(one, TARGETS)
    for loss in (
        SymmetricMarginLoss(0.0),
        AsymmetricMarginLoss(0.0),
        SymmetricFocalLoss(0.0),
        AsymmetricFocalLoss(0.0),
        ClassBalancedBCELoss(beta=0.0, counts=(3, 1)),
        WeightedBCELoss(imbalance=1.0),
    ):
        torch.testing.assert_close(loss(one, TARGETS), expected)
    two = torch.stack([torch.zeros_like(one), one], dim=1)
    for loss in (
        CrossEntropyLoss(),
        ClassBalancedCELoss(beta=0.0, counts=(3, 1)),
        VectorScalingLoss(gamma=0.0, tau=0.0, imbalance=3.0),
        LogitAdjustmentLoss(tau=0.0, imbalance=3.0),
        LDAMLoss(max_margin=0.0, scale=1.0, counts=(3, 1)),
    ):
        torch.testing.assert_close(loss(two, TARGETS), expected)


def test_logit_adjustment_is_vector_scaling_without_scaling() -> None:
    logits = torch.randn(8, 3, dtype=DOUBLE)
    one = bound("la", "multiclass", tau=2.0).loss(logits, CLASSES)
    two = bound("vs", "multiclass", tau=2.0, gamma=0.0).loss(logits, CLASSES)
    torch.testing.assert_close(one, two)


def test_a_symmetric_margin_costs_more_than_an_asymmetric_one_only_on_the_others() -> None:
    logits = torch.randn(4, dtype=DOUBLE)
    both, one = (make(2.0)(logits, TARGETS) for make in (SymmetricMarginLoss, AsymmetricMarginLoss))
    assert torch.equal(both[:1], one[:1])
    assert (both[1:] > one[1:]).all()


def test_false_errors_count_both_classes_alike_whatever_their_size() -> None:
    logits, targets = torch.zeros(101), torch.zeros(101)
    targets[0] = 1
    assert MFELoss()(logits, targets).item() == pytest.approx(0.25)
    assert MSFELoss()(logits, targets).item() == pytest.approx(2 * 0.125**2)
    assert MSFELoss()(logits[1:], targets[1:]).item() == pytest.approx(0.125**2)
    assert MSELoss()(logits, targets).mean().item() == pytest.approx(0.125)


# What they learn of the training set --------------------------------------------------------------


def test_shares_that_a_sampler_shows_take_the_place_of_the_training_set_s() -> None:
    stream = [0.5, 0.25, 0.25]
    logits = torch.randn(8, 3, dtype=DOUBLE)
    for name in ("vs", "la", "cb-ce"):
        by_stream = parse(name).build().bind(CLASSES, TASK, stream=stream)
        by_counts = parse(name).build().bind(CLASSES, TASK)
        torch.testing.assert_close(by_stream.loss(logits, CLASSES), by_counts.loss(logits, CLASSES))
        even = parse(name).build().bind(CLASSES, TASK, stream=[1, 1, 1])
        plain = CrossEntropyLoss()
        plain.for_task(TASK)
        torch.testing.assert_close(even.loss(logits, CLASSES), plain(logits, CLASSES))


def test_margins_of_ldam_are_of_the_training_set_whatever_a_sampler_shows() -> None:
    plain, evened = (
        parse("ldam").build().bind(TARGETS, stream=stream).loss for stream in (None, [0.5, 0.5])
    )
    assert torch.equal(plain.margins, evened.margins)
    assert plain.margins.tolist() == pytest.approx([0.5 * 3**-0.25, 0.5])


@pytest.mark.parametrize("name", ["w-bce", "cb-bce", "cb-ce", "vs", "la", "ldam-drw"])
def test_a_loss_that_equals_the_plain_one_says_so(name: str) -> None:
    evened = parse(name).build().bind(TARGETS, stream=[0.5, 0.5], steps=10)
    assert len(evened.remarks()) == 1
    assert "othing" in evened.remarks()[0]
    assert not parse(name).build().bind(TARGETS, steps=10).remarks()
    assert not parse(name).build().remarks()


def test_the_remark_begins_within_a_hundredth_of_even_classes() -> None:
    for critical, remarked in ((0.4980, True), (0.4950, False)):
        objective = parse("w-bce").build().bind(TARGETS, stream=[1 - critical, critical])
        assert bool(objective.remarks()) == remarked
    third = parse("w-bce").build({"w-bce.scale": 1 / 3})
    assert not third.bind(TARGETS, stream=[0.5, 0.5]).remarks()  # weighs a third, not 1
    assert third.bind(TARGETS).remarks()  # a third of 3


def test_unnormalised_weights_that_are_equal_are_called_a_constant() -> None:
    loss = parse("cb-bce").build({"cb-bce.normalize": False})
    (remark,) = loss.bind(TARGETS, stream=[0.5, 0.5]).remarks()
    assert "times a constant" in remark


def test_what_was_given_must_fit_the_task() -> None:
    for loss in (VectorScalingLoss(imbalance=3.0), ClassBalancedCELoss(counts=(3, 1))):
        with pytest.raises(ValueError, match="bind learns it from the training targets"):
            Objective(loss).bind(CLASSES, TASK)
    loss = ClassBalancedCELoss(counts=(4, 2, 2))
    Objective(loss).bind(CLASSES.flip(0) * 0 + torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]), TASK)
    assert loss.counts().tolist() == [4, 2, 2]


def test_counts_follow_no_cast_and_survive_a_copy() -> None:
    for name in ("w-bce", "cb-bce", "vs", "ldam", "ldam-drw"):
        objective = bound(name, "binary")
        moved = copy.deepcopy(objective).to(torch.float32)
        assert moved.loss.shown.dtype == DOUBLE
        logits = torch.randn(logits_of(objective, 4), dtype=DOUBLE)
        assert torch.equal(moved.loss(logits, TARGETS), objective.loss(logits, TARGETS))
        assert "shown" not in str(list(objective.state_dict()))


@pytest.mark.parametrize(
    "make", [ClassBalancedBCELoss, ClassBalancedCELoss, LDAMLoss, DeferredLDAMLoss]
)
def test_unknown_counts_are_an_error_that_says_what_to_do(make) -> None:
    logits = torch.zeros(1) if make.outputs == 1 else torch.zeros(1, 2)
    with pytest.raises(RuntimeError, match=r"counts=\(990, 10\).*bind"):
        make()(logits, torch.tensor([1]))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ClassBalancedBCELoss(beta=1.0), r"beta in \[0, 1\)"),
        (lambda: DeferredLDAMLoss(beta=1.0), r"beta in \[0, 1\)"),
        (lambda: ClassBalancedCELoss(counts=(3, 0)), "above 0"),
        (lambda: SymmetricMarginLoss(-1.0), "margin=-1.0"),
        (lambda: LDAMLoss(scale=0.0), "scale > 0"),
        (lambda: LDAMLoss(max_margin=-0.1), "max_margin"),
        (lambda: LDAMLoss(score_by="logit"), "'difference' or 'cosine'"),
        (lambda: DeferredLDAMLoss(deferred=2.0), "deferred"),
        (lambda: LogitAdjustmentLoss(tau=-1.0), "tau"),
    ],
)
def test_impossible_arguments_are_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_loss_that_is_used_alone_refuses_what_it_would_misread() -> None:
    three, one = torch.zeros(3, 3), torch.zeros(3)
    targets = torch.tensor([0, 1, 1])
    for loss, logits in (
        (CrossEntropyLoss(), three),
        (FocalLoss(), three),
        (LDAMLoss(counts=(2, 1)), one),
        (MSFELoss(), three),
        (VectorScalingLoss(imbalance=2.0), three),
    ):
        with pytest.raises(ValueError, match="for_task"):
            loss(logits, targets)


# Loss-conditional training ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("focal", {"alpha": 0.3, "focus": 1.5}),
        ("vs", {"gamma": 0.2, "tau": 2.5}),
        ("la", {"tau": 2}),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_a_hyper_parameter_that_is_drawn_takes_the_place_of_the_stored_one(
    name: str, values: dict[str, float], dtype: torch.dtype
) -> None:
    drawn = {key: torch.tensor(value, dtype=DOUBLE) for key, value in values.items()}
    for kind in parse(name).tasks:
        targets, _ = PROBLEMS[kind]
        stored, default = bound(name, kind, **values), bound(name, kind)
        logits = torch.randn(logits_of(stored, len(targets)), dtype=dtype)
        value = default.loss(logits, targets, **drawn)
        assert value.dtype == dtype
        torch.testing.assert_close(value, stored.loss(logits, targets))
        assert not torch.allclose(value, default.loss(logits, targets))


def test_registered_densities_are_densities() -> None:
    from rarecall.conditioning import LinearDensity

    found = [p for word in LOSSES for p in word.parameters.values() if p.density]
    assert len(found) == 5
    for parameter in found:
        assert LinearDensity(*parameter.density).a < parameter.density[1]


# LDAM ---------------------------------------------------------------------------------------------


class Net(nn.Module):
    """A network of the user's own."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.body = nn.Linear(3, 6)
        self.classifier = nn.Linear(6, outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.tanh(self.body(inputs)))


@pytest.mark.parametrize(("kind", "outputs"), [("binary", 2), ("multiclass", 3)])
def test_adapting_gives_a_head_of_cosines_with_the_outputs_of_the_task(
    kind: str, outputs: int
) -> None:
    model = bound("ldam", kind).adapt(Net())
    logits = model(100 * torch.randn(5, 3))
    assert logits.shape == (5, outputs)
    assert logits.abs().max() <= 1 + 1e-6


def test_the_binary_score_is_the_difference_of_the_cosines_or_the_cosine() -> None:
    cosines = torch.tensor([[-0.2, 0.5], [0.9, 0.6]])
    difference, cosine = (bound("ldam", "binary", score_by=by) for by in ("difference", "cosine"))
    assert difference.score(cosines).tolist() == pytest.approx([0.7, -0.3])
    assert cosine.score(cosines).tolist() == pytest.approx([0.5, 0.6])
    for objective in (difference, cosine):
        expected = torch.softmax(30 * cosines, dim=1)[:, 1]
        torch.testing.assert_close(objective.probability(cosines), expected)


def test_scores_and_probabilities_of_several_classes_are_those_of_the_scaled_cosines() -> None:
    cosines = torch.rand(6, 3, dtype=DOUBLE) * 2 - 1
    objective = bound("ldam", "multiclass", scale=5.0)
    expected = torch.softmax(5 * cosines, dim=1)
    torch.testing.assert_close(objective.loss.class_probabilities(cosines), expected)
    torch.testing.assert_close(objective.probability(cosines), expected[:, [2]])
    torch.testing.assert_close(objective.score(cosines), torch.logit(expected[:, [2]]))
    by_cosine = bound("ldam", "multiclass", score_by="cosine")
    assert torch.equal(by_cosine.score(cosines), cosines[:, [2]])


def train(objective: Objective, steps: int) -> None:
    model = objective.adapt(Net())
    inputs = torch.randn(4, 3)
    for _ in range(steps):
        objective(model, Batch(inputs, TARGETS)).backward()
        objective.step()


def test_deferred_weights_begin_after_their_share_of_the_steps() -> None:
    objective = bound("ldam-drw", "binary", deferred=0.5)
    expected = torch.tensor([0.5, 1.5], dtype=DOUBLE)
    for step in range(8):
        weights = objective.loss.class_weights()
        if step < 5:
            assert weights.tolist() == [1.0, 1.0]
        else:
            torch.testing.assert_close(weights, expected, rtol=1e-3, atol=0)
        assert objective.monitor()["DeferredLDAMLoss.reweighted"] == float(step >= 5)
        train(objective, 1)


def test_a_skipped_step_does_not_bring_the_weights_nearer() -> None:
    objective = bound("ldam-drw", "binary")
    model = objective.adapt(Net())
    objective(model, Batch(torch.randn(4, 3), TARGETS))
    objective.discard()
    objective.step()
    assert int(objective.loss.taken) == 0


def test_binding_again_starts_the_deferral_afresh() -> None:
    objective = bound("ldam-drw", "binary", deferred=0.1)
    train(objective, 3)
    assert int(objective.loss.taken) == 3
    objective.bind(TARGETS, steps=10)
    assert int(objective.loss.taken) == 0


def test_the_deferral_is_part_of_the_state() -> None:
    objective, other = (bound("ldam-drw", "binary", deferred=0.2) for _ in range(2))
    train(objective, 4)
    other.load_state_dict(objective.state_dict())
    assert int(other.loss.taken) == 4
    assert torch.equal(other.loss.class_weights(), objective.loss.class_weights())


def test_a_training_that_ends_before_the_weights_begin_says_so() -> None:
    objective = bound("ldam-drw", "binary")
    train(objective, 8)
    assert "never began: it was due after step 8" in objective.remarks()[0]
    train(objective, 1)
    assert not objective.remarks()


def test_deferring_without_a_known_number_of_steps_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"bind\(train_targets, steps=epochs \* len\(loader\)\)"):
        parse("ldam-drw").build().bind(TARGETS)
    with pytest.raises(RuntimeError, match=r"bind\(train_targets, steps=\.\.\.\)"):
        DeferredLDAMLoss(counts=(3, 1))(torch.zeros(1, 2), torch.tensor([1]))


def test_a_loss_of_counts_that_were_given_works_alone() -> None:
    logits = torch.randn(4, 2)
    alone = LDAMLoss(counts=(3, 1))(logits, TARGETS)
    torch.testing.assert_close(alone, bound("ldam", "binary").loss(logits, TARGETS))
