"""ResNeXt: a residual network whose 3×3 convolutions are cut into groups of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPANSION = 4


class GroupedBottleneck(nn.Module):
    """1×1, grouped 3×3 and 1×1 convolution, added to what came in.

    Args:
        before: Channels that come in.
        inner: Channels of the grouped convolution.
        width: Channels that go out.
        stride: 2 halves height and width.
        groups: Into how many groups the inner channels are cut.

    >>> import torch
    >>> GroupedBottleneck(8, 16, 32, 2, groups=4)(torch.zeros(1, 8, 6, 6)).shape
    torch.Size([1, 32, 3, 3])
    """

    def __init__(self, before: int, inner: int, width: int, stride: int, *, groups: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.downsample: nn.Module = nn.Sequential()
        if stride != 1 or before != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, before, H, W)`` to ``(B, width, H / stride, W / stride)``."""
        inner = self.relu(self.bn1(self.conv1(images)))
        inner = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(inner)))))
        result: Tensor = self.relu(inner + self.downsample(images))
        return result


class ResNeXt(nn.Sequential):
    """The body of ResNeXt-50 (32×4d); its layers are named as in published weights.

    Args:
        channels: Channels of the images.
        blocks: Blocks of every stage; each stage but the first halves height and width.
        base: Channels of the stem; a stage's blocks give ``4 · base · 2 ** stage`` channels.
        groups: Groups of the inner convolutions.
        group_width: Channels of one group in the first stage, for a base of 64.
        stem: ``"7x7"`` of stride 2 with a pooling behind it, for photographs; ``"3x3"`` for images
            up to about 64 pixels.

    Attributes:
        width: Channels that leave it.

    Reference:
        Xie et al., *Aggregated Residual Transformations for Deep Neural Networks*, CVPR 2017.

    >>> import torch
    >>> body = ResNeXt(3, blocks=(1, 1), base=16, groups=4)
    >>> body(torch.zeros(1, 3, 32, 32)).shape, body.width
    (torch.Size([1, 128, 4, 4]), 128)
    """

    def __init__(
        self,
        channels: int,
        *,
        blocks: Sequence[int] = (3, 4, 6, 3),
        base: int = 64,
        groups: int = 32,
        group_width: int = 4,
        stem: Literal["7x7", "3x3"] = "7x7",
    ) -> None:
        super().__init__()
        if stem not in ("7x7", "3x3"):
            raise ValueError(f"stem must be 7x7 or 3x3, not {stem!r}.")
        if not blocks or any(count < 1 for count in blocks):
            raise ValueError(f"blocks must say 1 or more for every stage, not {blocks}.")
        large = stem == "7x7"
        self.conv1 = (
            nn.Conv2d(channels, base, 7, 2, padding=3, bias=False)
            if large
            else nn.Conv2d(channels, base, 3, padding=1, bias=False)
        )
        self.bn1 = nn.BatchNorm2d(base)
        self.relu = nn.ReLU()
        self.maxpool: nn.Module = nn.MaxPool2d(3, 2, padding=1) if large else nn.Identity()
        before = base
        for stage, count in enumerate(blocks):
            inner = base * 2**stage * group_width * groups // 64
            self.width = EXPANSION * base * 2**stage
            row = []
            for block in range(count):
                stride = 2 if block == 0 and stage > 0 else 1
                row.append(GroupedBottleneck(before, inner, self.width, stride, groups=groups))
                before = self.width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*row))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
