"""Export: a delivered model in a form that other runtimes execute, checked before it is given."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.utils import _pytree as pytree

from rarecall.delivery.comparing import Parity, made_rows, parity
from rarecall.delivery.delivered import Delivered
from rarecall.delivery.export_folder import check_room, whole_folder, write_facts
from rarecall.delivery.exported_runs import onnx_run, program_run
from rarecall.delivery.scoring_chain import ScoringChain
from rarecall.delivery.sources import open_source
from rarecall.errors import ConfigurationError, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

Form = Literal["onnx", "torch-export"]

FILES: dict[str, str] = {"onnx": "model.onnx", "torch-export": "model.pt2"}
"""Name of the exported file, by form."""

_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_MADE = 2000


@dataclass(frozen=True)
class Exported:
    """A finished export.

    Attributes:
        folder: Where it lies.
        file: The exported model in it.
        parity: How it compares with the delivered one.
        opset: Of ONNX; None for the other form.
        checked_on: What the rows of the check were.
    """

    folder: Path
    file: Path
    parity: Parity
    opset: int | None
    checked_on: str

    def lines(self) -> list[str]:
        """Say it in sentences, one a line."""
        found = self.parity
        form = "torch.export" if self.opset is None else f"ONNX, opset {self.opset}"
        differ = (
            f"scores differ by up to {found.largest_difference:.2g}, no decision does"
            if found.largest_difference
            else "scores and decisions are the same to the last bit"
        )
        return [
            f"Exported: {self.file} ({form})",
            f"Checked on {found.rows:,} rows ({self.checked_on}; {found.near:,} moved right to a "
            f"threshold): {differ}.",
            "Beside it: preprocessing.json and export.json, which say what goes in and comes out.",
        ]


def export_model(
    model: Delivered | str | Path,
    out: str | Path,
    *,
    to: Form = "onnx",
    check: str | Path | None = None,
    rows: int = 100_000,
    overwrite: bool = False,
) -> Exported:
    """Export a delivered model: all that follows preprocessing, thresholds included.

    The folder holds the model, ``preprocessing.json`` (how rows become its inputs),
    ``export.json`` (inputs, outputs, thresholds, versions, the check) and its certificates. It is
    written only if the exported model decides as the delivered one on all rows of the check, and on
    rows that were moved right to the thresholds.

    Args:
        model: A model, or its folder.
        out: Folder to write.
        to: ``"onnx"``, or ``"torch-export"`` (a ``.pt2`` file of torch itself).
        check: Data to compare on, as :func:`rarecall.delivery.predict` reads it; by default 2000
            made rows.
        rows: At most as many of the data.
        overwrite: Whether an export that lies there may be replaced.

    Raises:
        ConfigurationError: An unknown form, packages that are not installed, or a taken folder.
        RunError: The model cannot be read or exported, or the exported one decides otherwise.
        DataError: The data for the check cannot be read.
        StorageError: The file system refused.
    """
    out = Path(out)
    _check_form(to)
    check_room(out, overwrite=overwrite)
    if not isinstance(model, Delivered):
        model = Delivered.load(model)
    inputs, checked_on = _rows_of_check(model, check, rows)
    chain = ScoringChain(model).eval()
    with whole_folder(out) as folder:
        file = folder / FILES[to]
        with _quiet():
            opset = _written(chain, inputs, file, to)
            run = (onnx_run if to == "onnx" else program_run)(file, chain)
            found = parity(model, run, inputs)
        if found.decisions_changed:
            raise RunError(
                f"The exported model decides otherwise on {found.decisions_changed:,} of "
                f"{found.rows:,} rows (scores differ by up to {found.largest_difference:.2g}), "
                "so it was not written: the model's promises would not hold for it."
            )
        write_facts(folder, model, _facts(chain, model.preprocessor.spec, opset, found, checked_on))
    return Exported(out, out / FILES[to], found, opset, checked_on)


def _check_form(to: str) -> None:
    if to not in FILES:
        raise ConfigurationError(f"A model is exported to {' or '.join(FILES)}, not to {to!r}.")
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if to == "onnx" and lacking:
        raise ConfigurationError(
            f"Export to ONNX needs {', '.join(lacking)}, not installed here. Install them with "
            'pip install "rarecall[export]", or export to torch-export.'
        )


def _rows_of_check(model: Delivered, check: str | Path | None, most: int) -> tuple[Any, str]:
    if check is None:
        return made_rows(model, _MADE), f"{_MADE:,} made within the ranges of the training"
    found, count = [], 0
    for part in open_source(model, Path(check)).parts():
        usable = torch.from_numpy(np.flatnonzero(~part.problems.unusable)[: most - count])
        found.append(pytree.tree_map(lambda leaf, at=usable: leaf[at], part.inputs))
        count += len(usable)
        if count >= most:
            break
    if not count:
        raise ConfigurationError(f"No row of {check} can be scored, so nothing can be compared.")
    joined = pytree.tree_map(lambda *parts: torch.cat(parts), *found)
    return joined, f"{count:,} of {Path(check).name}"


def _written(chain: ScoringChain, inputs: Any, file: Path, to: str) -> int | None:
    example = tuple(leaf[:3].clone() for leaf in chain.ordered(inputs))
    if len(example[0]) < 3:
        example = tuple(leaf[:1].expand(3, *leaf.shape[1:]).clone() for leaf in example)
    rows = torch.export.Dim("rows", min=1)
    shapes = (tuple({0: rows} for _ in example),)
    try:
        program = torch.export.export(chain, example, dynamic_shapes=shapes, strict=False)
        if to == "torch-export":
            torch.export.save(program, file)
            return None
        torch.onnx.export(
            program,
            example,
            file,
            input_names=list(chain.names),
            output_names=["score", "critical"],
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RunError(
            f"torch cannot export this model to {to}: {told[:300]}. Predict with rarecall instead."
        ) from error
    import onnx

    return int(onnx.load(file).opset_import[0].version)


def _facts(
    chain: ScoringChain, spec: dict[str, Any], opset: int | None, found: Parity, checked_on: str
) -> dict[str, Any]:
    form = "torch-export" if opset is None else "onnx"
    each = "" if chain.binary else ", a column a threshold"
    return {
        "to": form,
        "file": FILES[form],
        "opset": opset,
        "inputs": chain.described(spec),
        "outputs": {
            "score": "float64, (n,)" if chain.binary else "float64, (n, classes)",
            "critical": f"bool, score >= threshold{each}",
        },
        "check": {**asdict(found), "on": checked_on},
        "torch": torch.__version__,
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch says to its own developers from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
