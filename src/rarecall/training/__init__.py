"""Training networks under their objectives, with a fixed budget and exact resume."""

from rarecall.data.streams import RowStream
from rarecall.models.weights import load_weights, save_weights
from rarecall.training.augment import random_crop, random_flip
from rarecall.training.checkpoint import CHECKPOINT_NAME
from rarecall.training.members import fit_members
from rarecall.training.records import EpochRecord, Fitted
from rarecall.training.scoring import predict_scores, view_scores
from rarecall.training.settings import TrainSettings, default_settings
from rarecall.training.stackable import can_stack
from rarecall.training.technique import Averaging, Stages, Technique
from rarecall.training.trainer import train

__all__ = [
    "CHECKPOINT_NAME",
    "Averaging",
    "EpochRecord",
    "Fitted",
    "RowStream",
    "Stages",
    "Technique",
    "TrainSettings",
    "can_stack",
    "default_settings",
    "fit_members",
    "load_weights",
    "predict_scores",
    "random_crop",
    "random_flip",
    "save_weights",
    "train",
    "view_scores",
]
