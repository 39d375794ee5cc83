"""Residual networks of basic blocks: the papers' ResNet-10, -18, -20 and -32, and small ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rarecall.models.dropout import Dropout
from rarecall.models.head import Head

if TYPE_CHECKING:
    from collections.abc import Sequence

RESNET10_WIDTHS = (64, 128, 256, 512)

Activation = Literal["relu", "elu"]
Shortcut = Literal["projection", "padding"]
Stem = Literal["3x3", "7x7"]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "elu": F.elu}


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


class _Padded(nn.Module):
    """A shortcut without parameters: every second pixel, and zeros for the new channels."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.pads = (width - before) // 2, width - before - (width - before) // 2

    def forward(self, images: Tensor) -> Tensor:
        thinned = images[:, :, :: self.stride, :: self.stride]
        return F.pad(thinned, (0, 0, 0, 0, *self.pads))


class _Projection(nn.Conv2d):
    """A shortcut that maps every second pixel alone.

    Thinned before it is convolved, which gives the same: on processors with several threads, torch
    2.13 overwrites memory in the backward of a strided 1×1 convolution of fewer than 16 channels.
    """

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__(before, width, 1, bias=False)
        self.thinning = stride

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images[:, :, :: self.thinning, :: self.thinning])


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch normalisation, added to what came in.

    Args:
        before: Channels that come in.
        width: Channels that go out.
        stride: 2 halves height and width.
        activation: ``"relu"`` or ``"elu"``.
        shortcut: Where the shape changes, ``"projection"`` (a 1×1 convolution) or ``"padding"``
            (every second pixel and zeros, without parameters).
    """

    def __init__(
        self,
        before: int,
        width: int,
        stride: int,
        *,
        activation: Activation = "relu",
        shortcut: Shortcut = "projection",
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.activate = _ACTIVATIONS[activation]
        self.shortcut: nn.Module = nn.Sequential()
        if stride != 1 or before != width:
            self.shortcut = (
                _Padded(before, width, stride)
                if shortcut == "padding"
                else nn.Sequential(_Projection(before, width, stride), nn.BatchNorm2d(width))
            )

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, before, H, W)`` to ``(B, width, H / stride, W / stride)``."""
        inner = self.activate(self.bn1(self.conv1(images)))
        return self.activate(self.bn2(self.conv2(inner)) + self.shortcut(images))


class ResNet(nn.Module):
    """A residual network of basic blocks.

    Args:
        mean: Mean of every channel, on the scale 0 to 1; its length is the number of channels.
        std: Standard deviation of every channel, on the scale 0 to 1.
        widths: Channels of every stage; each stage but the first halves height and width.
        outputs: 1 for logits of shape ``(B,)``, more for ``(B, outputs)``.
        blocks: Basic blocks of every stage, one number for all or one a stage.
        stem: The first convolution: ``"3x3"`` for images up to about 64 pixels; ``"7x7"``, of
            stride 2 and with a pooling layer behind it, for photographs.
        stem_width: Channels of the first convolution; those of the first stage by default.
        stem_stride: 2 halves height and width before the first stage; only with ``"3x3"``.
        activation: ``"relu"``, or ``"elu"`` as in the deep AUC paper.
        shortcut: As of :class:`BasicBlock`; ``"padding"`` in the small networks for CIFAR.
        dropout: Share of the pooled features dropped in training, in [0, 1).

    With ``widths=(64, 128, 256, 512)`` and one block a stage it is the ResNet-10 of the ALM and
    RankReg papers, 4,898,625 parameters for three channels and one logit; with two blocks,
    ResNet-18. ``widths=(16, 32, 64)`` with three blocks a stage is ResNet-20, with five ResNet-32.

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
        blocks: int | Sequence[int] = 1,
        outputs: int = 1,
        stem: Stem = "3x3",
        stem_width: int | None = None,
        stem_stride: int = 1,
        activation: Activation = "relu",
        shortcut: Shortcut = "projection",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        depths = _depths(widths, blocks)
        self.normalize = Normalize(mean, std)
        width = widths[0] if stem_width is None else stem_width
        if stem == "7x7":
            self.stem = nn.Conv2d(len(mean), width, 7, 2, padding=3, bias=False)
        else:
            self.stem = nn.Conv2d(len(mean), width, 3, stem_stride, padding=1, bias=False)
        self.pool: nn.Module = nn.MaxPool2d(3, 2, padding=1) if stem == "7x7" else nn.Identity()
        self.bn = nn.BatchNorm2d(width)
        self.activate = _ACTIVATIONS[activation]
        # All blocks in one row, so that stored weights do not depend on how stages are cut.
        row = [
            BasicBlock(
                width_before if block == 0 else stage_width,
                stage_width,
                2 if block == 0 and stage > 0 else 1,
                activation=activation,
                shortcut=shortcut,
            )
            for stage, ((width_before, stage_width), depth) in enumerate(
                zip(pairwise((width, *widths)), depths, strict=True)
            )
            for block in range(depth)
        ]
        self.stages = nn.Sequential(*row)
        self.dropout = Dropout(dropout)
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
        normal = channels_last(self.normalize(images))
        hidden = self.pool(self.activate(self.bn(self.stem(normal))))
        pooled = self.stages(hidden).mean(dim=(2, 3))
        logits: Tensor = self.fc(self.dropout(pooled))
        return logits


def channels_last(images: Tensor) -> Tensor:
    """Lay images out pixel by pixel, as ``contiguous(memory_format=channels_last)`` does.

    By permutations, which also work where networks are stacked (:func:`torch.vmap`).

    >>> channels_last(torch.zeros(2, 3, 4, 4)).stride()
    (48, 1, 12, 3)
    """
    return images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def _depths(widths: Sequence[int], blocks: int | Sequence[int]) -> tuple[int, ...]:
    depths = (blocks,) * len(widths) if isinstance(blocks, int) else tuple(blocks)
    if not widths:
        raise ValueError("A residual network needs one stage or more; widths is empty.")
    if len(depths) != len(widths) or any(depth < 1 for depth in depths):
        raise ValueError(
            f"blocks must say how many blocks every stage has, 1 or more, for {len(widths)} "
            f"stages; {blocks} came."
        )
    return depths
