"""Networks for tables, images and volumes, made from a description of the data."""

from rarecall.models.build import build_network, network_names
from rarecall.models.cascade import CascadeCNN
from rarecall.models.cosine import CosineHead
from rarecall.models.encoding import CategoryEmbedding, PiecewiseLinearEncoding
from rarecall.models.fusion import MetadataFusion, MetadataNetwork
from rarecall.models.head import Head
from rarecall.models.pooled import PooledNetwork
from rarecall.models.pretrained import PretrainedReport, load_pretrained
from rarecall.models.resnet import BasicBlock, Normalize, ResNet
from rarecall.models.surgery import find_layer, set_layer
from rarecall.models.table import TableMLP
from rarecall.models.two_path import TwoPathCNN
from rarecall.models.weights import load_weights, save_weights

__all__ = [
    "BasicBlock",
    "CascadeCNN",
    "CategoryEmbedding",
    "CosineHead",
    "Head",
    "MetadataFusion",
    "MetadataNetwork",
    "Normalize",
    "PiecewiseLinearEncoding",
    "PooledNetwork",
    "PretrainedReport",
    "ResNet",
    "TableMLP",
    "TwoPathCNN",
    "build_network",
    "find_layer",
    "load_pretrained",
    "load_weights",
    "network_names",
    "save_weights",
    "set_layer",
]
