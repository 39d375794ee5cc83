"""No step looks at a value: an accelerator is never waited for, and no label decides a shape."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rarecall import Batch, Objective
from rarecall.functional import shapes

from .problem import Case

aten = torch.ops.aten
LOOKING = {
    aten._local_scalar_dense,  # item(), float(), bool()
    aten.nonzero,
    aten.masked_select,
    aten.equal,
    aten.unique_consecutive,
    aten._unique,
    aten._unique2,
}


class NoLooking(TorchDispatchMode):
    """Refuse operations that an accelerator's host would wait for."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        packet = func.overloadpacket
        assert packet not in LOOKING, f"{func} looks at values"
        if packet in (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_):
            masks = [part for part in args[1] if part is not None and part.dtype == torch.bool]
            assert not masks, f"{func} picks by a mask: its shape depends on values"
        if packet is aten._to_copy and kwargs.get("device") is not None:
            moves = torch.device(kwargs["device"]).type != args[0].device.type
            assert not moves or kwargs.get("non_blocking"), f"{func} waits for a copy"
        return func(*args, **kwargs)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do on a processor what is done on accelerators."""
    monkeypatch.setattr(shapes, "fixed_shapes", lambda _: True)


def step(case: Case, model: torch.nn.Module, objective: Objective, number: int) -> Tensor:
    loss = objective(model, case.batch_of_step(number))
    loss.backward()
    objective.step()
    return loss.detach()


@pytest.mark.usefixtures("fixed")
def test_no_step_looks_at_a_value_or_picks_by_a_label(simple_case: Case) -> None:
    case = simple_case
    model, objective = case.model(), case.objective()
    step(case, model, objective, 0)  # the first batch of an epoch has its index checked
    with NoLooking():
        for number in range(1, 4):
            step(case, model, objective, number)


def test_looking_is_noticed() -> None:
    critical = torch.tensor([True, False])
    for look in (
        lambda: float(critical.sum()),
        lambda: critical[critical],
        lambda: torch.nonzero(critical),
        lambda: torch.zeros(2).to("meta"),
    ):
        with pytest.raises(AssertionError, match=r"looks|picks|waits"), NoLooking():
            look()


def test_fixed_shapes_give_the_numbers_of_picked_rows(
    simple_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = simple_case
    found = []
    for fix in (False, True):
        monkeypatch.setattr(shapes, "fixed_shapes", lambda _, fix=fix: fix)
        model, objective = case.model(), case.objective()
        losses = [step(case, model, objective, number) for number in range(6)]
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        found.append((losses, gradients, list(objective.state_dict().values())))
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.usefixtures("fixed")
def test_in_fixed_shapes_a_batch_of_one_class_is_fine(simple_case: Case, critical: bool) -> None:
    case = simple_case
    model, objective = case.model(), case.objective()
    rows = torch.nonzero(case.critical == critical)[:3, 0]
    objective(model, case.batch(rows)).backward()
    for parameter in model.parameters():
        assert parameter.grad is None or bool(torch.isfinite(parameter.grad).all())
    objective.step()


def test_losses_and_terms_need_no_values_at_all(simple_case: Case) -> None:
    case = simple_case
    objective = case.objective()
    if "rankreg" in case.name or "replay" in case.name:
        pytest.skip("its rows are picked on the host")
    objective.to("meta")
    logits = torch.empty(case.shape(8), device="meta", requires_grad=True)
    _, targets, index = case.batch_of_step(0)
    objective._checked = True  # which does look, once an epoch
    with NoLooking():
        index, targets = (part.to("meta", non_blocking=True) for part in (index, targets))
        prepared = objective.prepare(Batch(logits, targets, index))
        objective.evaluate(logits, prepared).backward()
        objective.step()
    assert logits.grad is not None


@contextlib.contextmanager
def waiting_is_an_error() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_no_step_waits_for_a_cuda_device(simple_case: Case) -> None:
    case = simple_case
    model, objective = case.model().cuda(), case.objective().cuda()

    def batch(number: int) -> Batch:
        inputs, targets, index = case.batch_of_step(number)
        moved = {"image": inputs["image"].cuda(), "row": (inputs["row"][0].cuda(),)}
        return Batch(moved, targets.cuda(), index)

    for number in range(4):
        rows = batch(number)
        with waiting_is_an_error() if number else contextlib.nullcontext():
            objective(model, rows).backward()
            objective.step()
