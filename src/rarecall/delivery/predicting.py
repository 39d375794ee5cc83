"""Prediction: new rows of any number through a delivered model into a file, none of them lost."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils import _pytree as pytree

from rarecall.data.wording import counted
from rarecall.delivery.delivered import Delivered
from rarecall.delivery.prediction_files import as_columns, check_out, laid_out, prediction_file
from rarecall.delivery.sources import open_source
from rarecall.errors import ConfigurationError, DataError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from rarecall.delivery.sources import Part


@dataclass
class Predicted:
    """What a prediction gave.

    Attributes:
        out: The file.
        rows: Rows in it, as many as in the data.
        unscored: Those without a score: nothing is known of them, and nothing was decided.
        remarked: Those with a score and a remark in ``problem``.
        flagged: Rows at or above the threshold, by the name of the critical class or label.
        notes: What a reader must know of the data.
        promises: What is promised for each threshold, a sentence each.
    """

    out: Path
    rows: int = 0
    unscored: int = 0
    remarked: int = 0
    flagged: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    promises: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Say it in sentences, one a line."""
        told = [f"{counted(self.rows, 'row')} in, as many out: {self.out}"]
        scored = self.rows - self.unscored
        for name, count in self.flagged.items():
            share = f" ({count / scored:.1%} of those scored)" if scored else ""
            told.append(f"Flagged as {name}: {count:,}{share}")
        if self.unscored:
            told.append(
                f"Not scored: {counted(self.unscored, 'row')}, the column `problem` says why. No "
                "promise covers them: let somebody look at them."
            )
        if self.remarked:
            told.append(f"Scored with a remark in `problem`: {counted(self.remarked, 'row')}")
        return [*told, *(f"Note: {note}" for note in self.notes), *self.promises]


def predict(
    model: Delivered | str | Path,
    data: str | Path,
    out: str | Path,
    *,
    id: str | None = None,  # noqa: A002  (the users' word for it)
    keep: Sequence[str] = (),
    rows: int | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    watch: Callable[[float, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Predicted:
    """Score every row of the data and write a row of predictions for each, in the same order.

    Rows are read, scored and written some at a time, so that data may be larger than memory. A
    row's score does not depend on the others. A row that cannot be scored keeps its place: it has
    no score and no decision, and ``problem`` says why.

    Args:
        model: A model, or its folder.
        data: A table, image folder or table of image paths, as the model needs it.
        out: File to write: ``.csv``, ``.csv.gz`` or ``.parquet``.
        id: Column that names a row; by default rows are numbered from 0, images named by path.
        keep: Columns to copy into the file, as text.
        rows: About as many are held at once.
        threads: For the CPU; by default one for a table, else as torch would.
        overwrite: Whether ``out`` may be replaced.
        watch: Called with the share that is done and the number of rows so far.
        should_stop: Asked between portions.

    Returns:
        Counts and notes; the predictions are in the file.

    Raises:
        RunError: The model cannot be read.
        DataError: The data cannot be read, or lacks columns, or holds something else in them.
        ConfigurationError: An option cannot be used.
        StorageError: The file cannot be written.
        Interrupted: ``should_stop`` was true; nothing was written.
    """
    out, data = Path(out), Path(data)
    if rows is not None and rows < 1:
        raise ConfigurationError(f"rows must be 1 or more, not {rows}.")
    check_out(out, overwrite=overwrite)
    if not isinstance(model, Delivered):
        model = Delivered.load(model)
    source = open_source(model, data, id=id, keep=keep, rows=rows)
    found = Predicted(
        out,
        flagged=dict.fromkeys(model.thresholds, 0),
        notes=list(source.notes),
        promises=_promises(model),
    )
    with _threads(threads, model), prediction_file(out) as file:
        for part in source.parts():
            if should_stop():
                raise Interrupted(f"Stopped; {out} was not written. Run it again from the start.")
            scores = _scored(model, part)
            file.write(laid_out(model, part, scores))
            _count(found, model, part, scores)
            if watch is not None:
                watch(part.done, found.rows)
        if not found.rows:
            raise DataError(f"{data} has a header but no rows, so there is nothing to predict.")
    return found


def _promises(model: Delivered) -> list[str]:
    several = len(model.manifest.thresholds) > 1
    return [
        (f"{one.name}: " if several else "") + one.statement for one in model.manifest.thresholds
    ]


def _scored(model: Delivered, part: Part) -> NDArray[np.float64]:
    usable = np.flatnonzero(~part.problems.unusable)
    inputs = part.inputs
    if len(usable) < len(part.ids):
        rows = torch.from_numpy(usable)
        inputs = pytree.tree_map(lambda leaf: leaf[rows], inputs)
    good = model.score_encoded(inputs)
    scores = np.full((len(part.ids), *good.shape[1:]), np.nan)
    scores[usable] = good
    return scores


def _count(found: Predicted, model: Delivered, part: Part, scores: NDArray[np.float64]) -> None:
    unusable = part.problems.unusable
    found.rows += len(part.ids)
    found.unscored += int(unusable.sum())
    found.remarked += int(((part.problems.told != "") & ~unusable).sum())
    flags = as_columns(model.flag_scores(scores[~unusable]))
    for name, flagged in zip(found.flagged, flags.sum(axis=0), strict=True):
        found.flagged[name] += int(flagged)


@contextmanager
def _threads(asked: int | None, model: Delivered) -> Iterator[None]:
    if asked is not None and asked < 1:
        raise ConfigurationError(f"threads must be 1 or more, not {asked}.")
    before = torch.get_num_threads()
    wanted = asked or (1 if model.manifest.kind == "table" else before)
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
