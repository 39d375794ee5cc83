"""Networks by name: published sizes, shapes, what methods change in them, what they refuse."""

from __future__ import annotations

import copy
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rarecall import Objective
from rarecall.conditioning import Conditioning, LinearDensity
from rarecall.config import CompareConfig
from rarecall.errors import ConfigurationError
from rarecall.losses import FocalLoss, LDAMLoss
from rarecall.models import CosineHead, Head, build_network, find_layer, network_names
from rarecall.models.convnext import ConvNeXtBlock
from rarecall.models.inception_resnet import InceptionResNetV2, ScaledBranches
from rarecall.models.resnext import GroupedBottleneck
from rarecall.training.two_stage import carry_over

SMALL: dict[str, dict[str, Any]] = {
    "resnet32-wide": {},
    "cascade": {"widths": (4, 8), "hidden": 8},
    "resnext50": {"blocks": (1, 1), "base": 16, "groups": 4},
    "convnext-tiny": {"blocks": (1, 1), "widths": (8, 16)},
    "inception-resnet-v2": {"blocks": (1, 1, 1)},
}
"""The networks of this package that test_networks does not cover, made small."""

MONAI: dict[str, dict[str, Any]] = {
    "densenet121": {"blocks": (2, 2), "growth": 4, "start": 8},
    "efficientnet-b3": {"width": 0.1, "depth": 0.1},
}

SIDE = 32


def images(channels: int = 3, *size: int) -> dict[str, Any]:
    return {
        "kind": "images",
        "channels": channels,
        "size": list(size or (SIDE, SIDE)),
        "mean": [0.5] * channels,
        "std": [0.25] * channels,
    }


def small(name: str, channels: int = 3, outputs: int = 1, **more: Any) -> nn.Module:
    if name in MONAI:
        pytest.importorskip("monai", reason="DenseNets and EfficientNets are MONAI's")
    options = (SMALL | MONAI)[name]
    spec = images(channels, *[side(name)] * 2)
    return build_network(spec, name=name, outputs=outputs, options=options, **more)


def side(name: str) -> int:
    return 75 if name == "inception-resnet-v2" else SIDE


def pictures(name: str, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (2, channels, side(name), side(name))
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator)


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


every = pytest.mark.parametrize("name", [*SMALL, *MONAI])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnext50", 25_028_904),
        ("convnext-tiny", 28_589_128),
        ("inception-resnet-v2", 55_843_464),
        ("densenet121", 7_978_856),
        ("densenet161", 28_681_000),
        ("densenet169", 14_149_480),
        ("densenet201", 20_013_928),
        ("efficientnet-b3", 12_233_232),
        ("efficientnet-b5", 30_389_784),
        ("efficientnet-b6", 43_040_704),
    ],
)
def test_networks_for_1000_classes_have_the_published_number_of_parameters(
    name: str, parameters: int
) -> None:
    if name.startswith(("densenet", "efficientnet")):
        pytest.importorskip("monai", reason="DenseNets and EfficientNets are MONAI's")
    with torch.device("meta"):  # the layers' shapes, without memory
        network = build_network(images(3, 224, 224), name=name, outputs=1000)
    assert size(network) == parameters


def test_the_wide_stem_of_resnet32_has_64_channels_before_a_stage_of_16() -> None:
    network = build_network(images(3, 32, 32), name="resnet32-wide")
    options = {"stem_width": 64}
    same = build_network(images(3, 32, 32), name="resnet32", options=options)
    assert network.state_dict().keys() == same.state_dict().keys()
    assert network.get_submodule("stem").out_channels == 64
    assert network.get_submodule("stages.0").conv1.out_channels == 16


@every
@pytest.mark.parametrize(("channels", "outputs"), [(1, 1), (3, 5)])
def test_one_row_of_logits_comes_for_every_image(name: str, channels: int, outputs: int) -> None:
    network = small(name, channels, outputs)
    logits = network(pictures(name, channels))
    assert logits.shape == ((2,) if outputs == 1 else (2, outputs))
    logits.sum().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name


