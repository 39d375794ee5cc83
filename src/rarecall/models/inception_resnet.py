"""Inception-ResNet-v2: branches of convolutions, added to what came in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

Side = int | tuple[int, int]


class Convolution(nn.Module):
    """A convolution without bias, batch normalisation and ReLU.

    Args:
        before: Channels that come in.
        width: Channels that go out.
        kernel: Side or sides of the kernel.
        stride: Of the convolution.
        same: Pad, so that height and width stay.
    """

    def __init__(
        self, before: int, width: int, kernel: Side, stride: int = 1, *, same: bool = False
    ) -> None:
        super().__init__()
        high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (high // 2, wide // 2) if same else (0, 0)
        self.conv = nn.Conv2d(before, width, (high, wide), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=0.001)
        self.relu = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        """Convolve ``(B, before, H, W)``."""
        result: Tensor = self.relu(self.bn(self.conv(images)))
        return result


def chain(before: int, *steps: tuple[int, Side]) -> nn.Module:
    """Convolutions one after the other, (width, kernel) each, that keep height and width."""
    row = []
    for width, kernel in steps:
        row.append(Convolution(before, width, kernel, same=True))
        before = width
    return row[0] if len(row) == 1 else nn.Sequential(*row)


class Branches(nn.Module):
    """Branches whose results are joined along the channels, attributes ``branch0`` onward."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.count = len(branches)
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)

    def forward(self, images: Tensor) -> Tensor:
        """Join what the branches make of ``images``."""
        parts = [self.get_submodule(f"branch{number}")(images) for number in range(self.count)]
        return torch.cat(parts, dim=1)


class ScaledBranches(Branches):
    """Branches whose join, scaled, is added to what came in.

    Args:
        branches: Keep height and width.
        joined: Channels of their join.
        width: Channels that come in and go out.
        scale: Factor of what is added.
        last: Leave the ReLU out.
    """

    def __init__(
        self, *branches: nn.Module, joined: int, width: int, scale: float, last: bool = False
    ) -> None:
        super().__init__(*branches)
        self.scale = scale
        self.conv2d = nn.Conv2d(joined, width, 1)
        self.end: nn.Module = nn.Identity() if last else nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, width, H, W)`` to the same shape."""
        result: Tensor = self.end(images + self.scale * self.conv2d(super().forward(images)))
        return result


def _block35() -> nn.Module:
    branches = chain(320, (32, 1)), chain(320, (32, 1), (32, 3))
    deep = chain(320, (32, 1), (48, 3), (64, 3))
    return ScaledBranches(*branches, deep, joined=128, width=320, scale=0.17)


def _block17() -> nn.Module:
    branches = chain(1088, (192, 1)), chain(1088, (128, 1), (160, (1, 7)), (192, (7, 1)))
    return ScaledBranches(*branches, joined=384, width=1088, scale=0.10)


def _block8(*, last: bool = False) -> nn.Module:
    branches = chain(2080, (192, 1)), chain(2080, (192, 1), (224, (1, 3)), (256, (3, 1)))
    scale = 1.0 if last else 0.20
    return ScaledBranches(*branches, joined=448, width=2080, scale=scale, last=last)


class InceptionResNetV2(nn.Sequential):
    """The body of Inception-ResNet-v2; its layers are named as in published weights.

    Args:
        channels: Channels of the images, 75 pixels or more a side.
        blocks: Blocks of the three kinds, 1 or more each.

    Attributes:
        width: Channels that leave it, 1536.

    Reference:
        Szegedy et al., *Inception-v4, Inception-ResNet and the Impact of Residual Connections on
        Learning*, AAAI 2017.

    >>> body = InceptionResNetV2(1, blocks=(1, 1, 1)).eval()
    >>> body(torch.zeros(1, 1, 75, 75)).shape
    torch.Size([1, 1536, 1, 1])
    """

    width = 1536

    def __init__(self, channels: int, *, blocks: Sequence[int] = (10, 20, 10)) -> None:
        super().__init__()
        if len(blocks) != 3 or any(count < 1 for count in blocks):
            raise ValueError(f"blocks must be three numbers of 1 or more, not {blocks}.")
        self.conv2d_1a = Convolution(channels, 32, 3, 2)
        self.conv2d_2a = Convolution(32, 32, 3)
        self.conv2d_2b = Convolution(32, 64, 3, same=True)
        self.maxpool_3a = nn.MaxPool2d(3, 2)
        self.conv2d_3b = Convolution(64, 80, 1)
        self.conv2d_4a = Convolution(80, 192, 3)
        self.maxpool_5a = nn.MaxPool2d(3, 2)
        average = nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)
        self.mixed_5b = Branches(
            chain(192, (96, 1)),
            chain(192, (48, 1), (64, 5)),
            chain(192, (64, 1), (96, 3), (96, 3)),
            nn.Sequential(average, Convolution(192, 64, 1)),
        )
        self.repeat = nn.Sequential(*(_block35() for _ in range(blocks[0])))
        deep = Convolution(320, 256, 1), Convolution(256, 256, 3, same=True)
        self.mixed_6a = Branches(
            Convolution(320, 384, 3, 2),
            nn.Sequential(*deep, Convolution(256, 384, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
        self.repeat_1 = nn.Sequential(*(_block17() for _ in range(blocks[1])))
        deep = Convolution(1088, 256, 1), Convolution(256, 288, 3, same=True)
        self.mixed_7a = Branches(
            nn.Sequential(Convolution(1088, 256, 1), Convolution(256, 384, 3, 2)),
            nn.Sequential(Convolution(1088, 256, 1), Convolution(256, 288, 3, 2)),
            nn.Sequential(*deep, Convolution(288, 320, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
        self.repeat_2 = nn.Sequential(*(_block8() for _ in range(blocks[2] - 1)))
        self.block8 = _block8(last=True)
        self.conv2d_7b = Convolution(2080, self.width, 1)
