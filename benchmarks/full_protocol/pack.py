"""Make the folder that travels to a machine without a network: program, data, packages.

    python benchmarks/full_protocol/pack.py --data-root data --out travel

The folder then holds

    rarecall/       the package, as it is installed here
    data/cifar10/   the classes that are needed, as arrays
    wheels/         packages that the other machine may lack; it uses those that it lacks
    slice.py        works there; see its own words
    pace.py         how fast one training is there
    trial.yaml      a protocol of a minute, to try slices with
    pack.json       what was packed, from what

Wheels come from pip's own index, in the versions installed here, for 64-bit Linux on x86 and the
Python of the other machine. ``--wheels none`` takes none along, ``--wheels FOLDER`` those that lie
in a folder.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path

import rarecall
from rarecall.data.collections import read_collection
from rarecall.data.collections.cifar_classes import write_classes
from rarecall.data.collections.places import data_root
from rarecall.data.collections.source import MARK, is_made_up

PACKAGES = (
    "optuna",
    "colorlog",
    "lightning-fabric",
    "lightning-utilities",
    "pydantic",
    "pydantic-core",
    "annotated-types",
    "typing-inspection",
    "typing-extensions",
    "typer",
    "annotated-doc",
    "shellingham",
    "safetensors",
    "threadpoolctl",
)
"""What machines with PyTorch often lack; small, all of them together."""

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def main(arguments: list[str] | None = None) -> Path:
    """Pack; give the folder."""
    told = _parser().parse_args(arguments)
    out: Path = told.out
    if out.exists() and any(out.iterdir()) and not (out / "pack.json").is_file():
        raise SystemExit(f"{out} is not empty and was not packed by this program: choose another.")
    if told.wheels not in ("fetch", "none"):
        given = Path(told.wheels).resolve()
        if out.resolve() in (given, *given.parents) or not _names(given):
            raise SystemExit(f"--wheels: {given} holds no wheel, or lies in {out}: choose another.")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shutil.copytree(
        Path(rarecall.__file__).parent,
        out / "rarecall",
        ignore=shutil.ignore_patterns("__pycache__", "*.pyc"),
    )
    classes = [int(number) for number in told.classes.split(",")]
    fingerprint = _data(told.collection, classes, data_root(told.data_root), out / "data")
    for name in ("slice.py", "pace.py", "trial.yaml"):
        shutil.copy(Path(__file__).with_name(name), out)
    wheels = _wheels(told.wheels, told.python, out / "wheels")
    packed = {
        "rarecall": rarecall.__version__,
        "source": _digest(out / "rarecall"),
        "collection": told.collection,
        "classes": classes,
        "data": fingerprint,
        "python": told.python,
        "wheels": wheels,
    }
    (out / "pack.json").write_text(json.dumps(packed, indent=2) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {size / 2**20:.1f} MiB; classes {told.classes}; {len(wheels)} wheels.")
    print("There: python slice.py --minutes 9 --state STATE --out OUT --device cuda --jobs 10")
    return out


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, default=None, help="where CIFAR lies here")
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument("--collection", default="cifar10", choices=["cifar10", "cifar100"])
    parser.add_argument("--classes", default="1,9", help="numbers of the classes")
    parser.add_argument("--wheels", default="fetch", help="fetch, none, or a folder")
    parser.add_argument("--python", default="3.12", help="version of the other machine's Python")
    return parser


def _data(name: str, classes: list[int], root: Path, out: Path) -> str:
    collection = read_collection(name, root)
    write_classes(collection, out / name, classes)
    if is_made_up(root / name):
        shutil.copy(root / name / MARK, out / name)
    # Read again, as it will be read there: a class that is not the published one stops it here.
    found: str = read_collection(name, out).fingerprint()
    return found


def _wheels(how: str, python: str, out: Path) -> list[str]:
    if how == "none":
        return []
    out.mkdir()
    if how != "fetch":
        for wheel in Path(how).glob("*.whl"):
            shutil.copy(wheel, out)
        return _names(out)
    wanted = [f"{name}=={importlib.metadata.version(name)}" for name in PACKAGES]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(out)]
    command += ["--implementation", "cp", "--python-version", python]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    done = subprocess.run([*command, *wanted], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(
            f"pip could not fetch the wheels:\n{done.stderr.strip()}\n"
            "Give those of a folder with --wheels FOLDER, or --wheels none where the other machine "
            "has all that pyproject.toml asks for."
        )
    return _names(out)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.whl"))


def _digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.update(path.relative_to(folder).as_posix().encode())
            found.update(path.read_bytes())
    return found.hexdigest()


if __name__ == "__main__":
    main()
