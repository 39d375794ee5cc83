"""ConvNeXt: depthwise 7×7 convolutions and two dense layers a pixel."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

EPSILON = 1e-6


class _Permute(nn.Module):
    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, images: Tensor) -> Tensor:
        return images.permute(*self.order)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of every pixel, input ``(B, C, H, W)``.

    >>> ChannelNorm(4)(torch.randn(2, 4, 3, 3)).mean(dim=1).abs().max() < 1e-5
    tensor(True)
    """

    def forward(self, images: Tensor) -> Tensor:
        """Normalise; the shape stays."""
        return super().forward(images.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """A depthwise convolution and a dense layer four times as wide, scaled and added.

    Args:
        width: Channels that come in and go out.
        drop_path: Chance in training that a sample skips the block, in [0, 1).
    """

    def __init__(self, width: int, drop_path: float) -> None:
        super().__init__()
        self.layer_scale = nn.Parameter(torch.full((width, 1, 1), 1e-6))
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, groups=width),
            _Permute(0, 2, 3, 1),
            nn.LayerNorm(width, eps=EPSILON),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
            _Permute(0, 3, 1, 2),
        )
        self.keep = 1 - drop_path

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, width, H, W)`` to the same shape."""
        added: Tensor = self.layer_scale * self.block(images)
        if self.training and self.keep < 1:
            kept = torch.rand(len(images), 1, 1, 1, device=images.device) < self.keep
            added = added * kept / self.keep
        return images + added


class ConvNeXt(nn.Sequential):
    """The body of ConvNeXt-tiny.

    Args:
        channels: Channels of the images.
        blocks: Blocks of every stage.
        widths: Channels of every stage. The stem makes one pixel of 4×4, and each stage but the
            first one of 2×2.
        drop_path: Chance in training that a sample skips the last block; the others' rise
            linearly from 0 to it.

    Attributes:
        width: Channels that leave it.

    Reference:
        Liu et al., *A ConvNet for the 2020s*, CVPR 2022.

    >>> body = ConvNeXt(3, blocks=(1, 1), widths=(8, 16))
    >>> body(torch.zeros(1, 3, 32, 32)).shape, body.width
    (torch.Size([1, 16, 4, 4]), 16)
    """

    def __init__(
        self,
        channels: int,
        *,
        blocks: Sequence[int] = (3, 3, 9, 3),
        widths: Sequence[int] = (96, 192, 384, 768),
        drop_path: float = 0.1,
    ) -> None:
        if not widths or len(blocks) != len(widths) or any(count < 1 for count in blocks):
            raise ValueError(
                "ConvNeXt needs blocks, 1 or more, and a width for every stage; got "
                f"{blocks} and {widths}."
            )
        if not 0 <= drop_path < 1:
            raise ValueError(f"drop_path must be in [0, 1), not {drop_path}.")
        rates = torch.linspace(0, drop_path, sum(blocks), device="cpu").tolist()
        stem = nn.Conv2d(channels, widths[0], 4, 4)
        row: list[nn.Module] = [nn.Sequential(stem, ChannelNorm(widths[0], eps=EPSILON))]
        for count, (width, after) in zip(blocks, pairwise((*widths, 0)), strict=True):
            row.append(nn.Sequential(*(ConvNeXtBlock(width, rates.pop(0)) for _ in range(count))))
            if after:
                halving = nn.Conv2d(width, after, 2, 2)
                row.append(nn.Sequential(ChannelNorm(width, eps=EPSILON), halving))
        super().__init__(*row)
        self.width = widths[-1]
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
