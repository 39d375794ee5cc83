"""The rules of the interface, held by every objective and every combination worth having."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rarecall import Batch, Objective, TrainStep

from .problem import CASES, COMBINED, WHOLE, Case, Model, N, same

ALL_CASES = CASES + COMBINED


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """States after six steps, carried on by another process to twelve."""
    folder = tmp_path_factory.mktemp("resume")
    for number, case in enumerate(ALL_CASES):
        model, objective = case.model(), case.objective()
        case.train(model, objective, range(6))
        state = {"model": model.state_dict(), "objective": objective.state_dict()}
        torch.save(state, folder / f"{number}.pt")
    worker = Path(__file__).with_name("resume_worker.py")
    subprocess.run([sys.executable, str(worker), str(folder)], check=True, timeout=300)
    return folder


def test_a_resumed_run_equals_an_undisturbed_one_bit_for_bit(case: Case, resumed: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model, objective = case.model(), case.objective()
        case.train(model, objective, range(12))
    finally:
        torch.set_num_threads(threads)
    state = torch.load(resumed / f"{ALL_CASES.index(case)}-resumed.pt", weights_only=True)
    assert same(state["model"], model.state_dict())
    assert same(state["objective"], objective.state_dict())


def test_training_lowers_the_base_loss(case: Case) -> None:
    model, objective = case.model(), case.objective()
    everything = case.batch(torch.arange(N))

    def base_loss() -> float:
        objective.eval()
        with torch.no_grad():
            logits = model(*objective.prepare(everything).arguments)
            values = objective.loss(logits, everything.targets)
        objective.train()
        return float(values.mean())

    def gap() -> float:
        """How far critical rows lie above the others, in standard deviations."""
        with torch.no_grad():
            scores = objective.score(model(*objective.prepare(everything).arguments))
        scores = scores.reshape(N, -1)[:, 0]
        positive = case.targets.reshape(N, -1)[:, 0] == 1
        return float((scores[positive].mean() - scores[~positive].mean()) / scores.std())

    # The value of a min-max problem is no measure of progress.
    measure = (lambda: -gap()) if any(p.duals() for p in objective.parts()) else base_loss
    before = measure()
    case.train(model, objective, range(60))
    assert measure() < before


def test_a_forward_without_a_step_commits_nothing(case: Case) -> None:
    model, objective = case.model(), case.objective()
    case.train(model, objective, range(3))
    before = copy.deepcopy(objective.state_dict())
    for step in range(3, 6):
        objective(model, case.batch_of_step(step))
    assert same(before, objective.state_dict())
    objective.discard()
    objective.step()
    objective.end_epoch(1.0)
    assert_same_but_for_the_score(before, objective.state_dict())


def assert_same_but_for_the_score(before: dict, after: dict) -> None:
    def kept(state: dict) -> dict:
        return {key: value for key, value in state.items() if "previous_score" not in key}

    assert same(kept(before), kept(after))


def test_a_repeated_forward_of_one_prepared_batch_counts_once(case: Case) -> None:
    model, once, twice = case.model(), case.objective(), case.objective()
    for objective, repeats in ((once, 1), (twice, 3)):
        for step in range(4):
            prepared = objective.prepare(case.batch_of_step(step))
            for _ in range(repeats):
                objective(model, prepared)
            objective.step()
    assert same(once.state_dict(), twice.state_dict())


def test_only_the_first_forward_of_a_prepared_batch_is_staged(case: Case) -> None:
    """SAM and LBFGS move the parameters in between; algorithm 1 wants those before the move."""
    model, plain, moved = case.model(), case.objective(), case.objective()
    elsewhere = copy.deepcopy(model)
    with torch.no_grad():
        elsewhere.head.weight.mul_(-3)
    plain(model, case.batch_of_step(0))
    prepared = moved.prepare(case.batch_of_step(0))
    moved(model, prepared)
    moved(elsewhere, prepared)
    plain.step()
    moved.step()
    assert same(plain.state_dict(), moved.state_dict())


def test_evaluation_mode_stages_and_replays_nothing(case: Case) -> None:
    model, objective = case.model(), case.objective()
    case.train(model, objective, range(3))
    before = copy.deepcopy(objective.state_dict())
    objective.eval()
    prepared = objective.prepare(case.batch_of_step(3))
    assert len(prepared.targets) == 8
    objective(model, prepared)
    objective.step()
    assert same(before, objective.state_dict())


def test_ending_an_epoch_with_uncommitted_batches_is_an_error(simple_case: Case) -> None:
    case = simple_case
    model, objective = case.model(), case.objective()
    objective(model, case.batch_of_step(0))
    with pytest.raises(RuntimeError, match=r"Call objective\.step\(\)"):
        objective.end_epoch(0.9)
    objective.step()
    objective.end_epoch(0.9)


@pytest.mark.parametrize("critical", [True, False], ids=["critical", "others"])
@pytest.mark.parametrize("count", [5, 1])
def test_a_batch_without_pairs_is_fine(case: Case, critical: bool, count: int) -> None:
    model, objective = case.model(), case.objective()
    rows = torch.nonzero(case.critical == critical).squeeze(1)[:count]
    for _ in range(2):  # the second time the buffer holds something
        loss = objective(model, case.batch(rows))
        model.zero_grad()
        loss.backward()
        objective.step()
        assert torch.isfinite(loss)
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
        assert model.head.weight.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_logits_give_no_nan(case: Case, dtype: torch.dtype, sign: int) -> None:
    objective = case.objective()
    rows = case.batch(torch.arange(16))
    logits = torch.full(case.shape(16), 1e4, dtype=dtype)
    logits *= torch.where(case.critical[:16], 1, -1).reshape(-1, *[1] * (logits.ndim - 1))
    if logits.ndim == 2 and case.kind != "multilabel":
        logits[:, 0] *= -1
    logits = (sign * logits).requires_grad_()
    for _ in range(2):
        prepared = objective.prepare(rows)
        loss = objective.evaluate(logits, prepared)
        (gradient,) = torch.autograd.grad(loss, logits)
        objective.step()
        objective.end_epoch(0.5)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()
        assert loss.dtype == dtype


def test_float32_agrees_with_float64(case: Case) -> None:
    values = []
    for dtype in (torch.float32, torch.float64):
        model, objective = case.model(dtype), case.objective()
        values.append(objective(model, case.batch_of_step(0)).item())
    assert values[0] == pytest.approx(values[1], rel=1e-5, abs=1e-6)


def test_the_order_of_the_rows_does_not_matter(case: Case) -> None:
    model, objective = case.model(), case.objective()
    rows = torch.arange(20)
    one = objective(model, case.batch(rows))
    objective.discard()  # so that the same is drawn again
    two = objective(model, case.batch(rows.flip(0)))
    torch.testing.assert_close(one, two)


def test_state_survives_copy_cast_and_a_safe_load(case: Case, tmp_path: Path) -> None:
    model, objective = case.model(), case.objective()
    case.train(model, objective, range(5))
    before = copy.deepcopy(objective.state_dict())
    torch.save(objective.state_dict(), tmp_path / "state.pt")
    fresh = case.objective()
    fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert same(before, fresh.state_dict())
    assert same(before, copy.deepcopy(objective).state_dict())
    assert same(before, objective.half().float().state_dict())


# Its lines are covered by the plain calls elsewhere; tracing the compiler for coverage would
# double its time.
@pytest.mark.no_cover
def test_the_eager_compiler_gives_the_same_loss_gradient_and_state(simple_case: Case) -> None:
    """In one graph: no loss, term or variant falls back to the interpreter."""
    case = simple_case
    torch._dynamo.reset()
    model, plain, objective = case.model(), case.objective(), case.objective()
    compiled = torch.compile(objective.evaluate, backend="aot_eager", fullgraph=True)
    for step in range(2):  # the second time the buffer holds something
        found = []
        for call, of in ((plain.evaluate, plain), (compiled, objective)):
            prepared = of.prepare(case.batch_of_step(step))
            logits = model(*prepared.arguments).detach().requires_grad_()
            loss = call(logits, prepared)
            found.append((loss, *torch.autograd.grad(loss, logits)))
            of.step()
        torch.testing.assert_close(*found)
    assert_close_states(plain, objective)


def assert_close_states(expected: Objective, found: Objective) -> None:
    state = found.state_dict()
    for key, value in expected.state_dict().items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(state[key], value)


# The compiler itself looks at `.grad` of a tensor that is not a leaf.
@pytest.mark.no_cover
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
@pytest.mark.parametrize("whole", WHOLE, ids=lambda whole: whole.label)
def test_a_whole_compiled_step_gives_the_same_loss_and_state(whole: Case) -> None:
    """With the model, and the checks, replayed rows and drawn λ that `prepare` adds."""
    torch._dynamo.reset()
    plain_model, plain = whole.model(), whole.objective()
    model, objective = whole.model(), whole.objective()
    compiled = torch.compile(TrainStep(model, objective), backend="aot_eager")
    for step in range(2):
        expected = plain(plain_model, whole.batch_of_step(step))
        loss = compiled(whole.batch_of_step(step))
        torch.testing.assert_close(loss, expected)
        plain.step()
        objective.step()
    assert_close_states(plain, objective)


def test_autocast_gives_a_finite_single_precision_loss(case: Case) -> None:
    model, objective = case.model(torch.float32), case.objective()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective(model, case.batch_of_step(0))
    loss.backward()
    objective.step()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)


def test_accumulated_batches_all_reach_the_state(case: Case) -> None:
    model, objective = case.model(), case.objective()
    halves = [case.batch(torch.arange(0, 24)), case.batch(torch.arange(24, 48))]
    for half in halves:
        (objective(model, half) / 2).backward()
    objective.step()
    for term in objective.terms:
        if hasattr(term, "multipliers"):
            if len(term.multipliers) != N:
                continue  # kept by pair or by label: the terms' own tests look inside
            kept = ~case.critical if term.constraints == "negative" else case.critical
            for half in halves:
                assert term.multipliers[half.index[kept[half.index]]].sum() > 0
        elif term.buffer.capacity:
            assert len(term.buffer) == term.buffer.capacity
            assert (term.buffer.index >= 24).all()


def test_logits_of_another_shape_are_refused(simple_case: Case) -> None:
    case = simple_case
    objective = case.objective()
    prepared = objective.prepare(case.batch(torch.arange(8)))
    right = case.shape(8)
    for shape in {(8,), (8, 1), (1,), (9,), (8, 3), (9, *right[1:])} - {right}:
        with pytest.raises(ValueError, match="needs logits of shape"):
            objective.evaluate(torch.zeros(shape), prepared)


def test_an_unbound_objective_says_what_to_call(simple_case: Case) -> None:
    case = simple_case
    from rarecall.methods import parse

    with pytest.raises(RuntimeError, match="bind"):
        parse(case.name).build(case.arguments).prepare(case.batch([0, 1]))


def test_a_term_that_needs_the_index_asks_for_it(simple_case: Case) -> None:
    case = simple_case
    objective = case.objective()
    without = Batch(*case.batch([0, 1])[:2])
    if any(term.needs_index for term in objective.terms):
        with pytest.raises(ValueError, match="Indexed"):
            objective.prepare(without)
    else:
        assert objective.prepare(without).index is None


def test_an_index_that_does_not_fit_the_bound_targets_is_refused(simple_case: Case) -> None:
    case = simple_case
    rows = case.batch(torch.arange(N))
    for wrong in (rows.index.roll(1), rows.index + 1000):
        with pytest.raises(ValueError, match="does not fit the targets"):
            case.objective().prepare(Batch(rows.inputs, rows.targets, wrong))


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_the_default_compiler_gives_the_same_loss() -> None:
    torch._dynamo.reset()
    case = Case("bce+alm")
    expected = case.objective()(case.model(torch.float32), case.batch_of_step(0))
    step = torch.compile(TrainStep(case.model(torch.float32), case.objective()))
    torch.testing.assert_close(step(case.batch_of_step(0)), expected)


@pytest.mark.parametrize(
    "alone", [case for case in CASES if "+" not in case.name], ids=lambda alone: alone.label
)
def test_base_losses_have_the_gradient_they_claim(alone: Case) -> None:
    case = alone
    objective = case.objective()
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(case.shape(8), generator=generator, dtype=torch.float64)
    logits.requires_grad_()
    targets = case.batch(torch.arange(8)).targets
    duals = {id(dual) for dual in objective.loss.duals()}
    primal = [p.double() for p in objective.loss.parameters() if id(p) not in duals]
    assert not primal or objective.loss.double()
    assert torch.autograd.gradcheck(lambda z: objective.loss(z, targets), logits)
    shape = (8,) if objective.loss.per_sample else ()
    assert objective.loss(logits, targets).shape == shape


def test_a_model_of_two_logits_is_scored_by_their_difference() -> None:
    objective = Case("vs").objective()
    logits = torch.tensor([[1.0, 3.0], [2.0, 0.0]])
    torch.testing.assert_close(objective.score(logits), torch.tensor([2.0, -2.0]))
    torch.testing.assert_close(objective.probability(logits), torch.softmax(logits, 1)[:, 1])
    assert isinstance(Case("vs").model(), Model)
