"""What one row, one score and one joint step cost: the figures that docs/scaling.md multiplies.

Processor time on one thread; the least of a few repetitions, so that other work disturbs it little.
What a step of many processes adds is simulated: the loss of their joint batch, which each of them
computes, is computed by one.

    python benchmarks/unit_costs.py
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from machine import description, store, table

from rarecall import ALMConstraint, BCELoss, Objective, RankRegularizer
from rarecall.data import encode, fit_preprocessor, load
from rarecall.data.request import row_numbers
from rarecall.data.streams import Passes
from rarecall.methods import parse
from rarecall.metrics import ArrayChunks, fpr_at_tpr, streaming_fpr_at_tpr, streaming_rates_at
from rarecall.models import build_network
from rarecall.training.scoring import predict_scores

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = 10
JOINT = (1_024, 32_768, 1_048_576)


def least(work: Callable[[], Any], repetitions: int = 3) -> float:
    """Processor seconds, after one call to warm up."""
    work()
    found = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def rows(count: int) -> dict[str, float]:
    """Nanoseconds a row of a table with ten numbers."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        rng.standard_normal((count, COLUMNS)).round(4), columns=[f"x{k}" for k in range(COLUMNS)]
    )
    frame["label"] = np.where(rng.random(count) < 0.01, "critical", "harmless")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.csv"
        frame.to_csv(path, index=False)
        found = {"read and check a CSV": least(lambda: _loaded(path), 1)}
        samples = _loaded(path)
    preprocessor = fit_preprocessor(samples)
    found["encode"] = least(lambda: encode(preprocessor, samples), 2)
    data = encode(preprocessor, samples)
    network = build_network(preprocessor.spec, outputs=1, seed=0)
    objective = Objective(BCELoss()).bind(data.targets)
    optimizer = torch.optim.AdamW(network.parameters())
    places = torch.from_numpy(rng.permutation(count)[: 512 * 20]).view(20, 512)

    def steps() -> None:
        for part in places:
            loss = objective(network, data.gather(part))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            objective.step()

    found["train (MLP, batch 512)"] = least(steps) * count / places.numel()
    found["score (in float32)"] = least(lambda: predict_scores(network, objective, data.inputs))
    found["order of a pass"] = least(lambda: Passes(count, 0).read(0, 1))
    return {name: 1e9 * seconds / count for name, seconds in found.items()}


def _loaded(path: Path) -> Any:
    return load(path, target="label", critical="critical")


def scores(count: int) -> dict[str, float]:
    """Nanoseconds a score of measures that hold a chunk of them."""
    rng = np.random.default_rng(0)
    targets = rng.random(count) < 0.01
    values = rng.standard_normal(count) + 2 * targets
    chunks = ArrayChunks(values, targets)
    half = rng.random(count) < 0.5
    many = ArrayChunks(rng.standard_normal(count) + 2 * half, half)
    found = {
        "in memory": least(lambda: fpr_at_tpr(values, targets, 0.95)),
        "streaming, two passes": least(lambda: streaming_fpr_at_tpr(chunks, 0.95, memory=2**18)),
        "streaming, half of them critical": least(
            lambda: streaming_fpr_at_tpr(many, 0.95, memory=2**18), 1
        ),
        "rates at a threshold": least(lambda: streaming_rates_at(chunks, 1.0)),
    }
    return {name: 1e9 * seconds / count for name, seconds in found.items()}


def joint_steps() -> dict[str, dict[str, float]]:
    """Milliseconds that loss and terms of a joint batch take, forward and backward."""
    objectives: dict[str, Callable[[], Objective]] = {
        "bce": lambda: Objective(BCELoss()),
        "auc-margin": lambda: parse("auc-margin").build({}),
        "bce+alm": lambda: Objective(BCELoss(), ALMConstraint()),
        "bce+rankreg": lambda: Objective(BCELoss(), RankRegularizer()),
    }
    found: dict[str, dict[str, float]] = {name: {} for name in objectives}
    for size in JOINT:
        generator = torch.Generator().manual_seed(0)
        targets = (torch.rand(size, generator=generator) < 0.01).long()
        targets[0] = 1
        logits = torch.randn(size, generator=generator) + targets
        for name, make in objectives.items():
            objective = make().bind(targets)

            def step(objective: Objective = objective, given: Any = (logits, targets)) -> None:
                own = given[0].clone().requires_grad_()
                batch = (own.detach(), given[1], torch.arange(len(own)))
                prepared = objective.prepare(batch)
                fitting = own[: len(prepared.targets)]
                if len(prepared.targets) > len(own):
                    fitting = torch.cat([own, own[: len(prepared.targets) - len(own)]])
                objective.evaluate(fitting, prepared).backward()
                objective.discard()

            found[name][f"{size:,}"] = 1e3 * least(step)
    return found


def memory(count: int) -> dict[str, float]:
    """Bytes a row that are held while a network trains on a table, beside the columns."""
    targets = torch.zeros(count, dtype=torch.long)
    targets[::100] = 1
    objective = Objective(BCELoss(), ALMConstraint()).bind(targets)
    held = [*objective.buffers()]
    tracemalloc.start()
    passes = Passes(count, 0)
    passes.read(0, 1)
    stream = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return {
        "targets": targets.element_size(),
        "objective (bce+alm)": sum(part.nbytes for part in held) / count,
        "order of a pass": stream / count,
        "ids, where no column names the rows": row_numbers(count).nbytes / count,
        "a column, encoded": 4,
    }


def as_markdown(result: dict[str, Any]) -> str:
    """Lay out the result."""
    cost = [[name, f"{value:,.0f}"] for name, value in result["row_ns"].items()]
    score = [[name, f"{value:.1f}"] for name, value in result["score_ns"].items()]
    joint = [
        [name, *(f"{value:.2f}" for value in sizes.values())]
        for name, sizes in result["joint_ms"].items()
    ]
    held = [[name, f"{value:.1f}"] for name, value in result["row_bytes"].items()]
    return (
        "# Unit costs\n\n"
        f"A row of a table with {COLUMNS} numbers, {result['rows']:,} of them:\n\n"
        + table(["", "ns a row"], cost)
        + f"\nFPR at TPR 95% of {result['scores']:,} scores, 1% critical:\n\n"
        + table(["", "ns a score"], score)
        + "\nLoss and terms of a joint batch, forward and backward, by one process (simulated: no "
        "network, nothing sent), 1% critical:\n\n"
        + table(["ms a step", *(f"{size:,} rows" for size in JOINT)], joint)
        + "\nHeld by every process:\n\n"
        + table(["", "bytes a row"], held)
    )


def main() -> None:
    """Measure, print and store."""
    torch.set_num_threads(1)
    result = {
        "machine": description(threads=1),
        "rows": 200_000,
        "scores": 10_000_000,
        "row_ns": rows(200_000),
        "score_ns": scores(10_000_000),
        "joint_ms": joint_steps(),
        "row_bytes": memory(1_000_000),
    }
    store("unit_costs", result, as_markdown(result))


if __name__ == "__main__":
    main()
