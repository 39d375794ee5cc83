"""Cascaded convolution, activation and pooling: the small network of the first ALM paper."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from rarecall.models.dropout import Dropout
from rarecall.models.head import Head
from rarecall.models.resnet import Normalize

if TYPE_CHECKING:
    from collections.abc import Sequence

CASCADE_WIDTHS = (16, 32, 64, 128)

Normalization = Literal["none", "batch", "instance"]

_CONVOLUTIONS: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_POOLINGS: dict[int, type[nn.MaxPool2d] | type[nn.MaxPool3d]] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_NORMALIZATIONS: dict[str, dict[int, type[nn.Module]]] = {
    "batch": {2: nn.BatchNorm2d, 3: nn.BatchNorm3d},
    "instance": {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d},
}


class Cascade(nn.Module):
    """Stages of convolution, ReLU and max-pooling, and their result as one row of features.

    A pooling halves every side that has two pixels or more; a side of one stays.

    Args:
        channels: Channels that come in.
        size: Height and width, or depth, height and width, of what comes in; their number makes
            the layers 2-D or 3-D.
        widths: Channels of every stage.
        convolutions: Convolutions of a stage.
        kernel: Side of every convolution, odd.
        normalization: Between convolution and ReLU: ``"none"``, ``"batch"`` or ``"instance"``.

    Attributes:
        features: Length of the row that comes out.

    >>> cascade = Cascade(1, (4, 16, 16), widths=(8, 16))
    >>> cascade(torch.zeros(2, 1, 4, 16, 16)).shape, cascade.features
    (torch.Size([2, 256]), 256)
    """

    def __init__(
        self,
        channels: int,
        size: Sequence[int],
        *,
        widths: Sequence[int] = CASCADE_WIDTHS,
        convolutions: int = 1,
        kernel: int = 3,
        normalization: Normalization = "none",
    ) -> None:
        super().__init__()
        _check(channels, size, widths, convolutions=convolutions, kernel=kernel, norm=normalization)
        dimensions = len(size)
        self.shape = (channels, *(int(side) for side in size))
        layers: list[nn.Module] = []
        sides, before = self.shape[1:], channels
        for width in widths:
            for _ in range(convolutions):
                layers.append(_CONVOLUTIONS[dimensions](before, width, kernel, padding=kernel // 2))
                if normalization != "none":
                    layers.append(_NORMALIZATIONS[normalization][dimensions](width))
                layers.append(nn.ReLU())
                before = width
            halved = tuple(2 if side > 1 else 1 for side in sides)
            layers.append(_POOLINGS[dimensions](halved))
            sides = tuple(side // by for side, by in zip(sides, halved, strict=True))
        self.layers = nn.Sequential(*layers)
        self.features = before * math.prod(sides)
        start_for_relu(self)
        # Channels last: convolutions on a processor take a quarter less time.
        last = torch.channels_last if dimensions == 2 else torch.channels_last_3d
        for part in layers:
            if isinstance(part, nn.Conv2d | nn.Conv3d):
                part.weight.data = part.weight.data.contiguous(memory_format=last)

    def forward(self, images: Tensor) -> Tensor:
        """Turn images, shape ``(B, channels, *size)``, into rows, shape ``(B, features)``.

        Raises:
            ValueError: The images have another shape than the layers were made for.
        """
        self.check(images)
        rows: Tensor = self.layers(images).flatten(1)
        return rows

    def check(self, images: Tensor) -> None:
        """Refuse images of another shape than the layers were made for."""
        if images.shape[1:] != self.shape:
            expected = ", ".join(map(str, self.shape))
            raise ValueError(
                f"This network was made for inputs of shape (B, {expected}), but "
                f"{tuple(images.shape)} came. Bring them to that size, or make it for theirs."
            )


def dense_end(features: int, hidden: int, dropout: float) -> tuple[nn.Sequential, int]:
    """Make what stands between a cascade's features and the last layer.

    Args:
        features: Length of the rows that come in.
        hidden: Units of the dense layer; 0 for none.
        dropout: Share of what leaves it that is dropped in training, in [0, 1).

    Returns:
        The layers, and the length of the rows that leave them.

    >>> dense_end(6, 4, 0.0)[1], dense_end(6, 0, 0.0)[1]
    (4, 6)
    """
    if hidden < 0:
        raise ValueError(f"hidden must be the units of a dense layer, or 0, not {hidden}.")
    layers: list[nn.Module] = [nn.Linear(features, hidden), nn.ReLU()] if hidden else []
    end = nn.Sequential(*layers, Dropout(dropout))
    start_for_relu(end)
    return end, hidden or features


class CascadeCNN(nn.Module):
    """The 2-D cascade: convolution, ReLU and max-pooling, then a dense layer.

    The paper names these layers and no sizes. What it leaves open is an argument; the defaults are
    four stages of one convolution each and a dense layer of 128 units: 163,233 parameters for
    colour images of 32 pixels and one logit.

    Args:
        mean: Mean of every channel, on the scale 0 to 1; its length is the number of channels.
        std: Standard deviation of every channel, on the scale 0 to 1.
        size: Height and width of the images. The dense layer sees every place, so it is fixed.
        outputs: 1 for logits of shape ``(B,)``, more for ``(B, outputs)``.
        widths: Channels of every stage.
        convolutions: Convolutions of a stage.
        kernel: Side of every convolution, odd.
        normalization: ``"none"`` as in the paper, ``"batch"`` or ``"instance"``.
        hidden: Units of the dense layer; 0 for none.
        dropout: Share of its units dropped in training, in [0, 1).

    Reference:
        Sangalli et al., *Constrained Optimization for Training Deep Neural Networks Under Class
        Imbalance*, arXiv 2102.12894, version 1, section 5.2 and appendix B.

    >>> network = CascadeCNN([0.5], [0.25], size=(8, 8), widths=(4, 8)).eval()
    >>> network(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        size: Sequence[int] = (32, 32),
        outputs: int = 1,
        widths: Sequence[int] = CASCADE_WIDTHS,
        convolutions: int = 1,
        kernel: int = 3,
        normalization: Normalization = "none",
        hidden: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(size) != 2:
            raise ValueError(f"size must be the height and width of the images, not {size}.")
        self.normalize = Normalize(mean, std)
        self.cascade = Cascade(
            len(mean),
            size,
            widths=widths,
            convolutions=convolutions,
            kernel=kernel,
            normalization=normalization,
        )
        self.dense, width = dense_end(self.cascade.features, hidden, dropout)
        self.fc = Head(width, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Score images, shape ``(B, C, H, W)``, values 0 to 255.

        Returns:
            Logits, shape ``(B,)`` for one output, else ``(B, outputs)``.

        Raises:
            ValueError: The images have another shape than the network was made for.
        """
        # Before they are normalised, which would make three channels of one.
        self.cascade.check(images)
        logits: Tensor = self.fc(self.dense(self.cascade(self.normalize(images))))
        return logits


def start_for_relu(module: nn.Module) -> None:
    """Draw first weights that keep the variance through ReLUs; biases start at zero."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def _check(
    channels: int,
    size: Sequence[int],
    widths: Sequence[int],
    *,
    convolutions: int,
    kernel: int,
    norm: str,
) -> None:
    wrong = []
    if len(size) not in _CONVOLUTIONS or any(side < 1 for side in size):
        wrong.append(f"size must be two or three sides of 1 or more, not {tuple(size)}")
    if channels < 1:
        wrong.append(f"channels must be 1 or more, not {channels}")
    if not widths or any(width < 1 for width in widths):
        wrong.append(f"widths must hold a number of channels for every stage, not {tuple(widths)}")
    if convolutions < 1:
        wrong.append(f"convolutions must be 1 or more, not {convolutions}")
    if kernel < 1 or kernel % 2 == 0:
        wrong.append(f"kernel must be an odd side, so that sizes are kept, not {kernel}")
    if norm not in ("none", *_NORMALIZATIONS):
        wrong.append(f"normalization must be none, {' or '.join(_NORMALIZATIONS)}, not {norm!r}")
    if wrong:
        raise ValueError(f"A cascade cannot be made: {'; '.join(wrong)}.")
