"""How a table's columns become the inputs of a network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class PiecewiseLinearEncoding(nn.Module):
    r"""Every number as a short learned vector, piecewise linear in the number.

    With edges :math:`b_0 < \dots < b_T` the code of :math:`x` is

    .. math:: e_t = \min(1, \max(0, (x - b_{t-1}) / (b_t - b_{t-1})))

    where the first bin is open below and the last above; a linear map of each column's own turns
    the code into ``width`` numbers, to which a linear function of :math:`x` is added.

    Args:
        bins: Strictly ascending edges of every column, two or more each.
        width: Numbers that one column becomes.

    Reference:
        Gorishniy et al., *On Embeddings for Numerical Features in Tabular Deep Learning*,
        NeurIPS 2022, section 3.1.

    >>> encoding = PiecewiseLinearEncoding([[0.0, 1.0, 3.0]], width=4)
    >>> encoding.codes(torch.tensor([[0.5], [2.0]]))
    tensor([[[0.5000, 0.0000]],
            [[1.0000, 0.5000]]])
    >>> encoding(torch.tensor([[0.5], [2.0]])).shape
    torch.Size([2, 4])
    """

    slope: Tensor
    offset: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(self, bins: Sequence[Sequence[float]], width: int) -> None:
        super().__init__()
        columns, most = len(bins), max(len(edges) for edges in bins) - 1
        slope = torch.zeros(columns, most)
        offset = torch.zeros(columns, most)
        lowest = torch.zeros(columns, most)
        highest = torch.ones(columns, most)
        for column, edges in enumerate(bins):
            b = torch.tensor(edges, dtype=torch.float64)
            steps = b.diff()
            if len(b) < 2 or not bool((steps > 0).all()):
                raise ValueError(
                    f"The bin edges of a column must ascend strictly, two or more of them; "
                    f"column {column} has {list(edges)}."
                )
            filled = len(steps)
            slope[column, :filled] = 1 / steps
            offset[column, :filled] = -b[:-1] / steps
            # Open ends, yet finite: weights that hold an infinity look damaged.
            lowest[column, 0] = torch.finfo(torch.float32).min
            highest[column, filled - 1] = torch.finfo(torch.float32).max
        self.register_buffer("slope", slope)
        self.register_buffer("offset", offset)
        self.register_buffer("lowest", lowest)
        self.register_buffer("highest", highest)
        self.weight = nn.Parameter(torch.empty(columns, most, width))
        self.straight = nn.Parameter(torch.empty(columns, width))
        self.bias = nn.Parameter(torch.empty(columns, width))
        for parameter in (self.weight, self.straight, self.bias):
            nn.init.uniform_(parameter, -1 / math.sqrt(most), 1 / math.sqrt(most))

    def codes(self, values: Tensor) -> Tensor:
        """Encode ``values``, shape ``(B, columns)``, as codes, shape ``(B, columns, bins)``."""
        lines = torch.addcmul(self.offset, values.unsqueeze(-1), self.slope)
        return lines.clamp(self.lowest, self.highest)

    def forward(self, values: Tensor) -> Tensor:
        """Turn ``values``, shape ``(B, columns)``, into shape ``(B, columns * width)``."""
        # One small matrix product a column; the batch dimension in the middle keeps it a bmm.
        bent = torch.bmm(self.codes(values).transpose(0, 1), self.weight).transpose(0, 1)
        straight = torch.addcmul(self.bias, values.unsqueeze(-1), self.straight)
        return torch.relu(bent + straight).flatten(1)


class CategoryEmbedding(nn.Module):
    """Every category as a learned vector; code 0, the unseen category, starts at zero.

    Args:
        cardinalities: Number of codes of every column, code 0 included.
        width: Numbers that one column becomes.

    >>> embedding = CategoryEmbedding([3, 2], width=4)
    >>> codes = torch.tensor([[0, 0], [2, 1]])
    >>> embedding(codes)[0]
    tensor([0., 0., 0., 0., 0., 0., 0., 0.], grad_fn=<SelectBackward0>)
    """

    starts: Tensor

    def __init__(self, cardinalities: Sequence[int], width: int) -> None:
        super().__init__()
        sizes = torch.tensor(cardinalities, dtype=torch.long)
        starts = sizes.cumsum(0) - sizes
        self.register_buffer("starts", starts)
        self.table = nn.Embedding(int(sizes.sum()), width)
        nn.init.normal_(self.table.weight, std=0.5)
        with torch.no_grad():
            self.table.weight[starts] = 0.0

    def forward(self, codes: Tensor) -> Tensor:
        """Embed ``codes``, shape ``(B, columns)``, as shape ``(B, columns * width)``."""
        embedded: Tensor = self.table(codes + self.starts)
        return embedded.flatten(1)
