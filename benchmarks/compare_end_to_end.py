"""``rarecall compare`` from end to end on a made table: time on the wall, and where it goes.

The command runs in its own process, as a user's would; the phases are read off the run folder.

    python benchmarks/compare_end_to_end.py --rows 20000 --positives 200
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from machine import description, store, table

METHODS = "bce,w-bce,bce+balanced,a-fl,bce+alm,bce+rankreg,bce+replay"


def make_table(path: Path, rows: int, positives: int, columns: int = 20) -> None:
    """Write a table whose critical class is a shifted and partly hidden cloud."""
    rng = np.random.default_rng(0)
    targets = np.zeros(rows, dtype=np.int64)
    targets[rng.choice(rows, positives, replace=False)] = 1
    features = rng.standard_normal((rows, columns))
    features[:, :5] += targets[:, None] * rng.normal(1.0, 0.5, (rows, 5))
    frame = pd.DataFrame(features.round(4), columns=[f"x{k}" for k in range(columns)])
    frame["region"] = rng.choice(["north", "south", "east", "west"], rows)
    frame["label"] = np.where(targets == 1, "critical", "harmless")
    frame.to_csv(path, index=False)


def run(folder: Path, asked: argparse.Namespace) -> tuple[float, float, float]:
    """Run the command; give when it began and ended, and the bare start-up time."""
    data = folder / "made.csv"
    make_table(data, asked.rows, asked.positives)
    program = [sys.executable, "-m", "rarecall"]
    began = time.perf_counter()
    subprocess.run([*program, "--help"], check=True, capture_output=True)
    startup = time.perf_counter() - began
    words = ["--target", "label", "--critical", "critical", "--methods", METHODS]
    words += ["--seeds", str(asked.seeds), "--tune", str(asked.tune), "--threads", "1"]
    words += ["--out", str(folder / "run"), "--plain", "--quiet"]
    began = time.time()
    subprocess.run([*program, "compare", str(data), *words], check=True, stdout=subprocess.DEVNULL)
    return began, time.time(), startup


def phases(folder: Path, began: float, ended: float) -> dict[str, float]:
    """Split the time on the wall, in seconds, by the events of the run's log."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]

    def at(kind: str, which: int) -> float:
        found = [event["at"] for event in log if event["event"] == kind]
        return datetime.fromisoformat(found[which]).timestamp()

    first, last = at("UnitStarted", 0), at("UnitEnded", -1)
    return {
        "start, read, split, encode": first - began,
        "train and score every method": last - first,
        "judge, report, write the model": ended - last,
        "in all": ended - began,
    }


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--positives", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tune", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began, ended, startup = run(folder, asked)
        seconds = phases(folder / "run", began, ended)
        results = json.loads((folder / "run" / "results.json").read_text("utf-8"))
    methods: dict[str, dict[str, Any]] = {
        one["name"]: one["cost"] | {"trainings": len(one["seeds"]) + one["trials"]}
        for one in results["methods"]
    }
    result = {
        "machine": description(threads=1),
        "rows": asked.rows,
        "positives": asked.positives,
        "seeds": asked.seeds,
        "trials": asked.tune,
        "help_seconds": startup,
        "seconds": seconds,
        "methods": methods,
    }
    store("compare_end_to_end", result, as_markdown(result))


def as_markdown(result: dict[str, Any]) -> str:
    """Lay out the result."""
    whole = result["seconds"]["in all"]
    by_phase = [
        [name, f"{spent:.1f}", f"{spent / whole:.0%}"] for name, spent in result["seconds"].items()
    ]
    by_method = [
        [
            name,
            str(cost["trainings"]),
            f"{cost['seconds'] + cost['tuning_seconds']:.1f}",
            f"{1e3 * cost['seconds'] / cost['steps']:.2f}",
        ]
        for name, cost in result["methods"].items()
    ]
    return (
        f"# `rarecall compare` from end to end\n\n"
        f"A made table of {result['rows']} rows, {result['positives']} of them critical; "
        f"{result['seeds']} seeds, {result['trials']} tuning trials a method. "
        f"`rarecall --help` answers in {result['help_seconds']:.2f} s.\n\n"
        + table(["phase", "seconds", "share"], by_phase)
        + "\nTrainings by method (a step of the boosted trees is a round):\n\n"
        + table(["method", "trainings", "seconds", "ms a step"], by_method)
    )


if __name__ == "__main__":
    main()
