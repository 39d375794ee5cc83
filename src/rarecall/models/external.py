"""Bodies made of MONAI's networks, imported only when one is built."""

from __future__ import annotations

import math
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rarecall.errors import PackageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_STAGES = (
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s22_e6_i16_o24_se0.25",
    "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25",
    "r3_k5_s11_e6_i80_o112_se0.25",
    "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
)
"""EfficientNet-B0: repeats, kernel, stride, expansion, channels in and out, squeezing."""


def monai_network(name: str) -> Any:
    """Import one of MONAI's networks.

    Args:
        name: Of a class in ``monai.networks.nets``.

    Raises:
        PackageError: MONAI is not installed, cannot be used with the packages that are, or
            has no such network.

    >>> monai_network("DenseNet").__name__  # doctest: +SKIP
    'DenseNet'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nets = import_module("monai.networks.nets")
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == "monai":
            raise PackageError(
                "DenseNets and EfficientNets are MONAI's, which is not installed. Run: "
                'pip install "rarecall[networks]". resnet18, resnext50 and convnext-tiny need no '
                "further package."
            ) from error
        raise _mismatch(error) from error
    except Exception as error:
        # A package made for another torch fails in many ways, and not as ImportError only.
        raise _mismatch(error) from error
    if not hasattr(nets, name):
        raise _mismatch(AttributeError(f"it has no {name}"))
    return getattr(nets, name)


def _mismatch(error: Exception) -> PackageError:
    return PackageError(
        f"MONAI is installed, but does not work with torch {torch.__version__} or is not of a "
        f"version that rarecall knows ({type(error).__name__}: {error}). Run: "
        'pip install --upgrade "rarecall[networks]".'
    )


class DenseNetBody(nn.Module):
    """A DenseNet without its last layer.

    Args:
        channels: Channels of the images.
        blocks: Layers of every dense block.
        growth: Channels that every layer adds.
        start: Channels of the stem.
        stem: ``"7x7"`` of stride 2 with a pooling behind it, as published; ``"3x3"`` for images up
            to about 64 pixels.

    Attributes:
        width: Channels that leave it.

    Raises:
        PackageError: MONAI is missing or does not fit.

    Reference:
        Huang et al., *Densely Connected Convolutional Networks*, CVPR 2017.
    """

    def __init__(
        self,
        channels: int,
        *,
        blocks: Sequence[int] = (6, 12, 24, 16),
        growth: int = 32,
        start: int = 64,
        stem: Literal["7x7", "3x3"] = "7x7",
    ) -> None:
        if stem not in ("7x7", "3x3"):
            raise ValueError(f"stem must be 7x7 or 3x3, not {stem!r}.")
        if not blocks or any(count < 1 for count in blocks):
            raise ValueError(f"blocks must say 1 or more for every block, not {blocks}.")
        super().__init__()
        network = monai_network("DenseNet")(
            2, channels, 1, init_features=start, growth_rate=growth, block_config=tuple(blocks)
        )
        self.features = _part(network, "features")
        _part(self.features, "conv0")
        if stem == "3x3":
            self.features.conv0 = nn.Conv2d(channels, start, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(self.features.conv0.weight)
            self.features.pool0 = nn.Identity()
        self.width: int = _part(self.features, "norm5").num_features

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to ``(B, width, h, w)``."""
        maps: Tensor = F.relu(self.features(images))
        return maps


class EfficientNetBody(nn.Module):
    """An EfficientNet without its last layer, for images of any size.

    Args:
        channels: Channels of the images.
        width: Factor of the channels of EfficientNet-B0.
        depth: Factor of its blocks.
        drop_connect: Chance in training that a sample skips the last block, in [0, 1); the
            others' rise linearly to it.

    Attributes:
        width: Channels that leave it.

    Raises:
        PackageError: MONAI is missing or does not fit.

    Reference:
        Tan and Le, *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*,
        ICML 2019.
    """

    def __init__(
        self, channels: int, *, width: float = 1.0, depth: float = 1.0, drop_connect: float = 0.2
    ) -> None:
        if not 0 <= drop_connect < 1:
            raise ValueError(f"drop_connect must be in [0, 1), not {drop_connect}.")
        if not (0 < width <= 10 and 0 < depth <= 10):
            raise ValueError(
                f"width and depth are factors above 0, at most 10, not {width} and {depth}."
            )
        super().__init__()
        self.net = monai_network("EfficientNet")(
            list(_STAGES),
            spatial_dims=2,
            in_channels=channels,
            num_classes=1,
            width_coefficient=width,
            depth_coefficient=depth,
            drop_connect_rate=drop_connect,
        )
        # Fixed padding is right for one size only, and MONAI's own activation cannot be exported.
        _pad_any_size(self.net, "_conv_stem")
        for block in (part for part in self.net.modules() if hasattr(part, "_depthwise_conv")):
            _pad_any_size(block, "_depthwise_conv")
            block._swish = nn.SiLU()
        self.net._swish = nn.SiLU()
        for name in ("_avg_pooling", "_dropout", "_fc"):
            _part(self.net, name)
            setattr(self.net, name, nn.Identity())
        self.width: int = _part(self.net, "_conv_head").out_channels

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to ``(B, width, h, w)``."""
        net = self.net
        maps = net._blocks(net._swish(net._bn0(net._conv_stem(net._conv_stem_padding(images)))))
        result: Tensor = net._swish(net._bn1(net._conv_head(maps)))
        return result


class SamePadding(nn.Module):
    """Zeros around an image, so that a convolution gives ``ceil(side / stride)`` pixels a side.

    Args:
        kernel: Side of the kernel.
        stride: Of the convolution.

    >>> SamePadding(3, 2)(torch.zeros(1, 1, 8, 7)).shape
    torch.Size([1, 1, 9, 9])
    """

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride

    def forward(self, images: Tensor) -> Tensor:
        """Pad ``(B, C, H, W)``; the odd pixel goes below and to the right."""
        down, across = (self._missing(side) for side in images.shape[-2:])
        return F.pad(images, (across // 2, across - across // 2, down // 2, down - down // 2))

    def _missing(self, side: int) -> int:
        return max((math.ceil(side / self.stride) - 1) * self.stride + self.kernel - side, 0)


def _pad_any_size(part: nn.Module, name: str) -> None:
    convolution = _part(part, name)
    _part(part, f"{name}_padding")
    kernel, stride = convolution.kernel_size[0], convolution.stride[0]
    setattr(part, f"{name}_padding", SamePadding(kernel, stride))


def _part(network: nn.Module, name: str) -> Any:
    if not hasattr(network, name):
        raise _mismatch(AttributeError(f"its {type(network).__name__} has no {name}"))
    return getattr(network, name)
