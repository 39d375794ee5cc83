"""What the larger image networks share: numbers in, a body, pooling, a head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rarecall.models.dropout import Dropout
from rarecall.models.head import Head
from rarecall.models.resnet import Normalize, channels_last

if TYPE_CHECKING:
    from collections.abc import Sequence


class PooledNetwork(nn.Module):
    """Any body of convolutions between :class:`Normalize` and a :class:`Head`.

    So a network from elsewhere takes images as read from a file and gives logits in the shape that
    the losses expect; its head is found like that of the other networks; and λ can enter at
    ``"avgpool"``.

    Args:
        mean: Mean of every channel, on the scale 0 to 1.
        std: Standard deviation of every channel, on the scale 0 to 1, above 0.
        body: Maps normalised images, shape ``(B, C, H, W)``, to maps of ``(B, width, h, w)``.
        width: Channels that leave the body.
        outputs: 1 for logits of shape ``(B,)``, more for ``(B, outputs)``.
        dropout: Share of the pooled features dropped in training, in [0, 1).
        norm: Takes the pooled features, shape ``(B, width)``, before they enter the head.

    >>> body = nn.Conv2d(1, 6, 3)
    >>> network = PooledNetwork([0.5], [0.25], body, 6, outputs=2).eval()
    >>> network(torch.zeros(3, 1, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        body: nn.Module,
        width: int,
        *,
        outputs: int = 1,
        dropout: float = 0.0,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.body = body
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.norm = nn.Identity() if norm is None else norm
        self.dropout = Dropout(dropout)
        self.fc = Head(width, outputs)
        for module in body.modules():
            if isinstance(module, nn.Conv2d):
                # On a processor a step of ResNeXt then takes 0.4 of the time, of DenseNet,
                # EfficientNet and Inception-ResNet .8 to .9, of ConvNeXt 1.1.
                module.weight.data = module.weight.data.contiguous(
                    memory_format=torch.channels_last
                )

    def forward(self, images: Tensor) -> Tensor:
        """Score ``images``, shape ``(B, C, H, W)``, values 0 to 255.

        Returns:
            Logits, shape ``(B,)`` for one output, else ``(B, outputs)``.
        """
        normal = channels_last(self.normalize(images))
        pooled = self.avgpool(self.body(normal)).flatten(1)
        logits: Tensor = self.fc(self.dropout(self.norm(pooled)))
        return logits
