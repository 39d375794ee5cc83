"""Training one network under one objective, with a fixed budget and exact resume."""

from rarecall.models.weights import load_weights, save_weights
from rarecall.training.augment import random_crop, random_flip
from rarecall.training.checkpoint import CHECKPOINT_NAME
from rarecall.training.records import EpochRecord, Fitted
from rarecall.training.scoring import predict_scores
from rarecall.training.settings import TrainSettings, default_settings
from rarecall.training.stream import RowStream
from rarecall.training.trainer import train

__all__ = [
    "CHECKPOINT_NAME",
    "EpochRecord",
    "Fitted",
    "RowStream",
    "TrainSettings",
    "default_settings",
    "load_weights",
    "predict_scores",
    "random_crop",
    "random_flip",
    "save_weights",
    "train",
]
