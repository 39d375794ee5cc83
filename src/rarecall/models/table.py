"""A multilayer perceptron for tables: encoded numbers, embedded categories, dense layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rarecall.models.dropout import Dropout
from rarecall.models.encoding import CategoryEmbedding, PiecewiseLinearEncoding
from rarecall.models.head import Head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Encoding multiplies the width of the first layer; past this many columns a plain
# dense layer learns the same from the values alone, at a fraction of the cost.
MOST_ENCODED_COLUMNS = 128


class TableMLP(nn.Module):
    """Numbers as piecewise-linear codes, categories as embeddings, then dense layers.

    A column with bins is encoded (:class:`~rarecall.models.encoding.PiecewiseLinearEncoding`);
    a column without (a 0/1 column) enters as it is, and so does every numeric column when more
    than 128 have bins.

    Args:
        bins: Ascending edges of every numeric column; fewer than three edges (one bin) mean
            that the column enters as it is.
        cardinalities: Number of codes of every categorical column, code 0 (unseen) included.
        outputs: 1 for logits of shape ``(B,)``, more for ``(B, outputs)``.
        width: Units of a hidden layer.
        depth: Number of hidden layers.
        dropout: Share of hidden units dropped in training, in [0, 1).
        encoded_width: Numbers that one encoded column becomes.
        embedded_width: Numbers that one categorical column becomes.

    Reference:
        Gorishniy et al., *On Embeddings for Numerical Features in Tabular Deep Learning*,
        NeurIPS 2022.

    >>> network = TableMLP([[-1.0, 0.0, 1.0], []], [3], outputs=1).eval()
    >>> rows = {"numeric": torch.zeros(5, 2), "categorical": torch.zeros(5, 1, dtype=torch.long)}
    >>> network(rows).shape
    torch.Size([5])
    """

    def __init__(
        self,
        bins: Sequence[Sequence[float]],
        cardinalities: Sequence[int] = (),
        *,
        outputs: int = 1,
        width: int = 128,
        depth: int = 2,
        dropout: float = 0.2,
        encoded_width: int = 8,
        embedded_width: int = 8,
    ) -> None:
        super().__init__()
        encoded = [column for column, edges in enumerate(bins) if len(edges) > 2]
        if len(encoded) > MOST_ENCODED_COLUMNS:
            encoded = []
        plain = [column for column in range(len(bins)) if column not in set(encoded)]
        self.register_buffer("encoded_columns", torch.tensor(encoded, dtype=torch.long))
        self.register_buffer("plain_columns", torch.tensor(plain, dtype=torch.long))
        self.encoding: PiecewiseLinearEncoding | None = None
        self.embedding: CategoryEmbedding | None = None
        entering = len(plain)
        if encoded:
            self.encoding = PiecewiseLinearEncoding([bins[c] for c in encoded], encoded_width)
            entering += len(encoded) * encoded_width
        if cardinalities:
            self.embedding = CategoryEmbedding(cardinalities, embedded_width)
            entering += len(cardinalities) * embedded_width
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Linear(entering, width), nn.ReLU(), Dropout(dropout)]
            entering = width
        self.body = nn.Sequential(*layers)
        self.fc = Head(entering, outputs)

    encoded_columns: Tensor
    plain_columns: Tensor

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Score the rows.

        Args:
            inputs: ``numeric`` float, shape ``(B, d)``, and ``categorical`` int64 codes, shape
                ``(B, k)``.

        Returns:
            Logits, shape ``(B,)`` for one output, else ``(B, outputs)``.
        """
        numeric = inputs["numeric"]
        parts: list[Tensor] = []
        if self.encoding is None:
            parts.append(numeric)
        else:
            parts.append(self.encoding(numeric.index_select(1, self.encoded_columns)))
            if self.plain_columns.numel():
                parts.append(numeric.index_select(1, self.plain_columns))
        if self.embedding is not None:
            parts.append(self.embedding(inputs["categorical"]))
        hidden: Tensor = self.body(torch.cat(parts, dim=1))
        logits: Tensor = self.fc(hidden)
        return logits
