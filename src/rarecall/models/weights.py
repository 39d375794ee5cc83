"""A network's weights as a file that holds numbers only and runs no code when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from rarecall.errors import RunError
from rarecall.files import write_atomically

if TYPE_CHECKING:
    from torch import nn


def save_weights(network: nn.Module, path: str | Path) -> None:
    """Write parameters and buffers of ``network`` as safetensors, whole or not at all.

    Raises:
        StorageError: The file system refused.

    >>> import tempfile
    >>> network, copy = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(network, Path(folder) / "weights.safetensors")
    ...     load_weights(copy, Path(folder) / "weights.safetensors")
    >>> torch.equal(network.weight, copy.weight)
    True
    """
    # Cloned: safetensors refuses tensors that share memory or are not contiguous.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }
    # Through memory: on a full disk safetensors' own writer raises no OSError.
    content = save(tensors)
    with write_atomically(path) as beside:
        beside.write_bytes(content)


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Read what :func:`save_weights` wrote into ``network``, a network of the same make.

    Raises:
        RunError: The file is missing or damaged, or holds weights of another network.
    """
    path = Path(path)
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"Cannot read weights from {path}: {error}") from error
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(
            f"{path} holds the weights of another network: {error}. Build the network with the "
            "options that it was trained with."
        ) from error
