"""``rarecall compare`` on a table of 300,000 rows, beside scikit-learn's gradient boosting.

What a user would do instead is a script: read, split, encode, fit
``HistGradientBoostingClassifier``, score, measure. Both run in a process of their own, on the same
rows: the script takes the split that the run has stored. Then the run is repeated under a profiler,
which tells where the processor's time goes.

    python benchmarks/end_to_end.py                                       # a made table
    python benchmarks/end_to_end.py covertype.csv.gz --target target --critical 1

``--against SRC`` runs another source tree's rarecall too, taking turns: what a change has brought.
"""

from __future__ import annotations

import argparse
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from compare_end_to_end import make_table
from machine import description, store, table

SCRIPT = """
import sys, time
import numpy as np, pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
data, target, critical, split, drop = sys.argv[1:6]
frame = pd.read_csv(data).drop(columns=[name for name in drop.split(",") if name])
labels = (frame.pop(target).astype(str) == critical).to_numpy()
for name in frame.select_dtypes(exclude="number"):
    frame[name] = frame[name].astype("category").cat.codes
roles = pd.read_csv(split, dtype={"id": str}).set_index("id")["role"]
roles = roles.reindex(np.arange(len(frame)).astype(str)).to_numpy()
train, test = roles == "train", roles == "test"
model = HistGradientBoostingClassifier(random_state=0).fit(frame[train], labels[train])
scores = model.decision_function(frame[test])
positives = np.sort(scores[labels[test]])[::-1]
threshold = positives[int(np.ceil(float(sys.argv[6]) * len(positives))) - 1]
print(float(np.mean(scores[~labels[test]] >= threshold)))
"""

PARTS = {  # what a reader asks about: functions whose time, with all they call, is counted
    "import lightning-fabric": [("lightning_fabric/__init__.py", "<module>")],
    "read the table": [("comparison/material.py", "load_samples")],
    "split, encode": [("comparison/material.py", "split_samples"), ("material.py", "prepare")],
    "store and check the split": [("comparison/orchestration.py", "_store")],
    "networks: training steps": [("training/run.py", "step")],
    "networks: validation while training": [("training/run.py", "evaluate")],
    "networks: checkpoints": [("training/run.py", "save")],
    "networks: final scores": [("delivery/scoring.py", "steady_scores")],
    "boosted trees": [("comparison/trees.py", "fit")],
    "store scores": [("comparison/score_files.py", "write_scores")],
    "judge": [("comparison/results.py", "find")],
    "write the model": [("comparison/delivering.py", "deliver")],
    "write the report": [("report/page.py", "write_report")],
}


def spent(command: list[str], source: Path | None) -> tuple[dict[str, float], str]:
    """Run a command; give seconds on the wall and of the processor, and what it printed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if source is not None:
        environment["PYTHONPATH"] = str(source)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": used}, done.stdout.strip()


def compare_command(data: Path, asked: argparse.Namespace, out: Path) -> list[str]:
    """Words of the run, without the interpreter."""
    words = ["compare", str(data), "--target", asked.target, "--critical", asked.critical]
    words += ["--methods", asked.methods, "--seeds", str(asked.seeds), "--tpr", str(asked.tpr)]
    words += ["--drop", asked.drop] if asked.drop else []
    words += ["--threads", "1", "--plain", "--quiet", "--out", str(out)]
    return words if asked.trees else [*words, "--no-trees"]


def profiled(path: Path) -> dict[str, float]:
    """Processor seconds of every part of the run."""
    stats = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]

    def seconds(file: str, function: str) -> float:
        return sum(
            row[3]
            for (where, _, name), row in stats.items()
            if name == function and where.endswith(file)
        )

    found = {
        part: sum(seconds(*function) for function in functions) for part, functions in PARTS.items()
    }
    everything = max(row[3] for row in stats.values())
    ensembles = seconds("comparison/score_files.py", "write_scores")
    of_seeds = sum(
        callers[3]
        for (where, _, name), row in stats.items()
        if name == "write_scores" and where.endswith("comparison/score_files.py")
        for (caller, _, _), callers in row[4].items()
        if caller.endswith("comparison/runner.py")
    )
    found["judge"] -= ensembles - of_seeds
    found["all else, imports among it"] = everything - sum(found.values())
    return found


def largest_inside(path: Path, count: int = 8) -> list[tuple[str, float]]:
    """Functions with the most time of their own."""
    stats = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    rows = sorted(stats.items(), key=lambda item: -item[1][2])[:count]
    return [
        (name.strip("<>") if where == "~" else f"{Path(where).name}: {name}", row[2])
        for (where, _, name), row in rows
    ]


PROFILER = """
import cProfile, sys, time
profile = cProfile.Profile(time.process_time)
profile.enable()
sys.argv = ["rarecall", *sys.argv[2:]]
from rarecall.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    profile.disable()
    profile.dump_stats({out!r})
