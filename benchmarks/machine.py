"""What a result must say of the machine it was measured on: no names, no places."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from rarecall import __version__

RESULTS = Path(__file__).parent / "results"


def description(threads: int) -> dict[str, Any]:
    """Processor, cores, threads, what else was running (load average), versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "rarecall": __version__,
    }


def store(name: str, result: dict[str, Any], markdown: str) -> None:
    """Write ``results/<name>.json`` and ``results/<name>.md``, and print the latter."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    machine = "; ".join(f"{key} {value}" for key, value in result["machine"].items())
    text = f"{markdown}\nMachine: {machine}.\n"
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table; the first column is text, the others are numbers."""
    ruler = ["---", *(["---:"] * (len(header) - 1))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows)) + "\n"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
