"""Eight members of an ensemble trained side by side, beside one after the other and one alone.

Every contestant is a whole training with the library's default settings for the size of the
table, evaluations included, cut to a few steps. Contestants take turns in a new order every round;
ratios are taken within a round, then the median over rounds. The clock is the process's own
processor time, on one thread. The last column is what the objective itself costs a step and member:
preparing the batch, loss, its gradient down to the logits, and the commit.

    python benchmarks/members.py --rounds 7
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from machine import description, store, table

from rarecall import Objective
from rarecall.data import ArrayDataset
from rarecall.methods import parse
from rarecall.metrics import selection_measure
from rarecall.models import build_network
from rarecall.training import TrainSettings, default_settings
from rarecall.training.members import fit_members
from rarecall.training.stackable import can_stack

COLUMNS = 6
EDGES = torch.linspace(-2.0, 2.0, 17).tolist()
SPEC = {"kind": "table", "n_numeric": COLUMNS, "bins": [EDGES] * COLUMNS, "cardinalities": []}
POSITIVES = 0.025


@dataclass(frozen=True)
class Case:
    """One size of problem."""

    method: str
    rows: int
    width: int = 128
    members: int = 8


CASES = (
    Case("bce", 8000),
    Case("bce+alm", 8000),
    Case("bce+rankreg", 8000),
    Case("bce", 2000),
    Case("bce+alm", 2000),
    Case("bce", 8000, width=64),
    Case("bce", 8000, width=256),
    Case("bce", 8000, members=3),
)


def rows_of(count: int, seed: int) -> ArrayDataset:
    """Numbers of which one tells the rare class, as in mammography data."""
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.rand(count, generator=generator) < POSITIVES).long()
    numeric = torch.randn(count, COLUMNS, generator=generator)
    numeric[:, 0] += 1.5 * targets
    codes = torch.zeros(count, 0, dtype=torch.long)
    return ArrayDataset({"numeric": numeric, "categorical": codes}, targets, [""] * count)


def ensemble(case: Case, members: int) -> tuple[list[Any], list[Objective]]:
    """Make fresh networks and objectives."""
    objectives = [parse(case.method).build() for _ in range(members)]
    networks = [
        objective.adapt(
            build_network(SPEC, outputs=objective.outputs, seed=seed, options={"width": case.width})
        )
        for seed, objective in enumerate(objectives)
    ]
    return networks, objectives


def overhead(case: Case, rows: ArrayDataset, settings: TrainSettings) -> float:
    """Milliseconds a step that the objective costs without the network; median of many."""
    objective = parse(case.method).build().bind(rows.targets)
    size = settings.batch_size - objective.replay_capacity
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(200):
        batch = rows.gather(torch.randperm(len(rows), generator=generator)[:size])
        began = time.process_time()
        prepared = objective.prepare(batch)
        logits = torch.zeros(len(prepared.targets), requires_grad=True)
        objective.evaluate(logits, prepared).backward()
        objective.step()
        found.append(time.process_time() - began)
    return 1e3 * statistics.median(found[20:])


def measure(case: Case, *, rounds: int, steps: int) -> dict[str, Any]:
    """Time the three ways on one case."""
    rows, others = rows_of(case.rows, 0), rows_of(case.rows // 4, 1)
    plan = default_settings("table", case.rows, patience=None)
    settings = default_settings(
        "table", case.rows, steps=steps, evaluate_every=plan.evaluate_every, patience=None
    )

    def training(members: int, together: bool) -> Callable[[], None]:
        def run() -> None:
            networks, objectives = ensemble(case, members)
            fit_members(
                networks,
                objectives,
                rows,
                others,
                settings=settings,
                measure=selection_measure(int(others.targets.sum()), 0.95),
                seeds=range(members),
                together=together,
            )

        return run

    ways = {
        "alone": training(1, together=False),
        "in turn": training(case.members, together=False),
        "together": training(case.members, together=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    order, shuffled = list(ways), random.Random(0)
    for number in range(rounds + 1):
        shuffled.shuffle(order)
        for name in order:
            began = time.process_time()
            ways[name]()
            if number:  # the first round warms up
                seconds[name].append(time.process_time() - began)
    networks, objectives = ensemble(case, case.members)
    weights = sum(parameter.numel() for parameter in networks[0].parameters())
    reason = can_stack(networks, objectives, rows.inputs, settings=settings)
    ratios = [a / b for a, b in zip(seconds["together"], seconds["in turn"], strict=True)]
    singles = [a / b for a, b in zip(seconds["together"], seconds["alone"], strict=True)]
    return {
        "method": case.method,
        "members": case.members,
        "rows": case.rows,
        "batch": settings.batch_size,
        "width": case.width,
        "work": settings.batch_size * weights,
        "milliseconds": {
            name: 1e3 * statistics.median(times) / steps for name, times in seconds.items()
        },
        "together_to_in_turn": statistics.median(ratios),
        "quartiles": [statistics.quantiles(ratios, n=4)[k] for k in (0, 2)],
        "together_to_alone": statistics.median(singles),
        "chosen": "together" if reason is None else "in turn",
        "objective_milliseconds": overhead(case, rows, settings),
    }


def as_markdown(result: dict[str, Any]) -> str:
    """Lay out the result."""
    header = [
        "method, rows × batch, width, members",
        "work",
        "alone",
        "in turn",
        "together",
        "together / in turn",
        "middle half",
        "together / alone",
        "`fit_members` takes",
        "objective",
    ]
    rows = []
    for found in result["cases"]:
        low, high = found["quartiles"]
        named = f"{found['method']}, {found['rows']} × {found['batch']}, {found['width']}"
        rows.append(
            [
                f"{named}, {found['members']}",
                f"{found['work'] / 1e6:.1f} M",
                *(f"{found['milliseconds'][way]:.2f}" for way in ("alone", "in turn", "together")),
                f"{found['together_to_in_turn']:.2f}",
                f"{low:.2f}–{high:.2f}",
                f"{found['together_to_alone']:.1f}",
                found["chosen"],
                f"{found['objective_milliseconds']:.2f}",
            ]
        )
    note = (
        f"Milliseconds a step of the whole ensemble, evaluations and set-up included; "
        f"{result['rounds']} interleaved rounds of {result['steps']} steps. *Work* is rows a step "
        "times parameters of one network. *Objective*: what it costs a step and member without "
        "the network."
    )
    return f"# Members trained together\n\n{table(header, rows)}\n{note}\n"


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=100)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    result = {
        "machine": description(threads=1),
        "rounds": asked.rounds,
        "steps": asked.steps,
        "cases": [measure(case, rounds=asked.rounds, steps=asked.steps) for case in CASES],
    }
    store("members", result, as_markdown(result))


if __name__ == "__main__":
    main()
