"""Networks for tables and small images, made from a description of the data."""

from rarecall.models.build import build_network, network_names
from rarecall.models.cosine import CosineHead
from rarecall.models.encoding import CategoryEmbedding, PiecewiseLinearEncoding
from rarecall.models.fusion import MetadataFusion, MetadataNetwork
from rarecall.models.head import Head
from rarecall.models.resnet import BasicBlock, Normalize, ResNet
from rarecall.models.surgery import find_layer, set_layer
from rarecall.models.table import TableMLP
from rarecall.models.weights import load_weights, save_weights

__all__ = [
    "BasicBlock",
    "CategoryEmbedding",
    "CosineHead",
    "Head",
    "MetadataFusion",
    "MetadataNetwork",
    "Normalize",
    "PiecewiseLinearEncoding",
    "ResNet",
    "TableMLP",
    "build_network",
    "find_layer",
    "load_weights",
    "network_names",
    "save_weights",
    "set_layer",
]
