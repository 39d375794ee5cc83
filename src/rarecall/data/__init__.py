"""Data in: tables, embeddings and images as samples, one split, preprocessing, data sets.

Importing this package loads nothing heavy; its names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._lazy import lazily

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
    "ArrayDataset": "data.dataset",
    "BalancedSampler": "data.samplers",
    "ImagePreprocessor": "data.image_preprocessor",
    "Indexed": "data.dataset",
    "Preprocessor": "data.preprocessing",
    "Samples": "data.samples",
    "Split": "data.split",
    "SplitShares": "data.shares",
    "TablePreprocessor": "data.table_preprocessor",
    "encode": "data.preprocessing",
    "fit_preprocessor": "data.preprocessing",
    "load": "data.loading",
    "make_split": "data.splitting",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
