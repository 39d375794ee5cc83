"""The memory of negatives: what enters, what leaves, and that it is a constant."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from rarecall import ALMConstraint, BaseLoss, BCELoss, Objective, Task
from rarecall.functional import shapes
from rarecall.terms.negative_memory import NegativeMemory

TARGETS = torch.tensor([1, 0, 0, 1, 0, 0, 0, 0])
DOUBLE = torch.float64


class Nothing(BaseLoss):
    """A base loss of zero, so that the objective's value is the term's."""

    tasks = ("binary", "multiclass", "multilabel")

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return 0 * (logits if logits.ndim == 1 else logits.sum(dim=1))


def bound(loss: BaseLoss | None = None, **arguments) -> tuple[Objective, ALMConstraint]:
    given = {"margin": 0.5, "penalty": 0.4, "scores": "logit", "negatives": "memory", **arguments}
    term = ALMConstraint(**given)
    return Objective(loss or Nothing(), term).bind(TARGETS), term


def forward(objective: Objective, logits: Tensor, rows: list[int]) -> Tensor:
    index = torch.tensor(rows)
    return objective(nn.Identity(), (logits, TARGETS[index], index))


def remembered(term: ALMConstraint) -> list[float]:
    assert term.memory is not None
    scores, counts = term.memory.recall(0)
    return sorted(scores[counts > 0].tolist())


def test_three_steps_are_the_double_loop_over_batch_and_memory() -> None:
    """Value, gradient and multipliers, with a ring of four and scores that live two steps."""
    objective, term = bound(memory_size=4, staleness=2)
    generator = torch.Generator().manual_seed(0)
    ring: list[tuple[float, int]] = []
    multipliers = [0.0] * len(TARGETS)
    for step, rows in enumerate([[0, 1, 2], [3, 4, 5, 0], [3, 6, 1], [0, 7]]):
        logits = torch.randn(len(rows), generator=generator, dtype=DOUBLE).requires_grad_()
        value = forward(objective, logits, rows)
        (slope,) = torch.autograd.grad(value, logits)
        given = logits.tolist()
        positive = [i for i, row in enumerate(rows) if TARGETS[row] == 1]
        negative = [i for i, row in enumerate(rows) if TARGETS[row] == 0]
        past = [score for score, entered in ring[-4:] if step - entered <= 2]
        count = len(positive) * (len(negative) + len(past))
        total, slopes = 0.0, [0.0] * len(rows)
        rises = {}
        for j in positive:
            s = given[j]
            gaps = {k: max(0.0, 0.5 - s + given[k]) for k in negative}
            old = [max(0.0, 0.5 - s + t) for t in past]
            q = sum(gaps.values()) + sum(old)
            weight = (0.4 * q + multipliers[rows[j]]) / count
            total += (0.2 * q * q + multipliers[rows[j]] * q) / count
            for k, gap in gaps.items():
                slopes[k] += weight * (gap > 0)
            slopes[j] -= weight * (sum(g > 0 for g in gaps.values()) + sum(g > 0 for g in old))
            rises[rows[j]] = 0.4 * q
        assert value.item() == pytest.approx(total, rel=1e-12, abs=1e-15)
        assert slope.tolist() == pytest.approx(slopes, rel=1e-12, abs=1e-15)
        objective.step()
        for row, rise in rises.items():
            multipliers[row] += rise
        ring += [(given[k], step) for k in negative]
        held = [multipliers[row] for row in range(len(TARGETS)) if TARGETS[row] == 1]
        assert term.multipliers.tolist() == pytest.approx(held, rel=1e-12)


def test_the_newest_scores_take_the_place_of_the_oldest() -> None:
    objective, term = bound(memory_size=3)
    forward(objective, torch.tensor([9.0, 1.0, 2.0]), [0, 1, 2])
    objective.step()
    assert remembered(term) == [1.0, 2.0]
    forward(objective, torch.tensor([3.0, 4.0, 9.0]), [4, 5, 3])
    objective.step()
    assert remembered(term) == [2.0, 3.0, 4.0]
    # More negatives in a batch than places: the last ones stay.
    forward(objective, torch.tensor([5.0, 6.0, 7.0, 8.0]), [4, 5, 6, 7])
    objective.step()
    assert remembered(term) == [6.0, 7.0, 8.0]


def test_scores_leave_when_they_are_too_old() -> None:
    objective, term = bound(memory_size=6, staleness=1)
    forward(objective, torch.tensor([1.0, 9.0]), [1, 0])
    objective.step()
    assert remembered(term) == [1.0]
    forward(objective, torch.tensor([9.0]), [0])
    objective.step()
    assert remembered(term) == []


def test_accumulated_batches_are_all_remembered_and_count_as_one_step() -> None:
    objective, term = bound(memory_size=6, staleness=1)
    forward(objective, torch.tensor([1.0]), [1])
    forward(objective, torch.tensor([2.0, 3.0]), [2, 4])
    objective.step()
    assert remembered(term) == [1.0, 2.0, 3.0]
    assert objective.monitor()["ALMConstraint.remembered"] == 3


def test_a_ring_never_holds_more_than_the_negatives_of_the_training_set() -> None:
    _, term = bound(memory_size=4096)
    assert term.memory is not None
    assert term.memory.scores.shape == (1, 6)


def test_without_earlier_scores_it_is_the_constraint_of_the_batch() -> None:
    logits = torch.randn(8, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    values = [
        forward(bound(BCELoss(), negatives=negatives)[0], logits, list(range(8)))
        for negatives in ("batch", "memory")
    ]
    torch.testing.assert_close(*values, rtol=1e-13, atol=0)


def test_labels_have_rings_of_their_own() -> None:
    targets = torch.tensor([[1, 0], [0, 1], [0, 0], [1, torch.nan]])
    term = ALMConstraint(scores="logit", negatives="memory")
    objective = Objective(Nothing(), term).bind(targets, Task.multilabel(2))
    logits = torch.arange(8.0).reshape(4, 2)
    objective(nn.Identity(), (logits, targets, torch.arange(4)))
    objective.step()
    assert term.memory is not None
    held = [
        recalled.scores[recalled.counts > 0].tolist()
        for recalled in map(term.memory.recall, (0, 1))
    ]
    assert held == [[2.0, 4.0], [1.0, 5.0]]


def test_binding_anew_forgets() -> None:
    objective, term = bound(memory_size=6)
    forward(objective, torch.tensor([1.0]), [1])
    objective.step()
    objective.bind(TARGETS)
    assert remembered(term) == []


def test_scores_keep_their_digits_through_casts_of_the_objective() -> None:
    objective, term = bound(memory_size=6)
    forward(objective, torch.tensor([1 / 3], dtype=DOUBLE), [1])
    objective.step()
    before = copy.deepcopy(objective.state_dict())
    objective.half().float()
    for name, value in objective.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert remembered(term) == [1 / 3]


def test_an_objective_without_memory_has_no_state_of_it() -> None:
    objective, _ = bound(negatives="batch")
    assert not [name for name in objective.state_dict() if "memory" in name]


@pytest.mark.parametrize(
    "arguments", [{"constraints": "negative"}, {"constraints": "pair"}, {"form": "second"}]
)
def test_what_a_memory_cannot_extend_is_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match="needs constraints='positive' and form='first'"):
        ALMConstraint(negatives="memory", **arguments)
    with pytest.raises(ValueError, match="negatives must be one of"):
        ALMConstraint(negatives="all")


@pytest.mark.parametrize(("size", "staleness"), [(0, None), (4, 0)])
def test_a_memory_of_nothing_is_refused(size: int, staleness: int | None) -> None:
    with pytest.raises(ValueError, match="NegativeMemory"):
        NegativeMemory(size, staleness)


# Fixed shapes -------------------------------------------------------------------------------------

OTHERS = [
    {},
    {"negatives": "memory", "memory_size": 5, "staleness": 2},
    {"scores": "probability"},
    {"reduction": "mean"},
    {"constraints": "negative"},
    {"constraints": "negative", "reduction": "mean", "normalize": "dataset"},
]
TASKS = {
    "binary": (TARGETS, Task(), (8,)),
    "multiclass": (torch.tensor([0, 3, 1, 2, 0, 3, 1, 1]), Task("multiclass", 4, (3, 2)), (8, 4)),
    "multilabel": (
        torch.tensor(
            [[1, 0], [0, 1], [0.4, 0], [torch.nan, 1], [0, torch.nan], [1, 1], [0, 0], [1, 0]]
        ),
        Task.multilabel(2),
        (8, 2),
    ),
}


@pytest.mark.parametrize("arguments", OTHERS, ids=lambda given: "-".join(map(str, given.values())))
@pytest.mark.parametrize("kind", TASKS)
def test_fixed_shapes_give_the_values_gradients_and_state_of_picked_rows(
    kind: str, arguments: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What accelerators and compiled steps take, beside what a processor takes."""
    targets, task, shape = TASKS[kind]
    found = []
    for whole in (False, True):
        monkeypatch.setattr(shapes, "fixed_shapes", lambda _, whole=whole: whole)
        term = ALMConstraint(**{"margin": 0.5, "penalty": 0.4, "scores": "logit", **arguments})
        objective = Objective(Nothing(), term).bind(targets, task)
        generator = torch.Generator().manual_seed(2)
        seen = []
        for step in range(4):
            logits = torch.randn(shape, generator=generator, dtype=DOUBLE).requires_grad_()
            rows = torch.arange(8) if step else torch.tensor([0, 0, 1, 1, 2, 3, 4, 6])
            value = objective(nn.Identity(), (logits, targets[rows], rows))
            seen += [value.detach(), *torch.autograd.grad(value, logits)]
            objective.step()
        found.append((seen, objective.state_dict()))
    (values, state), (others, other) = found
    for one, two in zip(values, others, strict=True):
        torch.testing.assert_close(two, one, rtol=1e-12, atol=1e-14)
    for name, held in state.items():
        torch.testing.assert_close(other[name], held, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("arguments", OTHERS, ids=lambda given: "-".join(map(str, given.values())))
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("rows", [[0, 3], [0], [1, 2, 4], [7], [0, 1, 3, 5]], ids=str)
def test_fixed_shapes_bear_one_class_and_extreme_logits(
    arguments: dict, dtype: torch.dtype, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "fixed_shapes", lambda _: True)
    term = ALMConstraint(**{"margin": 0.5, "penalty": 0.4, "scores": "logit", **arguments})
    objective = Objective(Nothing(), term).bind(TARGETS)
    one_class = len(set(TARGETS[rows].tolist())) == 1
    for sign in (1, -1):
        logits = (sign * 1e4 * torch.linspace(-1, 1, len(rows), dtype=dtype)).requires_grad_()
        value = forward(objective, logits, rows)
        (slope,) = torch.autograd.grad(value, logits)
        assert value.dtype == dtype
        assert torch.isfinite(value)
        assert torch.isfinite(slope).all()
        if one_class:
            assert value == 0
            assert not slope.any()
        objective.step()
        assert torch.isfinite(term.multipliers).all()
    assert term.batches.tolist() == [2, 2 if TARGETS[rows].any() else 0]


# PyTorch's own tracer makes the instance that it warns of.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("negatives", ["batch", "memory"])
def test_the_whole_evaluation_compiles_in_one_graph(negatives: str) -> None:
    torch._dynamo.reset()
    targets = (torch.arange(500) % 5 == 0).long()
    term = ALMConstraint(negatives=negatives, memory_size=50)
    objective = Objective(BCELoss(), term).bind(targets)
    batch = (torch.zeros(500), targets, torch.arange(500))
    for _ in range(2):  # so that multipliers and the memory take part
        objective(lambda inputs: inputs + torch.linspace(-1, 1, 500), batch)
        objective.step()
    prepared = objective.prepare(batch)
    compiled = torch.compile(objective.evaluate, backend="aot_eager", fullgraph=True)
    results = []
    for call in (objective.evaluate, compiled):
        logits = torch.randn(500, generator=torch.Generator().manual_seed(3)).requires_grad_()
        value = call(logits, prepared)
        results.append((value.detach(), *torch.autograd.grad(value, logits)))
    for plain, made in zip(*results, strict=True):
        torch.testing.assert_close(made, plain, rtol=1e-6, atol=1e-9)
