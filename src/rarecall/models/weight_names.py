"""How published weights name the layers of a network, and how rarecall does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_WRAPPED = re.compile(r"^(?:module\.|model\.|_orig_mod\.)+")

_HEADS = r"classifier|classif|last_linear|head\.fc|class_layers\.out|_fc|head|fc|classifier\.[12]"

_RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "torchvision, timm: ResNeXt": ((r"^(conv1|bn1|layer\d+)\.", r"body.\1."),),
    "torchvision: DenseNet": (
        (r"\.denselayer(\d+)\.(norm|conv)\.?([12])\.", r".denselayer\1.layers.\2\3."),
        (r"^features\.", "body.features."),
    ),
    "MONAI: DenseNet": ((r"^features\.", "body.features."),),
    "torchvision: ConvNeXt": (
        (r"^classifier\.0\.", "norm."),
        (r"^features\.", "body."),
    ),
    "timm: ConvNeXt": (
        (r"^stem\.", "body.0."),
        (r"^stages\.(\d+)\.downsample\.", r"body.@\1-."),
        (r"^stages\.(\d+)\.blocks\.(\d+)\.gamma$", r"body.@\1+.\2.layer_scale"),
        (r"^stages\.(\d+)\.blocks\.(\d+)\.conv_dw\.", r"body.@\1+.\2.block.0."),
        (r"^stages\.(\d+)\.blocks\.(\d+)\.norm\.", r"body.@\1+.\2.block.2."),
        (r"^stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc1\.", r"body.@\1+.\2.block.3."),
        (r"^stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc2\.", r"body.@\1+.\2.block.5."),
        (r"^head\.norm\.", "norm."),
    ),
    "its authors: ConvNeXt": (
        (r"^downsample_layers\.0\.", "body.0."),
        (r"^downsample_layers\.(\d+)\.", r"body.@\1-."),
        (r"^stages\.(\d+)\.(\d+)\.gamma$", r"body.@\1+.\2.layer_scale"),
        (r"^stages\.(\d+)\.(\d+)\.dwconv\.", r"body.@\1+.\2.block.0."),
        (r"^stages\.(\d+)\.(\d+)\.norm\.", r"body.@\1+.\2.block.2."),
        (r"^stages\.(\d+)\.(\d+)\.pwconv1\.", r"body.@\1+.\2.block.3."),
        (r"^stages\.(\d+)\.(\d+)\.pwconv2\.", r"body.@\1+.\2.block.5."),
    ),
    "timm: Inception-ResNet-v2": ((r"^(conv2d_\w+|mixed_\w+|repeat\w*|block8)\.", r"body.\1."),),
}


def readings(names: Collection[str], own: Collection[str]) -> dict[str, dict[str, str]]:
    """List the ways to read a file's names of layers as those of a network.

    Args:
        names: Names of the tensors in the file.
        own: Names of the tensors of the network.

    Returns:
        For each known origin of weights, the network's name, or what comes nearest, by the file's.

    >>> ways = readings(["module.layer1.0.conv1.weight", "module.fc.bias"], [])
    >>> ways["torchvision, timm: ResNeXt"]["module.layer1.0.conv1.weight"]
    'body.layer1.0.conv1.weight'
    >>> ways["torchvision, timm: ResNeXt"]["module.fc.bias"]
    'fc.bias'
    """
    bare = {name: _WRAPPED.sub("", name) for name in names}
    plain = bare if len(set(bare.values())) == len(bare) else {name: name for name in names}
    ways: dict[str, Callable[[str], str]] = {"rarecall": lambda name: name}
    for origin, rules in _RULES.items():
        ways[origin] = _by_rules(rules)
    ways["torchvision, timm: ResNet"] = _resnet(plain.values())
    ways |= _efficientnets(own)
    return {
        origin: {name: rename(short) for name, short in plain.items()}
        for origin, rename in ways.items()
    }


def _by_rules(rules: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    def rename(name: str) -> str:
        changed = name
        for pattern, replacement in rules:
            changed = re.sub(pattern, replacement, changed)
        return _head(name) if changed == name else _ordered(changed)

    return rename


def _ordered(name: str) -> str:
    """Write the place of a stage, ``@1+``, or of what halves before it, ``@1-``, as a number."""
    return re.sub(r"@(\d+)([+-])", lambda m: str(2 * int(m[1]) + (1 if m[2] == "+" else 0)), name)


def _head(name: str) -> str:
    return re.sub(rf"^(?:{_HEADS})\.(weight|bias)$", r"fc.\1", name)


def _resnet(names: Collection[str]) -> Callable[[str], str]:
    """Blocks in stages, of which this network has one row."""
    found = [re.match(r"layer(\d+)\.(\d+)\.", name) for name in names]
    places = sorted({(int(m[1]), int(m[2])) for m in found if m})

    def rename(name: str) -> str:
        match = re.match(r"layer(\d+)\.(\d+)\.(.*)", name)
        if match:
            place = places.index((int(match[1]), int(match[2])))
            return f"stages.{place}.{match[3].replace('downsample.', 'shortcut.', 1)}"
        return _head(re.sub(r"^conv1\.", "stem.", re.sub(r"^bn1\.", "bn.", name)))

    return rename


_TIMM_BLOCK: dict[bool, Mapping[str, str]] = {
    True: {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"},
    False: {
        "conv_pw": "_expand_conv",
        "bn1": "_bn0",
        "conv_dw": "_depthwise_conv",
        "bn2": "_bn1",
        "conv_pwl": "_project_conv",
        "bn3": "_bn2",
    },
}
_TIMM_END = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
_TIMM_SQUEEZE = {"conv_reduce": "_se_reduce", "conv_expand": "_se_expand"}


def _efficientnets(own: Collection[str]) -> dict[str, Callable[[str], str]]:
    """MONAI numbers blocks throughout, inside of stages; others do one or the other."""
    found = [re.match(r"body\.net\._blocks\.(\d+)\.(\d+)\.", name) for name in own]
    stages = {int(match[2]): int(match[1]) for match in found if match}
    first = {stage: min(b for b, s in stages.items() if s == stage) for stage in stages.values()}

    def authors(name: str) -> str:
        match = re.match(r"_blocks\.(\d+)\.(\D.*)", name)
        if match:
            stage = stages.get(int(match[1]), -1)
            return f"body.net._blocks.{stage}.{match[1]}.{match[2]}"
        return _head(re.sub(r"^(_conv_stem|_bn0|_conv_head|_bn1|_blocks)\.", r"body.net.\1.", name))

    def timm(name: str) -> str:
        match = re.match(r"blocks\.(\d+)\.(\d+)\.(se\.)?(\w+)\.(\w+)$", name)
        if match:
            stage, number = int(match[1]), int(match[2])
            table = _TIMM_SQUEEZE if match[3] else _TIMM_BLOCK[stage == 0]
            block = first.get(stage, -1) + number
            part = table.get(match[4], match[4])
            return f"body.net._blocks.{stage}.{block}.{part}.{match[5]}"
        top, _, rest = name.partition(".")
        return f"body.net.{_TIMM_END[top]}.{rest}" if top in _TIMM_END else _head(name)

    return {"MONAI, its PyTorch authors: EfficientNet": authors, "timm: EfficientNet": timm}