@every
def test_a_seed_fixes_the_weights_and_leaves_the_global_random_state_alone(name: str) -> None:
    before = torch.get_rng_state()
    first, same, other = (small(name, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert not torch.equal(first["fc.weight"], other["fc.weight"])


@every
def test_images_are_normalised_inside(name: str) -> None:
    network = small(name).eval()
    seen: list[Tensor] = []
    layer = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(torch.full((1, 3, side(name), side(name)), 255, dtype=torch.uint8))
    # Where the first layer pads by itself, zeros surround what was normalised.
    assert {round(value, 5) for value in seen[0].unique().tolist()} in ({2.0}, {0.0, 2.0})


@every
def test_the_head_is_found_and_can_start_anew(name: str) -> None:
    network = small(name)
    parent, attribute, layer = find_layer(network, None)
    assert parent is network
    assert attribute == "fc"
    assert isinstance(layer, Head)
    fresh = small(name, seed=1)
    before = copy.deepcopy(fresh.state_dict())
    carry_over(network.state_dict(), fresh, fresh_head=True, default=False)
    assert torch.equal(fresh.get_parameter("fc.weight"), before["fc.weight"])
    body = {key: value for key, value in network.state_dict().items() if key[:3] != "fc."}
    assert all(torch.equal(fresh.state_dict()[key], value) for key, value in body.items())


@every
def test_margins_by_class_put_a_cosine_head_in(name: str) -> None:
    network = Objective(LDAMLoss()).adapt(small(name, outputs=2))
    assert isinstance(network.get_submodule("fc"), CosineHead)
    logits = network.eval()(pictures(name))
    assert logits.shape == (2, 2)
    assert logits.abs().max() <= 1 + 1e-6


@every
@pytest.mark.parametrize("place", [None, "avgpool"])
def test_lambda_enters_before_the_head_or_at_the_pooling(name: str, place: str | None) -> None:
    if place is not None and name in ("resnet32-wide", "cascade"):
        pytest.skip("it pools without a layer of that name")
    conditioning = Conditioning({"loss.alpha": LinearDensity(0.2, 0.8)}, film=True, identity=False)
    objective = Objective(FocalLoss(), conditioning=conditioning)
    network = objective.adapt(small(name), condition_at=place).eval()
    low, high = (network(pictures(name), torch.tensor([value])) for value in (0.2, 0.8))
    assert low.shape == (2,)
    assert not torch.allclose(low, high)


@pytest.mark.parametrize("name", ["resnext50", "convnext-tiny"])
def test_logits_keep_their_resolution_under_autocast(name: str) -> None:
    network = small(name).eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(pictures(name)).dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "short", "smallest"),
    [("convnext-tiny", 31, 32), ("inception-resnet-v2", 74, 75)],
)
def test_images_that_are_too_small_are_refused_before_a_training(
    name: str, short: int, smallest: int
) -> None:
    with pytest.raises(ConfigurationError, match=f"needs images of {smallest} pixels or more"):
        build_network(images(3, short, 200), name=name)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("densenet12", {}, "Did you mean 'densenet121'"),
        ("resnext50", {"width": 3}, "has no option 'width'; it has blocks, base"),
        ("resnext50", {"stem": "5x5"}, "stem must be 7x7 or 3x3"),
        ("resnext50", {"blocks": (1, 0)}, "blocks must say 1 or more"),
        ("convnext-tiny", {"widths": (8,)}, "a width for every stage"),
        ("convnext-tiny", {"drop_path": 1.0}, "drop_path must be in"),
        ("resnet10", {"normalize": "image-net"}, "must be 'data' or 'imagenet'"),
        ("cascade", {"kernel": 2}, "kernel must be an odd side"),
    ],
)
def test_what_cannot_be_built_is_refused_with_advice(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build_network(images(), name=name, options=options)


@pytest.mark.parametrize("name", ["resnet10", "cascade", "convnext-tiny"])
def test_normalisation_is_the_datas_or_imagenets(name: str) -> None:
    small_one = SMALL.get(name, {"widths": (4,)}) | {"normalize": "imagenet"}
    network = build_network(images(), name=name, options=small_one)
    middle = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1) * 255
    assert network.get_submodule("normalize")(middle).abs().max() < 1e-5
    grey = build_network(images(1), name=name, options=small_one)
    assert grey.get_submodule("normalize")(torch.full((1, 1, 1, 1), 0.449 * 255)).abs() < 1e-5
    with pytest.raises(ConfigurationError, match="1 or 3 channels"):
        build_network(images(4), name=name, options=small_one)


