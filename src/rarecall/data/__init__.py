"""Data in: tables, embeddings and images as samples, one split, preprocessing, data sets.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rarecall.data.dataset import ArrayDataset, Indexed
    from rarecall.data.image_preprocessor import ImagePreprocessor
    from rarecall.data.loading import load
    from rarecall.data.preprocessing import Preprocessor, encode, fit_preprocessor
    from rarecall.data.samplers import BalancedSampler
    from rarecall.data.samples import Samples
    from rarecall.data.shares import SplitShares
    from rarecall.data.split import Split
    from rarecall.data.splitting import make_split
    from rarecall.data.table_preprocessor import TablePreprocessor

__all__ = [
    "ArrayDataset",
    "BalancedSampler",
    "ImagePreprocessor",
    "Indexed",
    "Preprocessor",
    "Samples",
    "Split",
    "SplitShares",
    "TablePreprocessor",
    "encode",
    "fit_preprocessor",
    "load",
    "make_split",
]

_HOMES = {
    "ArrayDataset": "rarecall.data.dataset",
    "BalancedSampler": "rarecall.data.samplers",
    "ImagePreprocessor": "rarecall.data.image_preprocessor",
    "Indexed": "rarecall.data.dataset",
    "Preprocessor": "rarecall.data.preprocessing",
    "Samples": "rarecall.data.samples",
    "Split": "rarecall.data.split",
    "SplitShares": "rarecall.data.shares",
    "TablePreprocessor": "rarecall.data.table_preprocessor",
    "encode": "rarecall.data.preprocessing",
    "fit_preprocessor": "rarecall.data.preprocessing",
    "load": "rarecall.data.loading",
    "make_split": "rarecall.data.splitting",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
