"""Work one slice of a protocol, on a machine without a network; the next slice goes on.

    python slice.py --minutes 9 --state STATE --out OUT --device cuda --jobs 10

``--state`` is the run's folder: units done, and checkpoints of those under way. Put it where
writing is fast (a RAM disk) and where the next slice finds it. Where that cannot be, because the
machine is another one, ``--from`` takes what earlier slices left in their ``--out``: one archive or
several, also of machines that worked at the same time. What was under way is then begun anew.

``--out`` gets four files, small enough to be carried: ``state.tar.gz`` (every finished unit,
without weights), ``results.json``, ``report.html``, ``slice.json`` (what this slice did). Exit code
0: all units are done; 75: some are left, run the next slice; anything else is that of ``rarecall``.

Nothing but Python is needed to begin; what else is missing is taken from ``wheels/`` beside this
file, or named.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
GRAPHS = "RARECALL_CUDA_GRAPHS"
LEFT = 75
"""Exit code where another slice is needed (EX_TEMPFAIL: try again)."""

OLDEST_PYTHON, OLDEST_TORCH = (3, 11), (2, 6)
MODULES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "threadpoolctl": "threadpoolctl",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "PIL": "pillow",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic-core",
    "annotated_types": "annotated-types",
    "typing_inspection": "typing-inspection",
    "typing_extensions": "typing-extensions",
    "yaml": "pyyaml",
    "safetensors": "safetensors",
    "typer": "typer",
    "annotated_doc": "annotated-doc",
    "shellingham": "shellingham",
    "rich": "rich",
    "matplotlib": "matplotlib",
    "jinja2": "jinja2",
    "packaging": "packaging",
    "lightning_fabric": "lightning-fabric",
    "lightning_utilities": "lightning-utilities",
    "optuna": "optuna",
    "colorlog": "colorlog",
}
"""What the run imports, and the packages that bring it."""

KEPT = ("run.json", "manifests/**/*.json", "data/*.json")
OF_A_UNIT = ("record.json", "scores.npz", "history.jsonl")


def main(arguments: list[str] | None = None) -> int:
    """Work one slice; give the exit code."""
    began = time.monotonic()
    told = asked(arguments)
    environment = prepared(HERE, told.state)
    run: Path = told.state / "run"
    for archive in told.archives:
        print(f"{archive}: {take(archive, run)} units taken over.", flush=True)
    if recorded(told, environment):
        environment[GRAPHS] = "1"
    before = len(done(run))
    until = began + 60 * told.minutes
    # Workers need time to write checkpoints and to end, and results to be computed.
    left = until - time.monotonic() - min(told.reserve, 15 * told.minutes)
    code = work(told, run, environment, left, until) if left > 0 else 0
    complete = code == 0 and finished(run)
    told.out.mkdir(parents=True, exist_ok=True)
    size = pack_state(run, told.out / "state.tar.gz")
    for name in ("results.json", "report.html"):
        if (run / name).is_file():
            shutil.copy(run / name, told.out)
    after = len(done(run))
    said = {
        "minutes": round((time.monotonic() - began) / 60, 2),
        "units_before": before,
        "units_after": after,
        "complete": complete,
        "exit_code": code,
        "state_bytes": size,
        "jobs": told.jobs,
        "device": told.device,
        "recorded_passes": environment.get(GRAPHS) == "1",
        **machine(),
    }
    (told.out / "slice.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    print(f"{after - before} units in {said['minutes']} minutes, {after} in all.", flush=True)
    if code:
        return code
    print("All are done." if complete else "Some are left: run the next slice.", flush=True)
    return 0 if complete else LEFT


def asked(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=9.0, help="of this slice, start to end")
    parser.add_argument("--state", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--out", type=Path, default=os.environ.get("OUT"), help="what is carried away ($OUT)"
    )
    parser.add_argument(
        "--from",
        dest="archives",
        type=Path,
        nargs="+",
        default=[],
        help="state.tar.gz of earlier slices",
    )
    parser.add_argument("--protocol", default="rankreg-comparison", help="a name, or a YAML file")
    parser.add_argument("--scale", default="full")
    parser.add_argument("--mode", default="strict")
    parser.add_argument("--rows", help="some rows, as of `rarecall reproduce`")
    parser.add_argument("--jobs", type=int, default=10, help="trainings at once")
    parser.add_argument("--threads", type=int, default=1, help="of the processor, a training")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--graphs",
        choices=["auto", "on", "off"],
        default="auto",
        help="passes recorded as CUDA graphs; auto tries both for half a minute, once a state",
    )
    parser.add_argument("--reserve", type=float, default=40.0, help="seconds kept for the end")
    told = parser.parse_args(arguments)
    if told.out is None:
        parser.error("--out is needed: where the archive and the results go")
    told.out = Path(told.out)
    if not told.minutes > 0 or told.jobs < 1 or told.threads < 1:
        parser.error("--minutes must be above 0, --jobs and --threads 1 or more")
    missing = [str(path) for path in told.archives if not path.is_file()]
    if missing:
        parser.error(f"--from: there is no {', '.join(missing)}")
    return told


# What is there ------------------------------------------------------------------------------------


def prepared(here: Path, state: Path) -> dict[str, str]:
    """Make sure that all packages are there; give the environment in which they are found.

    Raises:
        SystemExit: Something is missing or too old; says what, and what to do.
    """
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise SystemExit(
            f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed; this is "
            f"{platform.python_version()}."
        )
    site = (state / "site").resolve()
    lacking = [name for name in MODULES if importlib.util.find_spec(name) is None]
    for name in lacking:
        for wheel in wheels(here, MODULES[name]):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
    paths = [str(here), str(site), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
    }
    sys.path.insert(1, str(site))
    importlib.invalidate_caches()
    lacking = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if lacking:
        raise SystemExit(
            f"This machine lacks {', '.join(MODULES[name] for name in lacking)}, and so does "
            f"{here / 'wheels'}. Carry the wheels: pack.py --wheels FOLDER."
        )
    _check_torch(environment)
    return environment


def wheels(here: Path, package: str) -> list[Path]:
    """Give the wheels of a package that fit this Python."""
    stem, own = package.replace("-", "_"), f"-cp{sys.version_info[0]}{sys.version_info[1]}-"
    found = sorted((here / "wheels").glob(f"{stem}-*.whl"))
    return [path for path in found if any(tag in path.name for tag in ("-any.", "-abi3-", own))]


def _check_torch(environment: dict[str, str]) -> None:
    """Import what the run imports, in a Python of its own: wheels may not fit what is there."""
    tried = "import torch; print(torch.__version__); "
    tried += "import optuna, rarecall.cli.app, rarecall.reproduction.child"
    said = subprocess.run(
        [sys.executable, "-c", tried], env=environment, capture_output=True, text=True, check=False
    )
    if said.returncode:
        last = (said.stderr.strip().splitlines() or ["no word"])[-1]
        raise SystemExit(f"The program cannot be loaded on this machine: {last}")
    version = said.stdout.split()[0]
    if tuple(int(part) for part in version.split("+")[0].split(".")[:2]) < OLDEST_TORCH:
        raise SystemExit(f"torch 2.6 or newer is needed; this machine has {version}.")


def machine() -> dict[str, str | int | None]:
    """Say what the slice ran on: no names, no places."""
    return {
        "python": platform.python_version(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
    }


def recorded(told: argparse.Namespace, environment: dict[str, str]) -> bool:
    """Whether passes are recorded as CUDA graphs: as asked for, or as is faster here."""
    if told.graphs != "auto":
        return bool(told.graphs == "on")
    if not told.device.startswith("cuda"):
        return False
    chosen = told.state / "graphs.json"
    if not chosen.is_file():
        paces = {}
        for way in ("off", "on"):
            # A Python of its own each: a recording that fails may leave the device unusable.
            paces[way] = _pace({**environment, GRAPHS: "1" if way == "on" else "0"}, told.device)
        told.state.mkdir(parents=True, exist_ok=True)
        chosen.write_text(json.dumps(paces) + "\n", encoding="utf-8")
        print(f"Steps a second of one training, by recorded passes: {paces}", flush=True)
    paces = json.loads(chosen.read_text(encoding="utf-8"))
    return bool(paces["on"] > paces["off"])


def _pace(environment: dict[str, str], device: str) -> float:
    command = [sys.executable, str(HERE / "pace.py"), "--device", device]
    try:
        said = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        return float(said.stdout.split()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError):
        return 0.0


# The work -----------------------------------------------------------------------------------------


def work(
    told: argparse.Namespace, run: Path, environment: dict[str, str], seconds: float, until: float
) -> int:
    """Run ``rarecall reproduce`` for so many seconds; give its exit code."""
    command = [sys.executable, "-m", "rarecall", "reproduce", str(told.protocol)]
    command += ["--scale", told.scale, "--mode", told.mode, "--out", str(run)]
    command += ["--data-root", str(HERE / "data"), "--jobs", str(told.jobs)]
    command += ["--threads", str(told.threads), "--device", told.device, "--quiet"]
    command += ["--minutes", f"{seconds / 60:.4f}"]
    if told.rows:
        command += ["--rows", told.rows]
    process = subprocess.Popen(command, env=environment)
    try:
        code = process.wait(max(until - time.monotonic(), seconds))
    except subprocess.TimeoutExpired:
        # No fault: finished units are on the disk already, and the next slice goes on.
        print("The time is over before the results are made; raise --reserve.", flush=True)
        _end(process, signal.SIGTERM)
        return 0
    except KeyboardInterrupt:
        _end(process, signal.SIGINT)
        return 130
    return code if code >= 0 else 128 - code


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    process.send_signal(number)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def done(run: Path) -> list[Path]:
    """List the folders of the units that are done."""
    return sorted(path.parent for path in (run / "units").rglob("record.json"))


def finished(run: Path) -> bool:
    """Whether nothing is left, by the run's own results."""
    try:
        results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return not results["unfinished"]