def test_volumes_get_a_path_for_every_modality() -> None:
    spec = {"kind": "volumes", "channels": {"diffusion": 3, "t2": 1}, "size": [4, 16, 16]}
    network = build_network(spec, outputs=2, options={"widths": (4, 8), "hidden": 8})
    study = {"diffusion": torch.zeros(2, 3, 4, 16, 16), "t2": torch.zeros(2, 1, 4, 16, 16)}
    assert network(study).shape == (2, 2)
    with pytest.raises(ConfigurationError, match="does not fit volumes; choose from two-path"):
        build_network(spec, name="resnet10")


def test_images_with_a_table_take_any_of_the_image_networks() -> None:
    table = {"kind": "table", "n_numeric": 1, "bins": [[-1.0, 0.0, 1.0]], "cardinalities": []}
    spec = {"kind": "images+table", "images": images(), "table": table}
    options = {"image": SMALL["convnext-tiny"]}
    network = build_network(spec, name="convnext-tiny", options=options)
    rows = {"image": pictures("convnext-tiny"), "table": {"numeric": torch.zeros(2, 1)}}
    assert network(rows).shape == (2,)


def test_the_configuration_offers_every_network_for_tables_and_images() -> None:
    offered = get_args(CompareConfig.model_fields["network"].annotation)
    assert offered == ("auto", *network_names("table"), *network_names("images"))


def test_a_grouped_bottleneck_convolves_every_group_apart() -> None:
    block = GroupedBottleneck(6, 8, 16, 2, groups=4).double().eval()
    entering = torch.randn(2, 6, 6, 6, dtype=torch.float64)
    inner = F.relu(block.bn1(block.conv1(entering)))
    weights = block.conv2.weight
    groups = [
        F.conv2d(inner[:, 2 * g : 2 * g + 2], weights[2 * g : 2 * g + 2], stride=2, padding=1)
        for g in range(4)
    ]
    inner = F.relu(block.bn2(torch.cat(groups, dim=1)))
    short = block.downsample(entering)
    expected = F.relu(block.bn3(block.conv3(inner)) + short)
    torch.testing.assert_close(block(entering), expected)


def test_a_convnext_block_is_a_dense_network_on_every_pixel() -> None:
    block = ConvNeXtBlock(4, 0.5).double().eval()
    nn.init.normal_(block.layer_scale)
    entering = torch.randn(2, 4, 9, 9, dtype=torch.float64)
    seen = block.block[0](entering)
    expected = entering.clone()
    for row in range(9):
        for column in range(9):
            pixel = F.layer_norm(
                seen[:, :, row, column], (4,), block.block[2].weight, block.block[2].bias, 1e-6
            )
            added = block.block[5](F.gelu(block.block[3](pixel)))
            expected[:, :, row, column] += block.layer_scale[:, 0, 0] * added
    torch.testing.assert_close(block(entering), expected)


def test_a_skipped_block_leaves_a_sample_as_it_came_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    block = ConvNeXtBlock(2, 0.25)
    nn.init.ones_(block.layer_scale)
    entering = torch.randn(1, 2, 3, 3).expand(4000, -1, -1, -1)
    with torch.no_grad():
        left, always = block(entering) - entering, block.eval()(entering[:1]) - entering[:1]
    skipped = (left.flatten(1) == 0).all(dim=1)
    assert 0.20 < float(skipped.float().mean()) < 0.30
    torch.testing.assert_close(left[~skipped][:1], always / 0.75)


def test_inception_blocks_add_their_scaled_branches() -> None:
    network = InceptionResNetV2(1, blocks=(1, 1, 2)).eval()
    found = [part for part in network.modules() if isinstance(part, ScaledBranches)]
    assert [part.scale for part in found] == [0.17, 0.10, 0.20, 1.0]
    with pytest.raises(ValueError, match="blocks must be three numbers"):
        InceptionResNetV2(1, blocks=(1, 1))
    block = network.block8
    entering = torch.randn(1, 2080, 2, 2)
    joined = torch.cat([block.branch0(entering), block.branch1(entering)], dim=1)
    # The last one, without a ReLU at its end.
    torch.testing.assert_close(block(entering), entering + block.conv2d(joined))
