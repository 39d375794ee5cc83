"""A delivered model as one module, from encoded tensors to scores and decisions: for export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rarecall.delivery.augmented import views
from rarecall.delivery.scoring import average

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.delivery.delivered import Delivered

_TABLE = ("numeric", "categorical")


class ScoringChain(nn.Module):
    """Encoded rows in, scores and decisions out: all members, all views, the mean, the thresholds.

    Args:
        model: The delivered model; its networks are shared.

    Attributes:
        names: Of the inputs, in order: ``numeric`` float32 ``(n, d)`` and ``categorical`` int64
            ``(n, k)`` for a table, ``image`` uint8 ``(n, C, H, W)`` for images, all three for both.
    """

    thresholds: Tensor

    def __init__(self, model: Delivered) -> None:
        super().__init__()
        self.kind = model.manifest.kind
        images = () if self.kind == "table" else ("image",)
        self.names: tuple[str, ...] = (*images, *(_TABLE if self.kind != "images" else ()))
        self.tta = model.manifest.tta
        self.groups = nn.ModuleList(nn.ModuleList(members) for members in model.groups())
        self.loss = model.objective.loss
        self.binary = model.task.kind == "binary"
        self.multiclass = model.task.kind == "multiclass"
        self.critical = list(model.task.critical)
        values = torch.tensor(list(model.thresholds.values()), dtype=torch.float64)
        self.register_buffer("thresholds", values)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Score rows.

        Args:
            inputs: In the order of :attr:`names`.

        Returns:
            Scores, float64, ``(n,)`` in binary work, else ``(n, C)``; and whether they reach the
            threshold, bool, ``(n,)`` or a column a critical class or label, ``(n, K)``.
        """
        gathered = self._gathered(inputs)
        mean = average([self._as_one(members, gathered) for members in self.groups])
        if self.binary:
            return mean, mean >= self.thresholds[0]
        return mean, mean[:, self.critical] >= self.thresholds

    def ordered(self, inputs: Any) -> list[Tensor]:
        """Put what the preprocessor gives into the order of :attr:`names`."""
        if self.kind == "images":
            return [inputs]
        if self.kind == "table":
            return [inputs[name] for name in _TABLE]
        return [inputs["image"], *(inputs["table"][name] for name in _TABLE)]

    def described(self, spec: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Say what every input is, in plain values.

        Args:
            spec: What the preprocessor says of its samples.
        """
        table, images = spec.get("table", spec), spec.get("images", spec)
        told: dict[str, dict[str, Any]] = {}
        if self.kind != "images":
            told["numeric"] = {
                "type": "float32",
                "shape": ["n", table["n_numeric"]],
                "columns": table["numeric_names"],
            }
            told["categorical"] = {
                "type": "int64",
                "shape": ["n", len(table["cardinalities"])],
                "columns": table["categorical_names"],
            }
        if self.kind != "table":
            told["image"] = {
                "type": "uint8",
                "shape": ["n", images["channels"], *images["size"]],
                "values": "0 to 255",
            }
        return [{"name": name, **told[name]} for name in self.names]

    def _as_one(self, members: nn.Module, gathered: Any) -> Tensor:
        scores = [
            self._read(member(view))
            for view in views(self.tta, gathered)
            for member in members.children()
        ]
        return average(scores).float().double()

    def _read(self, logits: Tensor) -> Tensor:
        read = self.loss.class_scores if self.multiclass else self.loss.score
        # As a delivered model rounds them, so that both decide alike.
        return read(logits.double()).float().double()

    def _gathered(self, inputs: tuple[Tensor, ...]) -> Any:
        given = dict(zip(self.names, inputs, strict=True))
        if self.kind == "images":
            return given["image"]
        table = {name: given[name] for name in _TABLE}
        table["numeric"] = table["numeric"].double()
        return table if self.kind == "table" else {"image": given["image"], "table": table}
