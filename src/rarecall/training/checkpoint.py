"""The state of an unfinished training: written whole, read without running code."""

from __future__ import annotations

import hashlib
import io
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rarecall.errors import RunError
from rarecall.files import write_atomically

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rarecall.objective import Objective
    from rarecall.training.settings import TrainSettings
    from rarecall.training.technique import Technique

CHECKPOINT_NAME = "checkpoint.pt"
LARGE = 16 * 2**20
"""Bytes of a checkpoint past which writing one after every evaluation costs too much."""
SHARE = 0.05
"""Of the time, which writing large checkpoints may take."""
_FORMAT = 2


class Spacing:
    """Says when a training's next checkpoint is due: at once, but for large ones after a while.

    A residual network of five million weights writes 60 MB, on a graphics processor after every
    half second of training. A killed training then loses a little more than its last evaluation.

    >>> spacing = Spacing()
    >>> spacing.wrote(1000, seconds=9.0)
    >>> spacing.due
    True
    >>> spacing.wrote(60_000_000, seconds=9.0)
    >>> spacing.due
    False
    """

    def __init__(self) -> None:
        self._from = 0.0

    @property
    def due(self) -> bool:
        """Whether to write one now."""
        return time.monotonic() >= self._from

    def wrote(self, size: int, seconds: float) -> None:
        """Take into account what the last one cost."""
        if size > LARGE:
            self._from = time.monotonic() + seconds / SHARE


def identity(
    network: nn.Module,
    objective: Objective,
    train_targets: Tensor,
    validation_targets: Tensor,
    *,
    settings: TrainSettings,
    measure: str,
    seed: int,
    technique: Technique,
) -> dict[str, Any]:
    """Describe a training by all that decides its result, in plain values."""
    shapes = [f"{name} {tuple(part.shape)}" for name, part in network.state_dict().items()]
    return {
        "format": _FORMAT,
        "seed": seed,
        "technique": technique.to_json(),
        "measure": measure,
        "network": _digest("\n".join(shapes).encode()),
        "objective": repr(objective),
        "training data": _targets(train_targets),
        "validation data": _targets(validation_targets),
        **{f"setting {name}": value for name, value in asdict(settings).items()},
    }


def save_checkpoint(folder: Path, described: dict[str, Any], state: dict[str, Any]) -> int:
    """Write ``state`` of the training that ``described`` identifies into ``folder``.

    Returns:
        Its size in bytes.

    Raises:
        StorageError: The file system refused; an earlier checkpoint is still there.
    """
    # Through memory: on a full disk torch's own writer raises no OSError.
    content = io.BytesIO()
    torch.save({"identity": described, "state": state}, content)
    with write_atomically(Path(folder) / CHECKPOINT_NAME) as beside:
        return beside.write_bytes(content.getbuffer())


def load_checkpoint(folder: Path, described: dict[str, Any]) -> dict[str, Any] | None:
    """Read the state saved in ``folder``, or None where there is none.

    Raises:
        RunError: The file is damaged, or belongs to another training.
    """
    path = Path(folder) / CHECKPOINT_NAME
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found, state = content["identity"], content["state"]
    except Exception as error:
        raise RunError(
            f"Cannot read the checkpoint {path}: it is damaged, or no checkpoint of this library "
            f"({type(error).__name__}). Remove it to start this training anew."
        ) from error
    other = [name for name in described if found.get(name) != described[name]]
    if other:
        told = "; ".join(
            f"{name}: {_short(found.get(name))} there, {_short(described[name])} here"
            for name in other
        )
        raise RunError(
            f"The checkpoint {path} belongs to another training ({told}). Use the same settings "
            "to resume it, or another folder to start anew."
        )
    loaded: dict[str, Any] = state
    return loaded


def _targets(targets: Tensor) -> str:
    labels = targets.cpu().float().numpy()  # floating in multi-label work, NaN where missing
    return f"{len(labels)} rows, {int((labels == 1).sum())} ones, {_digest(labels.tobytes())}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 120 else f"{text[:117]}..."
