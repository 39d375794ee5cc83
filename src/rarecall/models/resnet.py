"""Residual networks for small images: the papers' ResNet-10 and one fit for a processor."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rarecall.models.head import Head

if TYPE_CHECKING:
    from collections.abc import Sequence

RESNET10_WIDTHS = (64, 128, 256, 512)


class Normalize(nn.Module):
    """Images with values 0 to 255 to zero mean and unit variance; the first layer of a network.

    Inside the network, so that whoever gives it an image as read from a file does right.

    Args:
        mean: Mean of every channel, on the scale 0 to 1.
        std: Standard deviation of every channel, on the scale 0 to 1, above 0.

    >>> Normalize([0.5], [0.25])(torch.full((1, 1, 1, 2), 255, dtype=torch.uint8))
    tensor([[[[2.0000, 2.0000]]]])
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std) or not all(value > 0 for value in std):
            raise ValueError(
                "Normalize needs one mean and one standard deviation above 0 a channel; got mean "
                f"{list(mean)} and std {list(std)}."
            )
        spread = torch.tensor(std, dtype=torch.float64).reshape(-1, 1, 1)
        middle = torch.tensor(mean, dtype=torch.float64).reshape(-1, 1, 1)
        self.register_buffer("scale", (1 / (255 * spread)).float())
        self.register_buffer("shift", (-middle / spread).float())

    def forward(self, images: Tensor) -> Tensor:
        """Normalise ``images``, shape ``(B, C, H, W)``, uint8 or float on the scale 0 to 255."""
        return torch.addcmul(self.shift, images.to(self.scale.dtype), self.scale)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch normalisation, added to what came in."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, before, H, W)`` to ``(B, width, H / stride, W / stride)``."""
        inner = F.relu(self.bn1(self.conv1(images)))
        return F.relu(self.bn2(self.conv2(inner)) + self.shortcut(images))


class ResNet(nn.Module):
    """A residual network of one basic block a stage, for 8×8 to 64×64 images.

    Args:
        mean: Mean of every channel, on the scale 0 to 1; its length is the number of channels.
        std: Standard deviation of every channel, on the scale 0 to 1.
        widths: Channels of every stage; each stage but the first halves height and width.
        outputs: 1 for logits of shape ``(B,)``, more for ``(B, outputs)``.
        stem_stride: 2 halves height and width before the first stage.
        dropout: Share of the pooled features dropped in training, in [0, 1).

    With ``widths=(64, 128, 256, 512)`` it is the ResNet-10 of the ALM and RankReg papers,
    4,898,625 parameters for three channels and one logit.

    Reference:
        He et al., *Deep Residual Learning for Image Recognition*, CVPR 2016; Sangalli et al.,
        *Constrained Optimization to Train Neural Networks on Critical and Under-Represented
        Classes*, NeurIPS 2021, section 5.

    >>> network = ResNet([0.5], [0.25], widths=(8, 16)).eval()
    >>> network(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        widths: Sequence[int] = RESNET10_WIDTHS,
        outputs: int = 1,
        stem_stride: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not widths:
            raise ValueError("A residual network needs one stage or more; widths is empty.")
        self.normalize = Normalize(mean, std)
        self.stem = nn.Conv2d(len(mean), widths[0], 3, stem_stride, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(widths[0])
        stages = [BasicBlock(widths[0], widths[0], 1)]
        stages += [BasicBlock(before, width, 2) for before, width in pairwise(widths)]
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.fc = Head(widths[-1], outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                # Channels last: convolutions on a processor take a quarter less time.
                module.weight.data = module.weight.data.contiguous(
                    memory_format=torch.channels_last
                )

    def forward(self, images: Tensor) -> Tensor:
        """Score ``images``, shape ``(B, C, H, W)``, values 0 to 255.

        Returns:
            Logits, shape ``(B,)`` for one output, else ``(B, outputs)``.
        """
        normal = self.normalize(images).contiguous(memory_format=torch.channels_last)
        hidden = F.relu(self.bn(self.stem(normal)))
        pooled = self.stages(hidden).mean(dim=(2, 3))
        logits: Tensor = self.fc(self.dropout(pooled))
        return logits
