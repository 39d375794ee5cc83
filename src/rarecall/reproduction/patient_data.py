"""Patients' data beside images, as deep AUC uses it: a second network, and the mean of both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from rarecall.comparison.stages import adapted
from rarecall.data import ArrayDataset
from rarecall.data.columns import prepare_columns
from rarecall.data.samples import Samples
from rarecall.data.table_preprocessor import TablePreprocessor
from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.models import MetadataFusion, MetadataNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from rarecall.objective import Objective
    from rarecall.reproduction.encoding import Ground

MIX = 0.5
"""Share of the image network in the logit, as the paper has it."""

ALL = "all"


class Held(nn.Module):
    """A trained network that gives its logits and is changed no more.

    Its normalisation and dropout stay as in evaluation, whatever the training around it does.

    >>> held = Held(nn.Sequential(nn.Linear(2, 1), nn.Dropout(0.5))).train()
    >>> held.network.training, [p.requires_grad for p in held.parameters()]
    (False, [False, False])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> Self:
        """Switch everything but the network that is held."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Give the network's logits, without a gradient."""
        with torch.no_grad():
            logits: Tensor = self.network(inputs)
        return logits


def with_patient_data(ground: Ground, columns: Sequence[str] | str) -> Ground:
    """Put a row of patient's data beside every image.

    Numbers become normal scores, categories codes, both as the training part has them.

    Args:
        ground: Of images.
        columns: Names of the data set's metadata, or ``"all"``.

    Raises:
        ConfigurationError: The data is no images, or has no such columns.
        DataError: No column varies in training.
    """
    facts = ground.facts
    if facts is None or not isinstance(ground.train.inputs, Tensor):
        raise ConfigurationError(
            "The row uses patients' data (metadata), but the data set has none beside its images. "
            "Leave metadata out of the row."
        )
    known = [str(name) for name in facts["train"].columns]
    wanted = known if columns == ALL else [columns] if isinstance(columns, str) else list(columns)
    lacking = [name for name in wanted if name not in known]
    if lacking:
        raise ConfigurationError(
            f"The data set knows nothing of {', '.join(map(repr, lacking))} (metadata)."
            f"{did_you_mean(lacking[0], known)} It has {', '.join(known)}."
        )
    parts = {"train": ground.train, "validation": ground.validation, "test": ground.test}
    # Prepared together, so that a column has one type in all parts; fitted on training alone.
    whole = pd.concat([facts[part][wanted] for part in parts], ignore_index=True)
    ready = prepare_columns(whole).table
    ends = np.cumsum([0, *(len(data) for data in parts.values())]).tolist()
    tables = {
        part: ready.iloc[ends[k] : ends[k + 1]].reset_index(drop=True)
        for k, part in enumerate(parts)
    }
    encoder = TablePreprocessor.fit(_samples(tables["train"]))
    made = {
        part: ArrayDataset(
            {"image": data.inputs, "table": encoder.transform_table(tables[part])},
            data.targets,
            data.ids,
        )
        for part, data in parts.items()
    }
    spec = {"kind": "images+table", "images": ground.spec, "table": encoder.spec}
    return replace(
        ground,
        train=made["train"],
        validation=made["validation"],
        test=made["test"],
        spec=spec,
    )


def fused(image: nn.Module, ground: Ground, objective: Objective, seed: int) -> MetadataFusion:
    """Join a trained image network, held from now on, with a new one for patients' data.

    Args:
        image: Trained.
        ground: Of :func:`with_patient_data`.
        objective: Of the training to come.
        seed: Fixes the first weights of the new network.
    """
    told: dict[str, Any] = ground.spec["table"]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        table: nn.Module = MetadataNetwork(
            told["bins"], told["cardinalities"], outputs=objective.outputs
        )
    return MetadataFusion(Held(image), adapted(table, objective, seed), mix=MIX)


def _samples(table: pd.DataFrame) -> Samples:
    """Wrap a table for a preprocessor, which looks at nothing but the features."""
    n = len(table)
    return Samples(
        "patients' data",
        "table",
        table,
        np.zeros(n, dtype=np.int64),
        np.arange(n).astype(np.str_),
        critical="1",
        target_name="target",
        class_counts={},
    )
