"""The constraint with several classes or labels, its other forms, and drawn hyper-parameters."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn

from rarecall import ALMConstraint, BaseLoss, BCELoss, Objective, Task
from rarecall.functional import shapes
from rarecall.parts import Scored
from rarecall.terms import _constraints

NAN = math.nan
CLASSES = torch.tensor([0, 3, 1, 2, 0, 3, 1, 1, 2, 0])
LABELS = torch.tensor([[1, 0], [0, 1], [0.4, 0], [NAN, 1], [0, NAN], [1, 1], [0, 0], [1, 0]])
BINARY = torch.tensor([1, 0, 0, 1, 0, 0])
VARIANTS = [
    ("binary", {"constraints": "negative"}),
    ("binary", {"constraints": "pair"}),
    ("binary", {"constraints": "negative", "reduction": "mean", "normalize": "dataset"}),
    ("multiclass", {}),
    ("multiclass", {"form": "second"}),
    ("multiclass", {"form": "second", "constraints": "negative", "scores": "logit"}),
    ("multiclass", {"form": "second", "constraints": "pair"}),
    ("multiclass", {"scores": "logit", "constraints": "pair", "normalize": "dataset"}),
    ("multilabel", {}),
    ("multilabel", {"scores": "logit", "constraints": "negative"}),
    ("multilabel", {"constraints": "pair", "reduction": "mean"}),
]
TASKS = {
    "binary": (BINARY, Task()),
    "multiclass": (CLASSES, Task("multiclass", 4, (3, 2))),
    "multilabel": (LABELS, Task.multilabel(2)),
}


class Nothing(BaseLoss):
    """A base loss of zero, so that the objective's value is the term's."""

    tasks = ("binary", "multiclass", "multilabel")

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return 0 * (logits if logits.ndim == 1 else logits.sum(dim=1))


def bound(kind: str, **arguments) -> tuple[Objective, ALMConstraint]:
    targets, task = TASKS[kind]
    term = ALMConstraint(**{"margin": 0.3, "penalty": 0.4, **arguments})
    return Objective(Nothing(), term).bind(targets, task), term


def logits_of(kind: str, rows: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    shape = {"binary": (rows,), "multiclass": (rows, 4), "multilabel": (rows, 2)}[kind]
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def value_of(objective: Objective, kind: str, logits: Tensor, rows: Tensor) -> Tensor:
    return objective(nn.Identity(), (logits, TASKS[kind][0][rows], rows))


def variants(test):
    ids = ["-".join([kind, *map(str, extra.values())]) for kind, extra in VARIANTS]
    return pytest.mark.parametrize(("kind", "extra"), VARIANTS, ids=ids)(test)


@variants
def test_the_value_has_the_gradient_it_claims(kind: str, extra: dict) -> None:
    objective, _ = bound(kind, **extra)
    rows = torch.arange(len(TASKS[kind][0]))
    value_of(objective, kind, logits_of(kind, len(rows), 1), rows)
    objective.step()  # so that the multipliers take part
    logits = logits_of(kind, len(rows)).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: value_of(objective, kind, z, rows), logits)


@variants
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_stay_finite(kind: str, extra: dict, dtype: torch.dtype) -> None:
    objective, term = bound(kind, **extra)
    rows = torch.arange(len(TASKS[kind][0]))
    for sign in (1, -1):
        logits = (sign * 1e4 * logits_of(kind, len(rows), dtype=dtype).sign()).requires_grad_()
        value = value_of(objective, kind, logits, rows)
        (gradient,) = torch.autograd.grad(value, logits)
        objective.step()
        assert value.dtype == dtype
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()
        assert torch.isfinite(term.multipliers).all()


@variants
def test_a_batch_without_pairs_gives_a_connected_zero(kind: str, extra: dict) -> None:
    objective, term = bound(kind, **extra)
    targets, task = TASKS[kind]
    if kind == "multilabel":
        critical = (targets == 1).all(dim=1)
        others = (targets == 0).all(dim=1)
    else:
        critical = torch.isin(targets, torch.tensor(task.critical))
        others = ~critical
    for mask in (critical, others):
        for count in (1, int(mask.sum())):
            rows = torch.nonzero(mask).squeeze(1)[:count]
            logits = logits_of(kind, count).requires_grad_()
            value = value_of(objective, kind, logits, rows)
            (gradient,) = torch.autograd.grad(value, logits)
            objective.step()
            assert value.item() == 0
            assert gradient.abs().sum() == 0
    assert term.multipliers.sum() == 0


@variants
def test_a_resumed_run_goes_on_as_if_undisturbed(kind: str, extra: dict) -> None:
    def train(objective: Objective, steps: range) -> None:
        for step in steps:
            rows = torch.randperm(6, generator=torch.Generator().manual_seed(step))
            value_of(objective, kind, logits_of(kind, 6, step), rows)
            objective.step()
            objective.end_epoch(1 / (step + 1))

    undisturbed, _ = bound(kind, **extra)
    train(undisturbed, range(8))
    first, _ = bound(kind, **extra)
    train(first, range(4))
    state = copy.deepcopy(first.state_dict())
    second, _ = bound(kind, **extra)
    second.load_state_dict(state)
    train(second, range(4, 8))
    for key, value in undisturbed.state_dict().items():
        assert torch.equal(value, second.state_dict()[key]), key


@variants
def test_an_index_twice_in_a_batch_raises_its_multiplier_by_the_mean(
    kind: str, extra: dict
) -> None:
    """Doubling every row doubles q, where it is a sum; each key then occurs as often as its row."""
    whole = len(TASKS[kind][0])
    rows = torch.arange(whole)
    raised = []
    for times in (1, 2):
        objective, term = bound(kind, **extra)
        repeated = rows.repeat(times)
        value_of(
            objective,
            kind,
            logits_of(kind, whole).repeat(times, *[1] * (kind != "binary")),
            repeated,
        )
        objective.step()
        raised.append(term.multipliers.clone())
    alone = extra.get("constraints") == "pair" or extra.get("reduction") == "mean"
    torch.testing.assert_close(raised[1], raised[0] * (1 if alone else 2))


def test_only_samples_with_a_constraint_have_a_multiplier() -> None:
    objective, term = bound("multilabel", margin=0.5, penalty=1.0, scores="logit")
    rows = torch.tensor([5, 6, 4])  # positives of label 0: 5; of label 1: 5; the rest are not
    value_of(objective, "multilabel", torch.zeros(3, 2, dtype=torch.float64), rows)
    objective.step()
    positives = [torch.nonzero(LABELS[:, label] == 1)[:, 0].tolist() for label in (0, 1)]
    expected = [0.0] * (len(positives[0]) + len(positives[1]))
    # Label 0 has two negatives, label 1 one: it is missing on row 4.
    expected[positives[0].index(5)] = 2 * 0.5
    expected[len(positives[0]) + positives[1].index(5)] = 0.5
    assert term.multipliers.tolist() == pytest.approx(expected)


@variants
def test_fixed_shapes_give_what_picked_rows_do(
    kind: str, extra: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for fix in (False, True):
        monkeypatch.setattr(shapes, "fixed_shapes", lambda _, fix=fix: fix)
        objective, term = bound(kind, **extra)
        seen = []
        for step, rows in enumerate([[0, 1, 2, 3, 4, 5], [0, 3, 3, 1, 5, 1], [1, 2, 4], [5]]):
            index = torch.tensor(rows)
            logits = logits_of(kind, len(rows), seed=step).requires_grad_()
            value = value_of(objective, kind, logits, index)
            seen += [value.detach(), *torch.autograd.grad(value, logits)]
            objective.step()
        objective.end_epoch(0.5)
        found.append((seen, term.state_dict()))
    torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-14)


def test_a_missing_or_uncertain_label_is_in_neither_set() -> None:
    objective, _ = bound("multilabel")
    rows = torch.arange(8)
    logits = logits_of("multilabel", 8)
    before = value_of(objective, "multilabel", logits, rows)
    moved = logits.clone()
    for row, label in ((2, 0), (3, 0), (4, 1)):  # 0.4, missing, missing
        moved[row, label] += 5
    assert value_of(objective, "multilabel", moved, rows) == before
    moved[0, 0] += 5
    assert value_of(objective, "multilabel", moved, rows) != before


def test_samples_of_another_critical_class_are_no_negatives() -> None:
    objective, _ = bound("multiclass")  # 3 and 2 are critical
    rows = torch.tensor([1, 3])  # one of each
    value = value_of(objective, "multiclass", logits_of("multiclass", 2), rows)
    assert value.item() == 0


def test_every_critical_class_is_divided_by_its_own_pairs() -> None:
    objective, _ = bound("multiclass", normalize="dataset", scores="logit", margin=10.0)
    rows = torch.tensor([1, 0])  # class 3 and a common one
    logits = torch.zeros(2, 4, dtype=torch.float64)
    # Two samples of class 3, six of the two common classes, in the training set.
    assert value_of(objective, "multiclass", logits, rows).item() == pytest.approx(
        0.4 * 10**2 / (2 * 2 * 6)
    )


@pytest.mark.parametrize("kind", ["binary", "multilabel"])
def test_the_second_form_is_refused_where_there_are_no_several_other_classes(kind: str) -> None:
    with pytest.raises(ValueError, match="form='second' compares"):
        bound(kind, form="second")


def test_the_second_form_pulls_on_the_classes_of_the_others() -> None:
    rows = torch.tensor([1, 0, 2])
    logits = torch.zeros(3, 4, dtype=torch.float64)
    logits[0, 0] = 1.0  # the critical sample looks like class 0
    gradients = {}
    for form in ("first", "second"):
        objective, _ = bound("multiclass", form=form)
        z = logits.clone().requires_grad_()
        gradients[form] = torch.autograd.grad(value_of(objective, "multiclass", z, rows), z)[0]
    # More of the critical sample's descent goes away from class 0.
    assert gradients["second"][0, 0] > gradients["first"][0, 0] > 0


def test_more_pairs_than_can_be_kept_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_constraints, "MOST_PAIRS", 7)
    with pytest.raises(ValueError, match=r"at most 7; this training set has 8"):
        bound("binary", constraints="pair")
    bound("binary", constraints="negative")


# Drawn hyper-parameters ---------------------------------------------------------------------------


def scored_of(objective: Objective, logits: Tensor) -> Scored:
    targets = BINARY == 1
    index = torch.arange(len(BINARY))
    loss: BaseLoss = objective.loss  # type: ignore[assignment]
    return Scored(logits, targets, index, len(BINARY), logits, targets, logits, loss)


def test_a_drawn_margin_and_penalty_take_the_place_of_the_stored_ones_in_value_and_update() -> None:
    logits = logits_of("binary", 6, 7)
    drawn, term = bound("binary", margin=0.1, penalty=1e-3)
    stored, other = bound("binary", margin=0.4, penalty=0.02)
    for objective in (drawn, stored):
        value_of(objective, "binary", logits_of("binary", 6, 8), torch.arange(6))
        objective.step()
    other.multipliers.copy_(term.multipliers)
    lam = {
        "margin": torch.tensor(0.4, dtype=torch.float64),
        "penalty": torch.tensor(0.02, dtype=torch.float64),
    }
    value, update = term(scored_of(drawn, logits), **lam)
    expected, expected_update = other(scored_of(stored, logits))
    assert torch.equal(value, expected)
    term.commit([update])
    other.commit([expected_update])
    assert torch.equal(term.multipliers, other.multipliers)
    assert float(term.current_penalty) == pytest.approx(1e-3)  # the schedule's own is untouched


def test_a_drawn_margin_keeps_single_precision() -> None:
    objective, term = bound("binary")
    logits = logits_of("binary", 6, dtype=torch.float32)
    scored = scored_of(objective, logits)
    values = [term(scored, margin=torch.tensor(m, dtype=torch.float64))[0] for m in (0.0, 0.5)]
    assert values[0].dtype == torch.float32
    assert values[1] > values[0]


def test_the_densities_of_the_registry_are_uniform_around_the_defaults() -> None:
    from rarecall.methods import parse

    parameters = parse("bce+alm").parameters
    drawn = parse("bce+alm").conditionable
    assert set(drawn) == {"alm.margin", "alm.penalty"}
    for key, (low, high, at_high) in drawn.items():
        assert at_high == pytest.approx(1 / (high - low))
        assert (low + high) / 2 == pytest.approx(parameters[key].default)


def test_every_task_is_supported_and_the_arguments_can_be_read_back() -> None:
    assert ALMConstraint.tasks == ("binary", "multiclass", "multilabel")
    shown = repr(ALMConstraint(form="second", constraints="pair"))
    assert "form='second'" in shown
    assert "constraints='pair'" in shown


def test_replayed_rows_stay_out_of_every_variant() -> None:
    for extra in ({}, {"constraints": "negative"}, {"constraints": "pair"}):
        term = ALMConstraint(0.3, 0.4, scores="logit", **extra)
        objective = Objective(BCELoss(), term).bind(BINARY)
        scored = scored_of(objective, logits_of("binary", 6))
        fewer = dataclasses.replace(scored, fresh=2)
        _, update = term(fewer)
        assert len(update["keys"]) == 1  # rows 0 and 1: one positive, one negative
