"""Dropout on 16 bits a unit: the share, the scale, the gradient, and no relation between units."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rarecall.models.dropout import Dropout

SHARES = [0.1, 0.2, 0.5, 0.9]


@pytest.mark.parametrize("share", SHARES)
def test_the_share_is_dropped_and_the_rest_scaled_so_that_the_mean_stays(share: float) -> None:
    torch.manual_seed(0)
    units = torch.ones(400, 500, dtype=torch.float64)
    found = Dropout(share)(units)
    dropped = (found == 0).double().mean().item()
    assert abs(dropped - share) < 5 * (share * (1 - share) / units.numel()) ** 0.5 + 2**-16
    kept = found[found != 0]
    assert kept.unique().numel() == 1
    assert kept[0].item() == pytest.approx(1 / (1 - share), rel=2**-16 / (1 - share))


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (3, 5), (2, 3, 7)])
def test_any_shape_and_any_layout(shape: tuple[int, ...]) -> None:
    assert Dropout(0.5)(torch.ones(shape)).shape == shape
    turned = torch.ones(*shape, 6).transpose(0, -1)
    assert Dropout(0.5)(turned).shape == turned.shape


def test_units_that_share_a_draw_are_independent_of_each_other() -> None:
    """Whether all of k neighbours are kept is the product of the shares, wherever they begin."""
    torch.manual_seed(1)
    kept = (Dropout(0.3)(torch.ones(4 * 60_000)) != 0).double()
    for distance in range(1, 9):
        both = (kept[:-distance] * kept[distance:]).mean().item()
        assert abs(both - 0.49) < 0.006
    places = kept.view(-1, 4).mean(dim=0)
    assert (places - 0.7).abs().max() < 0.01


def test_the_gradient_flows_through_what_is_kept() -> None:
    torch.manual_seed(2)
    units = torch.randn(50, requires_grad=True)
    found = Dropout(0.4)(units)
    found.sum().backward()
    assert units.grad is not None
    torch.testing.assert_close(units.grad, (found / units).detach())


def test_a_seed_fixes_what_is_dropped() -> None:
    units, found = torch.ones(100), []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        found.append(Dropout(0.5)(units))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize("share", [0.0, 1e-7, 1.0])
def test_nothing_and_all_can_be_dropped(share: float) -> None:
    units = torch.ones(1000)
    assert Dropout(share)(units).sum().item() == pytest.approx(0 if share == 1 else 1000)


@pytest.mark.parametrize("share", SHARES)
def test_in_use_nothing_happens(share: float) -> None:
    units = torch.randn(20)
    assert torch.equal(Dropout(share).eval()(units), units)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_dtype_stays(dtype: torch.dtype) -> None:
    assert Dropout(0.5)(torch.ones(9, dtype=dtype)).dtype == dtype


def test_stacked_networks_drop_different_units() -> None:
    torch.manual_seed(5)
    together = torch.func.vmap(Dropout(0.5), randomness="different")(torch.ones(3, 400))
    assert ((together == 0).double().mean(dim=1) - 0.5).abs().max() < 0.15
    assert not torch.equal(together[0], together[1])


def test_it_is_known_as_dropout() -> None:
    assert isinstance(Dropout(0.1), nn.Dropout)
    assert "p=0.1" in repr(Dropout(0.1))
