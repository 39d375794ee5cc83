"""The page of equations names tests that exist, and leaves no file of oracles out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "equations.md"
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    assert len(NAMED) > 80
    known = {file: functions_of(TESTS / file) for file in {file for file, _ in NAMED}}
    assert not [f"{file}::{name}" for file, name in NAMED if name not in known[file]]


def test_every_file_of_oracles_is_named_on_the_page() -> None:
    files = {f"oracles/{path.name}" for path in (TESTS / "oracles").glob("test_*.py")}
    assert not files - {file for file, _ in NAMED}
