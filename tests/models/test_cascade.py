"""The 2-D cascade: shapes, sizes, gradients, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from rarecall.methods import parse
from rarecall.models.cascade import CASCADE_WIDTHS, Cascade, CascadeCNN
from rarecall.models.surgery import find_layer

MEAN, STD = [0.5] * 3, [0.25] * 3


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def counted(
    channels: int, sides: tuple[int, ...], widths: tuple[int, ...], convolutions: int = 1
) -> tuple[int, int]:
    """Parameters of the convolutions, and features that leave, by hand."""
    total, before = 0, channels
    for width in widths:
        for _ in range(convolutions):
            total += before * 3 ** len(sides) * width + width
            before = width
        sides = tuple(max(side // 2, 1) for side in sides)
    return total, before * math.prod(sides)


def test_the_default_network_for_cifar_has_163233_parameters() -> None:
    layers, features = counted(3, (32, 32), CASCADE_WIDTHS)
    assert size(CascadeCNN(MEAN, STD)) == layers + features * 128 + 128 + 128 + 1 == 163_233


@pytest.mark.parametrize("sides", [(32, 32), (7, 9), (24, 40, 40), (5, 16, 1)])
@pytest.mark.parametrize("convolutions", [1, 2])
def test_a_cascade_has_the_parameters_and_features_that_its_layers_say(
    sides: tuple[int, ...], convolutions: int
) -> None:
    layers, features = counted(2, sides, (4, 8, 16), convolutions)
    made = Cascade(2, sides, widths=(4, 8, 16), convolutions=convolutions)
    assert (size(made), made.features) == (layers, features)
    assert made(torch.randn(3, 2, *sides)).shape == (3, features)


def test_one_stage_is_convolution_then_relu_then_the_largest_of_four() -> None:
    made = Cascade(1, (4, 4), widths=(1,))
    convolution = made.layers[0]
    assert isinstance(convolution, nn.Conv2d)
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.weight[0, 0, 1, 1] = 1.0
        assert convolution.bias is not None
        convolution.bias.fill_(-3.0)
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    # The largest of each block is 5, 7, 13 and 15.
    assert made(picture).tolist() == [[2.0, 4.0, 10.0, 12.0]]


@pytest.mark.parametrize("outputs", [1, 2, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_bytes_give_one_row_of_logits_each(channels: int, outputs: int) -> None:
    network = CascadeCNN([0.5] * channels, [0.2] * channels, size=(9, 12), outputs=outputs)
    logits = network(torch.randint(256, (4, channels, 9, 12), dtype=torch.uint8))
    assert logits.shape == ((4,) if outputs == 1 else (4, outputs))
    assert logits.dtype == torch.float32
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("normalization", ["none", "batch", "instance"])
def test_first_weights_keep_the_scale_of_what_passes(normalization: Any) -> None:
    torch.manual_seed(0)
    network = CascadeCNN(MEAN, STD, normalization=normalization).eval()
    logits = network(torch.randint(256, (64, 3, 32, 32), dtype=torch.uint8))
    assert 0.01 < float(logits.detach().std()) < 10


def test_hidden_of_zero_leaves_the_last_layer_alone_and_dropout_acts_in_training_only() -> None:
    network = CascadeCNN(MEAN, STD, size=(8, 8), widths=(4,), hidden=0, dropout=0.5)
    assert network.fc.in_features == 4 * 16
    pictures = torch.randint(256, (2, 3, 8, 8), dtype=torch.uint8)
    assert not torch.equal(network(pictures), network(pictures))
    network.eval()
    assert torch.equal(network(pictures), network(pictures))


def test_its_head_is_found_and_a_loss_of_two_logits_can_be_trained_on_it() -> None:
    network = CascadeCNN(MEAN, STD, size=(8, 8), widths=(4, 8), outputs=2)
    assert find_layer(network, None)[1] == "fc"
    targets = torch.tensor([0, 1, 0, 1])
    objective = parse("vs").build().bind(targets)
    network = objective.adapt(network)
    assert network(torch.zeros(4, 3, 8, 8)).shape == (4, 2)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"size": (8,)}, "height and width"),
        ({"size": (8, 8, 8)}, "height and width"),
        ({"size": (8, 0)}, "sides of 1 or more"),
        ({"widths": ()}, "widths must hold"),
        ({"widths": (4, 0)}, "widths must hold"),
        ({"kernel": 4}, "odd"),
        ({"convolutions": 0}, "convolutions must be 1 or more"),
        ({"normalization": "layer"}, "not 'layer'"),
        ({"hidden": -1}, "hidden must be"),
        ({"outputs": 0}, "1 output or more"),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CascadeCNN(MEAN, STD, **change)


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"channels .* kernel"):
        Cascade(0, (8, 8), kernel=2)


@pytest.mark.parametrize("shape", [(2, 3, 8, 9), (2, 1, 8, 8), (3, 8, 8)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    network = CascadeCNN(MEAN, STD, size=(8, 8), widths=(4,))
    with pytest.raises(ValueError, match=r"\(B, 3, 8, 8\)"):
        network(torch.zeros(shape))
