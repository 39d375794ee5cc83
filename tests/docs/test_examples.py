"""Every example of the documentation runs, and the README's loop is as short as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if "```python" in page.read_text(encoding="utf-8")
]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def python_blocks(page: Path) -> list[str]:
    """Give the page's Python examples, each padded so that errors name the line of the page."""
    text = page.read_text(encoding="utf-8")
    return [
        "\n" * text.count("\n", 0, match.start(1)) + match.group(1)
        for match in FENCE.finditer(text)
    ]


def run(page: Path, blocks: list[str]) -> dict[str, object]:
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block, str(page), "exec"), namespace)
    return namespace


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_examples_of_a_page_run_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(page, python_blocks(page))


def test_the_readme_has_examples() -> None:
    assert len(python_blocks(ROOT / "README.md")) >= 2


@pytest.fixture(scope="module")
def loops() -> tuple[str, str]:
    """Give the README's loop without and with rarecall."""
    blocks = python_blocks(ROOT / "README.md")
    (plain,) = [block for block in blocks if "BCEWithLogitsLoss" in block]
    (ours,) = [block for block in blocks if "objective.end_epoch" in block]
    return plain, ours


def code_lines(block: str) -> list[str]:
    return [line for line in block.splitlines() if line.strip()]


def test_the_readme_loop_is_exactly_three_lines_longer_than_the_plain_one(
    loops: tuple[str, str],
) -> None:
    plain, ours = (code_lines(block) for block in loops)
    assert len(ours) - len(plain) == 3
    assert not any(";" in line for line in ours)  # no line hides a second statement


def test_both_readme_loops_learn_to_tell_the_classes_apart(
    loops: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for block in loops:
        score = run(ROOT / "README.md", [block])["score"]
        assert isinstance(score, float)
        assert score > 0.9