# What travels -------------------------------------------------------------------------------------


def pack_state(run: Path, archive: Path) -> int:
    """Write what the next machine needs: all but weights, locks and the queue; give its size."""
    files = [path for pattern in KEPT for path in sorted(run.glob(pattern))]
    files += [unit / name for unit in done(run) for name in OF_A_UNIT if (unit / name).is_file()]
    beside = archive.with_suffix(".new")
    with tarfile.open(beside, "w:gz") as packed:
        for path in files:
            packed.add(path, arcname=path.relative_to(run).as_posix())
    beside.replace(archive)
    return archive.stat().st_size


def take(archive: Path, run: Path) -> int:
    """Add what an archive holds to a run; give the number of units that were new.

    Raises:
        SystemExit: The archive is damaged, or of another run.
    """
    before = len(done(run))
    try:
        with tarfile.open(archive) as packed:
            _same_protocol(packed, run, archive)
            for member in packed.getmembers():
                _extract(packed, member, run)
    except (tarfile.TarError, EOFError, OSError, KeyError, ValueError) as error:
        raise SystemExit(f"{archive} cannot be taken over ({error}).") from error
    return len(done(run)) - before


def _extract(packed: tarfile.TarFile, member: tarfile.TarInfo, run: Path) -> None:
    """Write one file below ``run``; what is there already stays, for it may be newer."""
    path = run / member.name
    if not path.resolve().is_relative_to(run.resolve()):
        raise ValueError(f"{member.name} would lie outside")
    content = packed.extractfile(member) if member.isfile() else None
    if content is not None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read())


def _same_protocol(packed: tarfile.TarFile, run: Path, archive: Path) -> None:
    if not (run / "run.json").is_file():
        return
    file = packed.extractfile("run.json")
    assert file is not None
    theirs = json.loads(file.read())["protocol"]
    mine = json.loads((run / "run.json").read_text(encoding="utf-8"))["protocol"]
    if theirs != mine:
        raise SystemExit(f"{archive} is of another protocol, scale or mode than {run}.")


if __name__ == "__main__":
    raise SystemExit(main())
