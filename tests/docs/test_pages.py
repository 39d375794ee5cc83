"""The documentation is complete, its links lead somewhere, and its commands exist."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shlex
from enum import Enum
from pathlib import Path

import pytest
import typer
import yaml

import rarecall
from rarecall.cli.app import app
from rarecall.config import CompareConfig, load_config
from rarecall.methods import Component, all_methods

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("benchmarks/**/*.md")),
]
API = ROOT / "docs" / "api.md"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group


def name_of(page: object) -> str:
    return str(page.relative_to(ROOT)) if isinstance(page, Path) else str(page)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


# Links and text -----------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", without_code(read(page)), flags=re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_internal_link_leads_to_a_file_and_heading(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(read(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


def test_every_page_of_the_documentation_can_be_reached_from_its_index() -> None:
    seen, waiting = set(), [ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        links = re.findall(r"\]\(([^)\s#]+\.md)", without_code(read(page)))
        waiting += [(page.parent / link).resolve() for link in links]
    assert not set((ROOT / "docs").glob("**/*.md")) - seen


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_path_of_somebody_s_machine(page: Path) -> None:
    assert not re.findall(r"(?<![\w.])/(?:home|root|work|tmp|Users|mnt|opt)/\S*", read(page))


# Public names -------------------------------------------------------------------------------------


def public_modules() -> list[str]:
    modules = [m.name for m in pkgutil.iter_modules(rarecall.__path__) if m.name[0] != "_"]
    # The command line is documented by its commands.
    return ["rarecall", *(f"rarecall.{name}" for name in modules if name != "cli")]


def public_names(module_name: str) -> set[str]:
    module = importlib.import_module(module_name)
    if hasattr(module, "__all__"):
        return set(module.__all__)
    own = inspect.getmembers(
        module,
        lambda value: (
            (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__ == module_name
        ),
    )
    return {name for name, _ in own if not name.startswith("_")}


def documented_names(module_name: str) -> set[str]:
    section = re.search(
        rf"^## `{re.escape(module_name)}`$(.*?)(?=^## |\Z)", read(API), re.DOTALL | re.MULTILINE
    )
    assert section, f"docs/api.md has no section `{module_name}`"
    return set(re.findall(r"^\| `(\w+)` \|", section.group(1), flags=re.MULTILINE))


@pytest.mark.parametrize("module_name", public_modules())
def test_every_public_name_is_documented_and_no_other(module_name: str) -> None:
    assert documented_names(module_name) == public_names(module_name)


def arguments(value: object) -> str:
    """Give the arguments as the page shows them; none for constants, exceptions and enums."""
    if inspect.isclass(value):
        if issubclass(value, Exception | Enum):
            return ""
    elif not inspect.isfunction(value):
        return ""
    names = [name for name in inspect.signature(value).parameters if not name.startswith("_")]
    return ", ".join(f"`{name}`" for name in names if name not in ("args", "kwargs"))


@pytest.mark.parametrize("module_name", public_modules())
def test_the_arguments_that_the_page_shows_are_the_real_ones(module_name: str) -> None:
    module = importlib.import_module(module_name)
    page = read(API)
    missing = [
        row
        for name in sorted(public_names(module_name))
        if (row := f"| `{name}` | {arguments(getattr(module, name))} |") not in page
    ]
    assert not missing, "docs/api.md lacks rows that begin like these"


@pytest.mark.parametrize("module_name", public_modules())
def test_every_public_class_and_function_has_a_docstring(module_name: str) -> None:
    module = importlib.import_module(module_name)
    values = {name: getattr(module, name) for name in public_names(module_name)}
    bare = [
        name
        for name, value in values.items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and not inspect.getdoc(value)
    ]
    assert not bare


# Methods ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("component", all_methods(), ids=lambda component: component.name)
def test_every_method_has_a_page_that_gives_its_parameters_and_defaults(
    component: Component,
) -> None:
    index = read(ROOT / "docs" / "methods" / "README.md")
    row = re.search(rf"^\| `{re.escape(component.name)}` \|.*\]\(([\w-]+\.md)\)", index, re.M)
    assert row, f"docs/methods/README.md does not list {component.name}"
    page = read(ROOT / "docs" / "methods" / row.group(1))
    lines = [line for line in page.splitlines() if line.startswith("|")]
    (start,) = [number for number, line in enumerate(lines) if "| default |" in line]
    header, *rows = ([cell.strip() for cell in line.split("|")] for line in lines[start:])
    table = [dict(zip(header, row, strict=False)) for row in rows]
    defaults = {
        row["parameter"]: row["default"]
        for row in table
        if row.get("method", f"`{component.name}`") == f"`{component.name}`"
    }
    for name, parameter in component.parameters.items():
        assert defaults.get(f"`{name}`", "").startswith(f"`{parameter.default}`"), name


def test_every_method_page_has_the_same_parts() -> None:
    parts = ("**When it helps.**", "**When it fails.**", "**What differs from the paper", "$$")
    for page in (ROOT / "docs" / "methods").glob("*.md"):
        if page.name != "README.md":
            assert all(part in read(page) for part in (*parts, "```python", "| default |")), page


# Commands and configuration -----------------------------------------------------------------------


def command_lines(page: Path) -> list[str]:
    text = read(page).replace("\\\n", " ")
    if page.name == "Makefile":
        return re.findall(r"^\t\$\(BIN\)/(rarecall .*)$", text, flags=re.MULTILINE)
    lines = [line for block in fenced(text, "console") for line in block.splitlines()]
    lines += [line for block in fenced(text, "sh") for line in block.splitlines()]
    commands = (line.removeprefix("$ ").partition(" #")[0] for line in lines)
    return [line for line in commands if line.startswith("rarecall ")]


SHOWN = [(page, line) for page in [ROOT / "Makefile", *PAGES] for line in command_lines(page)]


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=name_of)
def test_every_command_shown_is_understood(page: Path, line: str) -> None:
    _, *words = shlex.split(line)
    if words in (["--help"], ["--version"]):
        return
    command = COMMANDS[words[0]]
    if "--help" in words:
        return
    given = command.make_context(words[0], words[1:]).params
    if words[0] == "compare" and not given["resume"]:
        known = {k: v for k, v in given.items() if k in CompareConfig.model_fields}
        load_config(known, yaml_file=given["config"] and ROOT / given["config"])


def test_commands_are_shown_in_readme_and_makefile() -> None:
    pages = [page.name for page, _ in SHOWN]
    assert pages.count("Makefile") >= 2
    assert "README.md" in pages


def test_every_option_of_compare_is_documented() -> None:
    page = read(ROOT / "docs" / "configuration.md")
    options = {
        option for p in COMMANDS["compare"].params for option in p.opts if option[:2] == "--"
    }
    assert not {option for option in options - {"--help"} if f"`{option}`" not in page}


def test_every_key_of_the_configuration_is_documented() -> None:
    page = read(ROOT / "docs" / "configuration.md")
    documented = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))
    assert set(CompareConfig.model_fields) <= documented


@pytest.mark.parametrize("page", [p for p in PAGES if "```yaml" in read(p)], ids=name_of)
def test_every_configuration_shown_is_accepted(page: Path, tmp_path: Path) -> None:
    for block in fenced(read(page), "yaml"):
        file = tmp_path / "run.yaml"
        file.write_text(block, encoding="utf-8")
        load_config({} if "data" in yaml.safe_load(block) else {"data": "digits"}, yaml_file=file)


def test_every_exit_code_is_documented() -> None:
    from rarecall import errors

    codes = {
        value.exit_code
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.RarecallError)
    }
    page = read(ROOT / "docs" / "exit-codes.md")
    assert {0, 1, 143} | codes <= {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.M)}
