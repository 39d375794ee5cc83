"""Networks of another package: whole, resized, exported, and told of in words where they fail."""

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rarecall.errors import ConfigurationError
from rarecall.models import build_network
from rarecall.models.external import (
    DenseNetBody,
    EfficientNetBody,
    SamePadding,
    monai_network,
)

SPEC: dict[str, Any] = {
    "kind": "images",
    "channels": 3,
    "size": [32, 32],
    "mean": [0.5] * 3,
    "std": [0.25] * 3,
}


def needs_monai() -> None:
    pytest.importorskip("monai", reason="DenseNets and EfficientNets are MONAI's")


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (1, 1)])
@pytest.mark.parametrize("side", [7, 8, 33])
def test_same_padding_gives_the_side_over_the_stride_rounded_up(
    side: int, kernel: int, stride: int
) -> None:
    padded = SamePadding(kernel, stride)(torch.ones(1, 1, side, side + 1))
    made = F.conv2d(padded, torch.ones(1, 1, kernel, kernel), stride=stride)
    assert made.shape[-2:] == (math.ceil(side / stride), math.ceil((side + 1) / stride))
    assert padded.sum() == side * (side + 1)


def test_an_efficientnet_computes_what_monais_does_at_its_own_size() -> None:
    needs_monai()
    from rarecall.models.external import _STAGES

    theirs = monai_network("EfficientNet")(
        list(_STAGES), 2, 3, 1, width_coefficient=0.2, depth_coefficient=0.5, image_size=64
    ).eval()
    ours = EfficientNetBody(3, width=0.2, depth=0.5).eval()
    with torch.no_grad():
        for value in theirs.parameters():
            value.add_(0.05 * torch.randn_like(value))
    ours.net.load_state_dict(theirs.state_dict(), strict=False)
    pictures = torch.randn(2, 3, 64, 64)
    expected = theirs._fc(ours(pictures).mean(dim=(2, 3)))
    torch.testing.assert_close(theirs(pictures), expected)


def test_an_efficientnet_takes_images_of_any_size() -> None:
    needs_monai()
    body = EfficientNetBody(1, width=0.1, depth=0.1).eval()
    for height, width in ((32, 32), (33, 47), (7, 9)):
        made = body(torch.zeros(1, 1, height, width))
        assert made.shape == (1, body.width, math.ceil(height / 32), math.ceil(width / 32))


def test_an_efficientnet_can_be_traced_for_export() -> None:
    needs_monai()
    body = EfficientNetBody(1, width=0.1, depth=0.1).eval()
    pictures = torch.randn(1, 1, 32, 32)
    exported = torch.export.export(body, (pictures,)).module()
    torch.testing.assert_close(exported(pictures), body(pictures))


def test_a_densenet_computes_what_monais_does() -> None:
    needs_monai()
    theirs = monai_network("DenseNet")(
        2, 3, 1, init_features=8, growth_rate=4, block_config=(2, 2)
    ).eval()
    ours = DenseNetBody(3, blocks=(2, 2), growth=4, start=8).eval()
    ours.load_state_dict(theirs.state_dict(), strict=False)
    pictures = torch.randn(2, 3, 40, 40)
    expected = theirs.class_layers.out(ours(pictures).mean(dim=(2, 3)))
    torch.testing.assert_close(theirs(pictures), expected)


def test_a_small_stem_keeps_the_pixels_of_small_images() -> None:
    needs_monai()
    large, little = (
        DenseNetBody(1, blocks=(2, 2), growth=4, start=8, stem=stem).eval()
        for stem in ("7x7", "3x3")
    )
    pictures = torch.zeros(1, 1, 32, 32)
    assert large(pictures).shape[-2:] == (4, 4)
    assert little(pictures).shape[-2:] == (16, 16)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("densenet121", {"stem": "1x1"}, "stem must be 7x7 or 3x3"),
        ("densenet121", {"blocks": ()}, "blocks must say"),
        ("efficientnet-b5", {"drop_connect": 1.0}, "drop_connect must be in"),
        ("efficientnet-b5", {"width": 0.0}, "factors above 0"),
    ],
)
def test_impossible_options_are_refused_without_the_package(
    name: str, options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "monai", None)
    with pytest.raises(ConfigurationError, match=message):
        build_network(SPEC, name=name, options=options)


@pytest.mark.parametrize("stem", [None, "3x3"])
def test_images_too_small_for_a_densenet_are_refused_with_the_other_stem(
    stem: str | None,
) -> None:
    options = {} if stem is None else {"stem": stem}
    side = 28 if stem is None else 7
    with pytest.raises(ConfigurationError, match=rf"needs images of {side + 1} pixels.*stem: 3x3"):
        build_network(SPEC | {"size": [side, side]}, name="densenet121", options=options)


def test_a_densenet_takes_the_smallest_images_that_it_is_said_to_take() -> None:
    needs_monai()
    for side, options in ((29, {}), (8, {"stem": "3x3"})):
        spec = SPEC | {"size": [side, side]}
        network = build_network(spec, name="densenet121", options=options).eval()
        assert network(torch.zeros(1, 3, side, side, dtype=torch.uint8)).shape == (1,)


def test_a_missing_package_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "monai"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Hidden(), *sys.meta_path])
    with pytest.raises(ConfigurationError, match=r'not installed. Run: pip install "rarecall\[net'):
        build_network(SPEC, name="densenet121")


class _Hidden:
    """Finds nothing of MONAI, as where it is not installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == "monai":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def fake_monai(monkeypatch: pytest.MonkeyPatch, **classes: object) -> None:
    nets = ModuleType("monai.networks.nets")
    for name, value in classes.items():
        setattr(nets, name, value)
    for name, module in (
        ("monai", ModuleType("monai")),
        ("monai.networks", ModuleType("monai.networks")),
        ("monai.networks.nets", nets),
    ):
        monkeypatch.setitem(sys.modules, name, module)


class OtherNetwork(nn.Module):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()
        self.features = nn.Sequential()


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({}, "it has no DenseNet"),
        ({"DenseNet": OtherNetwork}, "its Sequential has no conv0"),
    ],
)
def test_another_version_of_the_package_is_told_in_words(
    classes: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_monai(monkeypatch, **classes)
    with pytest.raises(ConfigurationError, match=f"does not work with torch .*{message}"):
        build_network(SPEC, name="densenet121")


def test_a_package_made_for_another_torch_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name.partition(".")[0] == "monai":
                raise AttributeError("module 'torch' has no attribute 'old'")

    for name in [name for name in sys.modules if name.partition(".")[0] == "monai"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ConfigurationError, match=r"MONAI is installed, but does not work.*'old'"):
        build_network(SPEC, name="efficientnet-b3")
