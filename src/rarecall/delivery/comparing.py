"""Whether an exported model decides as the delivered one: on rows, and on rows at the threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rarecall.delivery.delivered import Delivered

    Run = Callable[[Any], tuple[NDArray[np.float64], NDArray[np.bool_]]]

_PAIRS = 64
_HALVINGS = 40


@dataclass(frozen=True)
class Parity:
    """How an exported model compares with the delivered one.

    Attributes:
        rows: Rows that both scored.
        near: Those of them that were moved right to a threshold, half of them on either side.
        largest_difference: Between two scores.
        decisions_changed: Rows with another decision.
    """

    rows: int
    near: int
    largest_difference: float
    decisions_changed: int


def parity(model: Delivered, run: Run, inputs: Any) -> Parity:
    """Compare scores and decisions.

    Args:
        model: The delivered model.
        run: The exported one: encoded rows to scores and decisions.
        inputs: Encoded rows, as the model's preprocessor gives them.
    """
    scores = model.score_encoded(inputs)
    close, close_scores = _at_thresholds(model, inputs, scores)
    rows, near = len(scores), len(close_scores)
    largest, changed = 0.0, 0
    for part, own in ((inputs, scores), (close, close_scores)):
        if not len(own):
            continue
        theirs, flags = run(part)
        largest = max(largest, float(np.abs(theirs - own).max()))
        differs = (flags != model.flag_scores(own)).reshape(len(own), -1).any(axis=1)
        # A score that is no number decides nothing, whatever it is compared with.
        differs |= ~np.isfinite(theirs).reshape(len(own), -1).all(axis=1)
        changed += int(differs.sum())
    return Parity(rows + near, near, largest, changed)


def made_rows(model: Delivered, count: int, *, seed: int = 0) -> Any:
    """Make encoded rows within the ranges of the training, where no data is at hand.

    Numbers lie between the lowest and the highest that the preprocessing gives, categories are
    drawn evenly, pixels are noise of every brightness.

    Returns:
        As the model's preprocessor gives them.
    """
    random = np.random.default_rng(seed)
    spec = model.preprocessor.spec
    if spec["kind"] == "table":
        return _made_table(random, spec, count)
    if spec["kind"] == "images":
        return _made_images(random, spec, count)
    return {
        "image": _made_images(random, spec["images"], count),
        "table": _made_table(random, spec["table"], count),
    }


def _made_table(random: np.random.Generator, spec: dict[str, Any], count: int) -> Any:
    numeric = np.empty((count, spec["n_numeric"]), dtype=np.float32)
    for column, edges in enumerate(spec["bins"]):
        if edges:
            numeric[:, column] = random.uniform(min(edges), max(edges), count)
        else:
            numeric[:, column] = random.integers(0, 2, count)
    codes = np.empty((count, len(spec["cardinalities"])), dtype=np.int64)
    for column, size in enumerate(spec["cardinalities"]):
        codes[:, column] = random.integers(0, size, count)
    return {"numeric": torch.from_numpy(numeric), "categorical": torch.from_numpy(codes)}


def _made_images(random: np.random.Generator, spec: dict[str, Any], count: int) -> torch.Tensor:
    shape = (count, spec["channels"], *spec["size"])
    brightness = random.uniform(0, 255, (count, 1, 1, 1))
    spread = random.uniform(0, 128, (count, 1, 1, 1))
    pixels = np.clip(random.normal(brightness, spread, shape), 0, 255)
    return torch.from_numpy(pixels.astype(np.uint8))


def _at_thresholds(
    model: Delivered, inputs: Any, scores: NDArray[np.float64]
) -> tuple[Any, NDArray[np.float64]]:
    """Move rows from below and from above a threshold towards each other until they meet at it."""
    found, found_scores = [], []
    columns = scores.reshape(len(scores), -1)
    places = [0] if model.task.kind == "binary" else list(model.task.critical)
    for place, value in zip(places, model.thresholds.values(), strict=True):
        own = columns[:, place]
        below, above = _nearest(own, value, under=True), _nearest(own, value, under=False)
        pairs = min(len(below), len(above))
        if not pairs:
            continue
        low, high = _taken(inputs, below[:pairs]), _taken(inputs, above[:pairs])
        # What cannot lie between, a category, is the higher row's throughout.
        low = pytree.tree_map(lambda a, b: a if _moves(a) else b, low, high)
        kept = np.flatnonzero(model.score_encoded(low).reshape(pairs, -1)[:, place] < value)
        if not len(kept):
            continue
        low, high = _taken(low, kept), _taken(high, kept)
        for _ in range(_HALVINGS):
            middle = pytree.tree_map(_between, low, high)
            reached = model.score_encoded(middle).reshape(len(kept), -1)[:, place] >= value
            low = _where(reached, low, middle)
            high = _where(reached, middle, high)
        for side in (low, high):
            found.append(side)
            found_scores.append(model.score_encoded(side))
    if not found:
        return _taken(inputs, np.empty(0, dtype=np.int64)), scores[:0]
    return pytree.tree_map(lambda *parts: torch.cat(parts), *found), np.concatenate(found_scores)


def _nearest(scores: NDArray[np.float64], value: float, *, under: bool) -> NDArray[np.int64]:
    rows = np.flatnonzero((scores < value) == under)
    order = np.argsort(np.abs(scores[rows] - value), kind="stable")
    return rows[order[:_PAIRS]]


def _taken(inputs: Any, rows: NDArray[np.int64]) -> Any:
    places = torch.from_numpy(rows)
    return pytree.tree_map(lambda leaf: leaf[places], inputs)


def _moves(leaf: torch.Tensor) -> bool:
    return leaf.is_floating_point() or leaf.dtype == torch.uint8


def _between(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    if not _moves(low):
        return high
    middle = (low.double() + high.double()) / 2
    return middle.to(low.dtype)


def _where(reached: NDArray[np.bool_], yes: Any, no: Any) -> Any:
    mask = torch.from_numpy(reached)

    def choose(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return pytree.tree_map(choose, yes, no)
