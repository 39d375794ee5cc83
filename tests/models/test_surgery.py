"""Finding and replacing a layer of any network, and the cosine head."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rarecall.models import build_network
from rarecall.models.cosine import CosineHead, with_cosine_head
from rarecall.models.surgery import find_layer, set_layer


def nested() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)))


def test_the_head_is_the_linear_layer_that_was_registered_last() -> None:
    model = nested()
    parent, attribute, layer = find_layer(model, None)
    assert parent is model[2]
    assert attribute == "0"
    assert layer is model[2][0]


def test_a_layer_is_found_by_its_dotted_name_and_replaced() -> None:
    model = nested()
    other = nn.Linear(4, 2)
    set_layer(model, "2.0", other)
    assert find_layer(model, "2.0")[2] is other
    assert find_layer(model, "1") == (model, "1", model[1])
    parent, attribute, _ = find_layer(model, None)
    set_layer(parent, attribute, nn.Identity())
    assert isinstance(model[2][0], nn.Identity)


def shared() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model.add_module("again", model[0])
    return model


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Sequential(nn.Conv2d(1, 1, 1)), "no linear layer"),
        (nn.Sequential(nn.ModuleList([nn.Linear(2, 1), nn.Linear(2, 1)])), r"several.*0\.0, 0\.1"),
        (nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(2, 1)}), "several.*a, b"),
        (shared(), "several.*0, again"),
        (nn.Linear(2, 1), "nothing holds"),
    ],
)
def test_a_head_that_cannot_be_told_is_an_error(model: nn.Module, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find_layer(model, None)


def test_an_unknown_layer_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no layer 'fc'. Its layers are 0, 1, 2, 2\.0, 2\.1"):
        set_layer(nested(), "fc", nn.Identity())
    with pytest.raises(ValueError, match="Wrap it"):
        find_layer(nested(), "")


def test_cosines_are_those_of_the_features_and_the_class_vectors() -> None:
    head = CosineHead(3, 2).double()
    features, vectors = torch.randn(5, 3, dtype=torch.float64), head.weight.detach()
    expected = torch.tensor(
        [
            [float(f @ w / f.square().sum().sqrt() / w.square().sum().sqrt()) for w in vectors]
            for f in features
        ],
        dtype=torch.float64,
    )
    torch.testing.assert_close(head(features).detach(), expected)
    torch.testing.assert_close(head(7 * features).detach(), expected)


def test_features_of_zeros_and_huge_ones_give_finite_cosines_and_gradients() -> None:
    head = CosineHead(3, 2)
    features = torch.tensor([[0.0] * 3, [1e15] * 3, [1e-15] * 3], requires_grad=True)
    head(features).sum().backward()
    assert torch.isfinite(features.grad).all()
    assert torch.isfinite(head.weight.grad).all()
    assert head(torch.zeros(1, 3)).tolist() == [[0.0, 0.0]]


def test_cosines_are_single_precision_under_autocast() -> None:
    head = CosineHead(3, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert head(torch.randn(2, 3).bfloat16()).dtype == torch.float32


def test_a_cosine_head_takes_the_weights_of_a_layer_of_its_shape_and_draws_nothing() -> None:
    layer = nn.Linear(4, 2).double()
    before = torch.get_rng_state()
    head = CosineHead.like(layer, 2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(head.weight, layer.weight)
    assert head.weight is not layer.weight
    assert head.weight.requires_grad
    assert CosineHead.like(layer, 3).weight.shape == (3, 4)
    assert CosineHead.like(layer, 3).weight.dtype == torch.float64


def test_a_network_made_from_a_seed_stays_the_same_with_a_cosine_head() -> None:
    spec = {"kind": "table", "n_numeric": 1, "bins": [[-1.0, 0.0, 1.0]], "cardinalities": []}
    first, second = (
        with_cosine_head(build_network(spec, outputs=2, seed=3), None, 2) for _ in range(2)
    )
    rows = {"numeric": torch.randn(4, 1), "categorical": torch.zeros(4, 0, dtype=torch.long)}
    assert torch.equal(first.eval()(rows), second.eval()(rows))


def test_a_single_layer_becomes_a_cosine_head_itself() -> None:
    assert isinstance(with_cosine_head(nn.Linear(3, 1), None, 2), CosineHead)


def test_what_cannot_take_a_cosine_head_is_an_error() -> None:
    with pytest.raises(ValueError, match="'0' is a Conv2d"):
        with_cosine_head(nn.Sequential(nn.Conv2d(1, 1, 1)), "0", 2)
    with pytest.raises(ValueError, match="Forward one batch"):
        with_cosine_head(nn.Sequential(nn.LazyLinear(2)), None, 2)
    with pytest.raises(ValueError, match="2 classes"):
        CosineHead(3, 1)