"""


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--target", default="label")
    parser.add_argument("--critical", default="critical")
    parser.add_argument("--drop", default="")
    parser.add_argument("--name", help="of the result", default="end_to_end")
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--positives", type=int, default=3_000)
    parser.add_argument("--methods", default="bce,bce+alm")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tpr", type=float, default=0.95)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--trees", action="store_true", help="let the run fit its own trees too")
    parser.add_argument("--against", type=Path, help="folder that holds another rarecall")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        result = measured(asked, Path(name))
    store(asked.name, result, as_markdown(result))


def measured(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run all contestants, in turn."""
    data = asked.data
    if data is None:
        data = folder / "made.csv"
        make_table(data, asked.rows, asked.positives)
    contestants: dict[str, Path | None] = {"rarecall compare": None}
    if asked.against is not None:
        contestants["rarecall compare, before"] = asked.against.resolve()
    times: dict[str, list[dict[str, float]]] = {}
    found: dict[str, float] = {}
    for turn in range(asked.rounds):
        for name, source in contestants.items():
            out = folder / f"{name} {turn}"
            words = compare_command(data, asked, out)
            took, _ = spent([sys.executable, "-m", "rarecall", *words], source)
            times.setdefault(name, []).append(took)
            results = json.loads((out / "results.json").read_text("utf-8"))
            for method in results["methods"]:
                fpr = method["test"]["fpr"][f"{asked.tpr:g}"]
                found[f"{name}: {method['name']}"] = fpr["value"]
        split = folder / f"rarecall compare {turn}" / "split.csv"
        words = [str(data), asked.target, asked.critical, str(split), asked.drop, str(asked.tpr)]
        took, printed = spent([sys.executable, "-c", SCRIPT, *words], None)
        times.setdefault("gradient boosting, by script", []).append(took)
        found["gradient boosting, by script"] = float(printed)
    profiles, inside = {}, {}
    for name, source in contestants.items():
        path = folder / f"{name}.prof"
        words = compare_command(data, asked, folder / f"{name} profiled")
        code = PROFILER.replace("{out!r}", repr(str(path)))
        spent([sys.executable, "-c", code, "-", *words], source)
        profiles[name] = profiled(path)
        inside[name] = largest_inside(path)
    return {
        "machine": description(threads=1),
        "table": asked.data.name.partition(".")[0] if asked.data else "made",
        "data": results["data"]["split"]["parts"],
        "methods": asked.methods,
        "seeds": asked.seeds,
        "tpr": asked.tpr,
        "seconds": {
            name: {kind: median(turn[kind] for turn in turns) for kind in ("wall", "cpu")}
            for name, turns in times.items()
        },
        "rounds": asked.rounds,
        "fpr": found,
        "profile": profiles,
        "inside": inside,
    }


def as_markdown(result: dict[str, Any]) -> str:
    """Lay out the result."""
    parts = result["data"]
    rows = sum(part["n"] for part in parts.values())
    critical = sum(part["positives"] for part in parts.values())
    script = result["seconds"]["gradient boosting, by script"]["cpu"]
    times = [
        [name, f"{took['cpu']:.1f}", f"{took['wall']:.1f}", f"{took['cpu'] / script:.1f}×"]
        for name, took in result["seconds"].items()
    ]
    level = f"{100 * result['tpr']:g}%"
    rates = [[name, f"{100 * value:.3f}%"] for name, value in result["fpr"].items()]
    names = list(result["profile"])
    shares = [
        [part]
        + [f"{result['profile'][name][part]:.1f}" for name in names]
        + [f"{result['profile'][names[0]][part] / sum(result['profile'][names[0]].values()):.0%}"]
        for part in sorted(
            result["profile"][names[0]], key=lambda p: -result["profile"][names[0]][p]
        )
    ]
    functions = [[name, f"{seconds:.1f}"] for name, seconds in result["inside"][names[0]]]
    return (
        f"# From a table to a result, beside gradient boosting\n\n"
        f"Table *{result['table']}*: {rows:,} rows, {critical:,} critical; a run of "
        f"`{result['methods']}`, {result['seeds']} seed each, on one thread; median of "
        f"{result['rounds']}. A run also certifies a threshold, writes a report and a model; the "
        "script prints a number.\n\n"
        + table(["", "processor, s", "on the wall, s", "against the script"], times)
        + f"\nFPR at TPR {level} on the same test rows:\n\n"
        + table(["", "FPR"], rates)
        + "\nWhere the processor's time goes, in seconds, under a profiler (which makes Python "
        "slower and leaves matrix products as they are):\n\n"
        + table(["part of the run", *names, "share"], shares)
        + "\nFunctions with the most time of their own:\n\n"
        + table(["function", "s"], functions)
    )


if __name__ == "__main__":
    main()
