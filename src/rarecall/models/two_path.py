"""Two 3-D cascades joined at the dense layer: the ALM paper's network for prostate MRI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rarecall.models.cascade import CASCADE_WIDTHS, Cascade, Normalization, dense_end
from rarecall.models.head import Head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TwoPathCNN(nn.Module):
    """Identical, parallel 3-D cascades, one for every modality, joined at the dense layer.

    In the paper one path takes the diffusion-weighted images at b = 100, 600 and 1000, the other
    the T2-weighted one; their features are concatenated where the fully connected layer begins. It
    names the layers and no sizes; what it leaves open is an argument. With the defaults, three and
    one channels and a size of 24 × 96 × 96, the network has 1,762,721 parameters.

    Args:
        channels: Channels of every modality, by its name; one path each, in this order.
        size: Depth, height and width of the volumes, the same for all.
        outputs: 1 for logits of shape ``(B,)``, more for ``(B, outputs)``.
        widths: Channels of every stage of a path.
        convolutions: Convolutions of a stage.
        kernel: Side of every convolution, odd.
        normalization: ``"none"`` as in the paper, ``"batch"`` or ``"instance"``.
        hidden: Units of the dense layer; 0 for none.
        dropout: Share of its units dropped in training, in [0, 1).

    Reference:
        Sangalli et al., *Constrained Optimization to Train Neural Networks on Critical and
        Under-Represented Classes*, NeurIPS 2021, section 5.2 and appendix D.1.

    >>> network = TwoPathCNN({"diffusion": 3, "t2": 1}, (4, 16, 16), widths=(4, 8)).eval()
    >>> study = {"diffusion": torch.zeros(2, 3, 4, 16, 16), "t2": torch.zeros(2, 1, 4, 16, 16)}
    >>> network(study).shape
    torch.Size([2])
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        size: Sequence[int],
        *,
        outputs: int = 1,
        widths: Sequence[int] = CASCADE_WIDTHS,
        convolutions: int = 1,
        kernel: int = 3,
        normalization: Normalization = "none",
        hidden: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not channels:
            raise ValueError("A network of paths needs a modality or more; channels is empty.")
        if len(size) != 3:
            raise ValueError(
                f"size must be the depth, height and width of the volumes, not {tuple(size)}."
            )
        paths = {
            name: Cascade(
                count,
                size,
                widths=widths,
                convolutions=convolutions,
                kernel=kernel,
                normalization=normalization,
            )
            for name, count in channels.items()
        }
        self.paths = nn.ModuleDict(paths)
        features = sum(path.features for path in paths.values())
        self.dense, width = dense_end(features, hidden, dropout)
        self.fc = Head(width, outputs)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Score studies.

        Args:
            inputs: A tensor a modality, shape ``(B, C, D, H, W)``, in any floating type, its values
                near zero mean and unit variance.

        Returns:
            Logits, shape ``(B,)`` for one output, else ``(B, outputs)``.

        Raises:
            ValueError: A modality is missing, or has another shape than the network was made for.
        """
        missing = [name for name in self.paths if name not in inputs]
        if missing:
            raise ValueError(
                f"This network takes the modalities {', '.join(self.paths)}; "
                f"{', '.join(missing)} is missing from {', '.join(inputs) or 'what came'}."
            )
        kind = self.fc.weight.dtype
        rows = [path(inputs[name].to(kind)) for name, path in self.paths.items()]
        logits: Tensor = self.fc(self.dense(torch.cat(rows, dim=1)))
        return logits
