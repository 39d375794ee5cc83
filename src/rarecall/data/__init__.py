"""Data in: tables, embeddings and images as samples, one split, preprocessing, data sets."""

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
