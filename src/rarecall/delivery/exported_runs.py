"""Running an exported model, to compare it with the one that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.delivery.scoring_chain import ScoringChain

    Found = tuple[NDArray[np.float64], NDArray[np.bool_]]

_ROWS = 1024


def onnx_run(file: Path, chain: ScoringChain) -> Callable[[Any], Found]:
    """Open an ONNX file in ONNX Runtime, on the processor.

    Args:
        file: The model.
        chain: That it was made of; says in which order inputs come.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(*inputs: torch.Tensor) -> Found:
        given = {name: leaf.numpy() for name, leaf in zip(chain.names, inputs, strict=True)}
        # A model of which nothing depends on an input has none of that name.
        asked = {one.name for one in session.get_inputs()}
        scores, flags = session.run(
            ["score", "critical"], {name: leaf for name, leaf in given.items() if name in asked}
        )
        return np.asarray(scores), np.asarray(flags)

    return _in_portions(run, chain)


def program_run(file: Path, chain: ScoringChain) -> Callable[[Any], Found]:
    """Open what ``torch.export`` saved; arguments as for :func:`onnx_run`."""
    module = torch.export.load(file).module()

    def run(*inputs: torch.Tensor) -> Found:
        with torch.inference_mode():
            scores, flags = module(*inputs)
        return scores.numpy(), flags.numpy()

    return _in_portions(run, chain)


def _in_portions(run: Callable[..., Found], chain: ScoringChain) -> Callable[[Any], Found]:
    def whole(inputs: Any) -> Found:
        leaves = chain.ordered(inputs)
        found = [
            run(*(leaf[start : start + _ROWS] for leaf in leaves))
            for start in range(0, len(leaves[0]), _ROWS)
        ]
        scores, flags = zip(*found, strict=True)
        return np.concatenate(scores), np.concatenate(flags)

    return whole
