"""The loop of the guide under torchrun does what it does alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "distributed.md"


def test_the_guides_loop_gives_the_same_multipliers_in_two_processes(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    script = tmp_path / "loop.py"
    script.write_text(code, encoding="utf-8")
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run(
        [sys.executable, *launch], capture_output=True, text=True, check=False, timeout=120
    )
    # No word on the exit code: of torch's own accord, DDP on gloo now and then aborts at exit.
    told = re.findall(r"process (\d) of 2: largest multiplier ([\d.]+)", done.stdout)
    assert sorted(rank for rank, _ in told) == ["0", "1"], done.stderr
    assert told[0][1] == told[1][1] != "0.0000"
