"""The networks for images by name: what makes each, and its options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from rarecall.models.cascade import CascadeCNN
from rarecall.models.convnext import EPSILON, ConvNeXt
from rarecall.models.external import DenseNetBody, EfficientNetBody
from rarecall.models.inception_resnet import InceptionResNetV2
from rarecall.models.pooled import PooledNetwork
from rarecall.models.resnet import ResNet
from rarecall.models.resnext import ResNeXt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of the channels, for weights trained on ImageNet."""

_GREY = ((0.449,), (0.226,))


@dataclass(frozen=True)
class ImageNetwork:
    """One name.

    Attributes:
        make: The network's class, or that of its body.
        defaults: Arguments that make it this network.
        options: Arguments that a user may give.
        smallest: Side of the smallest images that it can take, by the stem where there are two.
        dropout: Of the pooled features, by default.
    """

    make: Callable[..., nn.Module]
    options: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    smallest: int | Mapping[str, int] = 1
    dropout: float = 0.0


_SMALL = ("widths", "blocks", "stem_width", "stem_stride", "activation", "shortcut", "dropout")
_PLAIN = ("widths", "stem", "stem_width", "activation", "dropout")
_CIFAR = ("widths", "stem_width", "activation", "shortcut", "dropout")
_THIN = {"widths": (16, 32, 64), "shortcut": "padding"}
_CASCADE = ("widths", "convolutions", "kernel", "normalization", "hidden", "dropout")
_RESNEXT = ("blocks", "base", "groups", "group_width", "stem", "dropout")


def _dense(blocks: tuple[int, ...], growth: int = 32, start: int = 64) -> ImageNetwork:
    options = ("blocks", "growth", "start", "stem", "dropout")
    defaults = {"blocks": blocks, "growth": growth, "start": start}
    return ImageNetwork(DenseNetBody, options, defaults, smallest={"7x7": 29, "3x3": 8})


def _efficient(width: float, depth: float, dropout: float) -> ImageNetwork:
    options = ("width", "depth", "drop_connect", "dropout")
    return ImageNetwork(
        EfficientNetBody, options, {"width": width, "depth": depth}, dropout=dropout
    )


NETWORKS: dict[str, ImageNetwork] = {
    "resnet-small": ImageNetwork(ResNet, _SMALL, {"widths": (16, 32, 64)}),
    "resnet10": ImageNetwork(ResNet, _PLAIN),
    "resnet18": ImageNetwork(ResNet, _PLAIN, {"blocks": 2}),
    "resnet20": ImageNetwork(ResNet, _CIFAR, _THIN | {"blocks": 3}),
    "resnet32": ImageNetwork(ResNet, _CIFAR, _THIN | {"blocks": 5}),
    "resnet32-wide": ImageNetwork(ResNet, _CIFAR, _THIN | {"blocks": 5, "stem_width": 64}),
    "cascade": ImageNetwork(CascadeCNN, _CASCADE),
    "densenet121": _dense((6, 12, 24, 16)),
    "densenet161": _dense((6, 12, 36, 24), growth=48, start=96),
    "densenet169": _dense((6, 12, 32, 32)),
    "densenet201": _dense((6, 12, 48, 32)),
    "efficientnet-b3": _efficient(1.2, 1.4, 0.3),
    "efficientnet-b5": _efficient(1.6, 2.2, 0.4),
    "efficientnet-b6": _efficient(1.8, 2.6, 0.5),
    "resnext50": ImageNetwork(ResNeXt, _RESNEXT),
    "convnext-tiny": ImageNetwork(
        ConvNeXt, ("blocks", "widths", "drop_path", "dropout"), smallest=32
    ),
    "inception-resnet-v2": ImageNetwork(
        InceptionResNetV2, ("blocks", "dropout"), smallest=75, dropout=0.2
    ),
}


def image_options(name: str) -> tuple[str, ...]:
    """Options of a network for images.

    >>> image_options("convnext-tiny")
    ('blocks', 'widths', 'drop_path', 'dropout', 'normalize')
    """
    return (*NETWORKS[name].options, "normalize")


def build_image_network(
    name: str, spec: Mapping[str, Any], outputs: int, options: Mapping[str, Any]
) -> nn.Module:
    """Make a network for images; its first weights come from the global random state.

    Args:
        name: A key of :data:`NETWORKS`.
        spec: As for :func:`build_network`.
        outputs: Logits a sample.
        options: Known ones only.

    Raises:
        ValueError: An option is impossible, or the images are too small.
        ConfigurationError: The network is another package's, which is missing or does not fit.
    """
    entry = NETWORKS[name]
    given = dict(entry.defaults) | dict(options)
    mean, std = _normalization(given.pop("normalize", "data"), spec)
    if entry.make is CascadeCNN:
        return CascadeCNN(mean, std, size=spec["size"], outputs=outputs, **given)
    if entry.make is ResNet:
        if name == "resnet-small":
            # A processor's time goes into the first, largest maps: 64 pixels are halved at once.
            given.setdefault("stem_stride", 2 if max(spec["size"]) > 40 else 1)
        return ResNet(mean, std, outputs=outputs, **given)
    _check_size(name, entry, spec, given)
    dropout = given.pop("dropout", entry.dropout)
    body = entry.make(len(mean), **given)
    width = int(body.width)  # type: ignore[arg-type]
    norm = nn.LayerNorm(width, eps=EPSILON) if entry.make is ConvNeXt else None
    return PooledNetwork(mean, std, body, width, outputs=outputs, dropout=dropout, norm=norm)


def _normalization(choice: object, spec: Mapping[str, Any]) -> tuple[Any, Any]:
    if choice == "data":
        return spec["mean"], spec["std"]
    if choice != "imagenet":
        raise ValueError(f"normalize must be 'data' or 'imagenet', not {choice!r}.")
    channels = len(spec["mean"])
    if channels not in (1, 3):
        raise ValueError(f"ImageNet's mean is for 1 or 3 channels; these images have {channels}.")
    return IMAGENET if channels == 3 else _GREY


def _check_size(
    name: str, entry: ImageNetwork, spec: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    smallest = entry.smallest
    if not isinstance(smallest, int):
        smallest = smallest.get(given.get("stem", "7x7"), 1)
    if "blocks" in given and given["blocks"] != entry.defaults.get("blocks", given["blocks"]):
        return  # fewer blocks halve less often
    if min(spec["size"]) < smallest:
        stems = " or the option stem: 3x3" if "stem" in entry.options else ""
        raise ValueError(
            f"{name} needs images of {smallest} pixels or more a side, but these have "
            f"{' × '.join(map(str, spec['size']))}. Choose a larger size{stems}, or resnet10."
        )
